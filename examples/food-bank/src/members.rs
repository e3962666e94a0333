//! Members: who takes part, as what, and what they may see.
//!
//! A token says who somebody is, and may say as what; the rows here say more. Roles decide what one
//! may *do* (`authorize` of each command and query), audience keys which rows one may *see*: a row is
//! visible to those who hold one of the keys that its `audience` names.

use std::collections::BTreeSet;

use deeds::prelude::*;

use crate::*;

/// What people are here.
#[role]
pub enum Role {
    /// Gets food.
    Neighbor,
    /// Receives, picks, packs, hands over.
    Volunteer,
    /// Looks after products, counts and people.
    Admin,
}

/// Allowed for those who work here.
pub(crate) fn staff(actor: &Actor) -> Access {
    actor.requires(Role::Volunteer).or(actor.requires(Role::Admin))
}

/// Held by those who work here.
pub(crate) const STAFF: AudienceKey = AudienceKey::group("staff");

/// Held by one neighbor.
pub(crate) fn of_neighbor(neighbor: &ActorId) -> AudienceKey {
    AudienceKey::of("neighbor", neighbor)
}

/// A household that gets food.
#[row(key = id)]
pub struct Neighbor {
    pub id: ActorId,
    pub name: String,
    pub phone: String,
    pub address: String,
    /// How often this was changed.
    pub edits: u32,
}

impl Audience for Neighbor {
    fn audience(&self) -> Keys {
        keys![of_neighbor(&self.id), STAFF]
    }
}

/// Somebody who works here.
#[row(key = id)]
pub struct StaffMember {
    pub id: ActorId,
    pub roles: BTreeSet<Role>,
}

impl Audience for StaffMember {
    fn audience(&self) -> Keys {
        keys![STAFF]
    }
}

impl Members for FoodBank {
    fn roles(&self, id: &ActorId) -> Roles {
        let mut roles = Roles::none();
        if self.neighbors.contains(id) {
            roles = roles.and(&Role::Neighbor);
        }
        if let Some(member) = self.staff.get(id) {
            roles = member.roles.iter().fold(roles, Roles::and);
            if member.roles.contains(&Role::Admin) {
                // Who looks after everything also sees what was asked for and refused.
                roles = roles.and(&Operator);
            }
        }
        if self.present.contains(id) {
            roles = roles.and(&Role::Volunteer);
        }
        roles
    }

    fn keys(&self, actor: &Actor) -> Keys {
        let own = keys![of_neighbor(actor.id())];
        if staff(actor) == Access::Allowed { own.and(STAFF) } else { own }
    }
}

/// I would like to get food here.
#[command]
pub struct Register {
    // Personal fields are kept apart from the rest, so that they can be erased one day without
    // breaking the chronicle.
    #[personal]
    pub name: String,
    #[personal]
    pub phone: String,
    #[personal]
    pub address: String,
}

/// Why somebody is not registered.
#[refusal]
pub enum RegisterRefusal {
    /// {neighbor} is registered already.
    AlreadyRegistered { neighbor: ActorId },
}

impl Decide<FoodBank> for Register {
    type Answer = ();
    type Refusal = RegisterRefusal;

    /// Anybody who has shown who they are.
    fn authorize(&self, _: &Actor, _: &FoodBank) -> Access {
        Access::Allowed
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), RegisterRefusal> {
        let Self { name, phone, address } = self;
        register(bank, NeighborRegistered { neighbor: bank.actor_id(), name, phone, address })
    }
}

/// Register somebody who stands at the counter.
#[command]
pub struct RegisterNeighbor {
    /// The name in their tokens.
    pub neighbor: ActorId,
    #[personal]
    pub name: String,
    #[personal]
    pub phone: String,
    #[personal]
    pub address: String,
}

