//! A stopwatch that stands still while others have the processor: on a busy machine the time that
//! passes says more about the others.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How long this thread has been on a processor.
pub(crate) fn on_processor() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).expect("time on the processor only grows");
    let nanoseconds = u32::try_from(time.tv_nsec).expect("below a second");
    Duration::new(seconds, nanoseconds)
}

/// What the thread spends on the processor for this.
pub(crate) fn spent<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = on_processor();
    let made = work();
    (on_processor() - began, made)
}
