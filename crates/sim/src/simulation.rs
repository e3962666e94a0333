//! Many seeds: each makes a plan, which is carried out; one that fails is made as short as it can be
//! and kept.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::larder::STUMBLE;
use crate::life::live;
use crate::oracle::Broken;
use crate::plan::Plan;
use crate::plants::Plant;
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
