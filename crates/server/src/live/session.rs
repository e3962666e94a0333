//! One client on a live socket: what it says is done, and what is for it is sent.
//!
//! What it is sent comes from two places: results of commands, put into a queue by the chronicle's
//! thread, and ticks, from the outbox. A tick is taken first and the results after it, and the results
//! are sent first: a result is in the queue before the hub hears of its publication, so it never comes
//! after the tick that shows what it did.

use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use deeds_pipeline::host::Offer;
use deeds_pipeline::reply::Caller;
use deeds_values::Position;
use futures_util::FutureExt as _;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::gateway::{Asker, Gateway, Notes, Peer};
use crate::live::hub::{Membership, Wanted};
use crate::live::jobs::VALUE_BYTES_MAX;
use crate::live::message::{self, Args, Incoming, PROTOCOL};
use crate::live::outbox::{Outgoing, Welcome};
use crate::live::results::{Results, Sent, Settled, Underway};
use crate::live::socket::{
    Ended, GREETING_TIME_MAX, MESSAGE_BYTES_MAX, RETRY, Writing, receive, send,
};
use crate::live::sockets::SOCKETS_PER_ACTOR_MAX;
use crate::live::stream::Wire;
use crate::live::tick::Form;
use crate::live::wanted::{SUBS_MAX, Subscribing, check_numbers, followed};
use crate::problem::Problem;
use crate::revocation::TokenDigest;
use crate::security_journal::{Incident, Turned};
use crate::server::until_true;

/// How many commands of a socket may be without a result; then it is not read from. Enough that one
/// socket keeps the server busy while it waits for the disk: at 200,000 a second, 5 ms.
const COMMANDS_MAX: usize = 1_024;

/// How long the arguments of those may be together before no more are read: a few of the longest.
const COMMAND_BYTES_MAX: usize = 8 << 20;

/// How much is read ahead of what was asked for before that is looked at.
const AHEAD_BYTES_MAX: usize = 64 << 10;

/// How many questions of a socket may be without an answer; then it is not read from.
const ASKS_MAX: usize = 16;

/// What logs call this.
const LIVE: &str = "/v1/live";

/// How long a client may be silent: it is to say `ping` far more often.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// A client that has said who it is.
pub(crate) struct Session {
    gateway: Arc<Gateway>,
    form: Form,
    peer: Option<Peer>,
    id: u64,
    caller: Caller,
    /// When its token ends, in seconds since 1970.
    expires: u64,
    expires_at: Instant,
    membership: Membership,
    results: Arc<Results>,
    underway: Underway,
    /// Commands that were heard and not given to the host.
    heard: Vec<(u64, Args)>,
    /// The largest number of a subscription so far.
    last_sub: Option<u32>,
    /// Those that have not ended.
    subs: BTreeSet<u32>,
    asks: usize,
    /// What came in one frame and has to wait until there is room for it.
    unheard: VecDeque<Incoming>,
}

