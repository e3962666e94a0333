//! Histories by seed, and plans that failed once.

use std::path::Path;

use deeds_sim::plan::{Act, COMMANDS_MIN, Plan};
use deeds_sim::plants::Plant;
use deeds_sim::shrink::shrink;
use deeds_sim::simulation::{simulate, trace};
use deeds_sim::tallies::Group;

#[test]
fn the_same_seed_twice_is_the_same_byte_for_byte() {
    for seed in 0..12 {
        let plan = Plan::of_seed(seed);
        let (first, lived) = trace(&plan, None);
        lived.unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        let (second, _) = trace(&Plan::of_seed(seed), None);
        assert!(first.text().len() > 10_000, "there is something to step through");
        assert!(first.text() == second.text(), "seed {seed} went two ways");
    }
}

#[test]
fn how_many_threads_carry_seeds_out_changes_nothing() {
    let one = simulate(0..16, None, 1);
    let four = simulate(0..16, None, 4);
    assert_eq!(one.tallies, four.tallies);
    assert_eq!((one.held, four.held), (16, 16));
}

#[test]
fn every_seed_sends_at_least_two_hundred_commands() {
    for seed in 0..50 {
        let plan = Plan::of_seed(seed);
        let sent = plan.acts.iter().filter(|act| matches!(act, Act::Send { .. })).count();
        assert!(sent >= COMMANDS_MIN, "seed {seed} sends {sent}");
        assert_eq!(Plan::of_text(&plan.to_text()).unwrap(), plan);
    }
}

#[test]
fn some_seeds_keep_every_promise_and_meet_every_boundary() {
    let simulated = simulate(0..60, None, 2);
    assert!(simulated.failure.is_none(), "{}", simulated.failure.unwrap().broken);
    for boundary in deeds_sim::Operation::ALL {
        let cuts = simulated.tallies.of(Group::CutAt, &boundary.to_string());
        assert!(cuts > 0, "no power cut at the boundary of {boundary}");
    }
}

#[test]
fn archives_are_cut_off_taken_over_restored_and_lived_in() {
    let simulated = simulate(0..60, None, 2);
    assert!(simulated.failure.is_none(), "{}", simulated.failure.unwrap().broken);
    for what in [
        "another owner shut out",
        "archives taken over",
        "backups",
        "backups cut off",
        "lives that went on in a restored chronicle",
        "opened from an archived snapshot",
        "restores",
        "snapshots archived",
    ] {
        assert!(simulated.tallies.of(Group::Copy, what) > 0, "no {what}");
    }
    for what in ["a backup", "a restore"] {
        assert!(simulated.tallies.of(Group::CutDuring, what) > 0, "no power cut during {what}");
    }
}

/// Each plan in `kept/` broke a promise once; its name says which.
#[test]
fn what_failed_once_holds() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("kept");
    let mut plans = 0;
    for entry in std::fs::read_dir(kept).unwrap() {
        let path = entry.unwrap().path();
        let plan = Plan::of_text(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let (_, lived) = trace(&plan, None);
        lived.unwrap_or_else(|broken| panic!("{}: {broken}", path.display()));
        plans += 1;
    }
    assert!(plans > 0);
}

#[test]
fn plants_outside_the_code_are_caught_and_their_plans_made_short() {
    for plant in [Plant::NoFsync, Plant::NoDirSync, Plant::StaleSnapshot, Plant::RestoreTooFar] {
        let failure = simulate(0..40, Some(plant), 2).failure.expect("the oracle sees it");
        let acts = failure.plan.acts.len();
        let short = shrink(failure, Some(plant));
        assert!(short.plan.acts.len() < acts / 4, "{plant}: {} acts", short.plan.acts.len());
        assert!(trace(&short.plan, Some(plant)).1.is_err(), "{plant} still fails");
        assert!(trace(&short.plan, None).1.is_ok(), "{plant} alone is to blame");
    }
}
