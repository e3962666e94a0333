//! Log time: it never goes back, and it never jumps unasked (DESIGN §6).
//!
//! A forward jump of the wall clock against the monotonic clock would age out every command id and
//! fire every timer at once. So acceptance stops until a person confirms the new time; one bad
//! answer of a time server is then an alarm instead of a loss.

use deeds_values::Timestamp;

/// The two clocks, read together by the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock, UTC.
    pub wall: Timestamp,
    /// A clock that only moves forward, at the speed of time; its zero means nothing.
    pub monotonic_us: u64,
}

/// How far the wall clock may run ahead of the monotonic one between two readings: 60 s. Time
/// servers slew by far less; a leap second is one.
pub const JUMP_US_MAX: i64 = 60_000_000;

/// The clock of one chronicle.
#[derive(Clone, Debug)]
pub struct LogClock {
    /// The time of the last record, or later.
    log: Timestamp,
    /// The last reading that was accepted; none until the first.
    accepted: Option<Now>,
    stopped: bool,
}

impl LogClock {
    /// Starts at the time of the chronicle's last record.
    pub fn starting_at(log: Timestamp) -> Self {
        Self { log, accepted: None, stopped: false }
    }

    /// Takes a reading. The time for the next record, or the wall's time while it stands unconfirmed
    /// after a jump.
    pub fn read(&mut self, now: Now) -> Result<Timestamp, Timestamp> {
        if let Some(last) = self.accepted {
            let wall_us = now.wall.0 - last.wall.0;
            let monotonic_us = i64::try_from(now.monotonic_us.saturating_sub(last.monotonic_us))
                .unwrap_or(i64::MAX);
            self.stopped = wall_us.saturating_sub(monotonic_us) > JUMP_US_MAX;
            if self.stopped {
                return Err(now.wall);
            }
        }
        self.accepted = Some(now);
        self.log = self.log.max(now.wall);
        Ok(self.log)
    }

    /// A person says that the clock is right as it is now.
    pub fn confirm(&mut self, now: Now) {
        self.accepted = Some(now);
        self.stopped = false;
        self.log = self.log.max(now.wall);
    }

    /// Whether acceptance has stopped until [`confirm`](Self::confirm).
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// The time of the last record, or later.
    pub fn log_time(&self) -> Timestamp {
        self.log
    }

    /// Moves to the time of a replayed record.
    pub fn replayed(&mut self, time: Timestamp) {
        assert!(time >= self.log, "log time does not go back");
        self.log = time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(wall_s: i64, monotonic_s: u64) -> Now {
        Now { wall: Timestamp(wall_s * 1_000_000), monotonic_us: monotonic_s * 1_000_000 }
    }

    #[test]
    fn log_time_stands_still_while_the_wall_clock_goes_back() {
        let mut clock = LogClock::starting_at(Timestamp(0));
        assert_eq!(clock.read(now(100, 1)), Ok(Timestamp(100_000_000)));
        assert_eq!(clock.read(now(40, 2)), Ok(Timestamp(100_000_000)));
        assert_eq!(clock.read(now(101, 3)), Ok(Timestamp(101_000_000)));
    }

    #[test]
    fn a_jump_forward_stops_acceptance_until_it_is_confirmed() {
        let mut clock = LogClock::starting_at(Timestamp(0));
        clock.read(now(100, 1)).expect("the first reading is taken");
        clock.read(now(160, 1)).expect("60 s are within bounds");
        assert_eq!(clock.read(now(300, 2)), Err(Timestamp(300_000_000)));
        assert!(clock.is_stopped());
        clock.confirm(now(301, 3));
        assert_eq!(clock.read(now(302, 4)), Ok(Timestamp(302_000_000)));
    }

    #[test]
    fn a_jump_that_is_set_right_again_needs_no_confirmation() {
        let mut clock = LogClock::starting_at(Timestamp(0));
        clock.read(now(100, 1)).expect("the first reading is taken");
        clock.read(now(9_000, 2)).expect_err("two hours ahead");
        assert_eq!(clock.read(now(102, 3)), Ok(Timestamp(102_000_000)));
    }

    #[test]
    fn time_that_passed_while_the_process_slept_in_the_same_host_is_no_jump() {
        let mut clock = LogClock::starting_at(Timestamp(0));
        clock.read(now(100, 1)).expect("the first reading is taken");
        clock.read(now(7_300, 7_201)).expect("both clocks moved two hours");
    }
}
