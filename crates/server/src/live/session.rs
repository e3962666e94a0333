//! One client on a live socket: what it says is done, and what is for it is sent.
//!
//! What it is sent comes from two places: results of commands, put into a queue by the chronicle's
//! thread, and ticks, from the outbox. A tick is taken first and the results after it, and the results
//! are sent first: a result is in the queue before the hub hears of its publication, so it never comes
//! after the tick that shows what it did.

use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::ws::WebSocket;
use deeds_engine::live::Question;
use deeds_pipeline::reply::{Caller, Reply};
use deeds_values::CommandId;
use serde_json::json;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::commands::busy;
use crate::gateway::{Asker, Gateway, Notes, Peer, bug};
use crate::live::hub::{Membership, Wanted};
use crate::live::jobs::VALUE_BYTES_MAX;
use crate::live::message::{self, Incoming, PROTOCOL, Subscribing};
use crate::live::outbox::{Outgoing, Welcome};
use crate::live::socket::{
    Ended, GREETING_TIME_MAX, MESSAGE_BYTES_MAX, RETRY, framed, joined, receive, send,
};
use crate::live::sockets::SOCKETS_PER_ACTOR_MAX;
use crate::live::tick::Form;
use crate::problem::Problem;
use crate::revocation::TokenDigest;
use crate::security_journal::{Incident, Turned};
use crate::server::until_true;

/// How many subscriptions a socket has at once.
const SUBS_MAX: usize = 256;

/// How many commands of a socket may be without a result; then it is not read from.
const COMMANDS_MAX: usize = 256;

/// How many questions of a socket may be without an answer; then it is not read from.
const ASKS_MAX: usize = 16;

/// What logs call this.
const LIVE: &str = "/v1/live";

/// How long a client may be silent: it is to say `ping` far more often.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Results on their way: put in by other threads, sent by the socket's task.
#[derive(Default)]
struct Results {
    queue: Mutex<Vec<Settled>>,
    wake: Notify,
}

enum Settled {
    /// A command has its reply; none when it was dropped unanswered.
    Replied { id: CommandId, name: String, reply: Option<Reply> },
    /// A query has its answer: the message.
    Answered(Vec<u8>),
}

impl Results {
    fn put(&self, settled: Settled) {
        self.queue.lock().expect("nobody panics holding it").push(settled);
        self.wake.notify_one();
    }

    fn take(&self) -> Vec<Settled> {
        std::mem::take(&mut *self.queue.lock().expect("nobody panics holding it"))
    }

    /// Waits until there is something.
    async fn ready(&self) {
        while self.queue.lock().expect("nobody panics holding it").is_empty() {
            self.wake.notified().await;
        }
    }
}

/// Puts a command's reply into the queue; says so as well if it is dropped without one.
struct Replying {
    results: Arc<Results>,
    command: Option<(CommandId, String)>,
}

impl Replying {
    fn with(mut self, reply: Reply) {
        self.settle(Some(reply));
    }

    fn settle(&mut self, reply: Option<Reply>) {
        if let Some((id, name)) = self.command.take() {
            self.results.put(Settled::Replied { id, name, reply });
        }
    }
}

impl Drop for Replying {
    fn drop(&mut self) {
        self.settle(None);
    }
}

/// A client that has said who it is.
pub(crate) struct Session {
    gateway: Arc<Gateway>,
    form: Form,
    peer: Option<Peer>,
    id: u64,
    caller: Caller,
    /// When its token ends, in seconds since 1970.
    expires: u64,
    membership: Membership,
    results: Arc<Results>,
    /// The largest number of a subscription so far.
    last_sub: Option<u32>,
    /// Those that have not ended.
    subs: BTreeSet<u32>,
    commands: usize,
    asks: usize,
    /// What came in one frame and has to wait until there is room for it.
    unheard: VecDeque<Incoming>,
}

