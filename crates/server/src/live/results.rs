//! What is on its way to a socket besides ticks: results of its commands, and answers.
//!
//! Put in by other threads, sent by the socket's task. What a result needs besides the reply stays with
//! that task, in [`Underway`]: replies name it by its place.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use deeds_pipeline::reply::{Reply, ReplyTo};
use deeds_values::CommandId;
use tokio::sync::Notify;

use crate::problem::Problem;
use crate::replies::{Awaited, Replies, Waiting};

/// See the module.
pub(crate) struct Results {
    queue: Mutex<Vec<Settled>>,
    wake: Notify,
    /// Who wakes the socket's task when a frame has been answered.
    replies: Arc<Replies>,
}

pub(crate) enum Settled {
    /// The command at this place has its reply; none when it was dropped unanswered.
    Replied { place: u64, reply: Option<Reply> },
    /// A message that is not a result.
    Answered(Vec<u8>),
}

impl Results {
    pub(crate) fn new(replies: Arc<Replies>) -> Arc<Self> {
        Arc::new(Self { queue: Mutex::default(), wake: Notify::new(), replies })
    }

    /// Whether it is the only one there.
    fn push(&self, settled: Settled) -> bool {
        let mut queue = self.queue.lock().expect("nobody panics holding it");
        queue.push(settled);
        queue.len() == 1
    }

    pub(crate) fn put(&self, settled: Settled) {
        self.push(settled);
        self.wake();
    }

    /// The socket's task is to look.
    pub(crate) fn wake(&self) {
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

    /// Where the reply of the command at this place goes.
    pub(crate) fn reply_to(self: &Arc<Self>, place: u64) -> ReplyTo {
        let awaited = self.replies.expect_one();
        let replying = Replying { results: Arc::clone(self), place, awaited, is_told: false };
        Box::new(move |reply| replying.with(reply))
    }
}

/// Puts a command's reply into the queue; says so as well if it is dropped without one.
struct Replying {
    results: Arc<Results>,
    place: u64,
    awaited: Awaited,
    is_told: bool,
}

impl Replying {
    fn with(mut self, reply: Reply) {
        self.tell(Some(reply));
    }

    fn tell(&mut self, reply: Option<Reply>) {
        self.is_told = true;
        // Whoever put in the first one has seen to it that the task will look.
        if self.results.push(Settled::Replied { place: self.place, reply }) {
            self.awaited.put(Waiting::Socket(Arc::clone(&self.results)));
        }
    }
}

impl Drop for Replying {
    fn drop(&mut self) {
        if !self.is_told {
            self.tell(None);
        }
    }
}

/// A command without a result.
pub(crate) struct Sent {
    pub(crate) id: CommandId,
    pub(crate) name: String,
    /// How long its arguments are.
    pub(crate) bytes: usize,
    /// Why it was not taken in: then its reply is dropped.
    pub(crate) left_out: Option<Problem>,
}

/// The commands of a socket that have no result, by their places: numbers that rise by one.
#[derive(Default)]
pub(crate) struct Underway {
    /// The place of the first one in the list.
    first: u64,
    sent: VecDeque<Option<Sent>>,
    count: usize,
    bytes: usize,
}

impl Underway {
    /// How many, and how long their arguments are together.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.count, self.bytes)
    }

    /// The place of the one that is added next.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.sent.len() as u64
    }

    pub(crate) fn add(&mut self, sent: Sent) {
        self.count += 1;
        self.bytes += sent.bytes;
        self.sent.push_back(Some(sent));
    }

    pub(crate) fn get(&self, place: u64) -> &Sent {
        let at = usize::try_from(place - self.first).expect("few are underway");
        self.sent[at].as_ref().expect("it has no result yet")
    }

    pub(crate) fn leave_out(&mut self, place: u64, problem: Problem) {
        let sent = self.at(place).as_mut().expect("it has no result yet");
        sent.left_out = Some(problem);
    }

    pub(crate) fn take(&mut self, place: u64) -> Sent {
        let sent = self.at(place).take().expect("each has one result");
        self.count -= 1;
        self.bytes -= sent.bytes;
        while self.sent.front().is_some_and(Option::is_none) {
            self.sent.pop_front();
            self.first += 1;
        }
        sent
    }

    fn at(&mut self, place: u64) -> &mut Option<Sent> {
        let at = usize::try_from(place - self.first).expect("few are underway");
        self.sent.get_mut(at).expect("it was added")
    }
}
