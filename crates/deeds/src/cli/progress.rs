//! How far something has come, on standard error: a bar on a terminal, else a line now and then.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a line is written where no bar can be drawn.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// A bar for work of known size, which counts something else along the way.
pub(crate) struct Bar {
    bar: ProgressBar,
    counted: &'static str,
    drawn: bool,
}

impl Bar {
    /// A bar over `total`, counting things of this name; hidden unless it can be drawn.
    pub(crate) fn new(counted: &'static str, total: u64, drawn: bool) -> Self {
        let target = if drawn {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}  {eta} left")
            .expect("the template is well-formed");
        bar.set_style(style);
        Self { bar, counted, drawn }
    }

    /// Moves to `done` of the total, with so many counted.
    pub(crate) fn set(&self, done: u64, count: u64) {
        self.bar.set_position(done);
        if self.drawn {
            let rate = count as f64 / self.bar.elapsed().as_secs_f64().max(0.001);
            self.bar.set_message(format!("{count} {}, {rate:.0}/s", self.counted));
        }
    }

    /// Writes a line above the bar.
    #[expect(clippy::print_stderr, reason = "a terminal program tells of its progress there")]
    pub(crate) fn note(&self, line: &str) {
        if self.drawn {
            self.bar.println(line);
        } else {
            eprintln!("{line}");
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Records gone through, of how many: the bar of `serve`, `verify` and `info`.
pub(crate) struct Records {
    bar: Bar,
    doing: &'static str,
    started: Instant,
    told: Instant,
    quiet: bool,
}

impl Records {
    /// Progress of this work; `quiet` tells nothing.
    pub(crate) fn new(doing: &'static str, drawn: bool, quiet: bool) -> Self {
        let now = Instant::now();
        let bar = Bar::new("records", 0, drawn && !quiet);
        Self { bar, doing, started: now, told: now, quiet }
    }

    /// Moves to `done` of `total` records.
    pub(crate) fn set(&mut self, done: u64, total: u64) {
        if self.quiet {
            return;
        }
        if self.bar.drawn {
            self.bar.bar.set_length(total);
            self.bar.set(done, done);
        } else if self.told.elapsed() >= LINE_EVERY {
            self.told = Instant::now();
            self.bar.note(&self.line(done, total));
        }
    }

    /// Ends; gives a line that says what was done and how fast.
    pub(crate) fn finish(self, done: u64) -> String {
        self.bar.finish();
        let elapsed = self.started.elapsed().as_secs_f64();
        let rate = done as f64 / elapsed.max(0.001);
        format!("{} {done} records in {elapsed:.1} s, {rate:.0} records/s", self.doing)
    }

    fn line(&self, done: u64, total: u64) -> String {
        let elapsed = self.started.elapsed().as_secs_f64();
        let rate = done as f64 / elapsed.max(0.001);
        let left = total.saturating_sub(done) as f64 / rate.max(1.0);
        format!("{} {done} of {total} records, {rate:.0} records/s, {left:.0} s left", self.doing)
    }
}
