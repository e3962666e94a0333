//! What a server says while it runs: one line per happening on standard error, for people on a
//! terminal or as JSON for a collector. Never payloads.

use std::io::{IsTerminal, stderr};
use std::panic::{self, PanicHookInfo};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    /// Lines for people; coloured on a terminal.
    Human,
    /// One JSON object per line.
    Json,
}

/// What is logged unless told: our own happenings, and only trouble of others.
const FILTER_DEFAULT: &str = "warn,deeds=info,deeds_server=info,deeds_pipeline=info,app=info";

/// Starts logging; `filter` as in `deeds_server=debug`. Panics go the same way from here on.
pub(crate) fn start(form: LogForm, filter: Option<&str>) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter.unwrap_or(FILTER_DEFAULT))
        .map_err(|error| format!("--log-filter: {error}"))?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    match form {
        LogForm::Human => subscriber.with_ansi(stderr().is_terminal()).init(),
        LogForm::Json => subscriber.json().flatten_event(true).init(),
    }
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// A panic in an app's code is caught, taken back and answered as a bug; here it leaves its place.
fn log_panic(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("a panic without a message");
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    tracing::error!(target: "deeds::panic", %place, thread, "{message}");
}
