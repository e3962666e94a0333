//! Replies on their way from the chronicle's thread to those who wait for them: it wakes one task, which
//! hands them out, and not one for each.
//!
//! Waking a task from outside the runtime takes a lock and often a system call; from inside next to
//! nothing. A frame answers hundreds. While one command alone is under way the task does not sleep at
//! once, and keeps the network's thread awake: who waits for each answer has it a quarter sooner.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

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

/// So long the network's thread looks again before it sleeps while one command alone is under way, and
/// after its reply: to be woken for a reply, and for the next command, takes longer than all it does.
const LOOK_AGAIN: Duration = Duration::from_micros(200);

/// See the module.
pub(crate) struct Replies {
    waiting: Mutex<Vec<Waiting>>,
    wake: Notify,
    /// How many replies have not come.
    awaited: AtomicUsize,
    look_again: Duration,
}

/// A reply that has not come.
pub(crate) struct Awaited(Arc<Replies>);

impl Awaited {
    /// It came, for these.
    pub(crate) fn put(&self, waiting: Waiting) {
        self.0.put(waiting);
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.0.awaited.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Replies {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        // On one core it would keep the engine from working.
        let look_again = if cores > 1 { LOOK_AGAIN } else { Duration::ZERO };
        Self {
            waiting: Mutex::default(),
            wake: Notify::new(),
            awaited: AtomicUsize::new(0),
            look_again,
        }
    }
}

impl Replies {
    /// A command is on its way.
    pub(crate) fn expect_one(self: &Arc<Self>) -> Awaited {
        if self.awaited.fetch_add(1, Ordering::Relaxed) == 0 && self.look_again > Duration::ZERO {
            self.wake.notify_one();
        }
        Awaited(Arc::clone(self))
    }

    /// From any thread; does not block.
    fn put(&self, waiting: Waiting) {
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
            let mut looks_until = Instant::now() + self.look_again;
            loop {
                if self.hand_out_those() {
                    looks_until = Instant::now() + self.look_again;
                }
                let is_alone = self.awaited.load(Ordering::Relaxed) <= 1;
                if !is_alone || Instant::now() >= looks_until {
                    break;
                }
                // First to other threads: the client that was just answered may wait for this core.
                thread::yield_now();
                tokio::task::yield_now().await;
            }
        }
    }

    /// Whether there were any.
    fn hand_out_those(&self) -> bool {
        let all = std::mem::take(&mut *self.waiting.lock().expect("nobody panics holding it"));
        let were_any = !all.is_empty();
        for waiting in all {
            match waiting {
                // Nobody may be waiting any more: the client has gone. It is recorded all the same.
                Waiting::Request(sender, reply) => drop(sender.send(reply)),
                Waiting::Socket(results) => results.wake(),
            }
        }
        were_any
    }
}

#[cfg(test)]
mod tests {
    use deeds_values::Position;

    use super::*;

    #[tokio::test]
    async fn a_reply_is_handed_out_while_the_task_looks_and_while_it_sleeps() {
        let replies = Arc::new(Replies::default());
        tokio::spawn(Arc::clone(&replies).hand_out());
        for rest in [Duration::ZERO, 3 * LOOK_AGAIN] {
            let awaited = replies.expect_one();
            tokio::time::sleep(rest).await;
            let (sender, receiver) = oneshot::channel();
            awaited.put(Waiting::Request(sender, Reply::Recorded(Position(7))));
            drop(awaited);
            assert!(matches!(receiver.await, Ok(Reply::Recorded(Position(7)))));
        }
    }

    #[test]
    fn what_is_dropped_without_a_reply_is_awaited_no_longer() {
        let replies = Arc::new(Replies::default());
        let both = [replies.expect_one(), replies.expect_one()];
        assert_eq!(replies.awaited.load(Ordering::Relaxed), 2);
        drop(both);
        assert_eq!(replies.awaited.load(Ordering::Relaxed), 0);
    }
}
