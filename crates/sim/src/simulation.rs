//! Many seeds: each makes a plan, which is carried out; one that fails is made as short as it can be
//! and kept (see [`shrink`](crate::shrink), [`Plan::to_text`]).

use std::cell::RefCell;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;

use crate::larder::STUMBLE;
use crate::life::live;
use crate::oracle::Broken;
use crate::plan::Plan;
use crate::plants::Plant;
use crate::shrink::Failure;
use crate::tallies::Tallies;
use crate::trace::Trace;

thread_local! {
    /// Where and with which words the last panic of this thread came.
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The app stumbles on purpose, and an assertion that fails is a finding: neither is worth a
/// backtrace each.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        panic::set_hook(Box::new(|info| {
            if info.payload().downcast_ref::<&str>() == Some(&STUMBLE) {
                return;
            }
            LAST_PANIC.with_borrow_mut(|last| *last = info.to_string());
        }));
    });
}

/// Carries out a plan; the error is the first promise that was broken, or the assertion that failed.
pub fn run(
    plan: &Plan,
    plant: Option<Plant>,
    tallies: &mut Tallies,
    trace: &mut Trace,
) -> Result<(), Broken> {
    quiet_panics();
    let lived = catch_unwind(AssertUnwindSafe(|| live(plan, plant, tallies, trace)));
    lived.unwrap_or_else(|_| {
        let what = LAST_PANIC.with_borrow(|last| format!("an assertion failed: {last}"));
        Err(Broken(what))
    })
}

/// What became of many seeds.
pub struct Simulated {
    /// What happened in those that held.
    pub tallies: Tallies,
    /// How many held, in order from the first, before one failed.
    pub held: u64,
    /// The first that failed.
    pub failure: Option<Failure>,
}

/// Carries out the plans of these seeds on so many threads. What comes out does not depend on how
/// many: the failure is that of the first seed that fails.
pub fn simulate(seeds: Range<u64>, plant: Option<Plant>, threads: usize) -> Simulated {
    let next = AtomicU64::new(seeds.start);
    let failed_at = AtomicU64::new(u64::MAX);
    let outcome: Mutex<(Tallies, Option<Failure>)> = Mutex::default();
    let joined = || outcome.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || {
        let mut tallies = Tallies::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end || seed > failed_at.load(Ordering::Relaxed) {
                break;
            }
            let plan = Plan::of_seed(seed);
            let mut own = Tallies::default();
            match run(&plan, plant, &mut own, &mut Trace::default()) {
                Ok(()) => tallies.join(own),
                Err(broken) => {
                    failed_at.fetch_min(seed, Ordering::Relaxed);
                    let mut joined = joined();
                    if joined.1.as_ref().is_none_or(|first| seed < first.plan.seed) {
                        joined.1 = Some(Failure { plan, broken });
                    }
                }
            }
        }
        joined().0.join(tallies);
    };
    thread::scope(|scope| (0..threads.max(1)).for_each(|_| drop(scope.spawn(work))));
    let (tallies, failure) = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
    let end = failure.as_ref().map_or(seeds.end, |failure| failure.plan.seed);
    Simulated { tallies, held: end - seeds.start, failure }
}

/// The event log of one plan, and what it broke.
pub fn trace(plan: &Plan, plant: Option<Plant>) -> (Trace, Result<(), Broken>) {
    let mut trace = Trace::kept();
    let lived = run(plan, plant, &mut Tallies::default(), &mut trace);
    (trace, lived)
}
