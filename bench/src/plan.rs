//! Which systems do which work, and how deep: how many clients, and how many commands each has on its
//! way. The depth where each is best was sought by hand and is among those measured.

use std::fmt;

use serde::Serialize;

use crate::socket::Depth;
use crate::work::Work;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum System {
    /// One write of what a frame of one order takes, and its fdatasync.
    Fdatasync,
    /// Our pipeline, called in the same process.
    InProcess,
    /// Our server over a socket, by a lean client.
    Socket,
    /// Our server over a socket, by `deeds-client`.
    NativeClient,
    /// Our server, one command per call.
    Http,
    /// Our server, many commands per call, as NDJSON.
    HttpBatch,
    /// PostgreSQL, one stored function per call.
    Postgres,
    /// PostgreSQL, a transaction of the client's.
    PostgresClient,
    /// SQLite, one transaction per command.
    Sqlite,
    /// SQLite, many commands per transaction.
    SqliteGroup,
}

impl System {
    pub(crate) fn name(self) -> &'static str {
        match self {
            System::Fdatasync => "write and fdatasync",
            System::InProcess => "Deeds in process",
            System::Socket => "Deeds, socket",
            System::NativeClient => "Deeds, socket, deeds-client",
            System::Http => "Deeds, HTTP",
            System::HttpBatch => "Deeds, HTTP, batches of 1,000",
            System::Postgres => "PostgreSQL, stored function",
            System::PostgresClient => "PostgreSQL, client's transaction",
            System::Sqlite => "SQLite",
            System::SqliteGroup => "SQLite, 64 per transaction",
        }
    }
}

/// One system at one depth, doing one work.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Point {
    pub(crate) work: Work,
    pub(crate) system: System,
    #[serde(flatten)]
    pub(crate) depth: Depth,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Depth { clients, each } = self.depth;
        let depth = format!("{clients}×{each}");
        write!(f, "{:<32} {:<28} {depth:>6}", self.system.name(), self.work.name())
    }
}

/// A depth, and whether it is worth its time when time is short.
type Planned = (System, usize, usize, bool);

/// Theirs stand next to those of ours that they are compared with.
const ORDERS: &[Planned] = &[
    (System::Fdatasync, 1, 1, true),
    (System::InProcess, 1, 1, true),
    (System::Socket, 1, 1, true),
    (System::Http, 1, 1, false),
    (System::Postgres, 1, 1, true),
    (System::PostgresClient, 1, 1, false),
    (System::Sqlite, 1, 1, true),
    (System::InProcess, 1, 16, false),
    (System::Socket, 1, 16, false),
    (System::Http, 16, 1, false),
    // Where a hot row is fought for, PostgreSQL is best with few clients.
    (System::Postgres, 4, 1, false),
    (System::Postgres, 16, 1, true),
    (System::PostgresClient, 16, 1, false),
    (System::InProcess, 1, 64, false),
    (System::Socket, 1, 64, false),
    (System::Http, 64, 1, true),
    (System::Postgres, 64, 1, true),
    (System::PostgresClient, 64, 1, true),
    (System::InProcess, 1, 512, true),
    (System::Socket, 8, 64, true),
    (System::NativeClient, 8, 64, false),
    (System::Postgres, 64, 8, true),
    (System::Postgres, 256, 2, false),
    (System::InProcess, 1, 4_096, true),
    (System::Socket, 8, 256, true),
    (System::Socket, 16, 256, false),
    (System::HttpBatch, 1, 1, false),
    (System::HttpBatch, 8, 1, true),
    (System::SqliteGroup, 1, 1, true),
];

/// Work of the second app: fewer depths, the waiting and the best.
const LEDGER: &[Planned] = &[
    (System::InProcess, 1, 1, false),
    (System::Postgres, 1, 1, false),
    (System::Sqlite, 1, 1, true),
    (System::InProcess, 1, 64, false),
    (System::Socket, 1, 64, false),
    (System::Http, 64, 1, false),
    (System::Postgres, 16, 1, false),
    (System::Postgres, 64, 1, true),
    (System::InProcess, 1, 512, true),
    (System::Postgres, 64, 8, false),
    (System::InProcess, 1, 4_096, true),
    (System::Socket, 8, 256, true),
    (System::HttpBatch, 8, 1, false),
    (System::SqliteGroup, 1, 1, true),
];

/// The points to measure in each round; all of the work, or only some.
pub(crate) fn plan(quick: bool, works: &[Work]) -> Vec<Point> {
    let wanted = |work: &Work| works.is_empty() || works.contains(work);
    let mut points = Vec::new();
    for work in Work::ALL.into_iter().filter(wanted) {
        let planned = if work.is_order() { ORDERS } else { LEDGER };
        for &(system, clients, each, in_quick) in planned {
            // A disk knows no products.
            let again = system == System::Fdatasync && work != Work::OrderUniform;
            if (in_quick || !quick) && !again {
                points.push(Point { work, system, depth: Depth { clients, each } });
            }
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_plan_has_what_every_key_of_the_json_needs() {
        let points = plan(true, &[]);
        for (work, system, in_flight) in [
            (Work::OrderUniform, System::Fdatasync, 1),
            (Work::OrderUniform, System::InProcess, 1),
            (Work::OrderUniform, System::Socket, 1),
            (Work::OrderUniform, System::Http, 64),
            (Work::OrderUniform, System::Postgres, 64),
            (Work::OrderHot, System::Socket, 2_048),
            (Work::OrderHot, System::Postgres, 64),
            (Work::TransferEven, System::InProcess, 4_096),
        ] {
            let there = points.iter().any(|point| {
                (point.work, point.system, point.depth.in_flight()) == (work, system, in_flight)
            });
            assert!(there, "{system:?} {work:?} {in_flight}");
        }
    }

    #[test]
    fn a_plan_can_be_of_one_work_only() {
        let points = plan(false, &[Work::Append100]);
        assert!(!points.is_empty() && points.iter().all(|point| point.work == Work::Append100));
    }
}
