//! Every plant is caught. Each in a process of its own: a planted fault holds for a whole process.

use std::process::Command;

use deeds_sim::plants::Plant;

/// Enough for the one that takes the longest; most need one.
const SEEDS: &str = "0..1000";

#[test]
fn the_oracle_sees_every_planted_fault() {
    for plant in Plant::ALL {
        let mut simulator = Command::new(env!("CARGO_BIN_EXE_deeds-sim"));
        let output = simulator.args(["--plant", plant.name(), "--seeds", SEEDS]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{plant}: {said}");
        assert!(said.contains("caught after"), "{plant}: {said}");
    }
}
