//! The shell around the [`Connection`]: a task with a socket and a clock, and handles that wait.
//!
//! One lock guards the connection; it is held for one step of it and never across an `await`. The task
//! does what the connection says, in order; handles put in what they want and wake the task.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use deeds_values::{CommandId, Position};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use crate::asks::{Answer, AskId};
use crate::commands::{Outcome, Ticket};
use crate::connection::Connection;
use crate::error::{Error, Kind};
use crate::link::{self, Heard, Link, TokenError, Tokens};
use crate::step::{Action, Event, Input, Moment};

use crate::shown::Shown;
use crate::subscriptions::SubscriptionId;

/// A client of one server, as one actor. Cheap to clone; closed when the last clone and the last of its
/// subscriptions are gone.
#[derive(Clone)]
pub struct Client {
    open: Arc<Open>,
}

/// A query that is seen live, for as long as this is held.
pub struct Live {
    open: Arc<Open>,
    id: SubscriptionId,
    /// How many of its moves were looked at.
    looked_at: u64,
    moved: watch::Receiver<()>,
}

/// A command on its way.
#[must_use = "a command has an outcome"]
pub struct Sent {
    /// Its id: sent again with it, it runs once.
    pub id: CommandId,
    /// Its record is durable.
    pub durable: Durable,
    /// What this client shows includes what it did.
    pub visible: Visible,
}

/// What becomes of a command: its outcome as soon as its record is durable.
pub struct Durable(oneshot::Receiver<Result<Outcome, Error>>);

/// When what a command did is part of what the client shows: the position of its record.
pub struct Visible(oneshot::Receiver<Result<Position, Error>>);

/// What clones of a client and its subscriptions share; dropping it closes the client.
struct Open {
    shared: Arc<Shared>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    /// Wakes the task.
    wake: Notify,
    /// Changes when something shown does.
    moved: watch::Sender<()>,
    started: Instant,
    /// Where the random numbers have come to: a seed, and a step for each.
    random: AtomicU64,
}

/// The connection, and who waits for what of it.
struct Waiting {
    connection: Connection,
    answers: BTreeMap<AskId, oneshot::Sender<Result<Answer, Error>>>,
    durable: BTreeMap<Ticket, oneshot::Sender<Result<Outcome, Error>>>,
    visible: BTreeMap<Ticket, oneshot::Sender<Result<Position, Error>>>,
    /// Whether the task does no more: it has ended.
    is_over: bool,
}

impl Client {
    /// A client of the server at `ws://HOST/v1/live`. It connects by itself, now and whenever it has
    /// to; `token` is asked for a token each time.
    ///
    /// # Errors
    /// When the address is none.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn connect<F, T>(url: &str, token: T) -> Result<Self, Error>
    where
        T: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<String, TokenError>> + Send + 'static,
    {
        let request = link::request(url)?;
        let started = Instant::now();
        let seed = getrandom::u64().expect("the system has randomness");
        let waiting = Waiting {
            connection: Connection::new(Moment { ms: 0, random: seed }),
            answers: BTreeMap::new(),
            durable: BTreeMap::new(),
            visible: BTreeMap::new(),
            is_over: false,
        };
        let shared = Arc::new(Shared {
            waiting: Mutex::new(waiting),
            wake: Notify::new(),
            moved: watch::Sender::new(()),
            started,
            random: AtomicU64::new(seed),
        });
        let tokens: Tokens = Box::new(move || Box::pin(token()));
        tokio::spawn(run(Arc::clone(&shared), request, Arc::new(tokens)));
        Ok(Self { open: Arc::new(Open { shared }) })
    }

    /// Asks a query once.
    ///
    /// # Errors
    /// When it was answered with an error, or the client has ended.
    pub async fn ask(&self, query: &str, args: &impl Serialize) -> Result<Answer, Error> {
        let args = json(args)?;
        let (sender, answer) = oneshot::channel();
        self.open.shared.with(|waiting, now| {
            let id = waiting.connection.ask(query, args, now);
            waiting.answers.insert(id, sender);
        });
        answer.await.unwrap_or_else(|_| Err(Error::closed()))
    }

    /// Sees a query live.
    ///
    /// # Errors
    /// When the arguments cannot be written as JSON.
    pub fn subscribe(&self, query: &str, args: &impl Serialize) -> Result<Live, Error> {
        let args = json(args)?;
        let shared = &self.open.shared;
        let moved = shared.moved.subscribe();
        let id = shared.with(|waiting, now| waiting.connection.subscribe(query, args, now));
        Ok(Live { open: Arc::clone(&self.open), id, looked_at: 0, moved })
    }

