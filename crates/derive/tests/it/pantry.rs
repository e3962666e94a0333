//! A small app that uses every macro: shelves with tins on them, and people who take them.

use deeds_engine::prelude::*;

/// A shelf's name, like `A3`.
#[value(key)]
pub(crate) struct ShelfName(String);

/// Names one tin for ever.
#[id]
pub(crate) struct TinId;

/// What is in a tin.
#[value]
pub(crate) enum Content {
    /// Of any kind.
    Beans,
    ChickPeas,
    #[serde(rename = "sweetcorn")]
    Corn,
}

/// Who may do what.
#[role]
pub(crate) enum Role {
    Keeper,
    NightKeeper,
}

/// A place for tins.
#[row(key = name)]
pub(crate) struct Shelf {
    pub(crate) name: ShelfName,
}

impl Audience for Shelf {
    fn audience(&self) -> Keys {
        Keys::everyone()
    }
}

/// A tin on a shelf.
#[row(
    key = id,
    index(content, best_before),
    index(shelf, label),
    index(taken_by),
    unique(barcode),
    references(shelf = Shelf),
)]
pub(crate) struct Tin {
    pub(crate) id: TinId,
    pub(crate) content: Content,
    pub(crate) best_before: Date,
    pub(crate) shelf: ShelfName,
    pub(crate) label: String,
    pub(crate) taken_by: Option<ActorId>,
    pub(crate) barcode: u64,
}

impl Audience for Tin {
    fn audience(&self) -> Keys {
        keys![AudienceKey::group("keepers")]
    }
}

/// How often somebody came on a day.
#[row(key = (who, day))]
pub(crate) struct Visit {
    pub(crate) who: ActorId,
    pub(crate) day: Date,
    pub(crate) times: u32,
}

impl Audience for Visit {
    fn audience(&self) -> Keys {
        keys![AudienceKey::of("visitor", &self.who)]
    }
}

/// A note, which may be pinned to a shelf.
#[row(key = number, index(shelf), references(shelf = Shelf))]
pub(crate) struct Note {
    pub(crate) number: u32,
    pub(crate) shelf: Option<ShelfName>,
}

impl Audience for Note {
    fn audience(&self) -> Keys {
        Keys::everyone()
    }
}

/// Everything in the pantry.
#[state]
pub(crate) struct Pantry {
    pub(crate) shelves: Table<Shelf>,
    pub(crate) tins: Table<Tin>,
    pub(crate) visits: Table<Visit>,
    pub(crate) notes: Table<Note>,
}

impl Members for Pantry {
    fn roles(&self, _: &ActorId) -> Roles {
        Roles::none()
    }

    fn keys(&self, actor: &Actor) -> Keys {
        if actor.has(Role::Keeper) { keys![AudienceKey::group("keepers")] } else { Keys::none() }
    }
}

/// Put a shelf up.
#[command(alias = "AddShelf", alias = "NewShelf")]
pub(crate) struct PutUpShelf {
    pub(crate) name: ShelfName,
}

/// A shelf was put up.
#[event]
pub(crate) struct ShelfPutUp {
    pub(crate) name: ShelfName,
}

impl Evolve<Pantry> for ShelfPutUp {
    fn evolve(self, pantry: &mut Pantry, _: &Meta<'_>) {
        pantry.shelves.insert(Shelf { name: self.name });
    }
}

/// Why there is no new shelf.
#[refusal]
pub(crate) enum ShelfRefusal {
    /// There is a shelf {name} already.
    ///
    /// This paragraph is for programmers.
    NameTaken { name: ShelfName },
    /// No more than {most} shelves fit,
    /// {{and}} {most} are there.
    NoRoom { most: u32, there: u32 },
    /// The pantry is closed.
    Closed,
}

impl Decide<Pantry> for PutUpShelf {
    type Answer = u32;
    type Refusal = ShelfRefusal;

    fn authorize(&self, actor: &Actor, _: &Pantry) -> Access {
        actor.requires(Role::Keeper)
    }

    fn decide(self, pantry: &mut Deciding<'_, Pantry>) -> Result<u32, ShelfRefusal> {
        let taken = pantry.shelves.contains(&self.name);
        ensure!(!taken, ShelfRefusal::NameTaken { name: self.name });
        pantry.emit(ShelfPutUp { name: self.name });
        Ok(u32::try_from(pantry.shelves.len()).expect("few shelves"))
    }
}

/// Open the pantry.
#[command]
pub(crate) struct Open;

/// The pantry was opened.
#[event]
pub(crate) struct Opened;

impl Evolve<Pantry> for Opened {
    fn evolve(self, pantry: &mut Pantry, meta: &Meta<'_>) {
        let (who, day) = (meta.actor.clone(), meta.time.date());
        pantry.visits.put(Visit { who, day, times: 1 });
    }
}

impl Decide<Pantry> for Open {
    type Answer = ();
    type Refusal = Never;

    fn authorize(&self, _: &Actor, _: &Pantry) -> Access {
        Access::Allowed
    }

    fn decide(self, pantry: &mut Deciding<'_, Pantry>) -> Result<(), Never> {
        pantry.emit(Opened);
        Ok(())
    }
}

/// Somebody was registered.
#[event]
#[derive(Eq)]
pub(crate) struct Registered {
    pub(crate) who: ActorId,
    #[personal]
    pub(crate) full_name: String,
    #[personal]
    #[serde(default)]
    pub(crate) phone: Option<String>,
    pub(crate) household: u32,
}

impl Evolve<Pantry> for Registered {
    fn evolve(self, _: &mut Pantry, _: &Meta<'_>) {}
}

/// Somebody gave a name, and nothing else.
#[event]
pub(crate) struct Named {
    #[personal]
    pub(crate) full_name: String,
}

impl Evolve<Pantry> for Named {
    fn evolve(self, _: &mut Pantry, _: &Meta<'_>) {}
}

/// Shelves by name.
#[query]
pub(crate) struct Shelves;

impl Read<Pantry> for Shelves {
    type Answer = Vec<Shelf>;

    fn authorize(&self, _: &Actor, _: &Pantry) -> Access {
        Access::Allowed
    }

    fn read(&self, pantry: &Visible<'_, Pantry>, _: &Asking<'_, Pantry>) -> Vec<Shelf> {
        pantry.shelves.iter().cloned().collect()
    }
}

/// How many tins of a kind I can see.
#[query]
pub(crate) struct CountTins {
    pub(crate) content: Content,
}

impl Read<Pantry> for CountTins {
    type Answer = u32;

    fn authorize(&self, _: &Actor, _: &Pantry) -> Access {
        Access::Allowed
    }

    fn read(&self, pantry: &Visible<'_, Pantry>, _: &Asking<'_, Pantry>) -> u32 {
        u32::try_from(pantry.tins.by_content(self.content).count()).expect("few tins")
    }
}

fn tins_have_labels(pantry: &Pantry) -> Result<(), String> {
    let bare = pantry.tins.iter().find(|tin| tin.label.is_empty());
    bare.map_or(Ok(()), |tin| Err(format!("tin {} has no label", tin.id)))
}

app! {
    Pantry as "pantry" {
        commands: [PutUpShelf, Open],
        events: [ShelfPutUp, Opened, Registered, self::Named],
        queries: [Shelves, CountTins],
        invariants: [tins_have_labels],
    }
}
