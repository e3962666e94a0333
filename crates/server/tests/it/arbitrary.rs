//! Arbitrary bytes as what clients send: one entry for proptest and libFuzzer (`fuzz/`).

use deeds_engine::app::App;
use deeds_engine::recorded;
use deeds_server::BatchLine;

/// Arbitrary bytes as a line of a batch, and as the arguments of every command of an app. Whatever is
/// taken can be recorded, read back the same, and shown.
pub(crate) fn command<A: App>(bytes: &[u8]) {
    if let Ok(line) = BatchLine::parse(bytes) {
        let name = line.command.rsplit('/').next().unwrap_or_default();
        let arguments = line.arguments.map_or("{}", |arguments| arguments.get());
        let index = A::COMMANDS.iter().position(|command| command.name == name);
        if let Some(index) = index {
            arguments_of::<A>(index, arguments.as_bytes());
        }
    }
    for index in 0..A::COMMANDS.len() {
        arguments_of::<A>(index, bytes);
    }
}

fn arguments_of<A: App>(index: usize, bytes: &[u8]) {
    let command = &A::COMMANDS[index];
    let parsed = match (command.parse)(index, bytes) {
        Ok(parsed) => parsed,
        Err(error) => {
            assert!(!error.reason.is_empty(), "a person is told what is wrong");
            return;
        }
    };
    let personal = Some(&parsed.personal[..]).filter(|personal| !personal.is_empty());
    let again = (command.reread)(index, &parsed.arguments, personal);
    let again = again.unwrap_or_else(|error| panic!("{}: {error}", command.name));
    assert_eq!(again.arguments, parsed.arguments, "{}", command.name);
    assert_eq!(again.personal, parsed.personal, "{}", command.name);
    for body in [&parsed.arguments, &parsed.personal].into_iter().filter(|body| !body.is_empty()) {
        recorded::to_json(body).unwrap_or_else(|error| panic!("{}: {error}", command.name));
    }
}
