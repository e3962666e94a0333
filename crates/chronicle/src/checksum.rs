//! CRC-64/NVME over a salt and bytes: how a torn or flipped piece of a file is noticed.
//!
//! 64 bits, because recovery looks for valid frames in garbage, where 32 would be met by chance
//! once in four thousand million places. The salt is 16 random bytes of the segment, so that bytes
//! which a client sends in a command can never pass for a frame: nobody outside knows the salt.
//! Against deliberate change there are the chain and the tree, not this.

use crc_fast::{CrcAlgorithm, Digest};

/// The random bytes of a segment that every checksum in it starts with.
pub type Salt = [u8; 16];

/// The checksum of bytes under a salt.
pub fn checksum(salt: &Salt, bytes: &[u8]) -> u64 {
    let mut digest = Digest::new(CrcAlgorithm::Crc64Nvme);
    digest.update(salt);
    digest.update(bytes);
    digest.finalize()
}

/// Whether bytes have the checksum that is stated for them.
pub(crate) fn holds(salt: &Salt, bytes: &[u8], stated: u64) -> bool {
    #[cfg(feature = "plant")]
    if crate::plant::checksums_are_ignored() {
        return true;
    }
    checksum(salt, bytes) == stated
}
