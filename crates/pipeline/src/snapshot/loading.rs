//! Loading a snapshot: the newest one that agrees with the chronicle and the code, into an engine.
//!
//! The manifest is held against the chronicle (lineage, its end, the Merkle root of the frame that
//! ends at its position) and the code. Then every chunk is proved by its hash and its rows are
//! decoded, on as many threads as there are cores; the tables are built from the sorted parts.
//! Whatever is wrong, the snapshot is discarded with the reason, and the next older one is tried.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use deeds_chronicle::{ReadError, Reader};
use deeds_engine::app::App;
use deeds_engine::duplicates::{Duplicates, Fingerprint, RememberedNumber, RememberedUnique};
use deeds_engine::engine::{Engine, EngineOptions};
use deeds_engine::snapshot::{Entry, ReadRows};
use deeds_engine::table::AnyTable;
use deeds_values::{Position, Timestamp};

use crate::bookkeeping::{Books, Ledger};
use crate::names::{Names, Namespace};
use crate::replay::Replay;
use crate::report::chain;
use crate::snapshot::chunk::Entries;
use crate::snapshot::manifest::{self, ChunkReference, Manifest};
use crate::snapshot::store::Store;
use crate::snapshot::{Discarded, Unfit};

/// No more threads than this decode: beyond, the disk and building the tables take the time.
const THREADS_MAX: usize = 16;

/// A snapshot in an engine, ready for the records after it.
pub(crate) struct Loaded<A: App> {
    pub(crate) manifest: Manifest,
    pub(crate) replay: Replay<A>,
}

/// Loads the newest snapshot that fits. `progress` is told of the positions it stands for, in
/// proportion to the bytes that were read.
pub(crate) fn load_newest<A: App>(
    store: &Store,
    reader: &Reader,
    (options, code): (EngineOptions, &str),
    progress: &mut dyn FnMut(Position, Position),
) -> Result<(Option<Loaded<A>>, Vec<Discarded>), ReadError> {
    let end = reader.end()?;
    let mut discarded = Vec::new();
    // A directory that cannot be listed is as good as none.
    for position in store.positions().unwrap_or_default() {
        let judged = match store.manifest(position) {
            Ok(manifest) => judge::<A>(manifest, reader, end, (options, code))?,
            Err(why) => Err(why),
        };
        let mut told = |done: u64| progress(Position(done), end);
        match judged.and_then(|manifest| load::<A>(store, manifest, options, &mut told)) {
            Ok(loaded) => return Ok((Some(loaded), discarded)),
            Err(why) => discarded.push(Discarded { position, why }),
        }
    }
    Ok((None, discarded))
}

/// Holds a manifest against the chronicle and the code.
fn judge<A: App>(
    manifest: Manifest,
    reader: &Reader,
    end: Position,
    (options, code): (EngineOptions, &str),
) -> Result<Result<Manifest, Unfit>, ReadError> {
    if manifest.app != A::NAME || manifest.lineage != reader.lineage() {
        let found = format!("{} {}", manifest.app, manifest.lineage);
        return Ok(Err(Unfit::OtherChronicle { found }));
    }
    if manifest.position >= end {
        return Ok(Err(Unfit::Ahead { end }));
    }
    let root = reader.root_after(manifest.position)?;
    if root.is_none() || root != manifest.root() {
        return Ok(Err(Unfit::OtherHistory));
    }
    if manifest.made_by != code {
        return Ok(Err(Unfit::OtherCode { found: manifest.made_by }));
    }
    if manifest.window_commands != options.window_commands as u64 {
        return Ok(Err(Unfit::OtherWindow { found: manifest.window_commands }));
    }
    Ok(Ok(manifest))
}

/// What was made of a chunk.
enum Piece {
    /// Of the books: its entries as they are.
    Book { bytes: Vec<u8>, rows: u64 },
    /// Of a table.
    Rows(ReadRows),
}

/// By section, in order.
type Pieces = BTreeMap<String, Vec<Piece>>;

