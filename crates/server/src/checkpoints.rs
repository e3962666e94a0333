//! What lets others hold us to our history: signed checkpoints, proofs between them, and the Merkle
//! tree itself, in the paths and forms of C2SP `tlog-tiles`.
//!
//! - `GET /v1/checkpoint`: size and root, signed; 503 where no checkpoint may be signed;
//! - `GET /v1/consistency?from=M&to=N`: that the first M of N records are what they were;
//! - `GET /v1/tile/L/N` and `.p/W`: hashes of the tree; `GET /v1/tile/entries/N`: its leaves, the
//!   record headers.
//!
//! For everybody who is somebody: a root says how much there is, and nothing of what. Record headers
//! say who did something when, by number; they are for operators.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deeds_chronicle::consistency::{TreeReader, check_consistency};
use deeds_chronicle::{Hash, ReadError, TreeHead};
use deeds_pipeline::host::Host;
use deeds_pipeline::keys::NotSigned;
use deeds_values::Position;
use serde_json::json;

use crate::body::JSON;
use crate::commands::unreadable;
use crate::gateway::{Asker, Gateway, Parameters, bug};
use crate::problem::Problem;

/// As `tlog-tiles` wants it.
const NOTE: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const TILE: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// The hashes of a full tile, and the entries of a full bundle.
const TILE_WIDTH: u64 = 256;

/// The levels of a tree of 2⁶⁴ leaves.
const LEVELS: u32 = 8;

/// `GET /v1/checkpoint`.
pub(crate) async fn checkpoint(
    State(gateway): State<Arc<Gateway>>,
    _: Asker,
) -> Result<Response, Problem> {
    let signed = blocking(&gateway, |host| Ok(host.checkpoint())).await?;
    match signed {
        Ok(signed) => Ok(([(header::CONTENT_TYPE, NOTE)], signed.note.to_string()).into_response()),
        Err(NotSigned::Read(error)) => Err(unreadable(&error)),
        Err(error @ NotSigned::NotKept(_)) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "a checkpoint was not handed out");
            Err(Problem::NotSigned { reason: error.to_string() })
        }
        Err(reason @ (NotSigned::NoKey | NotSigned::Withheld(_))) => {
            Err(Problem::NotSigned { reason: reason.to_string() })
        }
    }
}

/// `GET /v1/consistency`.
pub(crate) async fn consistency(
    State(gateway): State<Arc<Gateway>>,
    _: Asker,
    parameters: Result<Parameters, Problem>,
) -> Result<Response, Problem> {
    let (from, to) = sizes(parameters?.0)?;
    let proved = blocking(&gateway, move |host| prove(host, from, to)).await?;
    let (old, new, proof) = proved?;
    let encode = |hash: &Hash| STANDARD.encode(hash.0);
    let head = |head: TreeHead| json!({ "size": head.size, "root": encode(&head.root) });
    let proof: Vec<String> = proof.iter().map(encode).collect();
    let body = json!({ "from": head(old), "to": head(new), "proof": proof });
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static(JSON))];
    Ok((json, body.to_string()).into_response())
}

type Proved = Result<(TreeHead, TreeHead, Vec<Hash>), Problem>;

fn prove(host: &dyn Host, from: Position, to: Option<Position>) -> Result<Proved, ReadError> {
    let mut tree = host.tree()?;
    let to = to.unwrap_or(tree.size());
    if from > to || to > tree.size() {
        let reason = format!("from is at most to, and to at most {}, the size now", tree.size());
        return Ok(Err(Problem::Arguments { field: "from".to_owned(), reason }));
    }
    let old = TreeHead { size: from, root: tree.root(from)? };
    let new = TreeHead { size: to, root: tree.root(to)? };
    let proof = tree.consistency(from, to)?;
    check_consistency(old, new, &proof).expect("both roots and the proof are of one tree");
    Ok(Ok((old, new, proof)))
}

fn sizes(parameters: Vec<(String, String)>) -> Result<(Position, Option<Position>), Problem> {
    let (mut from, mut to) = (None, None);
    for (name, text) in parameters {
        let place = match name.as_str() {
            "from" => &mut from,
            "to" => &mut to,
            _ => {
                let reason = "the parameters are from and to".to_owned();
                return Err(Problem::Arguments { field: name, reason });
            }
        };
        *place = Some(Position(text.parse().map_err(|_| Problem::Arguments {
            field: name,
            reason: "from and to are whole numbers: sizes of the tree".to_owned(),
        })?));
    }
    let missing = || Problem::Arguments {
        field: "from".to_owned(),
        reason: "from is needed: the size of the older checkpoint".to_owned(),
    };
    Ok((from.ok_or_else(missing)?, to))
}

/// `GET /v1/tile/…`.
pub(crate) async fn tile(
    State(gateway): State<Arc<Gateway>>,
    asker: Asker,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<Response, Problem> {
    let asked = path.ok().and_then(|Path(path)| Tile::parse(&path)).ok_or(Problem::NoSuchTile)?;
    if asked.level.is_none() {
        gateway.requires_operator(&asker, "/v1/tile/entries")?;
    }
    let bytes = blocking(&gateway, move |host| asked.read(host)).await?;
    let bytes = bytes.ok_or(Problem::NoSuchTile)?;
    Ok(([(header::CONTENT_TYPE, TILE)], bytes).into_response())
}

/// What a path behind `/v1/tile/` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tile {
    /// Hashes of a level; without one, entries.
    level: Option<u32>,
    index: u64,
    width: u64,
}

