//! A client on a link that the test holds in its hands: real sockets, and a clock of the test's own.
//! Whatever it shows is held against the history at once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::Duration;

use deeds_client::commands::Ticket;
use deeds_client::connection::Connection;
use deeds_client::error::Kind;
use deeds_client::message::SUBPROTOCOL;
use deeds_client::step::{Action, Event, Input, Moment};
use deeds_client::subscriptions::SubscriptionId;
use deeds_client::{Outcome, Shown};
use deeds_values::{CommandId, Lineage};
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::{Message, WebSocket};

use crate::history::Expected;
use crate::place::Place;

/// How much of what a client does not read the system keeps for it: little, so that the server soon
/// notices.
const UNREAD_BYTES: usize = 8 * 1024;

/// What a link does to the ticks that pass it, other than carrying them: to every eleventh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tampers {
    Never,
    /// Rows that have changed are not told: a server that forgets a diff.
    WithoutRows,
    /// Values are told as another: a query that was run for somebody else.
    OtherValue,
    /// The whole tick is lost.
    Loses,
}

/// See the module.
pub(crate) struct Native {
    pub(crate) actor: String,
    connection: Connection,
    link: Option<WebSocket<TcpStream>>,
    pub(crate) subs: BTreeMap<SubscriptionId, String>,
    /// Where it stood when it last showed something, and in which chronicle.
    last: (Option<Lineage>, u64),
    /// Where the last value of each subscription was read: what is told of it next may be as old.
    read_at: BTreeMap<SubscriptionId, u64>,
    /// Whether the system keeps as much for it as it likes.
    is_patient: bool,
    commands: BTreeMap<Ticket, Sent>,
    /// Steps of the schedule for which it reads nothing.
    pub(crate) stalled: u64,
    pub(crate) seen: Seen,
    tampers: Tampers,
    ticks: u64,
}

struct Sent {
    id: CommandId,
    durable: Option<u64>,
    is_done: bool,
}

/// What a client went through, to know that the schedules go where they should.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) positions: u64,
    pub(crate) compared: u64,
    pub(crate) opened: u64,
    pub(crate) lost: u64,
    pub(crate) fails: u64,
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) leaps: u64,
}

impl Native {
    pub(crate) fn new(actor: &str, tampers: Tampers, now: Moment) -> Self {
        Self {
            actor: actor.to_owned(),
            connection: Connection::new(now),
            link: None,
            subs: BTreeMap::new(),
            last: (None, 0),
            read_at: BTreeMap::new(),
            is_patient: false,
            commands: BTreeMap::new(),
            stalled: 0,
            seen: Seen::default(),
            tampers,
            ticks: 0,
        }
    }

    pub(crate) fn subscribe(&mut self, query: &str, now: Moment) {
        let id = self.connection.subscribe(query, json!({}), now);
        self.subs.insert(id, query.to_owned());
    }

    pub(crate) fn unsubscribe(&mut self, id: SubscriptionId, now: Moment) {
        self.subs.remove(&id);
        self.connection.unsubscribe(id, now);
    }

    pub(crate) fn command(&mut self, id: CommandId, name: &str, args: Value, now: Moment) {
        let ticket = self.connection.command(id.clone(), name, args, now);
        self.commands.insert(ticket, Sent { id, durable: None, is_done: false });
    }

    /// The link breaks; nobody says goodbye.
    pub(crate) fn cut(&mut self, now: Moment) {
        if self.link.take().is_some() {
            self.connection.handle(Input::Lost, now);
        }
    }

    pub(crate) fn leave(&mut self, place: &mut Place, now: Moment) {
        self.connection.handle(Input::Close, now);
        self.act(place, now);
    }

    pub(crate) fn hurry(&mut self, now: Moment) {
        self.connection.handle(Input::Hurry, now);
    }