impl Decide<FoodBank> for RegisterNeighbor {
    type Answer = ();
    type Refusal = RegisterRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        staff(actor)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), RegisterRefusal> {
        let Self { neighbor, name, phone, address } = self;
        register(bank, NeighborRegistered { neighbor, name, phone, address })
    }
}

/// Two ways to ask for it, one way it happens.
fn register(
    bank: &mut Deciding<'_, FoodBank>,
    registered: NeighborRegistered,
) -> Result<(), RegisterRefusal> {
    if bank.neighbors.contains(&registered.neighbor) {
        return Err(RegisterRefusal::AlreadyRegistered { neighbor: registered.neighbor });
    }
    bank.emit(registered);
    Ok(())
}

/// A household was registered.
#[event]
pub struct NeighborRegistered {
    pub neighbor: ActorId,
    #[personal]
    pub name: String,
    #[personal]
    pub phone: String,
    #[personal]
    pub address: String,
}

impl Evolve<FoodBank> for NeighborRegistered {
    fn evolve(self, bank: &mut FoodBank, _: &Meta<'_>) {
        let Self { neighbor: id, name, phone, address } = self;
        bank.neighbors.insert(Neighbor { id, name, phone, address, edits: 0 });
    }
}

/// Change what we know of a household: it moved, or somebody misheard.
#[command]
pub struct EditNeighbor {
    pub neighbor: ActorId,
    /// How often it had been changed when you began. What it said is not sent along, as in
    /// [`EditProduct`]: what is personal is better said once.
    pub seen: u32,
    #[personal]
    pub name: String,
    #[personal]
    pub phone: String,
    #[personal]
    pub address: String,
}

/// Why a household is not changed.
#[refusal]
pub enum EditNeighborRefusal {
    /// {neighbor} is not registered.
    NotRegistered { neighbor: ActorId },
    /// Somebody changed this while you did: look at it again.
    EditedMeanwhile { neighbor: ActorId },
}

impl Decide<FoodBank> for EditNeighbor {
    type Answer = ();
    type Refusal = EditNeighborRefusal;

    /// Oneself, or those who work here.
    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        if *actor.id() == self.neighbor { Access::Allowed } else { staff(actor) }
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), EditNeighborRefusal> {
        let Self { neighbor, seen, name, phone, address } = self;
        let Some(now) = bank.neighbors.get(&neighbor) else {
            return Err(EditNeighborRefusal::NotRegistered { neighbor });
        };
        ensure!(now.edits == seen, EditNeighborRefusal::EditedMeanwhile { neighbor });
        bank.emit(NeighborEdited { neighbor, name, phone, address });
        Ok(())
    }
}

/// Something else is known of a household from now on.
#[event]
pub struct NeighborEdited {
    pub neighbor: ActorId,
    #[personal]
    pub name: String,
    #[personal]
    pub phone: String,
    #[personal]
    pub address: String,
}

impl Evolve<FoodBank> for NeighborEdited {
    fn evolve(self, bank: &mut FoodBank, _: &Meta<'_>) {
        let Self { neighbor, name, phone, address } = self;
        bank.neighbors.update(&neighbor, |known| {
            (known.name, known.phone, known.address) = (name, phone, address);
            known.edits += 1;
        });
    }
}

/// Let somebody work here.
#[command]
pub struct GrantRole {
    pub member: ActorId,
    pub role: Role,
}

/// Let somebody not do this any more.
#[command]
pub struct RevokeRole {
    pub member: ActorId,
    pub role: Role,
}

/// Why a role is not granted or revoked.
#[refusal]
pub enum RoleRefusal {
    /// {member} is {role} already.
    HasIt { member: ActorId, role: Role },
    /// {member} is not {role}.
    LacksIt { member: ActorId, role: Role },
    /// Ask another admin: nobody takes a role from themselves.
    OwnRole,
}

impl FoodBank {
    fn has_role(&self, member: &ActorId, role: Role) -> bool {
        self.staff.get(member).is_some_and(|member| member.roles.contains(&role))
    }
}

