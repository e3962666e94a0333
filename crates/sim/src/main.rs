//! `deeds-sim`: simulated histories from the command line; `cargo xtask sim` builds and runs it.
//!
//! Exit codes: 0 every promise was kept, or the planted fault was caught; 1 not so; 2 the command
//! line was not understood.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a terminal program")]

use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use deeds_sim::plan::Plan;
use deeds_sim::plants::Plant;
use deeds_sim::shrink::{Failure, shrink};
use deeds_sim::simulation::{Simulated, simulate, trace};

const HELP: &str = "\
Simulated histories: the code that ships, on a disk that loses, tears, fails and lies.

Usage: deeds-sim [--seeds FIRST..LAST] [--plant NAME] [--threads N] [--keep DIR]
       deeds-sim --seed N [--trace] [--plant NAME]
       deeds-sim --file KEPT [--trace]

  --seeds FIRST..LAST  these seeds, without the last (0..1000)
  --seed N             one seed
  --file KEPT          a plan that was kept
  --trace              print its event log
  --plant NAME         plant a fault: the oracle must see it; `list` names them
  --threads N          on so many threads (as many as there are cores)
  --keep DIR           put a plan that fails there, made short
";

/// The command line.
struct Wanted {
    seeds: Range<u64>,
    one: Option<Plan>,
    trace: bool,
    plant: Option<Plant>,
    threads: usize,
    keep: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    if arguments == ["--plant", "list"] {
        Plant::ALL.iter().for_each(|plant| println!("{:<21}{}", plant.name(), plant.about()));
        return ExitCode::SUCCESS;
    }
    match wanted(&arguments) {
        Ok(wanted) => serve(wanted),
        Err(what) => {
            eprintln!("deeds-sim: {what}\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

fn wanted(arguments: &[String]) -> Result<Wanted, String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut wanted =
        Wanted { seeds: 0..1_000, one: None, trace: false, plant: None, threads, keep: None };
    let mut left = arguments.iter();
    while let Some(flag) = left.next() {
        let mut value = || left.next().ok_or_else(|| format!("{flag} wants a value"));
        let number = |text: &str| text.parse().map_err(|_| format!("`{text}` is no number"));
        match flag.as_str() {
            "--trace" => wanted.trace = true,
            "--seeds" => {
                let (first, last) =
                    value()?.split_once("..").ok_or("--seeds wants FIRST..LAST, like 0..1000")?;
                wanted.seeds = number(first)?..number(last)?;
            }
            "--seed" => wanted.one = Some(Plan::of_seed(number(value()?)?)),
            "--file" => {
                let path = value()?;
                let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
                wanted.one = Some(Plan::of_text(&text).map_err(|e| format!("{path}: {e}"))?);
            }
            "--plant" => {
                let name = value()?;
                let plant = Plant::of_name(name);
                wanted.plant = Some(plant.ok_or(format!("there is no plant `{name}`; see list"))?);
            }
            "--threads" => wanted.threads = number(value()?)? as usize,
            "--keep" => wanted.keep = Some(value()?.into()),
            other => return Err(format!("`{other}` is not understood")),
        }
    }
    Ok(wanted)
}

fn serve(wanted: Wanted) -> ExitCode {
    if let Some(plant) = wanted.plant
        && !plant.plant()
    {
        eprintln!("deeds-sim: `{plant}` wants a build with the feature `plant`");
        return ExitCode::from(2);
    }
    if let Some(plan) = &wanted.one {
        let (trace, lived) = trace(plan, wanted.plant);
        if wanted.trace {
            print!("{}", trace.text());
        }
        return match lived {
            Ok(()) => {
                println!("seed {}: every promise was kept", plan.seed);
                caught(false, &wanted)
            }
            Err(broken) => {
                println!("seed {}: {broken}", plan.seed);
                caught(true, &wanted)
            }
        };
    }
    let started = Instant::now();
    let Simulated { tallies, held, failure } =
        simulate(wanted.seeds.clone(), wanted.plant, wanted.threads);
    let seconds = started.elapsed().as_secs_f64();
    let failed = failure.is_some();
    match (failure, wanted.plant) {
        (Some(failure), Some(plant)) => {
            println!("{plant}: caught after {} seeds ({seconds:.1} s)", held + 1);
            println!("  {}", first_line(&failure));
        }
        (Some(failure), None) => report(failure, &wanted),
        (None, Some(plant)) => {
            println!("{plant}: not caught in {held} seeds ({seconds:.1} s)");
        }
        (None, None) => {
            println!("{tallies}");
            println!("{held} seeds in {seconds:.1} s, every promise kept");
        }
    }
    caught(failed, &wanted)
}

/// A failure is what a plant is for.
fn caught(failed: bool, wanted: &Wanted) -> ExitCode {
    ExitCode::from(u8::from(failed != wanted.plant.is_some()))
}

fn first_line(failure: &Failure) -> String {
    let text = failure.broken.to_string();
    let line = text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    format!("seed {}: {}", failure.plan.seed, line.chars().take(300).collect::<String>())
}

/// Prints a failure, makes it short, and keeps it.
fn report(failure: Failure, wanted: &Wanted) {
    let seed = failure.plan.seed;
    let acts = failure.plan.acts.len();
    println!("seed {seed}: {}\n", failure.broken);
    let short = shrink(failure, wanted.plant);
    println!("{} of its {acts} acts are enough for: {}\n", short.plan.acts.len(), short.broken);
    print!("{}", short.plan.to_text());
    println!("\nseed {seed} failed; to step through it: cargo xtask sim --seed {seed} --trace");
    let Some(directory) = &wanted.keep else { return };
    let path = directory.join(format!("seed-{seed}.json"));
    match std::fs::write(&path, short.plan.to_text()) {
        Ok(()) => println!("kept as {}", path.display()),
        Err(error) => println!("not kept as {}: {error}", path.display()),
    }
}
