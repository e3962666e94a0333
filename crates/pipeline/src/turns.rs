//! What the engine's thread and the chronicle's do, turn by turn: see [`crate::node`] for who waits for
//! whom.

// Part of the shell: see `node`.
#![allow(clippy::disallowed_methods)]

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use deeds_engine::app::App;

use crate::inbox::Stage;
use crate::node::Shared;
use crate::pipeline::{Decider, Frame, Publisher};
use crate::reply::{Reply, Submission};
use crate::report::chain;
use crate::snapshot::thread::SnapshotThread;

/// How many submissions the engine takes from the queue at once: few enough that the lock is held
/// briefly.
const SUBMISSIONS_PER_TURN: usize = 256;

/// So long the engine thread looks again for work before it sleeps. Who waits for each answer sends the
/// next command within that time, and to wake a thread takes as long as to decide five commands.
const LOOK_AGAIN: Duration = Duration::from_micros(50);

/// What the engine thread is to do next.
enum Turn<'a, A: App> {
    /// Decide what was taken from the queue as far as the frame has room, then commit the frame if
    /// there is a publisher for it.
    Decide {
        publisher: Option<Lent<'a, A>>,
        is_alone: bool,
    },
    End,
}

/// The publisher, in the hands of a thread: it goes back into the inbox, whatever happens, so that it
/// outlives the snapshots' thread.
struct Lent<'a, A: App> {
    shared: &'a Shared<A>,
    publisher: Option<Box<Publisher<A>>>,
}

/// A frame on its way to the chronicle thread, and what commits it.
pub(crate) type Committing<A> = (Box<Publisher<A>>, Frame);

impl<'a, A: App> Lent<'a, A> {
    fn new(shared: &'a Shared<A>, publisher: Box<Publisher<A>>) -> Self {
        Self { shared, publisher: Some(publisher) }
    }

    /// Commits a frame. False after a failure: then the node has failed.
    fn commit(mut self, frame: Frame) -> bool {
        let began = Instant::now();
        let publisher = self.publisher.as_mut().expect("it is lent");
        if let Err(error) = publisher.commit(frame) {
            self.shared.fail(failure(&error));
            return false;
        }
        let spent = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.shared.counters.lock().expect("nobody panics holding counters").append_us += spent;
        true
    }
}

impl<A: App> Drop for Lent<'_, A> {
    fn drop(&mut self) {
        if let Some(publisher) = self.publisher.take() {
            let mut inbox = self.shared.inbox();
            inbox.publisher = Some(publisher);
            self.shared.wake(inbox);
        }
    }
}

/// Waits for something to do. What is taken from the queue goes behind `taken`.
fn next_turn<'a, A: App>(
    shared: &'a Shared<A>,
    decider: &mut Decider<A>,
    taken: &mut VecDeque<Submission<A>>,
) -> Turn<'a, A> {
    let began = Instant::now();
    let mut inbox = shared.inbox();
    loop {
        if std::mem::take(&mut inbox.confirm_clock) {
            decider.engine().clock().confirm(shared.now());
        }
        inbox.clock_stopped = decider.engine().clock().is_stopped();
        let frame = decider.frame();
        if taken.is_empty() && !frame.is_full() {
            let next = std::iter::from_fn(|| inbox.queue.pop());
            taken.extend(next.take(SUBMISSIONS_PER_TURN));
        }
        let waiting = !taken.is_empty() && !frame.is_full();
        let commit = inbox.publisher.is_some() && (!frame.is_empty() || waiting);
        let idle = taken.is_empty() && inbox.queue.is_empty() && frame.is_empty();
        match inbox.stage {
            Stage::Failed(_) | Stage::Closed => return Turn::End,
            Stage::Stopping if idle => return Turn::End,
            Stage::Serving | Stage::Stopping if waiting || commit => {
                let is_alone = frame.is_empty() && taken.len() == 1 && inbox.queue.is_empty();
                let publisher = if commit { inbox.publisher.take() } else { None };
                let publisher = publisher.map(|publisher| Lent::new(shared, publisher));
                return Turn::Decide { publisher, is_alone };
            }
            Stage::Serving | Stage::Stopping => {}
        }
        if idle && began.elapsed() < LOOK_AGAIN {
            drop(inbox);
            thread::yield_now();
            inbox = shared.inbox();
            continue;
        }
        inbox.engine_waits = true;
        inbox = shared.wake_engine.wait(inbox).expect("nobody panics holding the inbox");
    }
}

/// The engine thread.
pub(crate) fn run_engine<A: App>(
    shared: &Shared<A>,
    mut decider: Decider<A>,
    frames: &SyncSender<Committing<A>>,
) {
    // Taken from the queue and not decided: a frame can be full before a turn is over.
    let mut taken = VecDeque::new();
    while let Turn::Decide { publisher, is_alone } = next_turn(shared, &mut decider, &mut taken) {
        while !decider.frame().is_full()
            && let Some(submission) = taken.pop_front()
        {
            let now = shared.now();
            shared.watch.command.store(submission.command.index, Ordering::Relaxed);
            shared.watch.since_us.store(now.monotonic_us.max(1), Ordering::Relaxed);
            decider.decide(submission, now);
        }
        shared.watch.since_us.store(0, Ordering::Relaxed);
        let Some(mut lent) = publisher else { continue };
        if is_alone {
            lent.commit(decider.take_frame());
            continue;
        }
        let publisher = lent.publisher.take().expect("it is lent");
        if frames.send((publisher, decider.take_frame())).is_err() {
            break;
        }
    }
    decider.take_frame().abandon();
    for submission in taken {
        (submission.reply)(Reply::Unknown);
    }
}

/// The chronicle thread.
pub(crate) fn run_chronicle<A: App>(
    shared: &Shared<A>,
    snapshots: SnapshotThread,
    frames: &Receiver<Committing<A>>,
) {
    while let Ok((publisher, frame)) = frames.recv() {
        if !Lent::new(shared, publisher).commit(frame) {
            break;
        }
    }
    // The engine thread has ended: everything taken in is committed, or the node has failed. The
    // publisher holds the lock under which snapshots are written, so it outlives their thread.
    drop(snapshots);
    let (publisher, stopping) = {
        let mut inbox = shared.inbox();
        (inbox.publisher.take(), inbox.stage == Stage::Stopping)
    };
    let Some(publisher) = publisher.filter(|_| stopping) else { return };
    match publisher.close() {
        Ok(()) => {
            shared.inbox().stage = Stage::Closed;
            shared.wake_stopper.notify_all();
        }
        Err(error) => shared.fail(failure(&error)),
    }
}

fn failure(error: &dyn std::error::Error) -> String {
    format!("the chronicle failed: {}", chain(error))
}