    /// Sends a command with an id of its own.
    ///
    /// # Errors
    /// When the arguments cannot be written as JSON.
    pub fn command(&self, name: &str, args: &impl Serialize) -> Result<Sent, Error> {
        self.command_again(CommandId::Unique(uuid::Uuid::now_v7()), name, args)
    }

    /// Sends a command with this id: one that was perhaps sent before runs once.
    ///
    /// # Errors
    /// When the arguments cannot be written as JSON.
    pub fn command_again(
        &self,
        id: CommandId,
        name: &str,
        args: &impl Serialize,
    ) -> Result<Sent, Error> {
        let args = json(args)?;
        let (tell_durable, durable) = oneshot::channel();
        let (tell_visible, visible) = oneshot::channel();
        self.open.shared.with(|waiting, now| {
            let ticket = waiting.connection.command(id.clone(), name, args, now);
            waiting.durable.insert(ticket, tell_durable);
            waiting.visible.insert(ticket, tell_visible);
        });
        Ok(Sent { id, durable: Durable(durable), visible: Visible(visible) })
    }

    /// Where the client stands, if it shows anything yet.
    pub fn position(&self) -> Option<Position> {
        let waiting = self.open.shared.lock();
        waiting.connection.stood().map(|stood| stood.position)
    }

    /// Whether the server can be heard.
    pub fn is_live(&self) -> bool {
        self.open.shared.lock().connection.is_live()
    }

    /// Does not wait before the next attempt: the network is back, or somebody looks.
    pub fn hurry(&self) {
        self.open.shared.with(|waiting, now| waiting.connection.handle(Input::Hurry, now));
    }
}

impl Live {
    /// Waits until it shows something that was not looked at: a first result, or another.
    ///
    /// # Errors
    /// When the subscription or the client has ended.
    pub async fn changed(&mut self) -> Result<(), Error> {
        loop {
            self.moved.mark_unchanged();
            {
                let waiting = self.open.shared.lock();
                let moves = waiting.connection.moves(self.id);
                let shown = waiting.connection.shown(self.id);
                if let Shown::Failed(error) = shown {
                    return Err(error.clone());
                }
                if moves != self.looked_at && *shown != Shown::Nothing {
                    self.looked_at = moves;
                    return Ok(());
                }
                if let Some(error) = waiting.connection.ended() {
                    return Err(error.clone());
                }
            }
            self.moved.changed().await.expect("who waits holds the other end");
        }
    }

    /// Looks at what it shows, and at the position that all subscriptions of the client are at.
    pub fn look<T>(&self, look: impl FnOnce(&Shown, Option<Position>) -> T) -> T {
        let waiting = self.open.shared.lock();
        let position = waiting.connection.stood().map(|stood| stood.position);
        look(waiting.connection.shown(self.id), position)
    }

    /// The rows in their order; none before the first result.
    ///
    /// # Errors
    /// When the subscription has ended, or a row is of another type.
    pub fn rows<T: DeserializeOwned>(&self) -> Result<Vec<T>, Error> {
        self.look(|shown, _| match shown {
            Shown::Rows(rows) => rows.iter().map(|(_, row)| typed(row)).collect(),
            Shown::Nothing => Ok(Vec::new()),
            Shown::Value { .. } => Err(Error::new(Kind::Invalid, "query", "It has a value.")),
            Shown::Failed(error) => Err(error.clone()),
        })
    }

    /// The value; none before the first result.
    ///
    /// # Errors
    /// When the subscription has ended, or the value is of another type.
    pub fn value<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        self.look(|shown, _| match shown {
            Shown::Value { value, .. } => typed(value).map(Some),
            Shown::Nothing => Ok(None),
            Shown::Rows(_) => Err(Error::new(Kind::Invalid, "query", "It has rows.")),
            Shown::Failed(error) => Err(error.clone()),
        })
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.open.shared.with(|waiting, now| waiting.connection.unsubscribe(self.id, now));
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.with(|waiting, now| waiting.connection.handle(Input::Close, now));
    }
}

impl Future for Durable {
    type Output = Result<Outcome, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let told = Pin::new(&mut self.0).poll(context);
        told.map(|told| told.unwrap_or_else(|_| Err(Error::closed())))
    }
}

