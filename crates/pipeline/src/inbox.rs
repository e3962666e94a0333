//! What lies before the engine thread, behind one lock: the queue, and what it waits for.

use deeds_engine::app::App;

use crate::host::OnStop;
use crate::pipeline::Publisher;
use crate::queue::{FairQueue, Full, QueueLimits};
use crate::reply::{Submission, SubmitError};

/// See the module.
pub(crate) struct Inbox<A: App> {
    pub(crate) queue: FairQueue<Submission<A>>,
    /// What commits a frame, while no thread does.
    pub(crate) publisher: Option<Box<Publisher<A>>>,
    /// Whether the engine thread waits: waking one that does not is a system call for nothing.
    pub(crate) engine_waits: bool,
    pub(crate) confirm_clock: bool,
    pub(crate) clock_stopped: bool,
    pub(crate) stage: Stage,
    /// Called when the node has failed.
    pub(crate) on_stop: Vec<OnStop>,
    pub(crate) busy: u64,
}

/// How far the node is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Serving,
    /// Deciding and committing what was taken in.
    Stopping,
    /// The chronicle is closed.
    Closed,
    Failed(String),
}

impl<A: App> Inbox<A> {
    pub(crate) fn new(queue: QueueLimits, publisher: Publisher<A>) -> Self {
        Self {
            queue: FairQueue::new(queue),
            publisher: Some(Box::new(publisher)),
            on_stop: Vec::new(),
            engine_waits: false,
            confirm_clock: false,
            clock_stopped: false,
            stage: Stage::Serving,
            busy: 0,
        }
    }

    /// Puts a command into its actor's line.
    pub(crate) fn take_in(&mut self, submission: Submission<A>) -> Result<(), SubmitError> {
        if self.stage != Stage::Serving {
            return Err(SubmitError::Stopping);
        }
        let actor = submission.caller.actor.clone();
        self.queue.push(&actor, submission).map_err(|full| {
            self.busy += 1;
            let limits = self.queue.limits();
            match full {
                Full::Actor => SubmitError::ActorFull { limit: limits.commands_per_actor_max },
                Full::Queue => SubmitError::QueueFull { limit: limits.commands_max },
            }
        })
    }
}
