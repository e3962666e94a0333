//! The chronicle on disk: an append-only log of records, framed, hashed and made durable, and
//! everything needed to trust it again after a crash. `docs/format.md` is its contract.
//!
//! In reading order:
//! - [`disk`]: what the chronicle asks of a disk, and the real one;
//! - [`body`], [`record`]: bodies, their commitments, and the header that is a record's leaf;
//! - [`merkle`], `tiles`: the RFC 6962 tree over the headers, in memory and on disk;
//! - [`checksum`], [`frame`], [`segment`]: the bytes of one group commit and of the files that hold
//!   them;
//! - `reserve`: room that is given back when the disk is full;
//! - `mark`, [`guard`]: how far the disk is known to have synced, inside and outside the directory;
//! - [`writer`]: append: hash, write, sync; `head`: the file it appends to; `seal`: the split of full segments;
//! - `window`, `scan`, `proof`, `catalog`: reading frames and proving them, segment by segment;
//! - [`recovery`]: opening after anything: torn or damaged; `retiling`: tiles written anew;
//! - [`reader`], [`stream`]: durable records from any position, beside a live writer;
//! - `frames`, [`archive`], [`backup`], [`mod@restore`]: whole frames, copied to an archive beside a
//!   live writer; `copies`: records from there into a new lineage;
//! - [`note`], [`checkpoint`]: signed notes, and what they say of the tree; [`consistency`]: proofs that
//!   one tree is the beginning of another; `last_signed`: so that no other history is signed later;
//! - [`mod@verify`]: every hash, checksum and body proved again.
//!
//! Nothing here reads a clock or draws randomness: times and salts come from the caller.

#![forbid(unsafe_code)]

pub mod archive;
pub mod backup;
pub mod body;
mod catalog;
pub mod checkpoint;
pub mod checksum;
pub mod consistency;
mod copies;
pub mod disk;
mod durable_file;
pub mod frame;
mod frames;
pub mod guard;
mod head;
mod last_signed;
mod mark;
pub mod merkle;
pub mod note;
#[cfg(feature = "plant")]
pub mod plant;
mod proof;
pub mod reader;
pub mod record;
pub mod recovery;
mod reserve;
pub mod restore;
mod retiling;
mod scan;
mod seal;
pub mod segment;
pub mod stream;
mod tiles;
pub mod verify;
mod window;
pub mod writer;

pub use archive::{Archived, Marker, OwnerId};
pub use backup::{Backup, BackupError, Copied};
pub use body::{Body, BodyClass, BodyDraft, CommitmentKind};
pub use checkpoint::{Checkpoint, CheckpointError, Origin, TreeHead};
pub use disk::{Attempt, Disk, DiskError, DiskFile, RealDisk};
pub use frame::{FRAME_BYTES_MAX, FrameIndex};
pub use guard::GuardFile;
pub use last_signed::LastSigned;
pub use merkle::Hash;
pub use reader::{Info, ReadError, Reader};
pub use record::{
    Outcome, Record, RecordDraft, RecordHeader, RecordKind, RecordRef, StoredCommandId,
};
pub use recovery::{Damage, GuardFinding, OpenError, Recovered, Torn};
pub use reserve::RESERVE_BYTES;
pub use restore::{Cut, RestoreError, Restored, restore};
pub use stream::Stream;
pub use verify::{Comparison, Progress, Verified, VerifyError, verify, verify_against};
pub use writer::{AppendError, Appended, SealJob, Sealing, Writer, WriterOptions};
