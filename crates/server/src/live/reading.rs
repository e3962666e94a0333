//! What workers have read, brought up to where the hub is by now, and told to those who wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deeds_engine::changes::FrameChanges;
use deeds_engine::reads::{RangeRead, ReadSet, beyond};
use deeds_engine::select::Picked;
use deeds_engine::window::Pane;

use crate::live::group::{GroupId, Kind};
use crate::live::hub::Live;
use crate::live::jobs::{Finished, Read, guarded, picked};
use crate::live::ring::together;
use crate::live::subscribing::whole;
use crate::live::tick::{Body, Diff, SubTick, Value};

impl Live {
    /// Reads have come back from the workers.
    pub(crate) fn finished(&mut self, finished: Finished, now: Instant) {
        self.rest_after(&finished);
        let frames = self.ring.since(finished.view.position());
        for (id, asker, result) in finished.reads {
            let Some(group) = self.groups.get(&id) else { continue };
            let is_same_asker = group.asker == asker;
            match result {
                Err(failure) => self.fail_group(id, &failure),
                // Too long ago, or for somebody who has become another since.
                Ok(_) if frames.is_none() || !is_same_asker => self.again(id, now),
                Ok(Read::Rows(picked)) => {
                    let frames = frames.as_deref().expect("looked at just now");
                    self.rows_were_read(id, picked, frames);
                }
                Ok(Read::Window(pane)) => {
                    let frames = frames.as_deref().expect("looked at just now");
                    self.window_was_read(id, pane, frames);
                }
                Ok(Read::Value { json, reads, began, took }) => {
                    let frames = frames.as_deref().expect("looked at just now");
                    let stale = !frames.is_empty()
                        && (reads.reads_time() || is_stale(&group.reads(), &reads, frames));
                    let at = finished.view.position();
                    self.value_was_read(
                        id,
                        Value::new(at, json.into()),
                        reads,
                        (began, took),
                        stale,
                    );
                }
            }
        }
    }

    /// What was read does not count: once more.
    fn again(&mut self, id: GroupId, now: Instant) {
        let group = self.groups.get_mut(&id).expect("it is there");
        let read = (id, Arc::clone(&group.question), group.asker.clone());
        match &mut group.kind {
            Kind::Rows { .. } | Kind::Window { .. } => self.start(vec![read], false),
            Kind::Value(watched) => {
                (watched.is_running, watched.is_dirty, watched.rests_until) = (false, true, now);
                self.due.insert((now, id));
            }
        }
    }

    /// A first result of a row query, as of some frames ago.
    fn rows_were_read(
        &mut self,
        id: GroupId,
        Picked { plan, items, .. }: Picked,
        frames: &[Arc<FrameChanges>],
    ) {
        let group = self.groups.get_mut(&id).expect("it is there");
        if let Kind::Rows { reading, .. } = &mut group.kind {
            *reading = false;
        }
        let (question, asker) = (Arc::clone(&group.question), group.asker.clone());
        let others = frames.iter().any(|frame| plan.others.is_touched(frame));
        let within = frames.iter().any(|frame| plan.range.is_touched(frame));
        let caught_up = if others || (within && question.limit().is_some()) {
            // What is left is to look again, here: nothing comes between.
            guarded(&*question, || {
                let Picked { plan, items, .. } = picked(&*question, &self.view, &asker)?;
                Ok((plan, Diff::whole(items)))
            })
        } else if within {
            let changes =
                guarded(&*question, || question.item_changes(&plan, &together(frames), &asker));
            changes.map(|changes| {
                let both = [Arc::new(Diff::whole(items)), Arc::new(Diff::new(changes))];
                (plan, Diff::merged(&both, true))
            })
        } else {
            Ok((plan, Diff::whole(items)))
        };
        match caught_up {
            Err(failure) => self.fail_group(id, &failure),
            Ok((plan, rows)) => {
                self.set_plan(id, plan);
                let diff = Arc::new(rows);
                self.take_seats(id, &Body::Rows { reset: true, diff, counts: None });
            }
        }
    }

    /// A first look through a window, as of some frames ago.
    fn window_was_read(&mut self, id: GroupId, pane: Pane, frames: &[Arc<FrameChanges>]) {
        let group = self.groups.get_mut(&id).expect("it is there");
        if let Kind::Window { reading, .. } = &mut group.kind {
            *reading = false;
        }
        match self.pane_now(id, &pane, frames, &together(frames), false) {
            Err(failure) => self.fail_group(id, &failure),
            Ok(pane) => {
                let first = whole(&pane);
                self.set_pane(id, pane);
                self.take_seats(id, &first);
            }
        }
    }

    /// A value query has run. `stale` says that something it read has changed meanwhile.
    pub(crate) fn value_was_read(
        &mut self,
        id: GroupId,
        value: Value,
        reads: ReadSet,
        (began, took): (Instant, Duration),
        stale: bool,
    ) {
        let group = self.groups.get_mut(&id).expect("it is there");
        let before = group.reads();
        let Kind::Value(watched) = &mut group.kind else { return };
        if reads.reads_time() {
            self.timed.insert(id);
        } else {
            self.timed.remove(&id);
        }
        watched.ran(began, took, reads);
        watched.is_dirty |= stale;
        let is_new = watched.last.as_ref().is_none_or(|last| last.json != value.json);
        let value = Arc::new(value);
        watched.last = Some(Arc::clone(&value));
        let due = watched.due();
        self.reroute(id, &before);
        if let Some(due) = due {
            self.due.insert((due, id));
        }
        if is_new {
            let (position, time) = (self.view.position(), self.view.time());
            for (member, sub) in &self.groups[&id].seated {
                let body = Body::Value(Arc::clone(&value));
                let sub = SubTick { sub: *sub, body };
                self.members[member].outbox.deliver(position, time, vec![sub]);
            }
        }
        self.seat_value(id, &value);
    }
}

/// Whether some of these reads have changed since. What was read before as well has led to the hub's
/// attention by itself, so only what is new is looked at.
fn is_stale(known: &[RangeRead], reads: &ReadSet, frames: &[Arc<FrameChanges>]) -> bool {
    let new = beyond(reads.ranges(), known.iter());
    frames.iter().any(|frame| new.iter().any(|read| read.is_touched(frame)))
}