impl Tile {
    /// Reads `L/N`, `L/N.p/W`, `entries/N` or `entries/N.p/W`, N in groups of three digits: `x001/234`.
    fn parse(path: &str) -> Option<Self> {
        let (level, rest) = path.split_once('/')?;
        let level = match level {
            "entries" => None,
            _ => Some(decimal(level).filter(|level| *level < u64::from(LEVELS))? as u32),
        };
        let (index, width) = match rest.split_once(".p/") {
            None => (rest, TILE_WIDTH),
            Some((index, width)) => {
                (index, decimal(width).filter(|width| (1..TILE_WIDTH).contains(width))?)
            }
        };
        let (above, last) = index.rsplit_once('/').unwrap_or(("", index));
        let above = above.split('/').filter(|group| !group.is_empty());
        let groups: Option<Vec<&str>> = above.map(|group| group.strip_prefix('x')).collect();
        let mut number = 0_u64;
        for group in groups?.into_iter().chain([last]) {
            let digits = (group.len() == 3).then(|| group.parse::<u16>().ok())?;
            let plain = group.bytes().all(|digit| digit.is_ascii_digit());
            number = number.checked_mul(1_000)?.checked_add(digits.filter(|_| plain)?.into())?;
        }
        let asked = Self { level, index: number, width };
        // One tile has one path.
        (asked.path() == path).then_some(asked)
    }

    fn path(self) -> String {
        let level = self.level.map_or("entries".to_owned(), |level| level.to_string());
        let mut index = format!("{:03}", self.index % 1_000);
        let mut above = self.index / 1_000;
        while above > 0 {
            index = format!("x{:03}/{index}", above % 1_000);
            above /= 1_000;
        }
        match self.width {
            TILE_WIDTH => format!("{level}/{index}"),
            width => format!("{level}/{index}.p/{width}"),
        }
    }

    /// The tile, if the tree has come so far.
    fn read(self, host: &dyn Host) -> Result<Option<Vec<u8>>, ReadError> {
        let mut tree = host.tree()?;
        let height = self.level.unwrap_or(0) * LEVELS;
        let first = u128::from(self.index) * u128::from(TILE_WIDTH);
        let end = (first + u128::from(self.width)) << height;
        if end > u128::from(tree.size().0) {
            return Ok(None);
        }
        let first = first as u64;
        match self.level {
            Some(_) => Self::hashes(&mut tree, height, first, self.width).map(Some),
            None => Self::entries(host, first, self.width).map(Some),
        }
    }

    fn hashes(
        tree: &mut TreeReader,
        height: u32,
        first: u64,
        width: u64,
    ) -> Result<Vec<u8>, ReadError> {
        let hashes = tree.subtrees(height, first, width as usize)?;
        Ok(hashes.iter().flat_map(|hash| hash.0).collect())
    }

    /// Record headers, each behind its length: u16, big-endian.
    fn entries(host: &dyn Host, first: u64, width: u64) -> Result<Vec<u8>, ReadError> {
        let mut bundle = Vec::new();
        let mut entry = Vec::new();
        for record in host.chronicle().stream(Position(first)).take(width as usize) {
            entry.clear();
            record?.header.encode(&mut entry);
            let length = u16::try_from(entry.len()).expect("a header has at most 1,348 bytes");
            bundle.extend_from_slice(&length.to_be_bytes());
            bundle.extend_from_slice(&entry);
        }
        Ok(bundle)
    }
}

/// A decimal number without leading zeros or signs.
fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

/// Runs what reads files where it may wait.
async fn blocking<T: Send + 'static>(
    gateway: &Arc<Gateway>,
    read: impl FnOnce(&dyn Host) -> Result<T, ReadError> + Send + 'static,
) -> Result<T, Problem> {
    let host = Arc::clone(&gateway.host);
    let read = tokio::task::spawn_blocking(move || read(&*host)).await;
    let read = read.map_err(|_| bug("reading the tree panicked"))?;
    read.map_err(|error| unreadable(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_has_one_path() {
        let tiles = [
            (Some(0), 0, 256, "0/000"),
            (Some(0), 273, 112, "0/273.p/112"),
            (Some(1), 1_234_067, 256, "1/x001/x234/067"),
            (Some(7), 1_000, 1, "7/x001/000.p/1"),
            (None, 5, 255, "entries/005.p/255"),
            (None, 1_000_000, 256, "entries/x001/x000/000"),
        ];
        for (level, index, width, path) in tiles {
            let tile = Tile { level, index, width };
            assert_eq!(tile.path(), path);
            assert_eq!(Tile::parse(path), Some(tile));
        }
    }

    #[test]
    fn other_paths_are_no_tiles() {
        let paths = [
            "",
            "0",
            "0/",
            "/000",
            "0/0",
            "0/00",
            "0/0000",
            "0/+01",
            "00/000",
            "8/000",
            "-1/000",
            "0/001/000",
            "0/x000/000",
            "0/x001",
            "0/xx01/000",
            "0//000",
            "0/000/",
            "0/000.p",
            "0/000.p/",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/01",
            "0/000.p/1/",
            "entry/000",
            "0/x999/x999/x999/x999/x999/x999/x999/999",
        ];
        for path in paths {
            assert_eq!(Tile::parse(path), None, "{path}");
        }
    }
}
