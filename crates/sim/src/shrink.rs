//! Making a plan that fails as short as it can be.
//!
//! Acts are left out, many at once at first, then fewer, as long as what is left still fails. Any
//! failure will do: the shortest way to a broken promise is the one to look at first.

use crate::oracle::Broken;
use crate::plan::Plan;
use crate::plants::Plant;
use crate::simulation::run;
use crate::tallies::Tallies;
use crate::trace::Trace;

/// So many plans are tried: some seconds.
const TRIES_MAX: usize = 3_000;

/// A plan that fails.
pub struct Failure {
    /// The plan.
    pub plan: Plan,
    /// What it breaks.
    pub broken: Broken,
}

/// The shortest plan found that still fails.
pub fn shrink(failure: Failure, plant: Option<Plant>) -> Failure {
    let mut shortest = failure;
    let mut tries = 0;
    let mut count = shortest.plan.acts.len() / 2;
    while count > 0 {
        let mut place = 0;
        let before = shortest.plan.acts.len();
        while place < shortest.plan.acts.len() && tries < TRIES_MAX {
            tries += 1;
            let mut plan = shortest.plan.clone();
            let end = (place + count).min(plan.acts.len());
            plan.acts.drain(place..end);
            match run(&plan, plant, &mut Tallies::default(), &mut Trace::default()) {
                Err(broken) => shortest = Failure { plan, broken },
                Ok(()) => place += count,
            }
        }
        // As long as single acts fall away, others may.
        if count > 1 || shortest.plan.acts.len() == before || tries >= TRIES_MAX {
            count /= 2;
        }
    }
    shortest
}
