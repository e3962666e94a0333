//! The chronicle on disk: an append-only log of records, framed, hashed and made durable, and
//! everything needed to trust it again after a crash. `docs/format.md` is its contract.
//!
//! In reading order:
//! - [`disk`]: what the chronicle asks of a disk, and the real one;
//! - [`body`], [`record`]: a record's bodies, their commitments, and the header that is its leaf;
//! - [`merkle`]: the RFC 6962 tree over the headers;
//! - [`frame`]: the bytes of one group commit and of the files that hold them;
//! - [`writer`]: append: hash, write, sync;
//! - [`recovery`]: opening after anything: torn or damaged;
//! - [`reader`]: durable records from any position, beside a live writer;
//! - [`mod@verify`]: every hash, checksum and body proved again.
//!
//! Nothing here reads a clock or draws randomness: times and salts come from the caller.

#![forbid(unsafe_code)]

pub mod body;
pub mod disk;
pub mod frame;
pub mod guard;
pub mod merkle;
pub mod reader;
pub mod record;
pub mod recovery;
pub mod verify;
pub mod writer;

pub use body::{Body, BodyClass, BodyDraft, CommitmentKind};
pub use disk::{Disk, DiskFile, RealDisk};
pub use frame::{FRAME_BYTES_MAX, FrameIndex};
pub use guard::GuardFile;
pub use merkle::Hash;
pub use reader::{Info, ReadError, Reader, Stream};
pub use record::{Outcome, Record, RecordDraft, RecordHeader, RecordKind, StoredCommandId};
pub use recovery::{Damage, OpenError, Recovered, Torn};
pub use verify::{Progress, Verified, VerifyError, verify};
pub use writer::{AppendError, Appended, SealJob, Sealing, Writer, WriterOptions};
