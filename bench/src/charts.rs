//! The pictures of the comparison: for each work the rate by how many commands are on their way, and how
//! long an answer takes then.

use std::collections::BTreeMap;

use crate::comparison::{Comparison, Row};
use crate::plan::System;
use crate::plot::{Chart, Series};
use crate::work::Work;

/// Who is drawn, and in which colour: ours in blues and greens, theirs in reds and browns.
const DRAWN: [(System, &str); 8] = [
    (System::InProcess, "#08306b"),
    (System::Socket, "#1f77d0"),
    (System::NativeClient, "#6baed6"),
    (System::Http, "#238b45"),
    (System::Postgres, "#cb181d"),
    (System::PostgresClient, "#fb8a6a"),
    (System::Sqlite, "#8c6d31"),
    (System::SqliteGroup, "#bd9e39"),
];

/// A picture and the name of its file.
pub(crate) struct Picture {
    pub(crate) file: String,
    pub(crate) title: String,
    pub(crate) svg: String,
}

/// All pictures there are figures for.
pub(crate) fn of(comparison: &Comparison) -> Vec<Picture> {
    let mut pictures = Vec::new();
    for work in Work::ALL {
        for Figure { slug, name: figure, y, of_row } in FIGURES {
            let series = DRAWN.iter().filter_map(|&(system, colour)| {
                let rows = best_of_each_depth(comparison.of(work, system));
                let points = rows.iter().map(|row| (in_flight(row) as f64, of_row(row))).collect();
                let is_drawn = !rows.is_empty();
                is_drawn.then_some(Series { name: system.name(), colour, points })
            });
            let series: Vec<Series> = series.collect();
            if series.is_empty() {
                continue;
            }
            let name = work.name();
            let title = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
            let title = format!("{title}: {figure}");
            let chart =
                Chart { title: title.clone(), x: "commands on their way at once", y, series };
            let words = name.to_lowercase().replace([',', '.'], "").replace(' ', "-");
            let file = format!("{words}-{slug}.svg");
            pictures.push(Picture { file, title, svg: chart.svg() });
        }
    }
    pictures
}

/// A figure of a row.
struct Figure {
    /// In names of files.
    slug: &'static str,
    name: &'static str,
    y: &'static str,
    of_row: fn(&Row) -> f64,
}

const FIGURES: [Figure; 2] = [
    Figure {
        slug: "rate",
        name: "rate",
        y: "answers per second",
        of_row: |row| row.per_second.median,
    },
    Figure {
        slug: "latency",
        name: "latency, 99th percentile",
        y: "µs until the answer",
        of_row: |row| row.p99_us.median,
    },
];

/// A group of SQLite's is on its way together.
fn in_flight(row: &Row) -> usize {
    let together = if row.point.system == System::SqliteGroup { crate::sqlite::GROUP } else { 1 };
    row.point.depth.in_flight() * together
}

/// Where as many are on their way by other numbers of clients, those of the best rate count.
fn best_of_each_depth<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<&'a Row> {
    let mut best: BTreeMap<usize, &Row> = BTreeMap::new();
    for row in rows {
        let so_far = best.entry(in_flight(row)).or_insert(row);
        if so_far.per_second.median < row.per_second.median {
            *so_far = row;
        }
    }
    best.into_values().collect()
}
