//! What a client does when: a state machine without sockets, clocks or randomness. What happens goes
//! in with the moment it happens; what is to be done comes out of [`Connection::take_actions`].
//!
//! | phase | what happens | what follows |
//! |---|---|---|
//! | *waiting* | the alarm, or [`Hurry`](Input::Hurry) | `Open`; *opening* |
//! | *opening* | `Opened` | `Send` hello; *greeting* |
//! | *greeting* | a welcome | what the hello left out is sent; *live* |
//! | *live* | a tick | it is applied whole, then told; one that begins elsewhere: as when lost, and anew |
//! | | nothing sent for 15 s | a ping; nothing heard for 10 s after it: as when lost |
//! | any but *ended* | the link is lost, an alarm, `bye` with `retry_ms` | `Drop`; *waiting* |
//! | | `bye` without `retry_ms` | `Drop`; *ended* (*expired*: *waiting*, a new token may do) |
//! | | [`Close`](Input::Close) | bye; `Drop`; *ended* |
//!
//! A subscription goes on from where it was if its socket is resumed. Commands without a result are
//! sent again with the same id, questions without an answer are asked again.

use std::collections::VecDeque;

use deeds_values::{CommandId, Lineage, Position, Timestamp};
use serde_json::Value;

use crate::asks::{Answer, AskId, Asks};
use crate::backoff::wait_ms;
use crate::commands::{Commands, Dropped, Outcome, Ticket};
use crate::error::{Error, Kind, Refusal};
use crate::message::{self, Limits, PROTOCOL, Resume, Tick, ToClient, ToServer, Welcome};
use crate::shown::Shown;
use crate::step::{Action, Event, Input, Moment};
use crate::subscriptions::{SubscriptionId, Subscriptions};

/// How long opening may take: a token, a name looked up, a handshake.
pub const OPENING_TIME_MAX_MS: u64 = 30_000;

/// How long a client says nothing before it asks whether the server is there.
pub const QUIET_TIME_MAX_MS: u64 = 15_000;

/// How long a server may say nothing when asked; also after a hello.
pub const SILENCE_TIME_MAX_MS: u64 = 10_000;

/// Where a client stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Stood {
    /// The chronicle.
    pub lineage: Lineage,
    /// The position.
    pub position: Position,
    /// The time there.
    pub time: Timestamp,
    /// What resuming needs; none after a misunderstanding.
    who: Option<String>,
    /// Whether all that was greeted with is shown at this position.
    shows: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Phase {
    Waiting { until: u64 },
    Opening { until: u64 },
    Greeting { until: u64 },
    Live { said: u64, pinged: Option<u64> },
    Ended(Error),
}

/// See the module.
#[derive(Debug)]
pub struct Connection {
    phase: Phase,
    /// Failed attempts since the last welcome.
    failures: u32,
    stood: Option<Stood>,
    limits: Limits,
    subscriptions: Subscriptions,
    asks: Asks,
    commands: Commands,
    last_id: u64,
    actions: VecDeque<Action>,
}

impl Connection {
    /// One that opens its first socket.
    pub fn new(now: Moment) -> Self {
        Self {
            phase: Phase::Opening { until: now.ms + OPENING_TIME_MAX_MS },
            failures: 0,
            stood: None,
            limits: Limits { commands: 1, asks: 1 },
            subscriptions: Subscriptions::default(),
            asks: Asks::default(),
            commands: Commands::default(),
            last_id: 0,
            actions: VecDeque::from([Action::Open]),
        }
    }

    /// What is to be done since this was last asked, in order.
    pub fn take_actions(&mut self) -> Vec<Action> {
        self.actions.drain(..).collect()
    }

    /// When [`Input::Alarm`] is due.
    pub fn alarm(&self) -> Option<u64> {
        match self.phase {
            Phase::Waiting { until } | Phase::Opening { until } | Phase::Greeting { until } => {
                Some(until)
            }
            Phase::Live { said, pinged } => {
                let link = pinged.map_or(said + QUIET_TIME_MAX_MS, |at| at + SILENCE_TIME_MAX_MS);
                let wait = self.commands.first_wait(self.limits.commands);
                Some(wait.map_or(link, |wait| wait.min(link)))
            }
            Phase::Ended(_) => None,
        }
    }

    /// Where the client stands, as far as it shows something.
    pub fn stood(&self) -> Option<&Stood> {
        self.stood.as_ref().filter(|stood| stood.shows)
    }

