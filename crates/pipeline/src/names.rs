//! Names in one chronicle: the numbers that stand for them in record headers.
//!
//! Every number is defined once, by a system record before the first record that uses it
//! ([`crate::system`]); 0 stands for none.

use std::collections::HashMap;

/// What a number is a name of; each has its own numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Namespace {
    /// A command's own name.
    Command,
    /// An event's own name.
    Event,
    /// The source of numbered command ids.
    Source,
    /// An actor's id.
    Actor,
    /// How an actor was authenticated and the roles of its token.
    Credential,
}

impl Namespace {
    /// All of them. A snapshot names them by their place here.
    pub const ALL: [Self; 5] =
        [Self::Command, Self::Event, Self::Source, Self::Actor, Self::Credential];

    /// The name in system records.
    pub fn text(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Event => "event",
            Self::Source => "source",
            Self::Actor => "actor",
            Self::Credential => "credential",
        }
    }

    /// The namespace of a system record's text.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|namespace| namespace.text() == text)
    }
}

/// All names of a chronicle, each namespace at its place in [`Namespace::ALL`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    numbers: [HashMap<String, u32>; Namespace::ALL.len()],
    texts: [Vec<String>; Namespace::ALL.len()],
}

/// A definition that does not follow the ones before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is defined as {} {number}, but {expected} comes next or it has a number", .namespace.text())]
pub struct NameError {
    /// The namespace.
    pub namespace: Namespace,
    /// The number given.
    pub number: u32,
    /// The number that comes next.
    pub expected: u32,
    /// The name.
    pub text: String,
}

impl Names {
    /// The number of a name, if it has one.
    pub fn number(&self, namespace: Namespace, text: &str) -> Option<u32> {
        self.numbers[namespace as usize].get(text).copied()
    }

    /// The name of a number.
    pub fn text(&self, namespace: Namespace, number: u32) -> Option<&str> {
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        self.texts(namespace).get(place).map(String::as_str)
    }

    /// The names of a namespace in the order of their numbers, from 1.
    pub fn texts(&self, namespace: Namespace) -> &[String] {
        &self.texts[namespace as usize]
    }

    /// The number that the next new name gets.
    pub fn next(&self, namespace: Namespace) -> u32 {
        let count = self.texts(namespace).len();
        u32::try_from(count + 1).expect("fewer than 4 billion names")
    }

    /// Learns a definition from a record.
    pub fn define(
        &mut self,
        namespace: Namespace,
        number: u32,
        text: &str,
    ) -> Result<(), NameError> {
        let expected = self.next(namespace);
        let numbers = &mut self.numbers[namespace as usize];
        if number != expected || numbers.contains_key(text) {
            return Err(NameError { namespace, number, expected, text: text.to_owned() });
        }
        numbers.insert(text.to_owned(), number);
        self.texts[namespace as usize].push(text.to_owned());
        Ok(())
    }
}
