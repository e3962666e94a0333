//! Live reading without the app's type: what a server needs to keep queries of any app up to date.
//!
//! ```text
//! name, arguments ──▶ Question ──┬─ answer: the whole, once
//!                                ├─ items, item_changes: a row query, moved by change lists
//!                                └─ answer under `recording`: a value query, and what it read
//! ```
//!
//! A [`View`] is an atom, a [`Publication`] the step from one to the next. All functions here are
//! functions of these and run the author's code on the calling thread; a panic passes through.

use std::any::Any;
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use deeds_values::{ActorId, Lineage, Position, Timestamp};

use crate::actor::{Access, Actor, Keys, Roles};
use crate::app::{App, QueryError, actor_in};
use crate::atom::Atom;
use crate::changed::Changed;
use crate::changes::FrameChanges;
use crate::command::{ArgumentError, parse_json};
use crate::query::{Asker, Asking, NO_KEY, Read, Scope};
use crate::select::{Item, ItemChange, Picked, Plan, SelectRows};
use crate::window::{Pane, Window};

/// The state at one position, of whichever app.
#[derive(Clone)]
pub struct View {
    lineage: Lineage,
    position: Position,
    time: Timestamp,
    /// An `Atom` of the app.
    atom: Arc<dyn Any + Send + Sync>,
}

/// One publication.
#[derive(Clone)]
pub struct Publication {
    /// The state after it.
    pub view: View,
    /// What changed since the publication before it.
    pub changes: Arc<FrameChanges>,
}

impl View {
    /// The view of an atom.
    pub fn of<A: App>(atom: Arc<Atom<A>>) -> Self {
        let Atom { lineage, position, time, .. } = *atom;
        Self { lineage, position, time, atom }
    }

    /// A view of nothing, for hosts that stand in for an app in tests.
    #[doc(hidden)]
    pub fn staged(lineage: Lineage, position: Position, time: Timestamp) -> Self {
        Self { lineage, position, time, atom: Arc::new(()) }
    }

    /// The chronicle it follows from.
    pub fn lineage(&self) -> Lineage {
        self.lineage
    }

    /// The last record in it.
    pub fn position(&self) -> Position {
        self.position
    }

    /// When that record was made.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// Who an actor is in it: the roles of its token and of the state together, and the keys it
    /// holds. Run it under [`recording`](crate::reads::recording) to know when that may change.
    pub fn identity<A: App>(&self, id: &ActorId, token: &Roles) -> Identity {
        let state = self.state::<A>();
        let actor = actor_in(state, id, token);
        let keys = state.keys(&actor);
        Identity { actor, keys }
    }

    /// Asks a question once, for somebody: authorizes, and reads the rows that this one may see.
    pub fn ask(&self, who: &Identity, question: &dyn Question) -> Result<Vec<u8>, QueryError> {
        if let Access::Denied(reason) = question.authorize(self, &who.actor) {
            return Err(QueryError::Denied(reason.into_owned()));
        }
        let asker = Asker::new(&question.scope(), &who.actor, &who.keys);
        let asker = asker.ok_or_else(|| QueryError::Denied(NO_KEY.to_owned()))?;
        question.answer(self, &asker)
    }

    fn state<A: App>(&self) -> &A {
        let atom: Option<&Atom<A>> = self.atom.downcast_ref();
        atom.expect("a question is asked of a view of its own app").state()
    }
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.lineage(), self.position())
    }
}

/// An actor at one position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The actor with its roles.
    pub actor: Actor,
    /// The keys it holds.
    pub keys: Keys,
}

/// A query with its arguments, without its type.
pub trait Question: Send + Sync {
    /// The query's own name.
    fn name(&self) -> &'static str;

    /// The arguments as JSON with every field, in the order of their declaration: the same for the
    /// same arguments, however they were written.
    fn arguments(&self) -> &[u8];

    /// With whom the answer is shared.
    fn scope(&self) -> Scope;

    /// Whether it is a row query.
    fn is_rows(&self) -> bool;

    /// How many of the first rows a row query tells, if not all.
    fn limit(&self) -> Option<usize>;

    /// Whether this actor may ask this.
    fn authorize(&self, view: &View, actor: &Actor) -> Access;

    /// The whole answer, as JSON.
    fn answer(&self, view: &View, asker: &Asker) -> Result<Vec<u8>, QueryError>;

    /// The part of a row query's rows that is asked for, if not all.
    fn window(&self) -> Option<&Window>;

    /// The same question of a row query about a part of its rows.
    fn through(self: Arc<Self>, window: Window) -> Arc<dyn Question>;

    /// The rows of a row query, all or the first ones. This and what follows is of row queries only.
    fn pick(&self, view: &View, asker: &Asker) -> Result<Picked, QueryError>;

    /// Where its rows are.
    fn plan(&self, view: &View, asker: &Asker) -> Plan;

