//! How readers come and go: who they are, what they may ask, and their first results.
//!
//! A first result is read by a worker at the position the hub is at; when it comes back the hub adds
//! what has changed since and sends both as one. A client that comes back to a position in the ring
//! is only told what has changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use deeds_engine::actor::{Access, Actor, Keys, Roles};
use deeds_engine::live::{Identity, Question};
use deeds_engine::query::{Asker, NO_KEY};
use deeds_engine::reads::{RangeRead, ReadSet, recording};
use deeds_engine::select::Plan;
use deeds_engine::window::Pane;
use deeds_pipeline::reply::Caller;
use deeds_values::Position;
use sha2::{Digest as _, Sha256};

use crate::live::group::{Group, GroupId, GroupKey, IdentityId, Kind, MemberId, Seat, Watched};
use crate::live::hub::{Concern, Live, Resume, Wanted};
use crate::live::jobs::{Failure, guarded};
use crate::live::outbox::{Outbox, Welcome};
use crate::live::ring::together;
use crate::live::tick::{Body, Counts, Diff, SubTick, Value};

/// A client.
pub(crate) struct Member {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) identity: IdentityId,
    pub(crate) subs: BTreeMap<u32, Subscription>,
}

/// What a client watches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subscription {
    pub(crate) group: GroupId,
    /// Whether the first tick waits for it.
    holds: bool,
}

/// An actor with the roles of a token, as the state has them now.
pub(crate) struct Known {
    pub(crate) caller: Caller,
    pub(crate) identity: Identity,
    /// What decided it.
    pub(crate) reads: ReadSet,
    /// How many clients there are of it.
    members: usize,
}

/// That somebody may ask something, and what was read to know it.
pub(crate) struct Permission {
    pub(crate) reads: ReadSet,
    /// How many subscriptions go by it.
    seats: usize,
}

/// All that is seen through a window.
pub(crate) fn whole(pane: &Pane) -> Body {
    let diff = Arc::new(Diff::whole(pane.items.clone()));
    Body::Rows { reset: true, diff, counts: Some(Counts::of(pane)) }
}

impl Live {
    pub(crate) fn join(
        &mut self,
        id: MemberId,
        outbox: Arc<Outbox>,
        caller: &Caller,
        resume: Option<Resume>,
        wanted: Vec<Wanted>,
        now: Instant,
    ) {
        let identity = self.recognize(caller);
        let who = self.who(identity);
        let resumed = resume.as_ref().filter(|resume| {
            resume.lineage == self.view.lineage()
                && resume.who == who
                && self.was_same_since(identity, resume.position)
        });
        let from = resumed.map(|resume| resume.position);
        match (&resume, from) {
            (_, Some(_)) => self.figures.resumed += 1,
            (Some(_), None) => self.figures.not_resumed += 1,
            (None, None) => {}
        }
        outbox.welcome(Welcome {
            position: from.unwrap_or(self.view.position()),
            time: self.view.time(),
            who,
            resumed: from.is_some(),
        });
        if from.is_some() {
            // It may be told at once how far the world has come.
            outbox.nudge();
        }
        self.members.insert(id, Member { outbox, identity, subs: BTreeMap::new() });
        for wanted in wanted {
            self.subscribe(id, wanted, from, true, now);
        }
    }

    /// The identity of a caller, found out anew if nobody of it is here.
    fn recognize(&mut self, caller: &Caller) -> IdentityId {
        let key = (caller.actor.clone(), caller.roles.clone());
        if let Some(id) = self.by_caller.get(&key) {
            self.identities.get_mut(id).expect("both are kept together").members += 1;
            return *id;
        }
        let id = self.new_id();
        let (identity, reads) = self.identify(caller);
        reads.ranges().for_each(|read| self.routes.insert(read, Concern::Identity(id)));
        self.by_caller.insert(key, id);
        self.identities.insert(id, Known { caller: caller.clone(), identity, reads, members: 1 });
        id
    }

