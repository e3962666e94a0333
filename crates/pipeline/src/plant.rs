//! A fault planted on purpose, so that the simulator can show that it would notice. Compiled only
//! with the feature `plant`, which no release has.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::reply::{Reply, ReplyTo};

static ANSWERS_LEAVE_EARLY: AtomicBool = AtomicBool::new(false);

/// From here on replies leave before their frame is durable.
pub fn let_answers_leave_early() {
    ANSWERS_LEAVE_EARLY.store(true, Ordering::Relaxed);
}

pub(crate) fn answer_early(replies: &mut Vec<(ReplyTo, Reply)>) {
    if ANSWERS_LEAVE_EARLY.load(Ordering::Relaxed) {
        replies.drain(..).for_each(|(reply_to, reply)| reply_to(reply));
    }
}
