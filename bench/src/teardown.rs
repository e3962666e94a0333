//! What is to end with this program: the processes it started. Each ends when it is dropped; here is what
//! happens when this program is told to stop in the middle.

use std::path::PathBuf;
use std::process::{Command, exit};
use std::sync::{Mutex, MutexGuard};

use rustix::process::{Pid, Signal, kill_process};

/// The processes there are.
static STARTED: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// What a program ends with that was told to stop, as shells say it.
const STOPPED: i32 = 130;

/// When the directory is removed: all who write to it have ended then, this program too.
const REMOVED_AFTER_S: u32 = 1;

/// A process that ends with this program, for as long as this is held.
pub(crate) struct Started(u32);

impl Started {
    pub(crate) fn new(process: u32) -> Self {
        started().push(process);
        Self(process)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        started().retain(|process| *process != self.0);
    }
}

fn started() -> MutexGuard<'static, Vec<u32>> {
    STARTED.lock().expect("nobody panics holding the list")
}

/// From now on Ctrl-C and SIGTERM end what was started, and take the directory along.
pub(crate) fn on_signals(directory: PathBuf) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        println!("stopped");
        for process in started().iter() {
            let process = i32::try_from(*process).ok().and_then(Pid::from_raw);
            // To PostgreSQL it means: now. Whoever has ended already cannot be told.
            let _ = process.map(|process| kill_process(process, Signal::QUIT));
        }
        // Until then this program and those others may write a last file.
        let removing = format!("sleep {REMOVED_AFTER_S}; rm -rf -- \"$0\"");
        let _ = Command::new("sh").arg("-c").arg(removing).arg(directory).spawn();
        exit(STOPPED);
    });
    Ok(())
}
