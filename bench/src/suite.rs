//! The whole suite, part by part. A part that fails is told and left out; what the others measured is
//! written all the same, and after each part, so that nothing is lost when the machine goes away.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;

use crate::charts::{self, Picture};
use crate::comparison::{self, Comparison, Effort};
use crate::keys::Keys;
use crate::{
    Arguments, Part, floor, import, live, machine, queries, representations, restart, rpm, stages,
};

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Parts {
    pub(crate) machine: machine::Machine,
    quick: bool,
    pub(crate) failed: Vec<String>,
    pub(crate) floor: Option<Vec<floor::Floor>>,
    pub(crate) comparison: Option<Comparison>,
    pub(crate) stages: Option<Vec<stages::Stages>>,
    representations: Option<representations::Representations>,
    pub(crate) live: Option<live::Live>,
    pub(crate) queries: Option<Vec<queries::Question>>,
    pub(crate) import: Option<import::Import>,
    pub(crate) restart: Option<restart::Restart>,
    pub(crate) rpm: Option<rpm::Rpm>,
    /// The food bank's program, in bytes.
    pub(crate) program_bytes: Option<u64>,
}

/// The JSON: first the figures that runs are compared by, then all there is.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    keys: Keys,
    details: &'a Parts,
}

/// Runs the parts that are wanted; the names of those that failed.
pub(crate) fn run(arguments: &Arguments, directory: &Path) -> anyhow::Result<Vec<String>> {
    let quick = arguments.quick;
    let mut parts = Parts {
        machine: machine::Machine::here(directory),
        quick,
        failed: Vec::new(),
        floor: None,
        comparison: None,
        stages: None,
        representations: None,
        live: None,
        queries: None,
        import: None,
        restart: None,
        rpm: None,
        program_bytes: None,
    };
    println!("{}\n", parts.machine.report());
    let (began, mut sections) = (Instant::now(), Vec::new());
    // The comparison comes first: it is what the rest explains.
    for part in [
        Part::Floor,
        Part::Comparison,
        Part::Live,
        Part::Queries,
        Part::Restart,
        Part::Import,
        Part::Stages,
        Part::Representations,
        Part::Rpm,
    ] {
        // Ways to hold the state explain a decision, not a run.
        let by_default = !(quick && part == Part::Representations);
        let wanted = arguments.only.contains(&part) || arguments.only.is_empty() && by_default;
        if !wanted {
            continue;
        }
        // In a directory of its own: what a failed part leaves is in nobody's way.
        let place = directory.join(format!("{part:?}").to_lowercase());
        fs::create_dir(&place)?;
        match parts.measure(part, arguments, &place) {
            Ok(section) => {
                println!("{section}");
                sections.push(section);
            }
            Err(error) => {
                println!("{part:?} FAILED: {error:#}\n");
                parts.failed.push(format!("{part:?}"));
            }
        }
        if let Err(error) = fs::remove_dir_all(&place) {
            println!("{} was not removed: {error}", place.display());
        }
        parts.write(arguments, &sections)?;
    }
    println!("all in all {:.0} s", began.elapsed().as_secs_f64());
    Ok(parts.failed)
}

impl Parts {
    /// Measures one part; what is to be said of it.
    fn measure(
        &mut self,
        part: Part,
        arguments: &Arguments,
        place: &Path,
    ) -> anyhow::Result<String> {
        let (quick, orders) = (arguments.quick, arguments.orders);
        Ok(match part {
            Part::Floor => floor::report(self.floor.insert(floor::measure(place, quick)?)),
            Part::Comparison => {
                let measured = comparison::measure(place, &effort(arguments))?;
                comparison::report(self.comparison.insert(measured))
            }
            Part::Stages => stages::report(self.stages.insert(stages::measure(place, quick)?)),
            Part::Representations => representations::report(
                self.representations.insert(representations::measure(quick)),
            ),
            Part::Live => live::report(self.live.insert(live::measure(place, quick)?)),
            Part::Queries => queries::report(self.queries.insert(queries::measure(place, quick)?)),
            Part::Import => import::report(self.import.insert(import::measure(place, orders)?)),
            Part::Restart => {
                restart::report(self.restart.insert(restart::measure(place, orders, quick)?))
            }
            Part::Rpm => {
                let program = rpm::program(arguments.food_bank.as_ref())?;
                let bytes = *self.program_bytes.insert(fs::metadata(&program)?.len());
                rpm::report(self.rpm.insert(rpm::measure(place, &program, quick)?), bytes)
            }
        })
    }

    /// Writes what there is so far.
    fn write(&self, arguments: &Arguments, sections: &[String]) -> anyhow::Result<()> {
        if let Some(file) = &arguments.json {
            let report = Report { keys: Keys::of(self), details: self };
            write(file, &(serde_json::to_string_pretty(&report)? + "\n"))?;
        }
        let Some(file) = &arguments.markdown else { return Ok(()) };
        let effort = if self.quick { " (quick: rough)" } else { "" };
        let mut text = format!(
            "# Figures\n\nWritten by `cargo xtask bench`{effort}; what is measured and how, \
             [benchmarks.md](../benchmarks.md) says.\n\n{}\n\n{}",
            self.machine.report(),
            sections.join("\n")
        );
        let pictures = self.comparison.as_ref().map_or(Vec::new(), charts::of);
        if !pictures.is_empty() {
            text.push_str("\n## Pictures\n");
        }
        for Picture { file: name, title, svg } in pictures {
            write(&file.with_file_name(&name), &svg)?;
            text.push_str(&format!("\n![{title}]({name})\n"));
        }
        write(file, &text)
    }
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// How long and how often the comparison measures: unless told, as the mode says.
fn effort(arguments: &Arguments) -> Effort {
    let (rounds, seconds) = if arguments.quick { (2, 1.0) } else { (5, 4.0) };
    Effort {
        rounds: arguments.rounds.unwrap_or(rounds).max(1),
        time: Duration::from_secs_f64(arguments.seconds.unwrap_or(seconds)),
        quick: arguments.quick,
        works: arguments.work.clone(),
    }
}
