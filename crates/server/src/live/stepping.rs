//! What a publication does to everyone who watches: who somebody is, what somebody may ask, and the
//! results themselves, in this order, at one position.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use deeds_engine::changed::Changed;
use deeds_engine::changes::FrameChanges;
use deeds_engine::live::{Publication, View};
use deeds_engine::query::Asker;
use deeds_engine::select::{ItemChange, Picked, Plan, difference};
use deeds_engine::window::Pane;

use crate::live::group::{GroupId, IdentityId, Kind, MemberId, Seat};
use crate::live::hub::{Concern, Live};
use crate::live::jobs::{Failure, guarded, picked};
use crate::live::ring::together;
use crate::live::tick::{Body, Counts, Diff, SubTick};

/// What a step says to each client.
type Deliveries = BTreeMap<MemberId, Vec<SubTick>>;

/// What a step goes over.
#[derive(Clone, Copy)]
struct Over<'a> {
    before: &'a View,
    frames: &'a [Arc<FrameChanges>],
    changed: &'a Changed<'a>,
}

/// What became of a row query.
struct Moved {
    changes: Vec<ItemChange>,
    plan: Plan,
}

impl Live {
    /// Moves everyone over these publications, as one step.
    pub(crate) fn step(&mut self, published: &[Publication], now: Instant) {
        let last = published.last().expect("a step has a publication");
        let before = std::mem::replace(&mut self.view, last.view.clone());
        for publication in published {
            self.ring.push(publication, now);
        }
        let frames: Vec<Arc<FrameChanges>> =
            published.iter().map(|publication| Arc::clone(&publication.changes)).collect();
        let mut touched = BTreeSet::new();
        for frame in &frames {
            touched.append(&mut self.routes.touched(frame));
        }

        let changed = self.identities_that_changed(&touched);
        self.check_permissions(&touched, &changed);

        let mut groups: BTreeSet<GroupId> = touched
            .iter()
            .filter_map(|concern| match concern {
                Concern::Group(id) => Some(*id),
                _ => None,
            })
            .collect();
        let askers = self.askers_that_changed(&changed);
        groups.extend(askers.keys().chain(&self.timed));

        let changed = together(&frames);
        let mut deliveries = Deliveries::new();
        for id in groups {
            let Some(group) = self.groups.get(&id) else { continue };
            match &group.kind {
                Kind::Value(_) => self.make_dirty(id, askers.contains_key(&id).then_some(now)),
                Kind::Rows { plan: Some(_), .. } => {
                    let over = Over { before: &before, frames: &frames, changed: &changed };
                    self.move_rows(id, &over, askers.get(&id), &mut deliveries);
                }
                Kind::Window { pane: Some(_), .. } => {
                    let over = Over { before: &before, frames: &frames, changed: &changed };
                    self.move_window(id, &over, askers.contains_key(&id), &mut deliveries);
                }
                // Its first result is being read, and will be caught up.
                Kind::Rows { plan: None, .. } | Kind::Window { pane: None, .. } => {}
            }
        }

        let (position, time) = (self.view.position(), self.view.time());
        for (member, subs) in deliveries {
            if let Some(member) = self.members.get(&member) {
                member.outbox.deliver(position, time, subs);
            }
        }
        self.reached.set(position, time);
        let members = &self.members;
        self.owing.retain(|id| members.get(id).is_some_and(|member| !member.outbox.settle()));
    }

    /// Those whose roles or keys are others now.
    fn identities_that_changed(&mut self, touched: &BTreeSet<Concern>) -> BTreeSet<IdentityId> {
        let mut changed = BTreeSet::new();
        for concern in touched {
            let Concern::Identity(id) = concern else { continue };
            let Some(known) = self.identities.get(id) else { continue };
            let (identity, reads) = self.identify(&known.caller.clone());
            let known = self.identities.get_mut(id).expect("it was there a moment ago");
            let before = std::mem::replace(&mut known.reads, reads.clone());
            if known.identity != identity {
                known.identity = identity;
                changed.insert(*id);
            }
            self.routes.reroute(before.ranges(), reads.ranges(), concern);
        }
        changed
    }

    /// Ends the subscriptions of those who may no longer ask.
    fn check_permissions(&mut self, touched: &BTreeSet<Concern>, changed: &BTreeSet<IdentityId>) {
        let of_changed = self.permissions.keys().filter(|(identity, _)| changed.contains(identity));
        let mut to_check: BTreeSet<(IdentityId, GroupId)> = of_changed.copied().collect();
        to_check.extend(touched.iter().filter_map(|concern| match concern {
            Concern::Permission(identity, group) => Some((*identity, *group)),
            _ => None,
        }));
        for (identity, group_id) in to_check {
            let Some(group) = self.groups.get(&group_id) else { continue };
            let question = Arc::clone(&group.question);
            let (permitted, reads) = self.authorize(identity, &*question);
            let concern = Concern::Permission(identity, group_id);
            let Some(permission) = self.permissions.get_mut(&(identity, group_id)) else {
                continue;
            };
            let before = std::mem::replace(&mut permission.reads, reads.clone());
            self.routes.reroute(before.ranges(), reads.ranges(), &concern);
            if let Err(failure) = permitted {
                self.fail_those(identity, group_id, &failure);
            }
        }
    }

