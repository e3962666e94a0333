//! Shifts: who works here today.
//!
//! An admin opens a shift and writes its code on the board. Whoever comes to help takes a tablet,
//! says who they are and types the code: until the shift is over they are a volunteer, without
//! anybody having granted them a role. [`Members`] reads that off the rows
//! here, so it ends by itself.
//!
//! A code can be guessed, by those who may send commands at all, once in a million attempts. Every
//! wrong one is a refusal, and so stands in the chronicle with the name of who tried.

use deeds::prelude::*;

use crate::*;

/// A shift's number: 1, 2, 3, without gaps.
#[value(key)]
#[derive(Copy)]
pub struct ShiftNumber(u32);

/// People working together for some hours.
#[row(key = number)]
pub struct Shift {
    pub number: ShiftNumber,
    /// What it is called: `Saturday morning`.
    pub name: String,
    /// What one types to join it.
    pub code: ShiftCode,
    pub opened: Timestamp,
    /// When it was over.
    pub closed: Option<Timestamp>,
}

impl Audience for Shift {
    /// With its code, which stands on the board.
    fn audience(&self) -> Keys {
        keys![STAFF]
    }
}

/// Somebody who works in the shift that is on.
#[row(key = volunteer)]
pub struct Present {
    pub volunteer: ActorId,
    pub since: Timestamp,
    /// How many orders they have packed in it.
    pub packed: u32,
}

impl Audience for Present {
    fn audience(&self) -> Keys {
        keys![STAFF]
    }
}

impl FoodBank {
    /// The shift that is on: the newest, unless it is over.
    pub fn open_shift(&self) -> Option<&Shift> {
        self.shifts.iter().next_back().filter(|shift| shift.closed.is_none())
    }
}

/// Begin a shift.
#[command]
pub struct OpenShift {
    /// What it is called: `Saturday morning`.
    pub name: String,
}

/// Why a shift is not begun, joined, left or closed.
#[refusal]
pub enum ShiftRefusal {
    /// `{name}` is still on: close it first.
    AlreadyOn { name: String },
    /// No shift is on now.
    NoShift,
    /// That is not the code of this shift; it stands on the board.
    WrongCode,
    /// You have signed in already.
    AlreadyIn,
    /// You have not signed in.
    NotIn,
    /// {picker} is still picking order {order}: it has to be packed or given back first.
    StillPicking { picker: ActorId, order: OrderNumber },
}

impl Decide<FoodBank> for OpenShift {
    /// The code to write on the board.
    type Answer = ShiftCode;
    type Refusal = ShiftRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Admin)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<ShiftCode, ShiftRefusal> {
        if let Some(Shift { name, .. }) = bank.open_shift().cloned() {
            return Err(ShiftRefusal::AlreadyOn { name });
        }
        let shift = ShiftNumber(bank.shifts.iter().next_back().map_or(1, |last| last.number.0 + 1));
        // Random, and yet the same whenever the record is read: it is in the event.
        let code = ShiftCode(format!("{:06}", bank.random() % 1_000_000));
        bank.emit(ShiftOpened { shift, name: self.name, code: code.clone() });
        Ok(code)
    }
}

/// A shift began.
#[event]
pub struct ShiftOpened {
    pub shift: ShiftNumber,
    pub name: String,
    pub code: ShiftCode,
}

impl Evolve<FoodBank> for ShiftOpened {
    fn evolve(self, bank: &mut FoodBank, meta: &Meta<'_>) {
        let Self { shift: number, name, code } = self;
        bank.shifts.insert(Shift { number, name, code, opened: meta.time, closed: None });
    }
}

/// I am here to help.
#[command]
pub struct JoinShift {
    /// What stands on the board.
    pub code: ShiftCode,
}

impl Decide<FoodBank> for JoinShift {
    type Answer = ();
    type Refusal = ShiftRefusal;