impl Decide<FoodBank> for GrantRole {
    type Answer = ();
    type Refusal = RoleRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Admin)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), RoleRefusal> {
        let Self { member, role } = self;
        if bank.has_role(&member, role) {
            return Err(RoleRefusal::HasIt { member, role });
        }
        bank.emit(RoleGranted { member, role });
        Ok(())
    }
}

impl Decide<FoodBank> for RevokeRole {
    type Answer = ();
    type Refusal = RoleRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Admin)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), RoleRefusal> {
        let Self { member, role } = self;
        ensure!(member != *bank.actor().id(), RoleRefusal::OwnRole);
        if !bank.has_role(&member, role) {
            return Err(RoleRefusal::LacksIt { member, role });
        }
        bank.emit(RoleRevoked { member, role });
        Ok(())
    }
}

/// Somebody was given a role.
#[event]
pub struct RoleGranted {
    pub member: ActorId,
    pub role: Role,
}

impl Evolve<FoodBank> for RoleGranted {
    fn evolve(self, bank: &mut FoodBank, _: &Meta<'_>) {
        let before = bank.staff.get(&self.member);
        let mut roles = before.map(|member| member.roles.clone()).unwrap_or_default();
        roles.insert(self.role);
        bank.staff.put(StaffMember { id: self.member, roles });
    }
}

/// Somebody lost a role.
#[event]
pub struct RoleRevoked {
    pub member: ActorId,
    pub role: Role,
}

impl Evolve<FoodBank> for RoleRevoked {
    fn evolve(self, bank: &mut FoodBank, _: &Meta<'_>) {
        let member = bank.staff.update(&self.member, |member| {
            member.roles.remove(&self.role);
        });
        if member.roles.is_empty() {
            bank.staff.remove(&self.member);
        }
    }
}

/// Who I am here.
#[query]
pub struct Me;

/// Who somebody is here.
#[value]
pub struct Myself {
    pub id: ActorId,
    /// From the token and from the bank.
    pub roles: BTreeSet<String>,
    /// None before registering.
    pub registered: Option<Neighbor>,
}

impl Read<FoodBank> for Me {
    type Answer = Myself;

    fn authorize(&self, _: &Actor, _: &FoodBank) -> Access {
        Access::Allowed
    }

    fn read(&self, bank: &Visible<'_, FoodBank>, asking: &Asking<'_, FoodBank>) -> Myself {
        let id = asking.actor().id().clone();
        Myself {
            roles: asking.actor().roles().names().map(str::to_owned).collect(),
            registered: bank.neighbors.get(&id).cloned(),
            id,
        }
    }
}

/// The households, by the name in their tokens.
#[query(scope = Key(STAFF))]
pub struct Neighbors {
    /// Only those with this in their name, their address, or the name in their tokens.
    pub search: Option<String>,
}

impl Select<FoodBank> for Neighbors {
    type Row = Neighbor;
    type Item = Neighbor;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        staff(actor)
    }

    fn rows<'a>(
        &self,
        bank: &'a Visible<'_, FoodBank>,
        _: &Asking<'_, FoodBank>,
    ) -> Rows<'a, Neighbor> {
        bank.neighbors.iter()
    }

    fn keeps(&self, neighbor: &Neighbor) -> bool {
        let search = self.search.as_deref().unwrap_or_default().to_lowercase();
        let texts = [neighbor.id.as_str(), &neighbor.name, &neighbor.address];
        texts.iter().any(|text| text.to_lowercase().contains(&search))
    }

    fn item(&self, neighbor: &Neighbor, _: &Visible<'_, FoodBank>) -> Neighbor {
        neighbor.clone()
    }
}

/// Those who work here for good, and as what.
#[query(scope = Key(STAFF))]
pub fn team(bank: &Visible<'_, FoodBank>) -> Rows<'_, StaffMember> {
    bank.staff.iter()
}
