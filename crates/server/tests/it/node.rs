//! A real app on a real pipeline, on whatever disk.

use std::sync::Arc;

use deeds_chronicle::{Disk, WriterOptions};
use deeds_engine::app::App;
use deeds_engine::engine::EngineOptions;
use deeds_pipeline::node::{Node, NodeOptions};
use deeds_pipeline::queue::QueueLimits;
use deeds_pipeline::snapshot::SnapshotPolicy;

/// Opens the chronicle on this disk, or founds one, and decides.
pub(crate) fn start<A: App>(disk: Arc<dyn Disk>) -> Node<A> {
    let options = NodeOptions {
        disk,
        writer: Box::new(|| WriterOptions::new(|| [7; 16])),
        engine: EngineOptions {
            check_invariants: true,
            decode_again: true,
            window_commands: 1_000,
        },
        queue: QueueLimits::default(),
        code: "test".to_owned(),
        seed: [9; 40],
        checkpoint_keys: None,
        keep_free_bytes: 0,
        snapshots: SnapshotPolicy::OFF,
        report: Arc::new(|_| {}),
    };
    Node::start(options, &mut |_, _| {}).expect("an empty disk")
}
