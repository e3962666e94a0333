//! Results on their way to one socket: put in by other threads, sent by the socket's task.

use std::sync::{Arc, Mutex};

use deeds_pipeline::reply::Reply;
use deeds_values::CommandId;
use tokio::sync::Notify;

/// Results on their way: put in by other threads, sent by the socket's task.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) queue: Mutex<Vec<Settled>>,
    wake: Notify,
}

pub(crate) enum Settled {
    /// A command has its reply; none when it was dropped unanswered.
    Replied { id: CommandId, name: String, reply: Option<Reply> },
    /// A query has its answer: the message.
    Answered(Vec<u8>),
}

impl Results {
    pub(crate) fn put(&self, settled: Settled) {
        self.queue.lock().expect("nobody panics holding it").push(settled);
        self.wake.notify_one();
    }

    pub(crate) fn take(&self) -> Vec<Settled> {
        std::mem::take(&mut *self.queue.lock().expect("nobody panics holding it"))
    }

    /// Waits until there is something.
    pub(crate) async fn ready(&self) {
        while self.queue.lock().expect("nobody panics holding it").is_empty() {
            self.wake.notified().await;
        }
    }
}

/// Puts a command's reply into the queue; says so as well if it is dropped without one.
pub(crate) struct Replying {
    pub(crate) results: Arc<Results>,
    pub(crate) command: Option<(CommandId, String)>,
}

impl Replying {
    pub(crate) fn with(mut self, reply: Reply) {
        self.settle(Some(reply));
    }

    fn settle(&mut self, reply: Option<Reply>) {
        if let Some((id, name)) = self.command.take() {
            self.results.put(Settled::Replied { id, name, reply });
        }
    }
}

impl Drop for Replying {
    fn drop(&mut self) {
        self.settle(None);
    }
}
