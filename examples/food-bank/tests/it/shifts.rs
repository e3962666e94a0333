//! Shifts: opened, joined by code, left, closed.

use deeds::testing::Scenario;
use food_bank::*;

use crate::given::*;

/// A shift with the code 123456.
fn a_bank_with_a_shift() -> Scenario<FoodBank> {
    let mut bank = a_bank_with_an_order();
    let (shift, name) = (ShiftNumber::from(1), "Saturday".to_owned());
    bank.given(ShiftOpened { shift, name, code: code("123456") });
    bank
}

fn join(digits: &str) -> JoinShift {
    JoinShift { code: code(digits) }
}

fn claim() -> ClaimOrder {
    ClaimOrder { order: number(1) }
}

#[test]
fn whoever_types_the_code_is_a_volunteer_until_the_shift_is_over() {
    let mut bank = a_bank_with_an_order();
    bank.as_guest("walt").when(join("123456")).then_refused(ShiftRefusal::NoShift);
    let open = || OpenShift { name: "Saturday".to_owned() };
    let code = bank.as_actor("ada", Role::Admin).when(open()).then_answers();
    bank.as_guest("walt").when(claim()).then_denied();
    bank.when(JoinShift { code: code.clone() }).then_accepted();
    bank.when(claim()).then_accepted();
    bank.when(GiveBackOrder { order: number(1) }).then_accepted();

    bank.as_actor("ada", Role::Admin).when(CloseShift).then_accepted();
    bank.as_guest("walt").when(claim()).then_denied();
    bank.when(JoinShift { code }).then_refused(ShiftRefusal::NoShift);
    let next = bank.as_actor("ada", Role::Admin).when(open()).then_answers();
    bank.as_guest("walt").when(JoinShift { code: next }).then_accepted();
}

#[test]
fn a_wrong_code_opens_nothing() {
    let mut bank = a_bank_with_a_shift();
    bank.as_guest("walt").when(join("654321")).then_refused(ShiftRefusal::WrongCode);
    bank.when(claim()).then_denied();
}

#[test]
fn one_signs_in_once_and_out_once() {
    let mut bank = a_bank_with_a_shift();
    bank.as_guest("walt").when(LeaveShift).then_refused(ShiftRefusal::NotIn);
    bank.when(join("123456")).then_accepted();
    bank.when(join("123456")).then_refused(ShiftRefusal::AlreadyIn);
    bank.when(LeaveShift).then_accepted();
    bank.when(LeaveShift).then_refused(ShiftRefusal::NotIn);
    bank.when(claim()).then_denied();
}

#[test]
fn nobody_goes_home_with_an_order_in_their_hands() {
    let mut bank = a_bank_with_a_shift();
    bank.as_guest("walt").when(join("123456")).then_accepted();
    bank.when(claim()).then_accepted();
    let holds = ShiftRefusal::StillPicking { picker: actor("walt"), order: number(1) };
    bank.when(LeaveShift).then_refused(holds.clone());
    bank.as_actor("ada", Role::Admin).when(CloseShift).then_refused(holds);
    bank.when(GiveBackOrder { order: number(1) }).then_accepted();
    bank.when(CloseShift).then_accepted();
    bank.when(CloseShift).then_refused(ShiftRefusal::NoShift);
}

#[test]
fn one_shift_is_on_at_a_time_and_admins_open_it() {
    let mut bank = a_bank_with_a_shift();
    let open = || OpenShift { name: "Another".to_owned() };
    bank.as_actor("vera", Role::Volunteer).when(open()).then_denied();
    bank.when(CloseShift).then_denied();
    let on = ShiftRefusal::AlreadyOn { name: "Saturday".to_owned() };
    bank.as_actor("ada", Role::Admin).when(open()).then_refused(on);
}

#[test]
fn the_shift_shows_who_is_here_and_what_they_packed() {
    let mut bank = a_bank_with_a_shift();
    bank.as_guest("walt").when(join("123456")).then_accepted();
    bank.when(claim()).then_accepted();
    for name in ["RICE", "MILK"] {
        let quantity = if name == "RICE" { 3 } else { 1 };
        let all = PickLine { order: number(1), sku: sku(name), quantity, short: None };
        bank.when(all).then_accepted();
    }
    bank.when(PackOrder { order: number(1) }).then_accepted();
    let view = bank.ask(CurrentShift).expect("it is on");
    let here: Vec<_> =
        view.present.iter().map(|one| (one.volunteer.as_str(), one.packed)).collect();
    assert_eq!(here, [("walt", 1)]);
}