    /// Anybody who has shown who they are, and knows the code.
    fn authorize(&self, _: &Actor, _: &FoodBank) -> Access {
        Access::Allowed
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), ShiftRefusal> {
        let volunteer = bank.actor_id();
        let shift = bank.open_shift().ok_or(ShiftRefusal::NoShift)?;
        ensure!(self.code == shift.code, ShiftRefusal::WrongCode);
        ensure!(!bank.present.contains(&volunteer), ShiftRefusal::AlreadyIn);
        bank.emit(ShiftJoined { volunteer });
        Ok(())
    }
}

/// Somebody came to help.
#[event]
pub struct ShiftJoined {
    pub volunteer: ActorId,
}

impl Evolve<FoodBank> for ShiftJoined {
    fn evolve(self, bank: &mut FoodBank, meta: &Meta<'_>) {
        let Self { volunteer } = self;
        bank.present.insert(Present { volunteer, since: meta.time, packed: 0 });
    }
}

/// I am going home.
#[command]
pub struct LeaveShift;

impl Decide<FoodBank> for LeaveShift {
    type Answer = ();
    type Refusal = ShiftRefusal;

    fn authorize(&self, _: &Actor, _: &FoodBank) -> Access {
        Access::Allowed
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), ShiftRefusal> {
        let volunteer = bank.actor_id();
        ensure!(bank.present.contains(&volunteer), ShiftRefusal::NotIn);
        bank.nothing_in_the_hands_of(|picker| *picker == volunteer)?;
        bank.emit(ShiftLeft { volunteer });
        Ok(())
    }
}

/// Somebody went home.
#[event]
pub struct ShiftLeft {
    pub volunteer: ActorId,
}

impl Evolve<FoodBank> for ShiftLeft {
    fn evolve(self, bank: &mut FoodBank, _: &Meta<'_>) {
        bank.present.remove(&self.volunteer);
    }
}

/// The shift is over: everybody who signed in to it is out.
#[command]
pub struct CloseShift;

impl Decide<FoodBank> for CloseShift {
    type Answer = ();
    type Refusal = ShiftRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Admin)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), ShiftRefusal> {
        let shift = bank.open_shift().ok_or(ShiftRefusal::NoShift)?.number;
        bank.nothing_in_the_hands_of(|picker| bank.present.contains(picker))?;
        bank.emit(ShiftClosed { shift });
        Ok(())
    }
}

impl FoodBank {
    /// Nobody of these picks an order now.
    fn nothing_in_the_hands_of(
        &self,
        of_these: impl Fn(&ActorId) -> bool,
    ) -> Result<(), ShiftRefusal> {
        for order in self.orders.by_status(Status::Picking) {
            if let Some(picker) = order.picker.clone().filter(&of_these) {
                return Err(ShiftRefusal::StillPicking { picker, order: order.number });
            }
        }
        Ok(())
    }
}

/// A shift was over.
#[event]
pub struct ShiftClosed {
    pub shift: ShiftNumber,
}

impl Evolve<FoodBank> for ShiftClosed {
    fn evolve(self, bank: &mut FoodBank, meta: &Meta<'_>) {
        bank.shifts.update(&self.shift, |shift| shift.closed = Some(meta.time));
        let present: Vec<ActorId> = bank.present.iter().map(|one| one.volunteer.clone()).collect();
        for volunteer in present {
            bank.present.remove(&volunteer);
        }
    }
}

/// The shift that is on, and who is here. Nothing when none is.
#[query(scope = Key(STAFF))]
pub struct CurrentShift;

/// A shift and its people.
#[value]
pub struct ShiftView {
    pub shift: Shift,
    pub present: Vec<Present>,
}

impl Read<FoodBank> for CurrentShift {
    type Answer = Option<ShiftView>;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        staff(actor)
    }

    fn read(&self, bank: &Visible<'_, FoodBank>, _: &Asking<'_, FoodBank>) -> Option<ShiftView> {
        let shift = bank.shifts.iter().next_back().filter(|shift| shift.closed.is_none())?.clone();
        Some(ShiftView { shift, present: bank.present.iter().cloned().collect() })
    }
}

/// What one types to join a shift: six digits.
#[value]
#[serde(try_from = "String")]
pub struct ShiftCode(String);

impl TryFrom<String> for ShiftCode {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_code = text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit());
        if is_code { Ok(Self(text)) } else { Err("the code of a shift is six digits") }
    }
}
