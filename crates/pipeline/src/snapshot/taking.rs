//! Taking a snapshot: from an atom and the snapshotter's own books to chunks and a manifest.
//!
//! 1. The books are moved on to the atom's position by reading the records between.
//! 2. The Merkle root of the frame that ends there is read from the chronicle.
//! 3. Names, the duplicate window and the rows of each table are cut into chunks; those that the
//!    snapshot before named are on disk already.
//! 4. The manifest is published, and what nothing needs any more is removed.
//!
//! Nothing here is shared with the threads that decide and commit but the atom, which never changes,
//! and the chronicle's reader. `pace` is called between pieces of work of some tenths of a
//! millisecond, so that those who wait for the processor or the disk wait no longer: it may wait, and it
//! may break off. What was written then is found unnamed and removed.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::ops::ControlFlow;

use deeds_chronicle::{DiskError, ReadError, Reader};
use deeds_engine::app::App;
use deeds_engine::atom::Atom;
use deeds_engine::recorded::DecodeError;
use deeds_engine::snapshot::Entry;
use deeds_engine::table::AnyTable;
use deeds_values::{Bytes, Position};

use crate::bookkeeping::Ledger;
use crate::names::Namespace;
use crate::opening::OpenError;
use crate::snapshot::chunk::{CHUNK_BYTES_MAX, Chunk, ChunkId, Cutter};
use crate::snapshot::manifest::{self, ChunkReference, Manifest, Section};
use crate::snapshot::store::{Pace, Store};
use crate::snapshot::{SnapshotFinding, SnapshotInfo, Taken};

/// How many records are read between two calls of `pace`.
const PACE_RECORDS: u64 = 256;

/// How many bytes of entries are written between two calls of `pace`.
const PACE_BYTES: usize = 32 << 10;

/// In release one row in so many is read again as written: enough to notice a row type that does not
/// read back, for next to nothing.
const READ_BACK_EVERY: u64 = 256;

