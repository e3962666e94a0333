//! The live sockets of a server: how many there are, whose they are, and how to end them from outside.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

use deeds_values::ActorId;
use tokio::sync::{Notify, mpsc};

use crate::live::hub::Hub;
use crate::live::outbox::Outbox;
use crate::live::stream::Streams;
use crate::revocation::TokenDigest;

/// How many sockets an actor has at once: all tabs of all devices, or a test's.
pub(crate) const SOCKETS_PER_ACTOR_MAX: usize = 64;

/// The sockets of a server.
pub(crate) struct Sockets {
    pub(crate) hub: Hub,
    /// What stands in for sockets where none get through.
    pub(crate) streams: Streams,
    open: Mutex<BTreeMap<u64, Open>>,
    next: AtomicU64,
    /// Messages of clients, bytes sent, and how sockets ended, for `/metrics`.
    pub(crate) received: AtomicU64,
    pub(crate) sent_bytes: AtomicU64,
    byes: Mutex<BTreeMap<&'static str, u64>>,
    /// Told whenever a socket has closed.
    closed: Notify,
}

/// What is known of an open socket from outside.
pub(crate) struct Open {
    /// Who it is, once it has said so.
    actor: Option<ActorId>,
    token: Option<TokenDigest>,
    outbox: Option<Arc<Outbox>>,
    cut: mpsc::UnboundedSender<&'static str>,
}

impl Open {
    fn cut(&self, reason: &'static str) {
        // One that is ending already need not be told.
        self.cut.send(reason).unwrap_or_default();
    }
}

impl Sockets {
    pub(crate) fn new(hub: Hub) -> Self {
        let (open, byes) = (Mutex::default(), Mutex::default());
        let (next, received) = (AtomicU64::new(0), AtomicU64::new(0));
        let (sent_bytes, closed) = (AtomicU64::new(0), Notify::new());
        let streams = Streams::default();
        Self { hub, streams, open, next, received, sent_bytes, byes, closed }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Open>> {
        self.open.lock().expect("nobody panics holding it")
    }

    /// Ends the sockets that were opened with this token, or renewed by it.
    pub(crate) fn cut_token(&self, token: &TokenDigest) {
        for open in self.lock().values().filter(|open| open.token.as_ref() == Some(token)) {
            open.cut("signed-out");
        }
    }

    /// Ends the sockets of an actor.
    pub(crate) fn cut_actor(&self, actor: &ActorId) {
        for open in self.lock().values().filter(|open| open.actor.as_ref() == Some(actor)) {
            open.cut("revoked");
        }
    }

    /// How many bytes of diffs wait for all sockets, and the most that has waited for one.
    pub(crate) fn waiting_bytes(&self) -> (usize, usize) {
        let open = self.lock();
        let each = open.values().filter_map(|open| open.outbox.as_ref()).map(|it| it.bytes());
        each.fold((0, 0), |(sum, most), (now, ever)| (sum + now, most.max(ever)))
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// A socket is this actor's, by this token; false when the actor has its fill of them.
    pub(crate) fn own(&self, id: u64, actor: &ActorId, token: TokenDigest) -> bool {
        let mut open = self.lock();
        let is_theirs =
            |(other, open): &(&u64, &Open)| **other != id && open.actor.as_ref() == Some(actor);
        if open.iter().filter(is_theirs).count() >= SOCKETS_PER_ACTOR_MAX {
            return false;
        }
        if let Some(open) = open.get_mut(&id) {
            (open.actor, open.token) = (Some(actor.clone()), Some(token));
        }
        true
    }

    /// What waits for a socket can be looked at.
    pub(crate) fn show(&self, id: u64, outbox: &Arc<Outbox>) {
        if let Some(open) = self.lock().get_mut(&id) {
            open.outbox = Some(Arc::clone(outbox));
        }
    }

    /// One has ended for this reason.
    pub(crate) fn ended(&self, reason: &'static str) {
        *self.byes.lock().expect("nobody panics holding it").entry(reason).or_default() += 1;
    }

    /// Waits until no socket is open.
    pub(crate) async fn all_closed(&self) {
        while !self.lock().is_empty() {
            self.closed.notified().await;
        }
    }

    /// How many have ended for which reason.
    pub(crate) fn byes(&self) -> BTreeMap<&'static str, u64> {
        self.byes.lock().expect("nobody panics holding it").clone()
    }
}

/// Takes a socket off the list when its task ends, however it ends.
pub(crate) struct Listed<'a> {
    sockets: &'a Sockets,
    pub(crate) id: u64,
}

impl<'a> Listed<'a> {
    pub(crate) fn new(sockets: &'a Sockets, cut: mpsc::UnboundedSender<&'static str>) -> Self {
        let id = sockets.next.fetch_add(1, Relaxed);
        sockets.lock().insert(id, Open { actor: None, token: None, outbox: None, cut });
        Self { sockets, id }
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.sockets.lock().remove(&self.id);
        self.sockets.closed.notify_one();
    }
}