    fn fail_those(&mut self, identity: IdentityId, group: GroupId, failure: &Failure) {
        let group = &self.groups[&group];
        let theirs = |(member, _): &&Seat| self.members[member].identity == identity;
        let seats: Vec<Seat> =
            group.seated.iter().chain(&group.waiting).filter(theirs).copied().collect();
        for seat in seats {
            self.fail_seat(seat, failure);
        }
    }

    /// The groups that are read for somebody who has become another, with what they were read as.
    fn askers_that_changed(&mut self, changed: &BTreeSet<IdentityId>) -> BTreeMap<GroupId, Asker> {
        let mut askers = BTreeMap::new();
        for (identity, id) in self.permissions.keys().filter(|(id, _)| changed.contains(id)) {
            let now = &self.identities[identity].identity;
            let group = self.groups.get_mut(id).expect("permissions are for groups that are there");
            // A shared group is read for its key, whoever watches.
            if group.asker.actor.is_none() {
                continue;
            }
            let scope = group.question.scope();
            let asker = Asker::new(&scope, &now.actor, &now.keys).expect("permitted a moment ago");
            askers.insert(*id, std::mem::replace(&mut group.asker, asker));
        }
        askers
    }

    /// Tells a row query's watchers what became of its rows.
    fn move_rows(
        &mut self,
        id: GroupId,
        over: &Over<'_>,
        asker_before: Option<&Asker>,
        deliveries: &mut Deliveries,
    ) {
        match self.moved(id, over, asker_before) {
            Err(failure) => self.fail_group(id, &failure),
            Ok(Moved { changes, plan }) => {
                self.set_plan(id, plan);
                if changes.is_empty() {
                    return;
                }
                let diff = Arc::new(Diff::new(changes));
                self.tell_rows(id, &Body::Rows { reset: false, diff, counts: None }, deliveries);
            }
        }
    }

    fn tell_rows(&self, id: GroupId, body: &Body, deliveries: &mut Deliveries) {
        for (member, sub) in &self.groups[&id].seated {
            let tick = SubTick { sub: *sub, body: body.clone() };
            deliveries.entry(*member).or_default().push(tick);
        }
    }

    /// Tells those who look through a window what is seen there now.
    fn move_window(
        &mut self,
        id: GroupId,
        over: &Over<'_>,
        is_other: bool,
        deliveries: &mut Deliveries,
    ) {
        let Kind::Window { pane: Some(before), .. } = &self.groups[&id].kind else {
            unreachable!("only a window that was looked through is moved");
        };
        let before = Arc::clone(before);
        match self.pane_now(id, &before, over.frames, over.changed, is_other) {
            Err(failure) => self.fail_group(id, &failure),
            Ok(pane) => {
                let counts = Some(Counts::of(&pane));
                let changes = difference(&before.items, &pane.items);
                self.set_pane(id, pane);
                if !changes.is_empty() || counts != Some(Counts::of(&before)) {
                    let diff = Arc::new(Diff::new(changes));
                    self.tell_rows(id, &Body::Rows { reset: false, diff, counts }, deliveries);
                }
            }
        }
    }

    /// What is seen through a window, by what was seen before these frames; `is_other` when it is
    /// looked through for somebody who has become another.
    pub(crate) fn pane_now(
        &self,
        id: GroupId,
        pane: &Pane,
        frames: &[Arc<FrameChanges>],
        changed: &Changed<'_>,
        is_other: bool,
    ) -> Result<Pane, Failure> {
        let group = &self.groups[&id];
        let question = &*group.question;
        let others = frames.iter().any(|frame| pane.plan.others.is_touched(frame));
        guarded(question, || {
            if is_other || others {
                return question.pane(&self.view, &group.asker);
            }
            question.pane_after(&self.view, &group.asker, pane, changed)
        })
    }

    /// From the change lists where that is enough; otherwise both results are read and compared.
    fn moved(
        &self,
        id: GroupId,
        over: &Over<'_>,
        asker_before: Option<&Asker>,
    ) -> Result<Moved, Failure> {
        let Over { before, frames, changed } = *over;
        let group = &self.groups[&id];
        let Kind::Rows { plan: Some(plan), .. } = &group.kind else {
            unreachable!("only row queries with a plan are moved");
        };
        let question = &*group.question;
        let others = frames.iter().any(|frame| plan.others.is_touched(frame));
        guarded(question, || {
            if asker_before.is_none() && !others && question.limit().is_none() {
                let changes = question.item_changes(plan, changed, &group.asker)?;
                return Ok(Moved { changes, plan: plan.clone() });
            }
            let had = question.pick(before, asker_before.unwrap_or(&group.asker))?;
            let Picked { plan, items, .. } = picked(question, &self.view, &group.asker)?;
            Ok(Moved { changes: difference(&had.items, &items), plan })
        })
    }

    /// Something that a value query read has changed. Where it is read for somebody who has become
    /// another it does not rest first: what may not be seen any more is not shown any longer.
    fn make_dirty(&mut self, id: GroupId, at_once: Option<Instant>) {
        let group = self.groups.get_mut(&id).expect("it is there");
        let Kind::Value(watched) = &mut group.kind else { return };
        watched.is_dirty = true;
        watched.rests_until = at_once.unwrap_or(watched.rests_until);
        if let Some(due) = watched.due() {
            self.due.insert((due, id));
        }
    }
}
