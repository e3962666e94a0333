//! What goes into the pipeline and what comes out: submissions and replies.

use deeds_engine::actor::Roles;
use deeds_engine::app::App;
use deeds_engine::command::{ArgumentError, Parsed};
use deeds_values::{ActorId, CommandId, Position, Timestamp};

/// Who sends a command or asks a query, verified by the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The actor.
    pub actor: ActorId,
    /// The roles of its token; those of the state are added when it is decided.
    pub roles: Roles,
    /// How it was authenticated, like `jwt:food-bank` or `local`; recorded, so without secrets.
    pub credential: String,
}

impl Caller {
    /// The credential and the token's roles as one text, for interning.
    pub(crate) fn credential_text(&self) -> String {
        let roles: Vec<&str> = self.roles.names().collect();
        if roles.is_empty() {
            self.credential.clone()
        } else {
            format!("{} as {}", self.credential, roles.join(", "))
        }
    }
}

/// A command on its way to the engine.
pub struct Submission<A: App> {
    /// Who sends it.
    pub caller: Caller,
    /// What makes it the same command when sent again.
    pub id: CommandId,
    /// The command, parsed.
    pub command: Parsed<A>,
    /// Where the reply goes.
    pub reply: ReplyTo,
}

/// Called once, on the thread that commits, when the reply may leave: it must not block.
pub type ReplyTo = Box<dyn FnOnce(Reply) + Send>;

/// What became of a submission. Sent only when every record it was decided on is durable and
/// published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Accepted and recorded.
    Accepted {
        /// The position of the record.
        position: Position,
        /// The answer, as MessagePack.
        answer: Vec<u8>,
    },
    /// Refused and recorded.
    Refused {
        /// The position of the record.
        position: Position,
        /// `{code, message, data}`, as MessagePack.
        refusal: Vec<u8>,
    },
    /// The app's code failed; the intent is recorded.
    Bug {
        /// The position of the record.
        position: Position,
        /// What to name to the operators.
        reference: String,
    },
    /// A duplicate: what became of it is recorded at this position, see `recall`.
    Recorded(Position),
    /// Not allowed; the reason may be shown to the actor.
    Denied(String),
    /// The id was used for other content, recorded at this position.
    Conflict(Position),
    /// The id is too old to be known; the command was not run.
    Gone,
    /// The id's clock or the server's is off; this is the server's time.
    Clock(Timestamp),
    /// The disk is almost full; the command was not run.
    NoRoom,
    /// The process is stopping; the command was not run.
    Stopping,
    /// The chronicle failed while the command was on its way: repeat it with the same id.
    Unknown,
}

/// Why a command was not taken in. Nothing was recorded and nothing will be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The app has no such command.
    #[error("there is no command `{0}`")]
    UnknownCommand(String),
    /// The arguments do not fit it.
    #[error("{0}")]
    Arguments(ArgumentError),
    /// The arguments are longer than `ARGUMENT_BYTES_MAX`.
    #[error("the arguments are longer than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// This actor has its fill of commands waiting.
    #[error("{limit} commands of this actor are waiting already")]
    ActorFull {
        /// The limit.
        limit: usize,
    },
    /// The queue is full.
    #[error("{limit} commands are waiting already")]
    QueueFull {
        /// The limit.
        limit: usize,
    },
    /// The process is stopping.
    #[error("the server is stopping")]
    Stopping,
    /// The app's code failed over the arguments.
    #[error("parsing the arguments panicked")]
    Panicked,
}
