//! Figures: what one measurement gives, and what several of them say together.

use std::time::Duration;

use serde::Serialize;

/// One measurement of a load.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    /// Commands answered per second.
    pub(crate) per_second: f64,
    /// Half of the answers came within so many microseconds.
    pub(crate) p50_us: f64,
    /// All but one in a hundred did.
    pub(crate) p99_us: f64,
    /// Commands answered.
    pub(crate) commands: u64,
    /// How many of them were refused.
    pub(crate) refused: u64,
    /// Microseconds on the processors per command, of the server's processes.
    pub(crate) processor_us: f64,
    /// The same of the process that asks; 0 when the server is in that process.
    pub(crate) client_us: f64,
}

impl Run {
    /// From the time each answer took, in microseconds.
    pub(crate) fn of(mut latencies_us: Vec<f64>, refused: u64, elapsed: Duration) -> Self {
        let commands = latencies_us.len() as u64;
        let per_second = commands as f64 / elapsed.as_secs_f64();
        latencies_us.sort_by(f64::total_cmp);
        let p50_us = percentile(&latencies_us, 50);
        let p99_us = percentile(&latencies_us, 99);
        Self { per_second, p50_us, p99_us, commands, refused, processor_us: 0.0, client_us: 0.0 }
    }

    /// With what the server's processes spent on it.
    #[must_use]
    pub(crate) fn costing(mut self, on_processors: Duration) -> Self {
        self.processor_us = on_processors.as_secs_f64() * 1e6 / self.commands as f64;
        self
    }

    /// With what the process that asked spent on it.
    #[must_use]
    pub(crate) fn asking(mut self, on_processors: Duration) -> Self {
        self.client_us = on_processors.as_secs_f64() * 1e6 / self.commands as f64;
        self
    }
}

/// A percentile of sorted figures; 0 when there are none.
pub(crate) fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted.get(sorted.len() * percent / 100).copied().unwrap_or(0.0)
}

/// The same figure of several measurements.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        assert!(!sorted.is_empty(), "a spread is of at least one figure");
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (sorted[0], sorted[sorted.len() - 1]);
        // Of an even number the two in the middle, or a short run would show its better half.
        let middle = sorted.len() / 2;
        let median = (sorted[(sorted.len() - 1) / 2] + sorted[middle]) / 2.0;
        Self { min, median, max }
    }
}

/// A count with thin groups of three digits, as people read it.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        for (number, text) in [(0.4, "0"), (999.0, "999"), (1000.0, "1,000"), (1e6, "1,000,000")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn percentiles_come_from_the_sorted_figures() {
        let run = Run::of((1..=100).rev().map(f64::from).collect(), 1, Duration::from_secs(2));
        assert_eq!((run.per_second, run.p50_us, run.p99_us), (50.0, 51.0, 100.0));
        let spread = Spread::of([3.0, 1.0, 2.0]);
        assert_eq!((spread.min, spread.median, spread.max), (1.0, 2.0, 3.0));
        assert_eq!(Spread::of([4.0, 1.0]).median, 2.5);
    }
}
