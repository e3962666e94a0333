//! Members: registered, and given roles.

use deeds::prelude::*;
use deeds::testing::Scenario;
use food_bank::*;

use crate::given::*;

fn nora() -> NeighborRegistered {
    NeighborRegistered {
        neighbor: actor("nora"),
        name: "Nora Lind".to_owned(),
        phone: "555 0101".to_owned(),
        address: "12 Mill Lane".to_owned(),
    }
}

fn register_nora() -> RegisterNeighbor {
    let NeighborRegistered { neighbor, name, phone, address } = nora();
    RegisterNeighbor { neighbor, name, phone, address }
}

#[test]
fn who_is_registered_may_order() {
    let mut bank = a_bank();
    bank.as_actor("vera", Role::Volunteer).when(register_nora()).then_accepted();
    bank.as_guest("nora").when(PlaceOrder { lines: list(&[("RICE", 1)]) }).then_accepted();
}

#[test]
fn a_household_is_registered_once() {
    let mut bank = a_bank();
    bank.given(nora());
    let refusal = RegisterRefusal::AlreadyRegistered { neighbor: actor("nora") };
    bank.as_actor("vera", Role::Volunteer).when(register_nora()).then_refused(refusal.clone());
    let NeighborRegistered { name, phone, address, .. } = nora();
    bank.as_guest("nora").when(Register { name, phone, address }).then_refused(refusal);
}

#[test]
fn neighbors_do_not_register_others() {
    let mut bank = a_bank();
    bank.as_actor("nils", Role::Neighbor).when(register_nora()).then_denied();
}

#[test]
fn a_role_can_be_granted_and_revoked() {
    let mut bank = a_bank_with_an_order();
    let (member, role) = (actor("vera"), Role::Volunteer);
    bank.as_actor("ada", Role::Admin)
        .when(GrantRole { member: member.clone(), role })
        .then_emits(RoleGranted { member: member.clone(), role });
    bank.as_guest("vera").when(ClaimOrder { order: number(1) }).then_accepted();
    bank.as_actor("ada", Role::Admin)
        .when(RevokeRole { member: member.clone(), role })
        .then_emits(RoleRevoked { member, role });
    bank.as_guest("vera").when(PackOrder { order: number(1) }).then_denied();
}

#[test]
fn a_role_is_granted_to_who_lacks_it_and_revoked_from_who_has_it() {
    let mut bank = a_bank();
    bank.as_actor("ada", Role::Admin);
    let (member, role) = (actor("vera"), Role::Volunteer);
    bank.when(RevokeRole { member: member.clone(), role })
        .then_refused(RoleRefusal::LacksIt { member: member.clone(), role });
    bank.given(RoleGranted { member: member.clone(), role });
    bank.when(GrantRole { member: member.clone(), role })
        .then_refused(RoleRefusal::HasIt { member, role });
}

#[test]
fn admins_do_not_lock_themselves_out() {
    let mut bank = a_bank();
    bank.given(RoleGranted { member: actor("ada"), role: Role::Admin });
    bank.as_guest("ada")
        .when(RevokeRole { member: actor("ada"), role: Role::Admin })
        .then_refused(RoleRefusal::OwnRole);
}

#[test]
fn only_admins_grant_and_revoke() {
    let mut bank = a_bank();
    bank.as_actor("vera", Role::Volunteer);
    bank.when(GrantRole { member: actor("vera"), role: Role::Admin }).then_denied();
    bank.when(RevokeRole { member: actor("ada"), role: Role::Admin }).then_denied();
}

fn moved(seen: u32) -> EditNeighbor {
    let NeighborRegistered { neighbor, name, phone, .. } = nora();
    EditNeighbor { neighbor, seen, name, phone, address: "7 Hill Road".to_owned() }
}

#[test]
fn a_household_that_moved_says_so_or_has_it_said() {
    let mut bank = a_bank();
    bank.as_actor("vera", Role::Volunteer)
        .when(moved(0))
        .then_refused(EditNeighborRefusal::NotRegistered { neighbor: actor("nora") });
    bank.given(nora());
    bank.as_guest("nora").when(moved(0)).then_accepted();
    let address = |bank: &Scenario<FoodBank>| {
        bank.state().neighbors.get(actor("nora")).unwrap().address.clone()
    };
    assert_eq!(address(&bank), "7 Hill Road");
    bank.as_actor("vera", Role::Volunteer).when(moved(1)).then_accepted();
    bank.as_actor("nils", Role::Neighbor).when(moved(2)).then_denied();
}

#[test]
fn who_edits_a_household_is_told_that_somebody_was_quicker() {
    let mut bank = a_bank();
    bank.given(nora());
    bank.as_actor("vera", Role::Volunteer).when(moved(0)).then_accepted();
    bank.as_actor("ada", Role::Admin)
        .when(moved(0))
        .then_refused(EditNeighborRefusal::EditedMeanwhile { neighbor: actor("nora") });
}