impl Session {
    /// Waits for `hello`.
    pub(crate) async fn greet(
        gateway: Arc<Gateway>,
        socket: &mut WebSocket,
        form: Form,
        peer: Option<Peer>,
        id: u64,
    ) -> Result<Self, Ended> {
        let mut stopping = gateway.stopping.clone();
        let sockets = Arc::clone(&gateway.sockets);
        let first = async {
            loop {
                let messages = receive(socket, form, &sockets).await?;
                if !messages.is_empty() {
                    return Ok(messages);
                }
            }
        };
        let mut messages = tokio::select! {
            first = tokio::time::timeout(GREETING_TIME_MAX, first) => {
                first.unwrap_or_else(|_| Err(Ended::for_now("slow")))?
            }
            () = until_true(&mut stopping) => return Err(Ended::for_now("stopping")),
        };
        let unheard = messages.split_off(1).into();
        let Some(Incoming::Hello { protocol, token, resume, subs }) = messages.pop() else {
            return Err(invalid("The first message is `hello`."));
        };
        if protocol != PROTOCOL {
            return Err(Ended::because("version", Problem::OtherProtocol { spoken: PROTOCOL }));
        }
        let (caller, expires) = admit(&gateway, &token, peer, id)?;
        let results = Arc::new(Results::default());
        let (mut wanted, mut failed, mut last_sub) = (Vec::new(), Vec::new(), None);
        check_subs(&subs, &mut last_sub)?;
        let numbers = subs.iter().map(|wanted| wanted.sub).collect();
        for Subscribing { sub, query, args } in subs {
            match question(&gateway, &query, &args) {
                Ok(question) => wanted.push(Wanted { sub, question }),
                Err(problem) => failed.push((sub, problem)),
            }
        }
        let membership = gateway.sockets.hub.join(caller.clone(), resume, wanted);
        gateway.sockets.show(id, &membership.outbox);
        for (sub, problem) in failed {
            membership.outbox.fail(sub, problem);
        }
        Ok(Self {
            gateway,
            form,
            peer,
            id,
            caller,
            expires,
            membership,
            results,
            last_sub,
            subs: numbers,
            commands: 0,
            asks: 0,
            unheard,
        })
    }

    /// Serves until the end.
    pub(crate) async fn live(
        &mut self,
        socket: &mut WebSocket,
        cuts: mpsc::UnboundedReceiver<&'static str>,
    ) -> Ended {
        let Err(ended) = self.go_on(socket, cuts).await;
        ended
    }

    async fn go_on(
        &mut self,
        socket: &mut WebSocket,
        mut cuts: mpsc::UnboundedReceiver<&'static str>,
    ) -> Result<Infallible, Ended> {
        let mut stopping = self.gateway.stopping.clone();
        let (outbox, results) = (Arc::clone(&self.membership.outbox), Arc::clone(&self.results));
        // Nothing goes out before the welcome.
        let welcome = outbox.next().await;
        self.send(socket, Some(welcome)).await?;
        let mut heard = Instant::now();
        loop {
            while self.has_room()
                && let Some(message) = self.unheard.pop_front()
            {
                self.hear(message)?;
            }
            let has_room = self.has_room();
            let expires = Instant::now() + until(self.expires);
            tokio::select! {
                biased;
                cut = cuts.recv() => {
                    return Err(Ended::bye(cut.expect("the list holds the other end")));
                }
                () = until_true(&mut stopping) => return Err(Ended::for_now("stopping")),
                () = tokio::time::sleep_until(expires) => return Err(Ended::bye("expired")),
                outgoing = outbox.next() => self.send(socket, Some(outgoing)).await?,
                () = results.ready() => self.send(socket, None).await?,
                messages = receive(socket, self.form, &self.gateway.sockets), if has_room => {
                    heard = Instant::now();
                    self.unheard.extend(messages?);
                }
                () = tokio::time::sleep_until(heard + SILENCE_MAX), if has_room => {
                    return Err(Ended::for_now("slow"));
                }
            }
        }
    }

    /// Whether one more message may be heard: what it asks for has a place.
    fn has_room(&self) -> bool {
        self.commands < COMMANDS_MAX && self.asks < ASKS_MAX && self.subs.len() <= SUBS_MAX
    }

