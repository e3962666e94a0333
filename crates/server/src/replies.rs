//! Replies on their way from the chronicle's thread to those who wait for them: it wakes one task, which
//! hands them out, and not one for each.
//!
//! Waking a task from outside the runtime takes a lock and often a system call; from inside next to
//! nothing. A frame answers hundreds.

use std::sync::{Arc, Mutex};

use deeds_pipeline::reply::Reply;
use tokio::sync::{Notify, oneshot};

use crate::live::results::Results;

/// Who waits.
pub(crate) enum Waiting {
    /// A request, for this reply.
    Request(oneshot::Sender<Reply>, Reply),
    /// A socket, for what lies in its queue.
    Socket(Arc<Results>),
}

/// See the module.
#[derive(Default)]
pub(crate) struct Replies {
    waiting: Mutex<Vec<Waiting>>,
    wake: Notify,
}

impl Replies {
    /// From any thread; does not block.
    pub(crate) fn put(&self, waiting: Waiting) {
        let mut all = self.waiting.lock().expect("nobody panics holding it");
        let is_first = all.is_empty();
        all.push(waiting);
        drop(all);
        if is_first {
            self.wake.notify_one();
        }
    }

    /// What the task does, for as long as the server runs.
    pub(crate) async fn hand_out(self: Arc<Self>) {
        loop {
            self.wake.notified().await;
            let all = std::mem::take(&mut *self.waiting.lock().expect("nobody panics holding it"));
            for waiting in all {
                match waiting {
                    // Nobody may be waiting any more: the client has gone. It is recorded all the same.
                    Waiting::Request(sender, reply) => drop(sender.send(reply)),
                    Waiting::Socket(results) => results.wake(),
                }
            }
        }
    }
}