fn load<A: App>(
    store: &Store,
    manifest: Manifest,
    options: EngineOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Loaded<A>, Unfit> {
    let mut pieces = read_all::<A>(store, &manifest, progress)?;
    let malformed = |what: &str| Unfit::Damaged {
        file: format!("the snapshot at {}", manifest.position),
        what: what.to_owned(),
    };
    let books = books(&manifest, &mut pieces).ok_or_else(|| malformed("its books are wrong"))?;
    let duplicates =
        window(&manifest, &mut pieces).ok_or_else(|| malformed("its window is wrong"))?;
    let mut engine = Engine::<A>::new(books.secret, options);
    engine.record_changes(false);
    let mut tables = pieces;
    let fill = |state: &mut A| {
        state.each_mut(|table: &mut dyn AnyTable| {
            let parts = tables.remove(&manifest::rows_of(table.name())).unwrap_or_default();
            let rows = parts.into_iter().map(|piece| match piece {
                Piece::Rows(rows) => rows,
                Piece::Book { .. } => unreachable!("chunks of tables were read as rows"),
            });
            table.fill(rows.collect());
        });
    };
    engine.fill(fill);
    if !tables.is_empty() {
        return Err(malformed("it holds what this code has no place for"));
    }
    let ledger = Ledger::new::<A>(books, duplicates, manifest.time);
    let replay = Replay::after(engine, ledger).ok_or_else(|| malformed("its actors are wrong"))?;
    Ok(Loaded { replay, manifest })
}

/// Reads, proves and decodes all chunks, side by side; by section, in order.
#[expect(clippy::disallowed_methods, reason = "decoding is the same on any number of threads")]
fn read_all<A: App>(
    store: &Store,
    manifest: &Manifest,
    progress: &mut dyn FnMut(u64),
) -> Result<Pieces, Unfit> {
    let empty = A::live();
    let work: Vec<(&str, &ChunkReference)> = manifest
        .sections
        .iter()
        .flat_map(|section| section.chunks.iter().map(|chunk| (section.name.as_str(), chunk)))
        .collect();
    let total: u64 = work.iter().map(|(_, chunk)| chunk.bytes).sum();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(THREADS_MAX).min(work.len());
    let next = AtomicUsize::new(0);
    let mut pieces: Vec<Option<Piece>> = work.iter().map(|_| None).collect();
    thread::scope(|scope| {
        let (done, results) = channel();
        for _ in 0..threads {
            let (done, work, empty, next) = (done.clone(), &work, &empty, &next);
            let read = move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some((section, chunk)) = work.get(at) else { return };
                    let app_code = AssertUnwindSafe(|| read_one(store, empty, section, chunk));
                    let piece = catch_unwind(app_code).unwrap_or_else(|_| {
                        let what = "reading its rows panics".to_owned();
                        Err(Unfit::Damaged { file: format!("a chunk of {section}"), what })
                    });
                    let failed = piece.is_err();
                    // Nobody listens after another failure.
                    if done.send((at, piece)).is_err() || failed {
                        return;
                    }
                }
            };
            let named = thread::Builder::new().name("snapshot reads".to_owned());
            named.spawn_scoped(scope, read).expect("the system gives a thread");
        }
        drop(done);
        let mut bytes = 0;
        for (at, piece) in results {
            pieces[at] = Some(piece?);
            bytes += work[at].1.bytes;
            progress(
                (u128::from(manifest.position.0) * u128::from(bytes) / u128::from(total)) as u64,
            );
        }
        Ok(())
    })?;
    let mut sections = Pieces::new();
    for ((section, _), piece) in work.iter().zip(pieces) {
        let piece = piece.expect("every chunk was read, or an error was returned");
        sections.entry((*section).to_owned()).or_default().push(piece);
    }
    Ok(sections)
}

fn read_one<A: App>(
    store: &Store,
    empty: &A,
    section: &str,
    chunk: &ChunkReference,
) -> Result<Piece, Unfit> {
    let bytes = store.chunk(chunk)?;
    let mut rows = None;
    empty.each(&mut |table| {
        if section.strip_prefix("rows/") == Some(table.name()) {
            let entries = Entries::checked(&bytes, chunk.rows);
            rows = Some(table.read_entries(&mut entries.expect("checked with its hash")));
        }
    });
    match rows {
        None => Ok(Piece::Book { bytes, rows: chunk.rows }),
        Some(Ok(rows)) => Ok(Piece::Rows(rows)),
        Some(Err(error)) => {
            Err(Unfit::Damaged { file: format!("a chunk of {section}"), what: chain(&error) })
        }
    }
}

/// Gives the entries of a section of the books to `each`, until it says none.
fn each_entry(
    pieces: &mut Pieces,
    section: &str,
    mut each: impl FnMut(Entry<'_>) -> Option<()>,
) -> Option<()> {
    for piece in pieces.remove(section).unwrap_or_default() {
        let Piece::Book { bytes, rows } = piece else { return None };
        Entries::checked(&bytes, rows).ok()?.try_for_each(&mut each)?;
    }
    Some(())
}

fn books(manifest: &Manifest, pieces: &mut Pieces) -> Option<Books> {
    let mut names = Names::default();
    each_entry(pieces, manifest::NAMES, |entry| {
        let (&place, number) = entry.key.split_first()?;
        let namespace = *Namespace::ALL.get(usize::from(place))?;
        let number = u32::from_be_bytes(number.try_into().ok()?);
        names.define(namespace, number, std::str::from_utf8(entry.value).ok()?).ok()
    })?;
    Some(Books {
        names,
        secret: manifest.secret()?,
        code: manifest.code.clone(),
        schema: manifest.schema.clone(),
        key: manifest.key.clone(),
        next: manifest.position.next(),
    })
}

fn window(manifest: &Manifest, pieces: &mut Pieces) -> Option<Duplicates> {
    let mut uniques = Vec::new();
    each_entry(pieces, manifest::UNIQUE, |Entry { key, value }| {
        let value: &[u8; 36] = value.try_into().ok()?;
        uniques.push(RememberedUnique {
            position: Position(u64::from_be_bytes(key.try_into().ok()?)),
            time: Timestamp(i64::from_le_bytes(value[..8].try_into().ok()?)),
            actor: u32::from_le_bytes(value[8..12].try_into().ok()?),
            id: value[12..28].try_into().ok()?,
            fingerprint: Fingerprint(u64::from_le_bytes(value[28..].try_into().ok()?)),
        });
        Some(())
    })?;
    let mut numbers = Vec::new();
    each_entry(pieces, manifest::NUMBERED, |Entry { key, value }| {
        let (actor, source) = key.split_first_chunk::<4>()?;
        let value: &[u8; 24] = value.try_into().ok()?;
        let number = |at: usize| Some(u64::from_le_bytes(value[at..at + 8].try_into().ok()?));
        numbers.push(RememberedNumber {
            position: Position(number(0)?),
            actor: u32::from_be_bytes(*actor),
            source: std::str::from_utf8(source).ok()?.to_owned(),
            number: number(8)?,
            fingerprint: Fingerprint(number(16)?),
        });
        Some(())
    })?;
    let capacity = usize::try_from(manifest.window_commands).ok()?;
    Duplicates::remembering(capacity, manifest.horizon_ms, uniques, numbers)?.to_look_up()
}
