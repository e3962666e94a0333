//! Faults planted on purpose: that the tests notice them, and that decoding withstands them. Those
//! that need the chronicle's own help are behind its feature `plant`.

use crate::crashes::{HISTORIES, crash_everywhere};

#[test]
fn without_syncs_the_crash_test_fails() {
    for (segment_bytes, history) in HISTORIES {
        crash_everywhere(*segment_bytes, history, true, 0..3).unwrap_err();
    }
}

/// With every checksum made to hold.
#[cfg(feature = "plant")]
mod without_checksums {
    use deeds_chronicle::Reader;
    use deeds_chronicle::frame::{Epoch, FrameIndex};
    use deeds_chronicle::plant::ignore_checksums;
    use deeds_values::{Lineage, Position};
    use proptest::prelude::*;

    use crate::arbitrary;
    use crate::codecs::{frame_header, record_header};
    use crate::crashes::{HISTORIES, crash_everywhere};
    use crate::damage::{Said, prove, read, written};
    use crate::histories::read_all;

    #[test]
    fn the_crash_test_fails() {
        ignore_checksums(true);
        let (segment_bytes, history) = HISTORIES[3];
        crash_everywhere(segment_bytes, history, false, 0..3).unwrap_err();
    }

    #[test]
    fn a_changed_body_is_read_in_silence() {
        let disk = written(true);
        let whole = read_all(&Reader::open(disk.as_disk()).unwrap()).unwrap();
        let files = disk.files();
        let (path, _) = files.iter().find(|(path, _)| path.starts_with("bodies/")).unwrap();
        disk.tamper(path, |bytes| {
            let text = b"arguments of 1";
            let at = bytes.windows(text.len()).position(|window| window == text).unwrap();
            bytes[at] ^= 1;
        });
        assert!(matches!(read(&disk, &whole), Said::Named(_)));
        ignore_checksums(true);
        let changed = read_all(&Reader::open(disk.as_disk()).unwrap()).unwrap();
        assert_ne!(changed, whole);
        assert!(matches!(prove(&disk), Said::Named(_)), "the commitments still tell");
    }

    /// Frames as a broken or hostile disk might hold them: right in form, at chance numbers.
    fn frames() -> impl Strategy<Value = Vec<u8>> {
        let small = prop_oneof![0_u64..4, any::<u64>()];
        let frame = (frame_header(), prop::collection::vec(small, 5), record_header());
        prop::collection::vec(frame, 1..4).prop_map(|frames| {
            let mut bytes = Vec::new();
            for (mut header, numbers, mut record) in frames {
                let mut records = Vec::new();
                record.position = Position(numbers[1]);
                record.cause = None;
                record.encode(&mut records);
                header.lineage = Lineage([1; 8]);
                header.epoch = Epoch { term: 1 + numbers[4] % 3, node: 0 };
                header.index = FrameIndex(numbers[0]);
                header.first_position = Position(numbers[1]);
                header.durable_through = FrameIndex(numbers[2]);
                header.count = header.count.min(1 + (numbers[3] % 2) as u32);
                header.headers_bytes = header.headers_bytes.min(records.len() as u32);
                header.bodies_bytes = header.bodies_bytes.min(9);
                bytes.extend(header.encode(&[0; 16]));
                bytes.extend(records);
                bytes.extend([7; 41]);
            }
            bytes
        })
    }

    proptest! {
        #[test]
        fn opening_arbitrary_frames_never_panics(bytes in frames()) {
            arbitrary::opening(&bytes);
        }

        #[test]
        fn opening_arbitrary_bytes_never_panics(bytes in any::<Vec<u8>>()) {
            arbitrary::opening(&bytes);
        }
    }
}
