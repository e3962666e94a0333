//! A fault planted on purpose, so that the simulator can show that it would notice. Compiled only
//! with the feature `plant`, which no release has.

use std::sync::atomic::{AtomicBool, Ordering};

static DUPLICATES_FORGOTTEN: AtomicBool = AtomicBool::new(false);

/// From here on a restart forgets which commands were seen before.
pub fn forget_duplicates() {
    DUPLICATES_FORGOTTEN.store(true, Ordering::Relaxed);
}

pub(crate) fn duplicates_are_forgotten() -> bool {
    DUPLICATES_FORGOTTEN.load(Ordering::Relaxed)
}
