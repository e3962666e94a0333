//! The figures by which runs are compared, by names that stay: the first thing in the JSON. A figure whose
//! part did not run is null.

use serde::Serialize;

use crate::comparison::Comparison;
use crate::plan::System;
use crate::restart;
use crate::suite::Parts;
use crate::work::Work;

/// Connections of the ratio over HTTP.
const HTTP_CONNECTIONS: usize = 64;

/// See the module. Rates are medians of the rounds, the best over the depths that were measured; ratios
/// are of figures of one run.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Keys {
    /// Place order, uniform, in process.
    inprocess_per_s: Option<f64>,
    /// Transfer, uniform, in process.
    inprocess_transfer_per_s: Option<f64>,
    /// Place order, uniform, over sockets.
    socket_per_s: Option<f64>,
    /// The same beside PostgreSQL's stored function at its best depth.
    socket_vs_postgres: Option<f64>,
    /// The same on one hot product, both.
    socket_hot_vs_postgres: Option<f64>,
    /// HTTP, one command at a time on each of 64 connections, beside PostgreSQL's best.
    http_vs_postgres: Option<f64>,
    /// One client waiting, in process: its p50 beside that of a write of as many bytes and its fdatasync.
    wait_p50_vs_fdatasync: Option<f64>,
    /// The same over a socket.
    wait_socket_p50_vs_fdatasync: Option<f64>,
    /// The share by which the rate falls with 1,000 subscribers.
    subscribers_1000_cost: Option<f64>,
    /// What the server holds more, in MiB, with 10,000 idle subscribers.
    subscribers_10000_mib: Option<f64>,
    /// Records per second from opening without a snapshot to serving, all in all.
    replay_records_per_s: Option<f64>,
    /// Seconds from opening a million rows with a snapshot to serving.
    snapshot_restart_s: Option<f64>,
    /// The p99 of answers while one snapshot is taken after the other, beside that while none is.
    snapshot_p99_ratio: Option<f64>,
    /// Percent of one core that two requests a second take.
    rpm120_cpu_percent: Option<f64>,
    /// What the process holds at their end, in MiB.
    rpm120_rss_mib: Option<f64>,
}

impl Keys {
    pub(crate) fn of(parts: &Parts) -> Self {
        let mut keys = Self::default();
        if let Some(comparison) = &parts.comparison {
            keys.compare(comparison);
        }
        if let Some(live) = &parts.live {
            keys.subscribers_1000_cost = Some(live.subscribers_1000_cost);
            keys.subscribers_10000_mib = Some(live.subscribers_10000_mib);
        }
        if let Some(restart) = &parts.restart {
            keys.replay_records_per_s = Some(restart.replayed_per_second());
            keys.snapshot_restart_s = Some(restart.with_s);
            keys.snapshot_p99_ratio = restart.p99_ratio(restart::RUSH);
        }
        if let Some(rpm) = &parts.rpm {
            keys.rpm120_cpu_percent = Some(rpm.cpu_percent);
            keys.rpm120_rss_mib = Some(rpm.rss_mib);
        }
        keys
    }

    fn compare(&mut self, comparison: &Comparison) {
        let best = |work, system| comparison.best(work, system);
        let beside = |ours: Option<f64>, theirs: Option<f64>| Some(ours? / theirs?);
        let uniform = Work::OrderUniform;
        self.inprocess_per_s = best(uniform, System::InProcess);
        self.inprocess_transfer_per_s = best(Work::TransferEven, System::InProcess);
        self.socket_per_s = best(uniform, System::Socket);
        let postgres = |work| best(work, System::Postgres);
        self.socket_vs_postgres = beside(self.socket_per_s, postgres(uniform));
        let hot = Work::OrderHot;
        self.socket_hot_vs_postgres = beside(best(hot, System::Socket), postgres(hot));
        let http = comparison.of(uniform, System::Http);
        let http = http.filter(|row| row.point.depth.clients == HTTP_CONNECTIONS);
        let http = http.map(|row| row.per_second.median).next();
        self.http_vs_postgres = beside(http, postgres(uniform));
        let waiting = |system| comparison.waiting_p50_us(uniform, system);
        let disk = waiting(System::Fdatasync);
        self.wait_p50_vs_fdatasync = beside(waiting(System::InProcess), disk);
        self.wait_socket_p50_vs_fdatasync = beside(waiting(System::Socket), disk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_that_runs_are_compared_by() {
        let json = serde_json::to_value(Keys::default()).unwrap();
        let mut names: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        let expected = [
            "http_vs_postgres",
            "inprocess_per_s",
            "inprocess_transfer_per_s",
            "replay_records_per_s",
            "rpm120_cpu_percent",
            "rpm120_rss_mib",
            "snapshot_p99_ratio",
            "snapshot_restart_s",
            "socket_hot_vs_postgres",
            "socket_per_s",
            "socket_vs_postgres",
            "subscribers_10000_mib",
            "subscribers_1000_cost",
            "wait_p50_vs_fdatasync",
            "wait_socket_p50_vs_fdatasync",
        ];
        assert_eq!(names, expected);
        assert!(json.as_object().unwrap().values().all(serde_json::Value::is_null));
    }
}
