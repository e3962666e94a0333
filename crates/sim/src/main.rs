//! `deeds-sim`: simulated histories from the command line; `cargo xtask sim` builds and runs it.

#![expect(clippy::print_stdout, reason = "a terminal program")]

use deeds_sim::plan::Plan;
use deeds_sim::simulation::run;
use deeds_sim::tallies::Tallies;
use deeds_sim::trace::Trace;

fn main() {
    let mut tallies = Tallies::default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    for seed in arguments[0].parse().unwrap()..arguments[1].parse().unwrap() {
        let plan = Plan::of_seed(seed);
        let mut trace = if arguments.len() > 2 { Trace::kept() } else { Trace::default() };
        if let Err(broken) = run(&plan, None, &mut tallies, &mut trace) {
            println!("{}\nseed {seed}: {broken}", trace.text());
        }
    }
    println!("{tallies}");
}