    /// Who the caller is now. Code that fails gives nobody any rights.
    pub(crate) fn identify(&self, caller: &Caller) -> (Identity, ReadSet) {
        let host = Arc::clone(&self.host);
        let (identity, reads) = recording(|| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                host.identity(&self.view, caller)
            }))
        });
        let identity = identity.unwrap_or_else(|_| {
            tracing::error!(actor = caller.actor.as_str(), "finding out who somebody is panicked");
            let actor = Actor::new(caller.actor.clone(), Roles::none());
            Identity { actor, keys: Keys::none() }
        });
        (identity, reads)
    }

    /// Whether the ring reaches back to this position, and the identity was the same all the time. The
    /// `who` of a client does not say that: it is of its last welcome, and its keys may have changed
    /// and changed back, with one of the two changes after where it stands.
    fn was_same_since(&self, identity: IdentityId, position: Position) -> bool {
        let reads = &self.identities[&identity].reads;
        let frames = self.ring.since(position);
        frames.is_some_and(|frames| !frames.iter().any(|frame| reads.is_touched(frame)))
    }

    /// What stands for the actor, its roles and its keys.
    fn who(&self, identity: IdentityId) -> String {
        let Identity { actor, keys } = &self.identities[&identity].identity;
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        part(actor.id().as_str());
        actor.roles().names().for_each(&mut part);
        part("keys");
        keys.named().iter().for_each(|key| part(key.as_str()));
        hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn leave(&mut self, id: MemberId) {
        let Some(member) = self.members.get(&id) else { return };
        let (subs, identity): (Vec<u32>, _) =
            (member.subs.keys().copied().collect(), member.identity);
        for sub in subs {
            self.unseat((id, sub));
        }
        self.members.remove(&id);
        self.owing.remove(&id);
        self.forget_one(identity);
    }

    /// One client less of this identity.
    fn forget_one(&mut self, id: IdentityId) {
        let known = self.identities.get_mut(&id).expect("members have one");
        known.members -= 1;
        if known.members == 0 {
            let known = self.identities.remove(&id).expect("it was there");
            known.reads.ranges().for_each(|read| self.routes.remove(read, &Concern::Identity(id)));
            self.by_caller.remove(&(known.caller.actor, known.caller.roles));
        }
    }

    /// A newer token. Other roles are another identity: every subscription begins anew.
    pub(crate) fn renew(&mut self, id: MemberId, caller: &Caller, now: Instant) {
        let Some(member) = self.members.get(&id) else { return };
        let before = member.identity;
        let after = self.recognize(caller);
        let member = self.members.get_mut(&id).expect("it was there a moment ago");
        member.identity = after;
        if before == after {
            self.forget_one(before);
            return;
        }
        let subs: Vec<(u32, Subscription)> =
            member.subs.iter().map(|(sub, subscription)| (*sub, *subscription)).collect();
        for (sub, Subscription { group, holds, .. }) in subs {
            let question = Arc::clone(&self.groups[&group].question);
            self.unseat_as((id, sub), before);
            self.subscribe(id, Wanted { sub, question }, None, holds, now);
        }
        self.forget_one(before);
    }

    /// One subscription more. `resume` is where the client stood, `holds` whether its first tick waits.
    pub(crate) fn subscribe(
        &mut self,
        id: MemberId,
        Wanted { sub, question }: Wanted,
        resume: Option<Position>,
        holds: bool,
        now: Instant,
    ) {
        let Some(member) = self.members.get(&id) else { return };
        let (outbox, identity) = (Arc::clone(&member.outbox), member.identity);
        let failed = |failure: Failure| {
            outbox.fail(sub, failure.problem());
            if holds {
                outbox.release();
            }
        };
        if member.subs.contains_key(&sub) {
            // The socket takes rising numbers only.
            unreachable!("a subscription's number is new");
        }
        let (permitted, reads) = self.authorize(identity, &*question);
        let asker = match permitted {
            Ok(asker) => asker,
            Err(failure) => return failed(failure),
        };
        let group = self.group_for(question, identity, asker, now);
        let permission = self.permissions.entry((identity, group)).or_insert_with(|| {
            let concern = Concern::Permission(identity, group);
            reads.ranges().for_each(|read| self.routes.insert(read, concern));
            Permission { reads, seats: 0 }
        });
        permission.seats += 1;
        let member = self.members.get_mut(&id).expect("it is there");
        member.subs.insert(sub, Subscription { group, holds });
        self.begin((id, sub), group, resume);
    }

    /// Whether this identity may ask this, and as whom.
    pub(crate) fn authorize(
        &self,
        identity: IdentityId,
        question: &dyn Question,
    ) -> (Result<Asker, Failure>, ReadSet) {
        let Identity { actor, keys } = &self.identities[&identity].identity;
        let (access, reads) =
            recording(|| guarded(question, || Ok(question.authorize(&self.view, actor))));
        let asker = match access {
            Err(failure) => Err(failure),
            Ok(Access::Denied(reason)) => Err(Failure::Denied(reason.into_owned())),
            Ok(Access::Allowed) => Asker::new(&question.scope(), actor, keys)
                .ok_or_else(|| Failure::Denied(NO_KEY.to_owned())),
        };
        (asker, reads)
    }

    fn group_for(
        &mut self,
        question: Arc<dyn Question>,
        identity: IdentityId,
        asker: Asker,
        now: Instant,
    ) -> GroupId {
        let key = GroupKey::new(&*question, identity);
        if let Some(id) = self.by_key.get(&key) {
            return *id;
        }
        let id = self.new_id();
        self.by_key.insert(key.clone(), id);
        self.groups.insert(id, Group::new(key, question, asker, now));
        id
    }

    /// Gives a new subscription its first result, or has it read.
    fn begin(&mut self, seat: Seat, id: GroupId, resume: Option<Position>) {
        let group = self.groups.get_mut(&id).expect("it was found or made");
        match &mut group.kind {
            Kind::Rows { .. } => {
                if let Some(resume) = resume
                    && self.goes_on(seat, id, resume)
                {
                    return;
                }
                self.read_rows(seat, id);
            }
            Kind::Window { pane: Some(pane), .. } => {
                let first = whole(pane);
                self.take_seat(seat, id, Some(first));
            }
            Kind::Window { .. } => self.read_rows(seat, id),
            Kind::Value(Watched {
                last: Some(value), is_dirty: false, is_running: false, ..
            }) => {
                let value = Arc::clone(value);
                group.waiting.insert(seat);
                self.seat_value(id, &value);
            }
            Kind::Value(watched) => {
                group.waiting.insert(seat);
                if watched.last.is_none() && !watched.is_running {
                    (watched.is_dirty, watched.is_running) = (false, true);
                    let read = (id, Arc::clone(&group.question), group.asker.clone());
                    self.start(vec![read], false);
                }
            }
        }
    }

    /// Has the rows read for somebody who waits.
    fn read_rows(&mut self, seat: Seat, id: GroupId) {
        let group = self.groups.get_mut(&id).expect("it is there");
        group.waiting.insert(seat);
        let (Kind::Rows { reading, .. } | Kind::Window { reading, .. }) = &mut group.kind else {
            return;
        };
        if !*reading {
            *reading = true;
            let read = (id, Arc::clone(&group.question), group.asker.clone());
            self.start(vec![read], false);
        }
    }

    /// Continues a row query from where the client stood; false when it has to be read anew.
    fn goes_on(&mut self, seat: Seat, id: GroupId, resume: Position) -> bool {
        let group = &self.groups[&id];
        let (question, asker) = (Arc::clone(&group.question), group.asker.clone());
        let Some(frames) = self.ring.since(resume) else { return false };
        let plan = guarded(&*question, || Ok(question.plan(&self.view, &asker)));
        let Ok(plan) = plan else { return false };
        let other = frames.iter().any(|frame| plan.others.is_touched(frame));
        let within = frames.iter().any(|frame| plan.range.is_touched(frame));
        if other || (within && question.limit().is_some()) {
            return false;
        }
        let changes =
            guarded(&*question, || question.item_changes(&plan, &together(&frames), &asker));
        let Ok(changes) = changes else { return false };
        self.set_plan(id, plan);
        let news = (!changes.is_empty()).then(|| {
            let diff = Arc::new(Diff::new(changes));
            Body::Rows { reset: false, diff, counts: None }
        });
        self.take_seat(seat, id, news);
        true
    }

    /// The rows are where this plan says from now on.
    pub(crate) fn set_plan(&mut self, id: GroupId, plan: Plan) {
        let group = self.groups.get_mut(&id).expect("it is there");
        let before = group.reads();
        let Kind::Rows { plan: known, .. } = &mut group.kind else { return };
        if known.as_ref() != Some(&plan) {
            *known = Some(plan);
            self.reroute(id, &before);
        }
    }

    /// This is seen through a window from now on.
    pub(crate) fn set_pane(&mut self, id: GroupId, pane: Pane) {
        let group = self.groups.get_mut(&id).expect("it is there");
        let before = group.reads();
        let Kind::Window { pane: known, .. } = &mut group.kind else { return };
        *known = Some(Arc::new(pane));
        self.reroute(id, &before);
    }

    /// Other changes than before concern a group.
    pub(crate) fn reroute(&mut self, id: GroupId, before: &[RangeRead]) {
        let after = self.groups[&id].reads();
        if after != before {
            self.routes.reroute(before.iter(), after.iter(), &Concern::Group(id));
        }
    }

    /// All who wait are seated, and told this first.
    pub(crate) fn take_seats(&mut self, id: GroupId, first: &Body) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        for seat in std::mem::take(&mut group.waiting) {
            self.take_seat(seat, id, Some(first.clone()));
        }
    }

    /// One is seated, and told this first, if anything.
    fn take_seat(&mut self, (id, sub): Seat, group: GroupId, first: Option<Body>) {
        let group = self.groups.get_mut(&group).expect("who is seated keeps it open");
        group.seated.insert((id, sub));
        let member = self.members.get_mut(&id).expect("who waits is there");
        let subscription = member.subs.get_mut(&sub).expect("what is waited for is known");
        if let Some(body) = first {
            let (position, time) = (self.view.position(), self.view.time());
            member.outbox.deliver(position, time, vec![SubTick { sub, body }]);
        }
        if std::mem::take(&mut subscription.holds) {
            member.outbox.release();
        }
    }

    /// Those who wait for a value get it. One who comes back does, too: what it was shown may have
    /// been older than where it stood.
    pub(crate) fn seat_value(&mut self, id: GroupId, value: &Arc<Value>) {
        self.take_seats(id, &Body::Value(Arc::clone(value)));
    }

    pub(crate) fn unsubscribe(&mut self, member: MemberId, sub: u32) {
        self.unseat((member, sub));
        if let Some(member) = self.members.get(&member) {
            member.outbox.forget(sub);
        }
    }

    /// A subscription has ended.
    pub(crate) fn unseat(&mut self, seat: Seat) {
        if let Some(member) = self.members.get(&seat.0) {
            self.unseat_as(seat, member.identity);
        }
    }

    fn unseat_as(&mut self, (id, sub): Seat, identity: IdentityId) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let Some(subscription) = member.subs.remove(&sub) else { return };
        if subscription.holds {
            member.outbox.release();
        }
        let permission = self.permissions.get_mut(&(identity, subscription.group));
        let permission = permission.expect("whoever is seated may be");
        permission.seats -= 1;
        if permission.seats == 0 {
            let concern = Concern::Permission(identity, subscription.group);
            let reads = std::mem::take(&mut permission.reads);
            self.permissions.remove(&(identity, subscription.group));
            reads.ranges().for_each(|read| self.routes.remove(read, &concern));
        }
        let group = self.groups.get_mut(&subscription.group).expect("it has a seat");
        group.seated.remove(&(id, sub));
        group.waiting.remove(&(id, sub));
        if group.is_empty() {
            self.close(subscription.group);
        }
    }

    /// Nobody watches it any more.
    fn close(&mut self, id: GroupId) {
        let group = self.groups.remove(&id).expect("it was there");
        self.by_key.remove(&group.key);
        group.reads().iter().for_each(|read| self.routes.remove(read, &Concern::Group(id)));
        self.due.retain(|(_, other)| *other != id);
        self.timed.remove(&id);
    }

    /// Ends all subscriptions of a group.
    pub(crate) fn fail_group(&mut self, id: GroupId, failure: &Failure) {
        let Some(group) = self.groups.get(&id) else { return };
        let seats: Vec<Seat> = group.seated.iter().chain(&group.waiting).copied().collect();
        for seat in seats {
            self.fail_seat(seat, failure);
        }
    }

    pub(crate) fn fail_seat(&mut self, seat: Seat, failure: &Failure) {
        let Some(outbox) = self.members.get(&seat.0).map(|member| Arc::clone(&member.outbox))
        else {
            return;
        };
        outbox.fail(seat.1, failure.problem());
        self.unseat(seat);
    }

    /// A socket fell behind with these: their results are read anew.
    pub(crate) fn read_anew(&mut self, id: MemberId, subs: &[u32]) {
        for sub in subs {
            let Some(member) = self.members.get(&id) else { return };
            let Some(subscription) = member.subs.get(sub) else { continue };
            self.figures.fell_behind += 1;
            let group_id = subscription.group;
            let group = self.groups.get_mut(&group_id).expect("it has a seat");
            group.seated.remove(&(id, *sub));
            self.begin((id, *sub), group_id, None);
        }
    }
}
