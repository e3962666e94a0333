//! Programs that run beside us, and end with us.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Failure;

/// How often a program is looked after that has not ended.
const LOOK: Duration = Duration::from_millis(50);

/// How long one that was asked to end has: a server closes its chronicle within ten seconds.
const END_TIME_MAX: Duration = Duration::from_secs(12);

/// A program that runs; ended when this is dropped.
pub(crate) struct Running {
    child: Child,
    /// What it prints, line by line; nothing when nobody listens.
    pub(crate) lines: mpsc::Receiver<String>,
}

impl Running {
    /// Starts it. What it prints is read here, what it complains of goes to the terminal.
    pub(crate) fn start(command: &mut Command) -> Result<Self, Failure> {
        let shown = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child =
            child.map_err(|error| Failure::new(format!("cannot start {shown}: {error}")))?;
        let printed = child.stdout.take().expect("it was piped");
        let (tell, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(printed).lines().map_while(Result::ok) {
                // Read on even if nobody listens: a full pipe would hold it up.
                let _ = tell.send(line);
            }
        });
        Ok(Self { child, lines })
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits until it has ended by itself, or `stop` says that it is not to go on: then none.
    pub(crate) fn wait(&mut self, stop: &AtomicBool) -> Option<ExitStatus> {
        loop {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            if stop.load(Ordering::Relaxed) {
                self.end();
                return None;
            }
            thread::sleep(LOOK);
        }
    }

    /// Asks it to end, and ends it if it does not.
    pub(crate) fn end(&mut self) {
        if self.ended().is_some() {
            return;
        }
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // One that ended a moment ago cannot be asked, and need not be.
        let _ = kill_process(pid.expect("a child has a process id"), Signal::TERM);
        let asked = Instant::now();
        while self.ended().is_none() {
            if asked.elapsed() > END_TIME_MAX {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            thread::sleep(LOOK);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}