    /// Sends the results that are there, and then this.
    async fn send(&mut self, socket: &mut WebSocket, last: Option<Outgoing>) -> Result<(), Ended> {
        let mut messages = Vec::new();
        for settled in self.results.take() {
            let json = self.told(settled).await;
            let mut message = Vec::with_capacity(json.len());
            message::write(self.form, &json, &mut message);
            messages.push(message);
        }
        if let Some(last) = last {
            let mut message = Vec::new();
            match last {
                Outgoing::Welcome(welcome) => {
                    message::write(self.form, &self.welcome(&welcome), &mut message);
                }
                Outgoing::Tick(tick) => tick.write(self.form, &mut message),
                Outgoing::Fail { sub, problem } => {
                    self.subs.remove(&sub);
                    if let Problem::Denied { reason } = &problem {
                        self.note_denied(LIVE, reason);
                    }
                    message::write(self.form, &message::fail(sub, &problem), &mut message);
                }
                Outgoing::Behind(subs) => self.membership.reread(subs),
            }
            if !message.is_empty() {
                messages.push(message);
            }
        }
        if messages.is_empty() {
            return Ok(());
        }
        let frame = joined(self.form, messages);
        self.gateway.sockets.sent_bytes.fetch_add(frame.len() as u64, Relaxed);
        send(socket, framed(self.form, frame), self.gateway.stopping.clone()).await
    }

    /// The message of a result.
    async fn told(&mut self, settled: Settled) -> Vec<u8> {
        let (id, name, reply) = match settled {
            Settled::Answered(message) => {
                self.asks -= 1;
                return message;
            }
            Settled::Replied { id, name, reply } => (id, name, reply),
        };
        self.commands -= 1;
        let settled = match reply {
            Some(reply) => self.gateway.settled(reply).await,
            None => Err(Problem::Unknown),
        };
        let position = match &settled {
            Ok(accepted) => Some(accepted.position),
            Err(problem) => problem.position(),
        };
        if let Some(position) = position {
            self.membership.owe(position);
        }
        if let Err(Problem::Denied { reason }) = &settled {
            self.note_denied(&name, reason);
        }
        message::result(&id, &settled)
    }

    fn note_denied(&self, at: &str, reason: &str) {
        self.gateway.note_denied(&self.caller, self.peer.map(|Peer(ip)| ip), at, reason);
    }

    fn welcome(&self, welcome: &Welcome) -> Vec<u8> {
        let Welcome { position, time, who, resumed } = welcome;
        message::bytes(&json!({
            "type": "welcome",
            "protocol": PROTOCOL,
            "app": self.gateway.schema.app,
            "lineage": self.gateway.host.lineage(),
            "position": position,
            "time": time,
            "schema": self.gateway.schema_hash,
            "who": who,
            "resumed": resumed,
            "expires": message::moment(self.expires),
            "limits": {
                "message_bytes": MESSAGE_BYTES_MAX,
                "subs": SUBS_MAX,
                "commands": COMMANDS_MAX,
                "asks": ASKS_MAX,
                "rows": deeds_engine::select::ROWS_MAX,
                "value_bytes": VALUE_BYTES_MAX,
            },
        }))
    }

    /// Does what a message says.
    fn hear(&mut self, incoming: Incoming) -> Result<(), Ended> {
        match incoming {
            Incoming::Hello { .. } => return Err(invalid("`hello` is said once.")),
            Incoming::Sub(wanted) => self.subscribe(wanted)?,
            Incoming::Unsub { sub } => {
                // One that is not there may have ended while this was on its way.
                if self.subs.remove(&sub) {
                    self.membership.unsubscribe(sub);
                }
            }
            Incoming::Ask { ask, query, args } => self.ask(ask, query, args),
            Incoming::Command { id, name, args } => self.command(id, name, &args),
            Incoming::Token { token } => self.renew(&token)?,
            Incoming::Ping { n } => {
                self.membership.nudge();
                self.asks += 1;
                self.results.put(Settled::Answered(message::pong(n)));
            }
            Incoming::Bye => return Err(Ended::Gone),
        }
        Ok(())
    }

    fn subscribe(&mut self, wanted: Subscribing) -> Result<(), Ended> {
        check_subs(std::slice::from_ref(&wanted), &mut self.last_sub)?;
        let Subscribing { sub, query, args } = wanted;
        let found = question(&self.gateway, &query, &args);
        self.subs.insert(sub);
        match found {
            _ if self.subs.len() > SUBS_MAX => {
                let detail = format!("{SUBS_MAX} subscriptions are the most a socket has");
                self.membership.outbox.fail(sub, Problem::Busy { detail });
            }
            Ok(question) => self.membership.subscribe(Wanted { sub, question }),
            Err(problem) => self.membership.outbox.fail(sub, problem),
        }
        Ok(())
    }