impl Future for Visible {
    type Output = Result<Position, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let told = Pin::new(&mut self.0).poll(context);
        told.map(|told| told.unwrap_or_else(|_| Err(Error::closed())))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("nobody panics holding the connection")
    }

    fn now(&self) -> Moment {
        let ms = self.started.elapsed().as_millis();
        let ms = u64::try_from(ms).expect("no process runs for 500 million years");
        let step = self.random.fetch_add(RANDOM_STEP, Relaxed);
        Moment { ms, random: mixed(step) }
    }

    /// One step; what it leaves to do is the task's.
    fn with<T>(&self, step: impl FnOnce(&mut Waiting, Moment) -> T) -> T {
        let mut waiting = self.lock();
        let done = step(&mut waiting, self.now());
        if waiting.is_over {
            // The task is gone, and with it whatever links there were.
            drop(self.tell(&mut waiting));
        }
        drop(waiting);
        self.wake.notify_one();
        done
    }

    /// Tells whoever waits for what has happened; what is left is to be done on the side of the link.
    fn tell(&self, waiting: &mut Waiting) -> Vec<Action> {
        let mut to_do = Vec::new();
        for action in waiting.connection.take_actions() {
            match action {
                Action::Tell(Event::Moved) => self.moved.send_replace(()),
                Action::Tell(event) => waiting.tell(event),
                Action::Open | Action::Send(_) | Action::Drop => to_do.push(action),
            }
        }
        to_do
    }

    fn to_do(&self) -> ToDo {
        let mut waiting = self.lock();
        let actions = self.tell(&mut waiting);
        // Of the same moment: what ends it also leaves something to do.
        waiting.is_over = waiting.connection.ended().is_some();
        ToDo { actions, alarm: waiting.connection.alarm(), is_last: waiting.is_over }
    }
}

/// What is to be done now, and when something may be without anything happening.
struct ToDo {
    actions: Vec<Action>,
    alarm: Option<u64>,
    is_last: bool,
}

impl Waiting {
    /// Tells whoever waits; nobody may, where a handle was dropped.
    fn tell(&mut self, event: Event) {
        match event {
            Event::Answered(id, answered) => {
                self.answers.remove(&id).map(|tell| tell.send(answered));
            }
            Event::Durable(ticket, outcome) => {
                self.durable.remove(&ticket).map(|tell| tell.send(outcome));
            }
            Event::Visible(ticket, seen) => {
                self.visible.remove(&ticket).map(|tell| tell.send(seen));
            }
            Event::Moved => {}
        }
    }
}

/// Does what the connection says until it has ended.
async fn run(shared: Arc<Shared>, request: link::Request, tokens: Arc<Tokens>) {
    let mut link = Link::None;
    loop {
        let ToDo { actions, alarm, is_last } = shared.to_do();
        for action in actions {
            match action {
                Action::Open => {
                    link = Link::opening(request.clone(), Arc::clone(&tokens));
                }
                Action::Send(frame) => {
                    if let Link::Open { frames, .. } = &link {
                        // Who does not take it has failed, and the reader hears of it.
                        let _ = frames.send(frame);
                    }
                }
                Action::Drop => std::mem::replace(&mut link, Link::None).close().await,
                Action::Tell(_) => unreachable!("events are told where they are taken"),
            }
        }
        if is_last {
            return;
        }
        let alarm = alarm.map(|ms| shared.started + Duration::from_millis(ms));
        let heard = tokio::select! {
            heard = link.next() => heard,
            () = shared.wake.notified() => continue,
            () = async {
                match alarm {
                    Some(alarm) => tokio::time::sleep_until(alarm).await,
                    None => std::future::pending().await,
                }
            } => {
                shared.lock().connection.handle(Input::Alarm, shared.now());
                continue;
            }
        };
        let mut waiting = shared.lock();
        let (connection, now) = (&mut waiting.connection, shared.now());
        match heard {
            Heard::Opened(Some(opened)) => {
                link = Link::open(opened.socket);
                connection.handle(Input::Opened { token: &opened.token }, now);
            }
            Heard::Frame(Some(frame)) => connection.handle(Input::Frame(&frame), now),
            Heard::Opened(None) | Heard::Frame(None) => {
                link = Link::None;
                connection.handle(Input::Lost, now);
            }
        }
    }
}

/// What splitmix64 adds for each number: two to the 64th by the golden ratio.
const RANDOM_STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Splitmix64: spreads attempts of many clients over time, without a system call for each command.
fn mixed(step: u64) -> u64 {
    let mixed = (step ^ step >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

fn json(args: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(args).map_err(|cause| Error::unreadable("Arguments are JSON", &cause))
}

fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, Error> {
    T::deserialize(value).map_err(|cause| Error::unreadable("It is of another type", &cause))
}