    /// Whether the server can be heard.
    pub fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live { .. })
    }

    /// Why it has ended for good.
    pub fn ended(&self) -> Option<&Error> {
        match &self.phase {
            Phase::Ended(error) => Some(error),
            _ => None,
        }
    }

    /// What a subscription shows; nothing if there is none.
    pub fn shown(&self, id: SubscriptionId) -> &Shown {
        self.subscriptions.shown(id)
    }

    /// How often a subscription has shown something else.
    pub fn moves(&self, id: SubscriptionId) -> u64 {
        self.subscriptions.moves(id)
    }

    /// Wants a query to be seen live from now on.
    pub fn subscribe(&mut self, query: &str, args: Value, now: Moment) -> SubscriptionId {
        let id = SubscriptionId(self.next_id());
        self.subscriptions.add(id, query, args);
        self.send_what_may_go(now);
        id
    }

    /// Does not want it any longer.
    pub fn unsubscribe(&mut self, id: SubscriptionId, now: Moment) {
        let sub = self.subscriptions.remove(id);
        if let Some(sub) = sub.filter(|_| self.is_live()) {
            self.send(&ToServer::Unsub { sub }, now);
        }
    }

    /// Asks once.
    pub fn ask(&mut self, query: &str, args: Value, now: Moment) -> AskId {
        let id = self.asks.next();
        if let Phase::Ended(error) = &self.phase {
            let error = error.clone();
            self.tell(Event::Answered(id, Err(error)));
            return id;
        }
        self.asks.add(id, query, args);
        self.send_what_may_go(now);
        id
    }

    /// Sends a command. An id that is on its way already is a mistake of the caller's.
    pub fn command(&mut self, id: CommandId, name: &str, args: Value, now: Moment) -> Ticket {
        let ticket = Ticket(self.next_id());
        let added = match &self.phase {
            Phase::Ended(error) => Err(error.clone()),
            _ => self.commands.add(ticket, id, name, args),
        };
        if let Err(error) = added {
            self.tell_dropped([Dropped { ticket, is_durable: false, error }]);
        }
        self.send_what_may_go(now);
        ticket
    }

    /// Something happened.
    pub fn handle(&mut self, input: Input<'_>, now: Moment) {
        match (input, &self.phase) {
            (_, Phase::Ended(_)) => {}
            (Input::Close, _) => {
                if self.is_live() {
                    self.send(&ToServer::Bye {}, now);
                }
                self.end(&Error::closed());
            }
            (Input::Opened { token }, Phase::Opening { .. }) => self.greet(token, now),
            (Input::Frame(frame), Phase::Greeting { .. } | Phase::Live { .. }) => {
                self.hear(frame, now);
            }
            (Input::Lost, Phase::Waiting { .. }) => {}
            (Input::Lost, _) => self.lose(0, now),
            (Input::Hurry, Phase::Waiting { .. }) => self.open(now),
            (Input::Alarm, _) if self.alarm().is_some_and(|alarm| alarm <= now.ms) => {
                self.rang(now);
            }
            // What comes of a socket that was given up.
            (Input::Alarm | Input::Hurry | Input::Opened { .. } | Input::Frame(_), _) => {}
        }
    }

    fn rang(&mut self, now: Moment) {
        match self.phase {
            Phase::Waiting { .. } => self.open(now),
            Phase::Opening { .. } | Phase::Greeting { .. } => self.lose(0, now),
            Phase::Live { pinged: Some(at), .. } if at + SILENCE_TIME_MAX_MS <= now.ms => {
                self.lose(0, now);
            }
            Phase::Live { said, pinged: None } if said + QUIET_TIME_MAX_MS <= now.ms => {
                self.ping(now);
            }
            Phase::Live { .. } => self.send_what_may_go(now),
            Phase::Ended(_) => {}
        }
    }

    fn open(&mut self, now: Moment) {
        self.phase = Phase::Opening { until: now.ms + OPENING_TIME_MAX_MS };
        self.actions.push_back(Action::Open);
    }

    /// The hello. What is resumed is what is shown; who has nothing to go on from begins anew.
    fn greet(&mut self, token: &str, now: Moment) {
        self.phase = Phase::Greeting { until: now.ms + SILENCE_TIME_MAX_MS };
        let resume = self.stood.as_ref().and_then(|Stood { lineage, position, who, .. }| {
            let who = who.as_ref()?;
            Some(Resume { lineage: *lineage, position: *position, who })
        });
        let subs = self.subscriptions.send(resume.is_some());
        let hello = ToServer::Hello { protocol: PROTOCOL, token, resume, subs };
        self.actions.push_back(Action::Send(message::write(&hello)));
    }

    fn hear(&mut self, frame: &[u8], now: Moment) {
        if let Phase::Live { pinged, .. } = &mut self.phase {
            *pinged = None;
        }
        let messages = match message::read(frame) {
            Ok(messages) => messages,
            Err(_) => return self.forget(now),
        };
        for message in messages {
            match (message, &self.phase) {
                // The rest of a frame after which nothing counts.
                (_, Phase::Waiting { .. } | Phase::Ended(_)) => return,
                (ToClient::Welcome(welcome), Phase::Greeting { .. }) => self.welcome(welcome, now),
                (ToClient::Bye { reason, retry_ms, error }, _) => {
                    self.bye(&reason, retry_ms, error, now);
                }
                (ToClient::Tick(tick), Phase::Live { .. }) => self.tick(tick, now),
                (ToClient::Result { id, position, answer, refusal, error }, Phase::Live { .. }) => {
                    let settled = settled(position, answer, refusal, error);
                    self.result(&id, settled, now);
                }
                (ToClient::Answer { ask, position, time, answer, error }, Phase::Live { .. }) => {
                    self.answer(AskId(ask), answered(position, time, answer, error));
                }
                (ToClient::Fail { sub, error }, Phase::Live { .. }) => self.fail(sub, error),
                (ToClient::Pong {}, Phase::Live { .. }) => {}
                (_, Phase::Opening { .. } | Phase::Greeting { .. } | Phase::Live { .. }) => {
                    return self.forget(now);
                }
            }
        }
        self.send_what_may_go(now);
    }

    fn welcome(&mut self, welcome: Welcome, now: Moment) {
        let Welcome { lineage, position, time, who, resumed, limits } = welcome;
        let goes_on = self.stood.as_ref().is_some_and(|stood| {
            resumed
                && stood.lineage == lineage
                && stood.position == position
                && stood.who.as_ref() == Some(&who)
        });
        if resumed && !goes_on {
            return self.forget(now);
        }
        self.phase = Phase::Live { said: now.ms, pinged: None };
        self.failures = 0;
        self.limits = limits;
        let before = self.stood.take();
        if !goes_on {
            self.subscriptions.clear();
        }
        let shows = goes_on || self.subscriptions.none_sent();
        self.stood = Some(Stood { lineage, position, time, who: Some(who), shows });
        if before.is_some_and(|before| before.lineage != lineage) {
            let dropped = self.commands.take_all(&Error::other_lineage());
            self.tell_dropped(dropped);
        }
        self.see_commands();
        self.tell(Event::Moved);
        if self.commands.has_durable() {
            // The tick that was owed went to the socket before: a ping is answered with one.
            self.ping(now);
        }
    }

    fn tick(&mut self, tick: Tick, now: Moment) {
        let Tick { from, to, time, subs } = tick;
        let stood = self.stood.as_mut().expect("a live client stands somewhere");
        if from != stood.position || to < from {
            return self.forget(now);
        }
        for sub_tick in subs {
            if !self.subscriptions.apply(sub_tick) {
                return self.forget(now);
            }
        }
        (stood.position, stood.time, stood.shows) = (to, time, true);
        self.see_commands();
        self.tell(Event::Moved);
    }

    fn result(&mut self, id: &str, settled: Result<Outcome, Error>, now: Moment) {
        let Some((ticket, settled)) = self.commands.settle(id, settled, now.ms) else { return };
        match settled {
            Err(error) => self.tell_dropped([Dropped { ticket, is_durable: false, error }]),
            Ok(outcome) => {
                self.tell(Event::Durable(ticket, Ok(outcome)));
                self.see_commands();
            }
        }
    }

    fn answer(&mut self, id: AskId, answered: Result<Answer, Error>) {
        if self.asks.settle(id) {
            self.tell(Event::Answered(id, answered));
        }
    }

    fn fail(&mut self, sub: u32, error: Error) {
        if self.subscriptions.fail(sub, error) {
            self.tell(Event::Moved);
        }
    }

    fn bye(&mut self, reason: &str, retry_ms: Option<u64>, error: Option<Error>, now: Moment) {
        match retry_ms {
            Some(wait) => self.lose(wait, now),
            // The provider may have a newer token; a hello with one that does not count is the end.
            None if reason == "expired" && self.is_live() => self.lose(0, now),
            None => {
                let kind = match reason {
                    "expired" | "revoked" | "signed-out" | "signin" => Kind::Signin,
                    "version" => Kind::Version,
                    "too-large" => Kind::TooLarge,
                    _ => Kind::Invalid,
                };
                let ended = || Error::new(kind, reason, "The server has ended the connection.");
                self.end(&error.unwrap_or_else(ended));
            }
        }
    }

    /// The socket is gone: what was on its way on it goes again on the next.
    fn lose(&mut self, wait_at_least: u64, now: Moment) {
        let wait = wait_ms(self.failures, now.random).max(wait_at_least);
        self.failures += 1;
        self.phase = Phase::Waiting { until: now.ms + wait };
        self.actions.push_back(Action::Drop);
        self.subscriptions.lose();
        self.asks.lose();
        self.commands.lose();
    }

    /// The server and the client do not mean the same: nothing shown counts any more.
    fn forget(&mut self, now: Moment) {
        self.lose(0, now);
        self.subscriptions.clear();
        if let Some(stood) = &mut self.stood {
            // The lineage stays known: commands that wait are for it.
            (stood.who, stood.shows) = (None, false);
        }
        self.tell(Event::Moved);
    }

    fn end(&mut self, error: &Error) {
        let dropped = self.commands.take_all(error);
        self.tell_dropped(dropped);
        self.lose(0, Moment { ms: 0, random: 0 });
        self.phase = Phase::Ended(error.clone());
        for id in self.asks.take_all() {
            self.tell(Event::Answered(id, Err(error.clone())));
        }
        self.tell(Event::Moved);
    }

    /// Nothing more is heard of these commands.
    fn tell_dropped(&mut self, dropped: impl IntoIterator<Item = Dropped>) {
        for Dropped { ticket, is_durable, error } in dropped {
            if !is_durable {
                self.tell(Event::Durable(ticket, Err(error.clone())));
            }
            self.tell(Event::Visible(ticket, Err(error)));
        }
    }

    /// Tells of the commands whose effects are part of what is shown.
    fn see_commands(&mut self) {
        let Some(stood) = self.stood() else { return };
        for (ticket, position) in self.commands.take_seen(stood.position) {
            self.tell(Event::Visible(ticket, Ok(position)));
        }
    }

    /// Sends what has not been sent on this socket, as far as the limits let it.
    fn send_what_may_go(&mut self, now: Moment) {
        if !self.is_live() {
            return;
        }
        let wanted = self.subscriptions.send(false).into_iter();
        let mut frames: Vec<_> =
            wanted.map(|wanted| message::write(&ToServer::Sub(wanted))).collect();
        frames.append(&mut self.asks.send(self.limits.asks));
        frames.append(&mut self.commands.send(self.limits.commands, now.ms));
        for frame in frames {
            self.said(frame, now);
        }
    }

    fn ping(&mut self, now: Moment) {
        self.send(&ToServer::Ping { n: now.ms }, now);
        self.phase = Phase::Live { said: now.ms, pinged: Some(now.ms) };
    }

    fn send(&mut self, message: &ToServer<'_>, now: Moment) {
        self.said(message::write(message), now);
    }

    fn said(&mut self, frame: Vec<u8>, now: Moment) {
        if let Phase::Live { said, .. } = &mut self.phase {
            *said = now.ms;
        }
        self.actions.push_back(Action::Send(frame));
    }

    fn tell(&mut self, event: Event) {
        self.actions.push_back(Action::Tell(event));
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

fn settled(
    position: Option<Position>,
    answer: Option<Value>,
    refusal: Option<Refusal>,
    error: Option<Error>,
) -> Result<Outcome, Error> {
    match (position, refusal, error) {
        (_, _, Some(error)) => Err(error),
        (Some(position), Some(refusal), None) => Ok(Outcome::Refused { position, refusal }),
        (Some(position), None, None) => {
            Ok(Outcome::Accepted { position, answer: answer.unwrap_or_default() })
        }
        (None, _, None) => Err(incomplete()),
    }
}

fn answered(
    position: Option<Position>,
    time: Option<Timestamp>,
    answer: Option<Value>,
    error: Option<Error>,
) -> Result<Answer, Error> {
    match (position, time, error) {
        (_, _, Some(error)) => Err(error),
        (Some(position), Some(time), None) => {
            Ok(Answer { position, time, answer: answer.unwrap_or_default() })
        }
        _ => Err(incomplete()),
    }
}

fn incomplete() -> Error {
    Error::new(Kind::Invalid, "malformed", "The server sent a result without its position.")
}