    fn ask(&mut self, ask: u32, query: String, args: Vec<u8>) {
        self.asks += 1;
        let (gateway, results) = (Arc::clone(&self.gateway), Arc::clone(&self.results));
        let asker = Asker {
            caller: self.caller.clone(),
            peer: self.peer.map(|Peer(ip)| ip),
            notes: Arc::new(Notes::default()),
        };
        tokio::spawn(async move {
            let answered = gateway.answer(&asker, query, args).await;
            results.put(Settled::Answered(message::answer(ask, &answered)));
        });
    }

    fn command(&mut self, id: CommandId, name: String, args: &[u8]) {
        self.commands += 1;
        let results = Arc::clone(&self.results);
        let replying = Replying { results, command: Some((id.clone(), name.clone())) };
        let reply_to = Box::new(move |reply| replying.with(reply));
        let taken = self.gateway.hand_over(&self.caller, &id, &name, args, reply_to);
        let problem = match taken {
            Ok(Ok(())) => return,
            Ok(Err(full)) => busy(&full),
            Err(problem) => problem,
        };
        // The callback was dropped and has said that nothing is known; this is what is known.
        let dropped = |settled: &Settled| matches!(settled, Settled::Replied { id: other, reply: None, .. } if *other == id);
        let mut queue = self.results.queue.lock().expect("nobody panics holding it");
        if let Some(place) = queue.iter().rposition(dropped) {
            queue.remove(place);
        }
        drop(queue);
        self.commands -= 1;
        self.asks += 1;
        self.results.put(Settled::Answered(message::result(&id, &Err(problem))));
    }

    fn renew(&mut self, token: &str) -> Result<(), Ended> {
        let (caller, expires) = admit(&self.gateway, token, self.peer, self.id)?;
        if caller.actor != self.caller.actor {
            return Err(invalid("A newer token is of the same actor."));
        }
        self.expires = expires;
        self.caller = caller.clone();
        self.membership.renew(caller);
        Ok(())
    }
}

/// What was said makes no sense.
fn invalid(detail: &str) -> Ended {
    Ended::because("invalid", Problem::Malformed { detail: detail.to_owned() })
}

/// The numbers of subscriptions rise, so that none means two things.
fn check_subs(subs: &[Subscribing], last: &mut Option<u32>) -> Result<(), Ended> {
    for Subscribing { sub, .. } in subs {
        if last.is_some_and(|last| *sub <= last) {
            return Err(invalid("The numbers of subscriptions rise on a socket."));
        }
        *last = Some(*sub);
    }
    if subs.len() > SUBS_MAX {
        return Err(invalid(&format!("{SUBS_MAX} subscriptions are the most a socket has.")));
    }
    Ok(())
}

/// Who the token says it is, if it counts; the socket is on the actor's account from now on.
fn admit(
    gateway: &Gateway,
    token: &str,
    peer: Option<Peer>,
    id: u64,
) -> Result<(Caller, u64), Ended> {
    let verified = gateway.admit(token).and_then(|verified| {
        let owned = gateway.sockets.own(id, &verified.caller.actor, TokenDigest::of(token));
        // Looked at again: who revokes it from here on finds the socket on the list.
        gateway.admit(token).map(|verified| (verified, owned))
    });
    let (verified, owned) = match verified {
        Ok(verified) => verified,
        Err(detail) => {
            gateway.journal.record(&Incident {
                turned: Turned::Unauthenticated,
                actor: None,
                peer: peer.map(|Peer(ip)| ip),
                at: LIVE,
                reason: &detail,
            });
            let problem = Problem::Unauthenticated { detail, token_given: true };
            return Err(Ended::because("signin", problem));
        }
    };
    if !owned {
        let detail = format!("{SOCKETS_PER_ACTOR_MAX} live sockets are the most of one actor");
        let problem = Some(Problem::ActorBusy { detail });
        return Err(Ended::Bye { reason: "busy", retry: Some(RETRY), problem });
    }
    Ok((verified.caller, verified.expires))
}

/// A query with its arguments; parsing runs the app's own code.
fn question(gateway: &Gateway, query: &str, args: &[u8]) -> Result<Arc<dyn Question>, Problem> {
    match catch_unwind(AssertUnwindSafe(|| gateway.host.question(query, args))) {
        Ok(found) => found.map_err(|failure| gateway.failure(query, failure)),
        Err(_) => Err(bug("parsing a query panicked")),
    }
}

/// How long until this second.
fn until(seconds: u64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_secs(seconds).saturating_sub(now)
}
