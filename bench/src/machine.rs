//! The machine that was measured: figures say little without it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    memory_gib: u64,
    kernel: String,
    file_system: String,
    /// Processes that wanted a core in the minute before: more than a little is noise.
    load_before: String,
}

impl Machine {
    /// This machine, with the file system that holds `directory`.
    pub(crate) fn here(directory: &Path) -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |path: &str, name: &str| {
            let text = text(path);
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.map(|rest| rest.trim_matches([' ', '\t', ':']).to_owned()).unwrap_or_default()
        };
        let memory_kib = field("/proc/meminfo", "MemTotal");
        let memory_kib: u64 = memory_kib.trim_end_matches(" kB").parse().unwrap_or_default();
        Self {
            processor: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: memory_kib >> 20,
            kernel: text("/proc/sys/kernel/osrelease").trim().to_owned(),
            file_system: file_system(&text("/proc/mounts"), directory),
            load_before: text("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
        }
    }

    /// In a sentence.
    pub(crate) fn report(&self) -> String {
        let Self { processor, cores, memory_gib, kernel, file_system, load_before } = self;
        format!(
            "{processor}, {cores} cores, {memory_gib} GiB, Linux {kernel}, {file_system}; load before: \
             {load_before}."
        )
    }
}

/// The type of the innermost mount that holds the directory.
fn file_system(mounts: &str, directory: &Path) -> String {
    let directory = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let holds = |line: &&str| {
        line.split(' ').nth(1).is_some_and(|mount| directory.starts_with(Path::new(mount)))
    };
    let innermost = mounts.lines().filter(holds).max_by_key(|line| line.split(' ').nth(1));
    innermost.and_then(|line| line.split(' ').nth(2)).unwrap_or_default().to_owned()
}

/// What this process holds in memory now, in bytes.
pub(crate) fn resident_bytes() -> u64 {
    resident_bytes_of("self")
}

/// What a process holds in memory now, in bytes.
pub(crate) fn resident_bytes_of(process: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or_default() << 10
}

/// The clock ticks of `/proc` per second: a constant of Linux for programs.
const TICKS_PER_SECOND: u32 = 100;

/// How long a process, with all its threads, has been on the processors; `self` names our own.
pub(crate) fn processor(process: &str) -> Duration {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name stands in parentheses and may hold spaces; the times are the 12th and 13th after it.
    let after_name = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let times = after_name.split(' ').skip(11).take(2);
    let ticks: u32 = times.map(|field| field.parse::<u32>().unwrap_or(0)).sum();
    Duration::from_secs(1) * ticks / TICKS_PER_SECOND
}

/// One thread of a process.
pub(crate) struct Thread {
    pub(crate) name: String,
    /// How long it has been on the processors, to the nanosecond.
    pub(crate) on_processor: Duration,
    /// How often it has gone to sleep by itself: as often as it woke up.
    pub(crate) slept: u64,
}

/// A process's threads, by their numbers.
pub(crate) fn threads(process: &str) -> BTreeMap<u32, Thread> {
    let mut threads = BTreeMap::new();
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    for path in tasks.map(|task| task.path()) {
        let text = |file: &str| fs::read_to_string(path.join(file)).unwrap_or_default();
        let number = path.file_name().and_then(|name| name.to_string_lossy().parse().ok());
        let (status, schedule) = (text("status"), text("schedstat"));
        let slept = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        let slept = slept.and_then(|count| count.trim().parse().ok()).unwrap_or(0);
        let nanoseconds = schedule.split(' ').next().and_then(|first| first.parse().ok());
        let on_processor = Duration::from_nanos(nanoseconds.unwrap_or(0));
        let name = text("comm").trim().to_owned();
        threads.extend(number.map(|number: u32| (number, Thread { name, on_processor, slept })));
    }
    threads
}

/// How long a process's threads that still live have been on the processors, to the nanosecond.
pub(crate) fn on_processor(process: &str) -> Duration {
    threads(process).values().map(|thread| thread.on_processor).sum()
}