impl Session {
    /// Waits for `hello`.
    pub(crate) async fn greet(
        gateway: Arc<Gateway>,
        socket: &mut Wire,
        form: Form,
        peer: Option<Peer>,
        id: u64,
    ) -> Result<Self, Ended> {
        let mut stopping = gateway.stopping.clone();
        let sockets = Arc::clone(&gateway.sockets);
        let first = async {
            loop {
                let (messages, _) = receive(socket, form, &sockets).await?;
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
        let results = Results::new(Arc::clone(&gateway.replies));
        let (mut wanted, mut failed, mut last_sub) = (Vec::new(), Vec::new(), None);
        check_numbers(&subs, &mut last_sub).map_err(|it| invalid(&it))?;
        let numbers = subs.iter().map(|wanted| wanted.sub).collect();
        for subscribing in subs {
            let sub = subscribing.sub;
            match followed(&gateway, subscribing) {
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
            expires_at: Instant::now() + until(expires),
            membership,
            results,
            underway: Underway::default(),
            heard: Vec::new(),
            last_sub,
            subs: numbers,
            asks: 0,
            unheard,
        })
    }

    /// Serves until the end.
    pub(crate) async fn live(
        &mut self,
        socket: &mut Wire,
        cuts: mpsc::UnboundedReceiver<&'static str>,
    ) -> Ended {
        let Err(ended) = self.go_on(socket, cuts).await;
        ended
    }

    async fn go_on(
        &mut self,
        socket: &mut Wire,
        mut cuts: mpsc::UnboundedReceiver<&'static str>,
    ) -> Result<Infallible, Ended> {
        let mut stopping = self.gateway.stopping.clone();
        let (outbox, results) = (Arc::clone(&self.membership.outbox), Arc::clone(&self.results));
        // Nothing goes out before the welcome.
        let welcome = outbox.next().await;
        self.send(socket, Some(welcome)).await?;
        let mut heard_at = Instant::now();
        let mut gone = None;
        // Whichever comes first: the token ends, or the client has been silent for too long.
        let mut alarm = pin!(tokio::time::sleep(Duration::ZERO));
        loop {
            while self.has_room()
                && let Some(message) = self.unheard.pop_front()
            {
                self.hear(message)?;
            }
            self.offer();
            let has_room = self.has_room();
            if let Some(ended) = gone.take_if(|_| has_room) {
                return Err(ended);
            }
            let silent = has_room.then_some(heard_at + SILENCE_MAX);
            let due = silent.map_or(self.expires_at, |silent| silent.min(self.expires_at));
            // It may ring too early, and then is set anew: that costs less than setting it each time.
            if due < alarm.deadline() || alarm.is_elapsed() {
                alarm.as_mut().reset(due);
            }
            tokio::select! {
                biased;
                cut = cuts.recv() => {
                    return Err(Ended::bye(cut.expect("the list holds the other end")));
                }
                () = until_true(&mut stopping) => return Err(Ended::for_now("stopping")),
                () = alarm.as_mut() => match Instant::now() {
                    now if now >= self.expires_at => return Err(Ended::bye("expired")),
                    now if silent.is_some_and(|silent| now >= silent) => {
                        return Err(Ended::for_now("slow"));
                    }
                    _ => {}
                },
                outgoing = outbox.next() => self.send(socket, Some(outgoing)).await?,
                () = results.ready() => self.send(socket, None).await?,
                received = receive(socket, self.form, &self.gateway.sockets), if has_room => {
                    heard_at = Instant::now();
                    gone = self.read_ahead(socket, received).err();
                }
            }
        }
    }

    /// Takes what was received, and what has come with it: commands that come together are decided
    /// together. Says how the socket ended, if it did; what came before that is still heard.
    fn read_ahead(
        &mut self,
        socket: &mut Wire,
        received: Result<(Vec<Incoming>, usize), Ended>,
    ) -> Result<(), Ended> {
        let (messages, mut bytes) = received?;
        self.unheard.extend(messages);
        while bytes < AHEAD_BYTES_MAX && self.unheard.len() < COMMANDS_MAX {
            let more = receive(socket, self.form, &self.gateway.sockets).now_or_never();
            let Some(more) = more else { break };
            let (messages, length) = more?;
            self.unheard.extend(messages);
            bytes += length.max(1);
        }
        Ok(())
    }

    /// Whether one more message may be heard: what it asks for has a place.
    fn has_room(&self) -> bool {
        let (commands, bytes) = self.underway.size();
        commands < COMMANDS_MAX
            && bytes < COMMAND_BYTES_MAX
            && self.asks < ASKS_MAX
            && self.subs.len() <= SUBS_MAX
    }

    /// Sends the results that are there, and then this.
    async fn send(&mut self, socket: &mut Wire, last: Option<Outgoing>) -> Result<(), Ended> {
        let settled = self.results.take();
        let mut writing = Writing::new(self.form, settled.len() + 1);
        let mut reached = None;
        for settled in settled {
            reached = self.tell(settled, &mut writing).await.max(reached);
        }
        if let Some(position) = reached {
            self.membership.owe(position);
        }
        match last {
            None => {}
            Some(Outgoing::Welcome(welcome)) => {
                let welcome = self.welcome(&welcome);
                writing.add(|form, out| message::write(form, &welcome, out));
            }
            Some(Outgoing::Tick(tick)) => writing.add(|form, out| tick.write(form, out)),
            Some(Outgoing::Fail { sub, problem }) => {
                self.subs.remove(&sub);
                if let Problem::Denied { reason } = &problem {
                    self.note_denied(LIVE, reason);
                }
                let fail = message::fail(sub, &problem);
                writing.add(|form, out| message::write(form, &fail, out));
            }
            Some(Outgoing::Behind(subs)) => self.membership.reread(subs),
        }
        let Some((frame, length)) = writing.done() else { return Ok(()) };
        self.gateway.sockets.sent_bytes.fetch_add(length as u64, Relaxed);
        send(socket, frame, self.gateway.stopping.clone()).await
    }

    /// Writes the message of a result, and says at which position a tick to it is owed.
    async fn tell(&mut self, settled: Settled, writing: &mut Writing) -> Option<Position> {
        let (place, reply) = match settled {
            Settled::Answered(message) => {
                self.asks -= 1;
                writing.add(|form, out| message::write(form, &message, out));
                return None;
            }
            Settled::Replied { place, reply } => (place, reply),
        };
        let Sent { id, name, left_out, .. } = self.underway.take(place);
        let recorded = |form: Form, out: &mut Vec<u8>| {
            reply.as_ref().and_then(|reply| message::recorded(form, &id, reply, out))
        };
        if let Some(position) = writing.add(recorded) {
            return Some(position);
        }
        let settled = match reply {
            Some(reply) => self.gateway.settled(reply).await,
            None => Err(left_out.unwrap_or(Problem::Unknown)),
        };
        let position = match &settled {
            Ok(accepted) => Some(accepted.position),
            Err(problem) => problem.position(),
        };
        if let Err(Problem::Denied { reason }) = &settled {
            self.note_denied(&name, reason);
        }
        let result = message::result(&id, &settled);
        writing.add(|form, out| message::write(form, &result, out));
        position
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
                "window_rows": deeds_engine::window::WINDOW_ROWS_MAX,
                "value_bytes": VALUE_BYTES_MAX,
            },
        }))
    }

    /// Does what a message says.
    fn hear(&mut self, incoming: Incoming) -> Result<(), Ended> {
        if !matches!(incoming, Incoming::Command { .. }) {
            self.offer();
        }
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
            Incoming::Command { id, name, args } => {
                self.heard.push((self.underway.next(), args));
                let bytes = self.heard.last().map_or(0, |(_, args)| args.length());
                self.underway.add(Sent { id, name, bytes, left_out: None });
            }
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
        let numbers = std::slice::from_ref(&wanted);
        check_numbers(numbers, &mut self.last_sub).map_err(|it| invalid(&it))?;
        let sub = wanted.sub;
        let found = followed(&self.gateway, wanted);
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

    /// Gives the host the commands that were heard.
    fn offer(&mut self) {
        let heard = std::mem::take(&mut self.heard);
        let Some((first, _)) = heard.first() else { return };
        let offers = heard.iter().map(|(place, args)| {
            let Sent { id, name, .. } = self.underway.get(*place);
            let reply = self.results.reply_to(*place);
            Offer { id: id.clone(), name, arguments: args.borrowed(), reply }
        });
        let left_out = self.gateway.submit_several(&self.caller, offers.collect());
        for (place, problem) in left_out {
            self.underway.leave_out(first + place as u64, problem);
        }
    }

    fn renew(&mut self, token: &str) -> Result<(), Ended> {
        let (caller, expires) = admit(&self.gateway, token, self.peer, self.id)?;
        if caller.actor != self.caller.actor {
            return Err(invalid("A newer token is of the same actor."));
        }
        (self.expires, self.expires_at) = (expires, Instant::now() + until(expires));
        self.caller = caller.clone();
        self.membership.renew(caller);
        Ok(())
    }
}

/// What was said makes no sense.
fn invalid(detail: &str) -> Ended {
    Ended::because("invalid", Problem::Malformed { detail: detail.to_owned() })
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

/// How long until this second.
fn until(seconds: u64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_secs(seconds).saturating_sub(now)
}