/// Why a snapshot was not taken. The older ones stay usable.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The disk failed.
    #[error("the disk failed")]
    Disk(#[from] DiskError),
    /// The chronicle could not be read.
    #[error("the chronicle could not be read")]
    Read(#[from] ReadError),
    /// A record could not be understood.
    #[error("a record could not be read")]
    Record(#[source] OpenError),
    /// A row does not come back as it was written, so it must not be restored.
    #[error("a row of `{table}` does not read back")]
    Row {
        /// The table.
        table: &'static str,
        /// What is wrong.
        source: DecodeError,
    },
    /// Commands would be refused for the room it takes.
    #[error("{free_bytes} bytes of the disk are free, and {needed_bytes} are needed")]
    NoRoom {
        /// What may be written.
        free_bytes: u64,
        /// What is kept free, and the size of the last snapshot.
        needed_bytes: u64,
    },
    /// It was broken off.
    #[error("it was broken off")]
    BrokenOff,
}

/// Takes snapshots of one app's atoms. Synchronous: [`crate::node`] runs it on a thread.
pub struct Snapshotter<A: App> {
    store: Store,
    reader: Reader,
    ledger: Ledger,
    made_by: String,
    keep_free_bytes: u64,
    chunk_bytes_max: usize,
    /// The last one, taken here or loaded: its chunks are known to be there and whole.
    latest: Option<Manifest>,
    /// Those that are of no use to anybody, to be removed.
    discarded: BTreeSet<Position>,
    app: PhantomData<fn() -> A>,
}

impl<A: App> Snapshotter<A> {
    /// Goes on after opening, with the books of the record that opening reached.
    pub(crate) fn new(
        store: Store,
        reader: Reader,
        ledger: Ledger,
        made_by: String,
        keep_free_bytes: u64,
        (latest, finding): (Option<Manifest>, &SnapshotFinding),
    ) -> Self {
        let useless = finding.discarded.iter().filter(|discarded| !discarded.why.is_for_others());
        let discarded = useless.map(|discarded| discarded.position).collect();
        let (chunk_bytes_max, app) = (CHUNK_BYTES_MAX, PhantomData);
        Self {
            store,
            reader,
            ledger,
            made_by,
            keep_free_bytes,
            chunk_bytes_max,
            latest,
            discarded,
            app,
        }
    }

    /// Cuts chunks at other than [`CHUNK_BYTES_MAX`]: small ones show in tests what large ones do.
    pub fn set_chunk_bytes_max(&mut self, bytes: usize) {
        assert!((256..=CHUNK_BYTES_MAX).contains(&bytes), "between 256 bytes and the limit");
        self.chunk_bytes_max = bytes;
    }

    /// The last snapshot, taken here or loaded.
    pub fn latest(&self) -> Option<SnapshotInfo> {
        self.latest.as_ref().map(Manifest::info)
    }

    /// Takes a snapshot of a published atom; none if the last one is of the same position.
    pub fn take(
        &mut self,
        atom: &Atom<A>,
        pace: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Option<Taken>, SnapshotError> {
        assert_eq!(atom.lineage, self.reader.lineage(), "an atom of this chronicle");
        if self.latest.as_ref().is_some_and(|latest| latest.position == atom.position) {
            return Ok(None);
        }
        self.look_for_room()?;
        let taken = self.write(atom, pace);
        // After a failure, too: a full disk wants the unnamed chunks back.
        let swept = self.store.sweep(&self.discarded, pace);
        let taken = taken?;
        swept?;
        self.discarded.clear();
        Ok(Some(taken))
    }

    /// A snapshot can be done without, and a command not: where room is kept free for commands it takes
    /// only what is to spare.
    fn look_for_room(&self) -> Result<(), SnapshotError> {
        let free_bytes = self.store.free_bytes();
        let needed_bytes = self.keep_free_bytes + self.latest().map_or(0, |latest| latest.bytes);
        if self.keep_free_bytes > 0 && free_bytes < needed_bytes {
            return Err(SnapshotError::NoRoom { free_bytes, needed_bytes });
        }
        Ok(())
    }

    fn write(&mut self, atom: &Atom<A>, pace: Pace<'_>) -> Result<Taken, SnapshotError> {
        self.read_up_to(atom.position, pace)?;
        assert_eq!(self.ledger.books.next, atom.position.next(), "the books are those of the atom");
        assert_eq!(self.ledger.time, atom.time, "the last record is the atom's");
        let root = self.reader.root_after(atom.position)?;
        let root = root.expect("an atom ends with a durable frame");
        self.store.prepare()?;

        let mut writing = Writing {
            store: &self.store,
            latest: self.latest.as_ref(),
            known: self.latest.iter().flat_map(Manifest::chunks).map(|chunk| chunk.id).collect(),
            chunk_bytes_max: self.chunk_bytes_max,
            pace,
            sections: Vec::new(),
            taken: Taken { position: atom.position, ..Taken::default() },
        };
        writing.books(&self.ledger)?;
        writing.tables(atom.state())?;
        let (sections, taken) = (writing.sections, writing.taken);
        let books = &self.ledger.books;
        let manifest = Manifest {
            app: A::NAME.to_owned(),
            lineage: atom.lineage,
            position: atom.position,
            time: atom.time,
            root: Bytes(root.0.to_vec()),
            made_by: self.made_by.clone(),
            window_commands: self.ledger.duplicates.capacity() as u64,
            horizon_ms: self.ledger.duplicates.horizon_ms(),
            secret: Bytes(books.secret.to_vec()),
            code: books.code.clone(),
            schema: books.schema.clone(),
            key: books.key.clone(),
            sections,
        };
        self.store.publish(&manifest)?;
        self.discarded.remove(&manifest.position);
        self.latest = Some(manifest);
        Ok(taken)
    }

    fn read_up_to(&mut self, position: Position, pace: Pace<'_>) -> Result<(), SnapshotError> {
        let mut stream = self.reader.stream(self.ledger.books.next);
        while self.ledger.books.next <= position {
            let record = stream.lend()?.expect("an atom's records are durable");
            self.ledger.one::<A>(&record).map_err(SnapshotError::Record)?;
            if self.ledger.books.next.0.is_multiple_of(PACE_RECORDS) && pace().is_break() {
                return Err(SnapshotError::BrokenOff);
            }
        }
        Ok(())
    }
}

/// A snapshot being written.
struct Writing<'a> {
    store: &'a Store,
    latest: Option<&'a Manifest>,
    /// Chunks that are on disk already, whole and durable.
    known: BTreeSet<ChunkId>,
    chunk_bytes_max: usize,
    pace: Pace<'a>,
    sections: Vec<Section>,
    taken: Taken,
}

/// Takes entries in rising order.
type Put<'a> = &'a mut dyn FnMut(Entry<'_>) -> ControlFlow<()>;

impl Writing<'_> {
    fn books(&mut self, ledger: &Ledger) -> Result<(), SnapshotError> {
        let Ledger { books, duplicates, .. } = ledger;
        self.section(manifest::NAMES, |put| {
            for (place, namespace) in (0u8..).zip(Namespace::ALL) {
                for (number, text) in (1u32..).zip(books.names.texts(namespace)) {
                    let mut key = [place; 5];
                    key[1..].copy_from_slice(&number.to_be_bytes());
                    put(Entry { key: &key, value: text.as_bytes() })?;
                }
            }
            ControlFlow::Continue(())
        })?;
        self.section(manifest::UNIQUE, |put| {
            for seen in duplicates.uniques() {
                let mut value = [0; 36];
                value[..8].copy_from_slice(&seen.time.0.to_le_bytes());
                value[8..12].copy_from_slice(&seen.actor.to_le_bytes());
                value[12..28].copy_from_slice(&seen.id);
                value[28..].copy_from_slice(&seen.fingerprint.0.to_le_bytes());
                put(Entry { key: &seen.position.0.to_be_bytes(), value: &value })?;
            }
            ControlFlow::Continue(())
        })?;
        self.section(manifest::NUMBERED, |put| {
            for seen in duplicates.numbers() {
                let key = [&seen.actor.to_be_bytes(), seen.source.as_bytes()].concat();
                let mut value = [0; 24];
                value[..8].copy_from_slice(&seen.position.0.to_le_bytes());
                value[8..16].copy_from_slice(&seen.number.to_le_bytes());
                value[16..].copy_from_slice(&seen.fingerprint.0.to_le_bytes());
                put(Entry { key: &key, value: &value })?;
            }
            ControlFlow::Continue(())
        })
    }

    fn tables<A: App>(&mut self, state: &A) -> Result<(), SnapshotError> {
        let mut outcome = Ok(());
        state.each(&mut |table| {
            if outcome.is_ok() {
                outcome = self.table(table);
            }
        });
        outcome
    }

    fn table(&mut self, table: &dyn AnyTable) -> Result<(), SnapshotError> {
        let mut wrong = None;
        let mut count: u64 = 0;
        let written = self.section(&manifest::rows_of(table.name()), |put| {
            table.each_entry(&mut |entry| {
                let looks = cfg!(debug_assertions) || count.is_multiple_of(READ_BACK_EVERY);
                if looks && let Err(source) = table.reads_back(entry) {
                    wrong = Some(SnapshotError::Row { table: table.name(), source });
                    return ControlFlow::Break(());
                }
                count += 1;
                put(entry)
            })
        });
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
        written?;
        let rows = self.sections.last().expect("just written").rows();
        assert_eq!(rows, table.row_count() as u64, "every row is in a chunk");
        self.taken.rows += rows;
        Ok(())
    }

    /// Writes the entries that `each` puts; what stops it is the error.
    fn section(
        &mut self,
        name: &str,
        each: impl FnOnce(Put<'_>) -> ControlFlow<()>,
    ) -> Result<(), SnapshotError> {
        let before = self.latest.and_then(|latest| latest.section(name));
        // The first chunk starts where the entries start, wherever that is.
        let cuts = before.iter().flat_map(|section| section.chunks.iter().skip(1));
        let cuts = cuts.map(|chunk| chunk.first_key.to_vec());
        let mut cutter = Cutter::new(self.chunk_bytes_max, cuts);
        let mut chunks = Vec::new();
        let mut failed = None;
        let mut since_pace = 0;
        let put = each(&mut |entry| {
            cutter.push(entry);
            since_pace += entry.key.len() + entry.value.len();
            if since_pace >= PACE_BYTES {
                since_pace = 0;
                (self.pace)()?;
            }
            while let Some(chunk) = cutter.take() {
                match self.put(chunk) {
                    Ok(chunk) => chunks.push(chunk),
                    Err(error) => {
                        failed = Some(error);
                        return ControlFlow::Break(());
                    }
                }
            }
            ControlFlow::Continue(())
        });
        if let Some(error) = failed {
            return Err(error);
        }
        if put.is_break() {
            return Err(SnapshotError::BrokenOff);
        }
        cutter.finish();
        while let Some(chunk) = cutter.take() {
            chunks.push(self.put(chunk)?);
        }
        self.sections.push(Section { name: name.to_owned(), chunks });
        Ok(())
    }

    fn put(&mut self, chunk: Chunk) -> Result<ChunkReference, SnapshotError> {
        let bytes = chunk.bytes.len() as u64;
        let ControlFlow::Continue(id) = ChunkId::of_in_pieces(&chunk.bytes, self.pace) else {
            return Err(SnapshotError::BrokenOff);
        };
        self.taken.bytes += bytes;
        if self.known.insert(id) {
            if self.store.write_chunk(id, &chunk.bytes, self.pace)?.is_break() {
                return Err(SnapshotError::BrokenOff);
            }
            self.taken.chunks_written += 1;
            self.taken.bytes_written += bytes;
        } else {
            self.taken.chunks_kept += 1;
        }
        Ok(ChunkReference { id, first_key: Bytes(chunk.first_key), rows: chunk.rows, bytes })
    }
}
