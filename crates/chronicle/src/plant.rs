//! Faults planted on purpose, so that tests and the simulator can show that they would notice.
//! Compiled only with the feature `plant`, which no release has.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

thread_local! {
    static CHECKSUMS_IGNORED: Cell<bool> = const { Cell::new(false) };
}
static CHECKSUMS_IGNORED_EVERYWHERE: AtomicBool = AtomicBool::new(false);
static CUT_AT_BAD_CHECKSUM: AtomicBool = AtomicBool::new(false);

/// Makes every checksum hold on this thread, or not.
pub fn ignore_checksums(ignored: bool) {
    CHECKSUMS_IGNORED.set(ignored);
}

/// Makes every checksum hold from here on, on all threads.
pub fn ignore_checksums_everywhere() {
    CHECKSUMS_IGNORED_EVERYWHERE.store(true, Ordering::Relaxed);
}

/// From here on recovery takes every bad frame for a torn one, whatever is known to be durable.
pub fn cut_at_bad_checksums() {
    CUT_AT_BAD_CHECKSUM.store(true, Ordering::Relaxed);
}

pub(crate) fn checksums_are_ignored() -> bool {
    CHECKSUMS_IGNORED.get() || CHECKSUMS_IGNORED_EVERYWHERE.load(Ordering::Relaxed)
}

pub(crate) fn bad_checksums_cut() -> bool {
    CUT_AT_BAD_CHECKSUM.load(Ordering::Relaxed)
}
