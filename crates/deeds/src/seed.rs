//! What an app brings along so that there is something to look at: first commands for an empty
//! chronicle, people to be in development, and lines to try.
//!
//! An app without any of it writes `impl deeds::Seed for MyApp {}`.

use deeds_engine::actor::{RoleName, Roles};
use deeds_engine::app::App;
use deeds_engine::command::Command;
use deeds_server::Page;
use deeds_values::ActorId;
use serde::Serialize;

/// The source of a seed command's id: the n-th is `seed/n`.
pub const SEED_SOURCE: &str = "seed";

/// What an app brings along.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what an empty chronicle of it starts with",
    note = "write `impl deeds::Seed for {Self} {{}}`, and override `seed` to bring something along"
)]
pub trait Seed: App {
    /// Commands for an empty chronicle: sent in order by `seed` and by the first `serve --dev`. The
    /// n-th has the id `seed/n`, so that sending them again is safe; add new ones at the end.
    fn seed() -> Vec<SeedCommand> {
        Vec::new()
    }

    /// People whom anybody may be under `serve --dev`.
    fn people() -> Vec<Person> {
        Vec::new()
    }

    /// Pages of the app's own, to be served instead of the front door, which moves to `/front-door`.
    /// None when they were not built.
    fn pages() -> &'static [Page] {
        &[]
    }

    /// What `serve --dev` says one could try.
    fn hints() -> Vec<Hint> {
        Vec::new()
    }
}

/// A command of the seed with its sender.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedCommand {
    /// Who sends it.
    pub actor: ActorId,
    /// The roles of the sender.
    pub roles: Roles,
    /// The command's name.
    pub name: &'static str,
    /// The arguments, as JSON.
    pub arguments: serde_json::Value,
}

impl SeedCommand {
    /// A command that this actor sends in this role.
    ///
    /// # Panics
    /// When the actor's name is not visible ASCII: it stands in the source.
    pub fn by<C: Command + Serialize>(actor: &str, role: impl RoleName, command: C) -> Self {
        Self {
            actor: ActorId::new(actor).expect("an actor id is visible ASCII"),
            roles: Roles::none().and(&role),
            name: C::NAME,
            arguments: serde_json::to_value(command).expect("stored types always serialize"),
        }
    }
}

/// Somebody to be in development.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name, an actor id.
    pub actor: ActorId,
    /// The roles that the person's token carries.
    pub roles: Roles,
    /// What the person is about, in a few words.
    pub about: &'static str,
}

impl Person {
    /// A person with one role.
    ///
    /// # Panics
    /// When the name is not visible ASCII: it stands in the source.
    pub fn new(actor: &str, role: impl RoleName, about: &'static str) -> Self {
        Self {
            actor: ActorId::new(actor).expect("an actor id is visible ASCII"),
            roles: Roles::none().and(&role),
            about,
        }
    }
}

/// Something to try, and the command line that does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// What it does, for people: "What is on the shelves".
    pub does: &'static str,
    /// The command line. `{program}` stands for the app's own program, `{url}` for its address.
    pub line: &'static str,
}
