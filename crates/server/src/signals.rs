//! Signals that ask a process to stop: the first one asks, the next one ends it at once, which loses
//! nothing that was answered.

use std::io;

use tokio::runtime;
use tokio::sync::oneshot;

/// Signals that are watched; until then, they end the process as they end any.
///
/// Whoever starts a server watches first: as soon as it can be reached, it can be asked to stop.
pub struct Signals {
    pub(crate) first: oneshot::Receiver<&'static str>,
}

impl Signals {
    /// Watches SIGINT and SIGTERM from now on, on a thread of its own: it outlives the server's.
    ///
    /// # Errors
    /// When the system gives no thread, or no signals.
    pub fn watch() -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
        let mut asking = {
            let _within = runtime.enter();
            Asking::listen()?
        };
        let (ask, first) = oneshot::channel();
        let watch = move || {
            runtime.block_on(async {
                let (signal, _) = asking.next().await;
                // Who does not wait for it any more is stopping already.
                ask.send(signal).unwrap_or_default();
                let (_, code) = asking.next().await;
                std::process::exit(code);
            });
        };
        std::thread::Builder::new().name("deeds-signals".to_owned()).spawn(watch)?;
        Ok(Self { first })
    }
}

/// What the system tells of.
#[cfg(unix)]
struct Asking {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Asking {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    /// The signal's name, and the exit code by which shells know it.
    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.interrupt.recv() => ("SIGINT", 130),
            _ = self.terminate.recv() => ("SIGTERM", 143),
        }
    }
}

/// What the system tells of.
#[cfg(not(unix))]
struct Asking;

#[cfg(not(unix))]
impl Asking {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> (&'static str, i32) {
        tokio::signal::ctrl_c().await.expect("the runtime takes signals");
        ("Ctrl-C", 130)
    }
}
