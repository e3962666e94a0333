//! Refusals: the domain's "no" to an allowed command, with a code, a message and data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::recorded;

/// An enum of a command's refusals. Implemented by `#[refusal]`: the code is the variant's name in
/// snake case, the message its doc comment with `{field}`s filled in, the data its fields.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a refusal",
    note = "put `#[refusal]` above the enum; a command that is never refused has `type Refusal = Never`"
)]
pub trait Refusal: Serialize + JsonSchema {
    /// Every code with its message as written.
    const CODES: &'static [RefusalCode];

    /// The code of this refusal.
    fn code(&self) -> &'static str;

    /// The message with its fields filled in.
    fn message(&self) -> String;

    /// Appends the refusal as MessagePack: the shape of [`RefusalBody`].
    fn write(&self, out: &mut Vec<u8>) {
        let body = RefusalBody { code: self.code(), message: &self.message(), data: self };
        recorded::write(&body, out);
    }
}

/// One code of a refusal, as the schema shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusalCode {
    /// The code, snake case.
    pub code: &'static str,
    /// The message with `{field}` where a field is filled in.
    pub message: &'static str,
}

/// A refusal as it is recorded and answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalBody<Text, Data> {
    /// The code, for programs.
    pub code: Text,
    /// The message, for people.
    pub message: Text,
    /// The fields.
    pub data: Data,
}

/// The refusal of a command that is never refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub enum Never {}

impl Refusal for Never {
    const CODES: &'static [RefusalCode] = &[];

    fn code(&self) -> &'static str {
        match *self {}
    }

    fn message(&self) -> String {
        match *self {}
    }
}