    /// What changes of some frames together make of it without a limit, if its plan and its asker
    /// stayed as they are: at most one change of a key, in the order of the keys.
    fn item_changes(
        &self,
        plan: &Plan,
        changed: &Changed<'_>,
        asker: &Asker,
    ) -> Result<Vec<ItemChange>, QueryError>;

    /// What is seen of a row query through its window.
    fn pane(&self, view: &View, asker: &Asker) -> Result<Pane, QueryError>;

    /// What is seen of it after changes of some frames together, if what was read to find its rows
    /// and its asker stayed as they were.
    fn pane_after(
        &self,
        view: &View,
        asker: &Asker,
        pane: &Pane,
        changed: &Changed<'_>,
    ) -> Result<Pane, QueryError>;
}

/// A query of the app `A` with its arguments.
struct Asked<A, Q> {
    query: Arc<Q>,
    arguments: Vec<u8>,
    window: Option<Window>,
    /// A frozen state without rows.
    nothing: OnceLock<A>,
    app: std::marker::PhantomData<fn(A)>,
}

/// Parses the arguments of a query.
pub(crate) fn question<A: App, Q: Read<A>>(
    arguments: &[u8],
) -> Result<Arc<dyn Question>, ArgumentError> {
    let query: Q = parse_json(arguments)?;
    let arguments = serde_json::to_vec(&query).expect("stored types always serialize");
    Ok(Arc::new(Asked::<A, Q> {
        query: Arc::new(query),
        arguments,
        window: None,
        nothing: OnceLock::new(),
        app: std::marker::PhantomData,
    }))
}

impl<A: App, Q: Read<A>> Asked<A, Q> {
    fn asking<'a>(&self, view: &'a View, asker: &'a Asker) -> Asking<'a, A> {
        Asking { asker: Cow::Borrowed(asker), time: view.time(), whole: view.state() }
    }

    fn rows(&self) -> &dyn SelectRows<A> {
        self.query.select().expect("only a row query is asked for rows")
    }

    fn through_which(&self) -> &Window {
        self.window.as_ref().expect("only a part of the rows is seen through a window")
    }
}

impl<A: App, Q: Read<A>> Question for Asked<A, Q> {
    fn name(&self) -> &'static str {
        Q::NAME
    }

    fn arguments(&self) -> &[u8] {
        &self.arguments
    }

    fn scope(&self) -> Scope {
        self.query.scope()
    }

    fn is_rows(&self) -> bool {
        Q::SELECTS
    }

    fn limit(&self) -> Option<usize> {
        self.query.select()?.limit()
    }

    fn authorize(&self, view: &View, actor: &Actor) -> Access {
        self.query.authorize(actor, view.state())
    }

    fn answer(&self, view: &View, asker: &Asker) -> Result<Vec<u8>, QueryError> {
        if Q::SELECTS {
            return Ok(json_list(&self.pick(view, asker)?.items));
        }
        let (state, asking) = (view.state::<A>(), self.asking(view, asker));
        let answer = self.query.read(&state.visible(&asker.keys), &asking);
        QueryError::exact_json(&answer)
    }

    fn window(&self) -> Option<&Window> {
        self.window.as_ref()
    }

    fn through(self: Arc<Self>, window: Window) -> Arc<dyn Question> {
        Arc::new(Self {
            query: Arc::clone(&self.query),
            arguments: self.arguments.clone(),
            window: Some(window),
            nothing: OnceLock::new(),
            app: self.app,
        })
    }

    fn pick(&self, view: &View, asker: &Asker) -> Result<Picked, QueryError> {
        self.rows().pick(view.state(), &self.asking(view, asker))
    }

    fn plan(&self, view: &View, asker: &Asker) -> Plan {
        self.rows().plan(view.state(), &self.asking(view, asker))
    }

    fn item_changes(
        &self,
        plan: &Plan,
        changed: &Changed<'_>,
        asker: &Asker,
    ) -> Result<Vec<ItemChange>, QueryError> {
        let nothing = self.nothing.get_or_init(|| A::live().freeze());
        self.rows().item_changes(nothing, plan, changed, asker)
    }

    fn pane(&self, view: &View, asker: &Asker) -> Result<Pane, QueryError> {
        self.rows().pane(view.state(), &self.asking(view, asker), self.through_which())
    }

    fn pane_after(
        &self,
        view: &View,
        asker: &Asker,
        pane: &Pane,
        changed: &Changed<'_>,
    ) -> Result<Pane, QueryError> {
        let (window, mut pane) = (self.through_which(), pane.clone());
        if self.rows().recount(asker, window, &mut pane, changed) {
            let asking = self.asking(view, asker);
            self.rows().reread(view.state(), &asking, window, &mut pane)?;
        }
        Ok(pane)
    }
}

/// The items as a JSON list.
fn json_list(items: &[Item]) -> Vec<u8> {
    let mut json = vec![b'['];
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            json.push(b',');
        }
        json.extend_from_slice(&item.json);
    }
    json.push(b']');
    json
}
