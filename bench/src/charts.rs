//! The pictures of the comparison: for each work the rate by how many commands are on their way, and how
//! long an answer takes then.

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
        for (figure, y, of_row) in FIGURES {
            let series = DRAWN.iter().filter_map(|&(system, colour)| {
                let mut points: Vec<(f64, f64)> =
                    comparison.of(work, system).map(|row| (in_flight(row), of_row(row))).collect();
                points.sort_by(|one, other| one.0.total_cmp(&other.0));
                let is_drawn = !points.is_empty();
                is_drawn.then(|| Series { name: system.name(), colour, points })
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
            let words = name.replace([',', '.'], "").replace(' ', "-");
            let file = format!("{words}-{}.svg", figure.split(' ').next().unwrap_or("figure"));
            pictures.push(Picture { file, title, svg: chart.svg() });
        }
    }
    pictures
}

/// Which figure, how its axis is called, and where it is.
const FIGURES: [(&str, &str, fn(&Row) -> f64); 2] = [
    ("rate", "answers per second", |row| row.per_second.median),
    ("latency, 99th percentile", "µs until the answer, p99", |row| row.p99_us.median),
];

/// A group of SQLite's is on its way together.
fn in_flight(row: &Row) -> f64 {
    let together = if row.point.system == System::SqliteGroup { crate::sqlite::GROUP } else { 1 };
    (row.point.depth.in_flight() * together) as f64
}
