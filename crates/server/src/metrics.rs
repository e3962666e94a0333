//! Numbers for Prometheus, in its text format.
//!
//! Two kinds: what the pipeline counts and the chronicle measures, read when asked for; and requests
//! by route and status with their times, counted here. No label holds anything a client sent.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use deeds_pipeline::host::{Health, Host};

use crate::live::sockets::Sockets;

/// The upper ends of the histogram's buckets, in microseconds: from a fifth of an fsync to a
/// request that somebody will have given up.
const BUCKETS_US: [u64; 12] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000];

/// The route of requests that match none.
pub(crate) const NO_ROUTE: &str = "none";

/// Counts requests.
pub(crate) struct Metrics {
    routes: BTreeMap<&'static str, RouteTimes>,
    /// By route and status: few, as routes and statuses are.
    statuses: Mutex<BTreeMap<(&'static str, u16), u64>>,
    pub(crate) connections: AtomicU64,
}

#[derive(Default)]
struct RouteTimes {
    /// How many were at most so long, not more than the bucket before.
    buckets: [AtomicU64; BUCKETS_US.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

impl Metrics {
    /// For these routes.
    pub(crate) fn new(routes: &[&'static str]) -> Self {
        let routes = routes.iter().chain([&NO_ROUTE]);
        Self {
            routes: routes.map(|route| (*route, RouteTimes::default())).collect(),
            statuses: Mutex::default(),
            connections: AtomicU64::new(0),
        }
    }

    /// Counts an answered request.
    pub(crate) fn answered(&self, route: &str, status: u16, took: Duration) {
        let (route, times) = self
            .routes
            .get_key_value(route)
            .or_else(|| self.routes.get_key_value(NO_ROUTE))
            .expect("requests without a route have one");
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = BUCKETS_US.iter().position(|upper_us| took_us <= *upper_us) {
            times.buckets[bucket].fetch_add(1, Relaxed);
        }
        times.count.fetch_add(1, Relaxed);
        times.sum_us.fetch_add(took_us, Relaxed);
        let mut statuses = self.statuses.lock().expect("nothing panics while it is held");
        *statuses.entry((route, status)).or_default() += 1;
    }

    /// The page: what is counted here and what the host counts.
    pub(crate) fn page(&self, host: &dyn Host, sockets: &Sockets) -> String {
        let mut page = Page { text: String::with_capacity(8 * 1024) };
        host_numbers(&mut page, host);
        live_numbers(&mut page, sockets);
        self.request_numbers(&mut page);
        page.text
    }

    fn request_numbers(&self, page: &mut Page) {
        page.gauge("deeds_http_connections", "Open connections.", self.connections.load(Relaxed));
        page.about("deeds_http_requests_total", "counter", "Requests answered.");
        for ((route, status), count) in
            self.statuses.lock().expect("nothing panics while it is held").iter()
        {
            let labels = format!("{{route=\"{route}\",status=\"{status}\"}}");
            page.line("deeds_http_requests_total", &labels, count);
        }
        let name = "deeds_http_request_seconds";
        page.about(name, "histogram", "Time until the answer began, by route.");
        for (route, times) in &self.routes {
            let count = times.count.load(Relaxed);
            if count == 0 {
                continue;
            }
            let mut below = 0;
            for (upper_us, bucket) in BUCKETS_US.iter().zip(&times.buckets) {
                below += bucket.load(Relaxed);
                let labels = format!("{{route=\"{route}\",le=\"{}\"}}", seconds(*upper_us));
                page.line(&format!("{name}_bucket"), &labels, below);
            }
            let labels = format!("{{route=\"{route}\",le=\"+Inf\"}}");
            page.line(&format!("{name}_bucket"), &labels, count.max(below));
            let labels = format!("{{route=\"{route}\"}}");
            page.line(&format!("{name}_sum"), &labels, seconds(times.sum_us.load(Relaxed)));
            page.line(&format!("{name}_count"), &labels, count.max(below));
        }
    }
}

fn live_numbers(page: &mut Page, sockets: &Sockets) {
    let live = sockets.hub.figures();
    let (waiting, most) = sockets.waiting_bytes();
    for (name, about, value) in [
        ("deeds_live_sockets", "Live sockets that have said who they are.", live.members as u64),
        (
            "deeds_live_subscriptions",
            "Subscriptions of all live sockets.",
            live.subscriptions as u64,
        ),
        ("deeds_live_groups", "Results that are kept up to date for them.", live.groups as u64),
        (
            "deeds_live_ring_changes",
            "Changes that clients can come back to.",
            live.ring_changes as u64,
        ),
        ("deeds_live_waiting_bytes", "Diffs that sockets have not been sent yet.", waiting as u64),
        ("deeds_live_waiting_bytes_most", "The most that has waited for one socket.", most as u64),
    ] {
        page.gauge(name, about, value);
    }
    for (name, about, value) in [
        ("deeds_live_steps_total", "Steps of the hub: publications taken together.", live.steps),
        ("deeds_live_runs_total", "Value queries run again.", live.runs),
        (
            "deeds_live_fell_behind_total",
            "Subscriptions read anew for slow sockets.",
            live.fell_behind,
        ),
        ("deeds_live_resumed_total", "Clients that went on where they stood.", live.resumed),
        ("deeds_live_not_resumed_total", "Clients that could not.", live.not_resumed),
        ("deeds_live_received_total", "Messages of clients.", sockets.received.load(Relaxed)),
        ("deeds_live_sent_bytes_total", "Bytes sent to them.", sockets.sent_bytes.load(Relaxed)),
    ] {
        page.counter(name, about, value);
    }
    let name = "deeds_live_byes_total";
    page.about(name, "counter", "Live sockets that have ended, by reason.");
    for (reason, count) in sockets.byes() {
        page.line(name, &format!("{{reason=\"{reason}\"}}"), count);
    }
}

fn host_numbers(page: &mut Page, host: &dyn Host) {
    let counters = host.counters();
    let name = "deeds_commands_total";
    page.about(name, "counter", "Commands by their outcome.");
    for (outcome, count) in [
        ("accepted", counters.accepted),
        ("refused", counters.refused),
        ("bug", counters.bugs),
        ("denied", counters.denied),
        ("duplicate", counters.duplicates),
        ("unsound_id", counters.unsound_ids),
        ("no_room", counters.no_room),
        ("busy", counters.busy),
    ] {
        page.line(name, &format!("{{outcome=\"{outcome}\"}}"), count);
    }
    page.gauge("deeds_commands_waiting", "Commands taken in and not answered.", counters.waiting);
    page.counter("deeds_frames_total", "Frames made durable.", counters.frames);
    let appending = seconds(counters.append_us);
    page.counter(
        "deeds_append_seconds_total",
        "Time spent committing frames: append, publish, answer.",
        appending,
    );
    page.gauge("deeds_position", "The last published position.", host.published());
    let healthy = u8::from(host.health() == Health::Serving);
    page.gauge("deeds_healthy", "1 while all is well; see /healthz.", healthy);
    page.about("deeds_table_rows", "gauge", "Rows by table.");
    for (table, rows) in host.tables() {
        page.line("deeds_table_rows", &format!("{{table=\"{table}\"}}"), rows);
    }
    snapshot_numbers(page, host);
    let room = host.room();
    if let Some(free) = room.free_bytes {
        page.gauge("deeds_disk_free_bytes", "What may still be written.", free);
    }
    let keep_free = room.keep_free_bytes;
    page.gauge("deeds_disk_keep_free_bytes", "Below this, commands are refused.", keep_free);
    let held = host.held_atoms();
    page.gauge("deeds_held_atoms", "Replaced states that a reader still holds.", held.count);
    let oldest = held.oldest.as_secs_f64();
    page.gauge("deeds_held_atoms_oldest_seconds", "Since the oldest was replaced.", oldest);
    // An unreadable chronicle shows by the absence of its sizes; `/healthz` says why.
    if let Ok(info) = host.chronicle_info() {
        page.gauge("deeds_chronicle_segments", "Segments.", info.segments);
        page.about("deeds_chronicle_bytes", "gauge", "Bytes on disk by kind.");
        for (kind, bytes) in [
            ("head", info.head_bytes),
            ("log", info.log_bytes),
            ("bodies", info.bodies_bytes),
            ("tiles", info.tiles_bytes),
        ] {
            page.line("deeds_chronicle_bytes", &format!("{{kind=\"{kind}\"}}"), bytes);
        }
    }
}

fn snapshot_numbers(page: &mut Page, host: &dyn Host) {
    let figures = host.snapshots();
    page.counter("deeds_snapshots_total", "Snapshots taken.", figures.count);
    page.counter("deeds_snapshots_failed_total", "Snapshots not taken.", figures.failed);
    if let Some(position) = figures.latest {
        page.gauge("deeds_snapshot_position", "The last record in the last snapshot.", position);
    }
    if let Some(taken) = figures.taken {
        let took = figures.took.as_secs_f64();
        page.gauge("deeds_snapshot_seconds", "How long the last one took, with rests.", took);
        page.gauge("deeds_snapshot_bytes", "Bytes of the last one.", taken.bytes);
        let written = taken.bytes_written;
        page.gauge("deeds_snapshot_written_bytes", "Those of them that had changed.", written);
    }
}

struct Page {
    text: String,
}

impl Page {
    fn about(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("text takes text");
    }

    fn line(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        writeln!(self.text, "{name}{labels} {value}").expect("text takes text");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.about(name, "gauge", help);
        self.line(name, "", value);
    }

    fn counter(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.about(name, "counter", help);
        self.line(name, "", value);
    }
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}