    /// Hears what the server has said, and does what there is to do.
    pub(crate) fn run(&mut self, place: &mut Place, now: Moment) {
        self.act(place, now);
        // A bound, for a server that never stops talking.
        for _ in 0..1_000 {
            let Some(link) = &mut self.link else { break };
            link.get_ref().set_nonblocking(true).unwrap();
            let heard = link.read();
            link.get_ref().set_nonblocking(false).unwrap();
            match heard {
                Ok(Message::Binary(frame)) => {
                    let frame = self.tampered(&frame);
                    self.connection.handle(Input::Frame(&frame), now);
                    self.check(place);
                }
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                    break;
                }
                Ok(_) | Err(_) => self.cut(now),
            }
            self.act(place, now);
        }
        // Whatever was there has been heard: now silence counts.
        self.connection.handle(Input::Alarm, now);
        self.act(place, now);
    }

    /// The frame as the link lets it through.
    fn tampered<'a>(&mut self, frame: &'a [u8]) -> Cow<'a, [u8]> {
        if self.tampers == Tampers::Never {
            return Cow::Borrowed(frame);
        }
        let message: Value = rmp_serde::from_slice(frame).unwrap();
        let mut messages = match message {
            Value::Array(messages) => messages,
            one => vec![one],
        };
        messages.retain_mut(|message| {
            // One that moves nobody, with a value that has been read again, would not be missed.
            let is_missed = message["from"] != message["to"];
            if message["type"] != "tick" || (self.tampers == Tampers::Loses && !is_missed) {
                return true;
            }
            self.ticks += 1;
            if !self.ticks.is_multiple_of(11) {
                return true;
            }
            for sub in message["subs"].as_array_mut().unwrap() {
                match self.tampers {
                    Tampers::WithoutRows
                        if sub.get("put").is_some() && sub.get("reset").is_none() =>
                    {
                        (sub["put"], sub["del"]) = (json!([]), json!([]));
                    }
                    Tampers::OtherValue if sub.get("value").is_some() => sub["value"] = json!(null),
                    Tampers::WithoutRows
                    | Tampers::OtherValue
                    | Tampers::Never
                    | Tampers::Loses => {}
                }
            }
            self.tampers != Tampers::Loses
        });
        Cow::Owned(rmp_serde::to_vec_named(&messages).unwrap())
    }

    fn act(&mut self, place: &mut Place, now: Moment) {
        loop {
            let actions = self.connection.take_actions();
            if actions.is_empty() {
                return;
            }
            for action in actions {
                match action {
                    Action::Open => {
                        self.link = place.address().and_then(|address| {
                            let stream = TcpStream::connect(address).ok()?;
                            open(stream, &address.to_string(), self.is_patient)
                        });
                        self.seen.opened += 1;
                        let token = place.token(&self.actor);
                        let opened = Input::Opened { token: &token };
                        let input = if self.link.is_some() { opened } else { Input::Lost };
                        self.connection.handle(input, now);
                    }
                    Action::Send(frame) => {
                        let sent = self.link.as_mut().map(|link| link.send(Message::from(frame)));
                        if !matches!(sent, Some(Ok(()))) {
                            self.cut(now);
                        }
                    }
                    Action::Drop => {
                        self.seen.lost += 1;
                        self.link = None;
                    }
                    Action::Tell(event) => self.told(place, event),
                }
            }
        }
    }

    fn told(&mut self, place: &mut Place, event: Event) {
        match event {
            Event::Durable(ticket, Ok(outcome)) => {
                place.follow();
                let lineage = self.connection.stood().map(|stood| stood.lineage);
                let sent = self.commands.get_mut(&ticket).unwrap();
                let position = outcome.position().0;
                // Before the first tick of another socket nothing says which chronicle it is of.
                if let Some(lineage) = lineage {
                    let id = place.histories[&lineage].id_at(position);
                    assert_eq!(id, Some(sent.id.to_string().as_str()), "its own record");
                }
                assert_eq!(sent.durable.replace(position), None, "told once");
                match outcome {
                    Outcome::Accepted { .. } => self.seen.accepted += 1,
                    Outcome::Refused { refusal, .. } => {
                        assert_eq!(refusal.code, "not_yours");
                        self.seen.refused += 1;
                    }
                }
            }
            Event::Visible(ticket, Ok(position)) => {
                let sent = self.commands.get_mut(&ticket).unwrap();
                assert_eq!(sent.durable, Some(position.0), "durable before visible");
                assert!(self.connection.stood().unwrap().position >= position);
                assert!(!std::mem::replace(&mut sent.is_done, true), "told once");
            }
            Event::Durable(ticket, Err(error)) | Event::Visible(ticket, Err(error)) => {
                let sent = self.commands.get_mut(&ticket).unwrap();
                sent.is_done = true;
                let is_known =
                    ["other-lineage", "closed", "unknown"].contains(&error.code.as_str());
                assert!(is_known, "{error}: {}", sent.id);
            }
            Event::Answered(..) | Event::Moved => {}
        }
    }

    /// Holds what is shown against the history at the position where it is shown.
    fn check(&mut self, place: &mut Place) {
        place.follow();
        let Some(stood) = self.connection.stood() else { return };
        let (position, lineage) = (stood.position.0, stood.lineage);
        let history = &place.histories[&lineage];
        assert!(history.last() >= Some(position), "nothing is shown that is not published");
        if self.last.0 != Some(lineage) {
            self.last = (Some(lineage), 0);
            self.read_at.clear();
            // What has failed before anything was shown may have failed in the chronicle before.
            let connection = &self.connection;
            self.subs.retain(|id, _| !matches!(connection.shown(*id), Shown::Failed(_)));
        }
        let last = self.last.1;
        if position != last {
            self.seen.positions += 1;
            self.seen.leaps += u64::from(position > last + 1);
        }
        assert!(position >= last, "nobody goes back");
        let mut failed = BTreeSet::new();
        for (&id, query) in &self.subs {
            let told = |at: u64| history.expected(at, &self.actor, query);
            let context = || format!("{} sees {query} at {position} of {lineage}", self.actor);
            match self.connection.shown(id) {
                Shown::Nothing => continue,
                Shown::Rows(rows) => {
                    let rows: Vec<Value> = rows.iter().map(|(_, row)| row.clone()).collect();
                    assert_eq!(Expected::Rows(rows), told(position), "{}", context());
                }
                Shown::Value { at, value } => {
                    assert!(at.0 <= position, "{}", context());
                    let value = Expected::Value(value.clone());
                    assert_eq!(value, told(at.0), "{}, read at {at}", context());
                    self.read_at.insert(id, at.0);
                }
                Shown::Failed(error) => {
                    let end = history.last().unwrap();
                    // Its rows were right at every position shown; a value is run again now and
                    // then, and may fail at any position since it was read last.
                    let since = match query.as_str() {
                        "Superstitious" => self.read_at.get(&id).copied().unwrap_or_default(),
                        _ => last,
                    };
                    let may = history.ends_within(since, end, &self.actor, query);
                    assert!(may, "{}: {error}", context());
                    assert!(matches!(error.kind, Kind::Denied | Kind::Bug), "{error}");
                    failed.insert(id);
                }
            }
            self.seen.compared += 1;
        }
        self.last.1 = position;
        self.seen.fails += failed.len() as u64;
        // The next check begins later than why they failed.
        self.subs.retain(|id, _| !failed.contains(id));
    }

    /// From now on it reads as fast as it comes, on a new link if need be: with little room, a clock
    /// that runs so much faster than the world would give up whatever is long.
    pub(crate) fn hears_out(&mut self, now: Moment) {
        self.is_patient = true;
        self.stalled = 0;
        self.cut(now);
    }

    /// Whether everything it sent has an end, and it shows all that it wants at this position, as
    /// fresh as it gets.
    pub(crate) fn is_settled(&self, place: &Place, position: u64) -> bool {
        let history = &place.histories[&place.lineage()];
        let stands = self
            .connection
            .stood()
            .is_some_and(|at| at.position.0 == position && at.lineage == place.lineage());
        let shows = self.subs.iter().all(|(id, query)| match self.connection.shown(*id) {
            Shown::Nothing => false,
            Shown::Value { value, .. } => {
                let expected = history.expected(position, &self.actor, query);
                // What it may not see any more, or what fails, is about to be told.
                Expected::Value(value.clone()) == expected
            }
            Shown::Rows(_) | Shown::Failed(_) => true,
        });
        stands && shows && self.commands.values().all(|sent| sent.is_done)
    }

    /// What it shows, for whoever asks why it is not settled.
    pub(crate) fn describe(&self) -> String {
        let shown: Vec<_> = self
            .subs
            .iter()
            .map(|(id, query)| match self.connection.shown(*id) {
                Shown::Rows(rows) => format!("{query} of {} rows", rows.len()),
                other => format!("{query}: {other:?}"),
            })
            .collect();
        let waiting: Vec<_> = self.commands.values().filter(|sent| !sent.is_done).collect();
        let waiting: Vec<_> =
            waiting.iter().map(|sent| (sent.id.to_string(), sent.durable)).collect();
        format!("{}: {:?} {shown:?} {waiting:?}", self.actor, self.connection.stood())
    }
}

fn open(stream: TcpStream, host: &str, is_patient: bool) -> Option<WebSocket<TcpStream>> {
    if !is_patient {
        rustix::net::sockopt::set_socket_recv_buffer_size(&stream, UNREAD_BYTES).unwrap();
    }
    stream.set_nodelay(true).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut request = format!("ws://{host}/v1/live").into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", SUBPROTOCOL.parse().unwrap());
    tungstenite::client(request, stream).ok().map(|(socket, _)| socket)
}
