//! How long to wait before the next attempt to connect: full jitter, so that the clients of a server
//! that was restarted do not all come at once.

/// The longest wait.
pub const WAIT_MAX_MS: u64 = 15_000;

/// The longest wait after a connection that had been live.
pub const WAIT_FIRST_MS: u64 = 250;

/// Milliseconds before the attempt that follows `failures` failed ones, by a random number.
pub fn wait_ms(failures: u32, random: u64) -> u64 {
    let ceiling = WAIT_FIRST_MS.saturating_mul(1 << failures.min(16)).min(WAIT_MAX_MS);
    random % (ceiling + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_longest_wait() {
        let ceiling = |failures| (0..20_000).map(|dice| wait_ms(failures, dice)).max();
        let ceilings: Vec<_> = (0..8).filter_map(ceiling).collect();
        assert_eq!(ceilings, [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
        assert_eq!(ceiling(u32::MAX), Some(15_000));
        assert_eq!(wait_ms(3, 0), 0, "all of it is jitter");
    }
}
