//! The machine that was measured: figures say little without it.

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

    pub(crate) fn print(&self) {
        let Self { processor, cores, memory_gib, kernel, file_system, load_before } = self;
        println!("{processor}, {cores} cores, {memory_gib} GiB, Linux {kernel}, {file_system}");
        println!("load before: {load_before}\n");
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

/// How long a process has been on the processors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Processor {
    /// Its own threads.
    pub(crate) own: Duration,
    /// Its children that have ended and were waited for.
    pub(crate) children: Duration,
}

/// The clock ticks of `/proc` per second: a constant of Linux for programs.
const TICKS_PER_SECOND: u32 = 100;

/// How long this process has been on the processors; `self` names our own.
pub(crate) fn processor(process: &str) -> Processor {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name stands in parentheses and may hold spaces; the times are the 12th to 15th after it.
    let after_name = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let mut times = after_name.split(' ').skip(11).map(|field| field.parse::<u32>().unwrap_or(0));
    let mut two = || {
        let ticks = times.next().unwrap_or(0) + times.next().unwrap_or(0);
        Duration::from_secs(1) * ticks / TICKS_PER_SECOND
    };
    Processor { own: two(), children: two() }
}
