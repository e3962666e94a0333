//! Who acts: actors, their roles, what an authorizer says, and the keys that let an actor see rows.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use deeds_values::ActorId;

/// A role's name, as a token or the state grants it. `#[role]` makes an enum of an app's roles.
pub trait RoleName {
    /// The name in tokens and records: lower case.
    fn role_name(&self) -> &'static str;
}

/// The role of those who run a deployment: reads raw records, answers operational questions.
/// It sees no rows by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator;

impl RoleName for Operator {
    fn role_name(&self) -> &'static str {
        "operator"
    }
}

/// A set of roles by name, in alphabetical order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Roles(BTreeSet<Cow<'static, str>>);

impl Roles {
    /// No roles.
    pub fn none() -> Self {
        Self::default()
    }

    /// With one more role.
    #[must_use]
    pub fn and(mut self, role: &impl RoleName) -> Self {
        self.0.insert(Cow::Borrowed(role.role_name()));
        self
    }

    /// Roles by their names, as a token lists them.
    pub fn named<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Self {
        Self(names.into_iter().map(|name| Cow::Owned(name.into())).collect())
    }

    /// Whether the role is among them.
    pub fn has(&self, role: &impl RoleName) -> bool {
        self.0.contains(role.role_name())
    }

    /// The names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// These and those.
    #[must_use]
    pub fn united(mut self, other: &Roles) -> Self {
        self.0.extend(other.0.iter().cloned());
        self
    }
}

/// Who a command or query runs as, at the moment it is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    id: ActorId,
    roles: Roles,
}

impl Actor {
    /// An actor with the roles of its token and of the state together.
    pub fn new(id: ActorId, roles: Roles) -> Self {
        Self { id, roles }
    }

    /// The actor's name.
    pub fn id(&self) -> &ActorId {
        &self.id
    }

    /// The roles, from the token and from the state.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// Whether the actor has the role.
    pub fn has(&self, role: impl RoleName) -> bool {
        self.roles.has(&role)
    }

    /// Allowed for actors with the role, denied for others.
    pub fn requires(&self, role: impl RoleName) -> Access {
        if self.roles.has(&role) {
            Access::Allowed
        } else {
            Access::denied(format!("this needs the role `{}`", role.role_name()))
        }
    }
}

/// What an authorizer says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Access {
    /// Go on.
    Allowed,
    /// Stop; the reason is told to the actor and written in the security journal.
    Denied(Cow<'static, str>),
}

impl Access {
    /// Denied, with a reason that may be shown to the actor.
    pub fn denied(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Denied(reason.into())
    }

    /// Allowed when either is.
    pub fn or(self, other: Access) -> Access {
        match self {
            Access::Allowed => Access::Allowed,
            Access::Denied(_) => other,
        }
    }

    /// Allowed when both are.
    pub fn and(self, other: Access) -> Access {
        match self {
            Access::Allowed => other,
            denied @ Access::Denied(_) => denied,
        }
    }
}

/// One key of an audience, like `staff` or `neighbor:42`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AudienceKey(Cow<'static, str>);

impl AudienceKey {
    /// A key for a whole group, like `staff`.
    pub const fn group(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// A key for one of many, like `neighbor:42`.
    pub fn of(kind: &str, one: impl fmt::Display) -> Self {
        Self(Cow::Owned(format!("{kind}:{one}")))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A small set of audience keys: those a row names, or those an actor holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    everyone: bool,
    named: Vec<AudienceKey>,
}

impl Keys {
    /// On a row: visible to every actor.
    pub fn everyone() -> Self {
        Self { everyone: true, named: Vec::new() }
    }

    /// On a row: visible to nobody. On an actor: sees only what everyone sees.
    pub fn none() -> Self {
        Self::default()
    }

    /// With one more key.
    #[must_use]
    pub fn and(mut self, key: AudienceKey) -> Self {
        self.named.push(key);
        self
    }

    /// The keys, as they were added.
    pub fn named(&self) -> &[AudienceKey] {
        &self.named
    }

    /// Whether a row with these keys is visible to an actor who holds those.
    pub fn meet(&self, held: &Keys) -> bool {
        self.everyone || self.named.iter().any(|key| held.named.contains(key))
    }
}

impl FromIterator<AudienceKey> for Keys {
    fn from_iter<I: IntoIterator<Item = AudienceKey>>(keys: I) -> Self {
        Self { everyone: false, named: keys.into_iter().collect() }
    }
}

/// Who may see a row. Every row type has one: without it the app does not compile.
#[diagnostic::on_unimplemented(
    message = "nobody is named who may see a `{Self}`",
    label = "this row has no audience",
    note = "write `impl Audience for {Self} {{ fn audience(&self) -> Keys {{ Keys::everyone() }} }}`, \
            or name the keys that may see it"
)]
pub trait Audience {
    /// The keys of this row; an actor who holds one of them sees it.
    fn audience(&self) -> Keys;
}
