//! What a new app is made of: the smallest example, `examples/todo`, under another name.
//!
//! The example is compiled and tested with Deeds itself, so what is handed out works. Only what says
//! where Deeds is differs, and stands here.

use std::path::Path;

use crate::{Failure, checkout};

/// A new app: what it is called, where it will be, and where Deeds is.
pub(crate) struct Place<'a> {
    pub(crate) name: &'a str,
    pub(crate) at: &'a Path,
    pub(crate) deeds: &'a Path,
}

macro_rules! example {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../../examples/todo/", $path)))),*]
    };
}

/// The files of the example that are the app's as well.
const EXAMPLE: [(&str, &str); 13] = example![
    "build.rs",
    "src/main.rs",
    "web/.gitignore",
    "web/.npmrc",
    "web/.prettierignore",
    "web/index.html",
    "web/package-lock.json",
    "web/package.json",
    "web/src/client.ts",
    "web/src/deeds-api.ts",
    "web/src/main.tsx",
    "web/src/page.css",
    "web/tsconfig.json",
];
/// And those that must be there before the page is built.
const PAGE: [(&str, &str); 3] =
    example!["web/vite.config.ts", "web/dist/.gitignore", "web/public/.gitignore"];

const RUSTFMT: &str = include_str!("../../../rustfmt.toml");

/// Where the example lies from its page, and the SDK.
const SDK_FROM_EXAMPLE: &str = "../../../sdk/typescript";

/// What else a type of the app would stand in the way of: names that the macros use.
const NAMES_IN_USE: [&str; 9] =
    ["Vec", "Option", "Some", "None", "Ok", "Err", "Box", "Self", "Clone"];

/// Every file of the app, with its text.
pub(crate) fn files(place: &Place<'_>) -> Result<Vec<(&'static str, String)>, Failure> {
    let lock = place.deeds.join("Cargo.lock");
    // The versions that Deeds is tested with, and so nothing to fetch that is not there already.
    let lock = std::fs::read_to_string(&lock).map_err(Failure::at("read", &lock))?;
    let mut files = vec![
        ("Cargo.toml", manifest(place)),
        ("Cargo.lock", lock),
        (".cargo/config.toml", alias(place)),
        (".gitignore", "/target\n/data\nnode_modules\n".to_owned()),
        ("rustfmt.toml", RUSTFMT.to_owned()),
        ("README.md", readme(place)),
    ];
    files.extend(
        EXAMPLE.into_iter().chain(PAGE).map(|(path, text)| (path, renamed(text, path, place))),
    );
    Ok(files)
}

/// The text of one of the example's files in the app.
fn renamed(text: &str, path: &str, place: &Place<'_>) -> String {
    let name = place.name;
    match path {
        "src/main.rs" => {
            let text = text.replace("as \"todo\"", &format!("as \"{name}\""));
            replace_word(&text, "Todo", &type_name(name, &text))
        }
        "web/package.json" | "web/package-lock.json" => {
            let sdk = checkout::way(&place.at.join("web"), &place.deeds.join("sdk/typescript"));
            text.replace("todo-page", &format!("{name}-page")).replace(SDK_FROM_EXAMPLE, &sdk)
        }
        "web/src/deeds-api.ts" => text
            .replace("`todo codegen", &format!("`{name} codegen"))
            .replace("name: \"todo\"", &format!("name: \"{name}\"")),
        _ => text.to_owned(),
    }
}

/// `my-app`: `MyApp`; with `App` behind it if that stands for something else in the text.
fn type_name(name: &str, text: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    let plain: String = name.split('-').filter(|part| !part.is_empty()).map(word).collect();
    // The example's own name is free: it is what is replaced.
    let is_used = words(text).any(|(_, used)| used == plain && used != "Todo")
        || NAMES_IN_USE.contains(&plain.as_str());
    if is_used { plain + "App" } else { plain }
}

/// The words of a text, with where they begin.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.split(move |letter| !is_letter(letter))
        .filter(|word| !word.is_empty())
        .map(|word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
}

fn replace_word(text: &str, word: &str, by: &str) -> String {
    let mut replaced = String::new();
    let mut done = 0;
    for (at, _) in words(text).filter(|(_, found)| *found == word) {
        replaced.push_str(&text[done..at]);
        replaced.push_str(by);
        done = at + word.len();
    }
    replaced + &text[done..]
}

fn manifest(place: &Place<'_>) -> String {
    let Place { name, deeds, .. } = place;
    let (runtime, build) = (deeds.join("crates/deeds"), deeds.join("crates/build"));
    format!(
        r#"[package]
name = "{name}"
version = "0.1.0"
edition = "2024"
rust-version = "{rust}"
publish = false

# Deeds is published nowhere yet: this is the folder that the app was made from.
[dependencies]
deeds = {{ path = {runtime:?} }}

[build-dependencies]
deeds-build = {{ path = {build:?} }}

# A workspace of its own, wherever it lies.
[workspace]

[profile.dev]
debug = "line-tables-only"

[profile.dev.package."*"]
debug = false

# Hashing is most of what is slow without optimising.
[profile.dev.package.sha2]
opt-level = 3
[profile.dev.package.crc-fast]
opt-level = 3

[profile.release]
overflow-checks = true
"#,
        rust = env!("CARGO_PKG_RUST_VERSION"),
    )
}

fn alias(place: &Place<'_>) -> String {
    let manifest = place.deeds.join("Cargo.toml");
    format!(
        "# `cargo dev`: builds, runs and watches the app.\n[alias]\n\
         dev = [\"run\", \"--quiet\", \"--manifest-path\", {manifest:?}, \"--package\", \"deeds-cli\", \
         \"--\", \"dev\"]\n"
    )
}

fn readme(place: &Place<'_>) -> String {
    let Place { name, deeds, .. } = place;
    let docs = deeds.join("docs/README.md");
    format!(
        "# {name}\n\nAn app on Deeds.\n\n\
         ```console\n$ cargo test    # what it promises\n\
         $ cargo dev     # runs it, and again after every change; its data stays\n```\n\n\
         - `src/main.rs` is the app: what is kept, what can be done, what follows, what can be asked.\n\
         - `web/src/main.tsx` is its page, `web/src/client.ts` who one is.\n\
         - `web/src/deeds-api.ts` is made from the app: `cargo dev` keeps it up to date.\n\
         - `data/` has what was recorded. Without it the app begins anew.\n\n\
         To hand it out, build the page (`npm run build` in `web`) and then the program, which takes\n\
         the page in: `cargo build --release`.\n\n\
         The documentation is {docs}.\n",
        docs = docs.display(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(name: &str, path: &str) -> String {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let place = Place { name, at: &Path::new("/apps").join(name), deeds: top };
        let files = files(&place).unwrap_or_else(|failure| panic!("{failure}"));
        files.into_iter().find(|(made, _)| *made == path).expect("it is made").1
    }

    #[test]
    fn nothing_is_called_as_the_example_is() {
        for path in ["Cargo.toml", "src/main.rs", "web/package.json", "web/package-lock.json"] {
            let text = made("my-app", path);
            assert!(
                !words(&text).any(|(_, word)| word == "Todo" || word == "todo"),
                "{path}: {text}"
            );
            assert!(!text.contains(SDK_FROM_EXAMPLE), "{path}");
        }
        assert!(made("my-app", "src/main.rs").contains("struct MyApp {"));
        assert!(made("my-app", "web/src/deeds-api.ts").contains("name: \"my-app\""));
    }

    #[test]
    fn an_app_whose_name_stands_for_something_else_is_an_app_still() {
        assert!(made("task", "src/main.rs").contains("struct TaskApp {"));
        assert!(made("vec", "src/main.rs").contains("struct VecApp {"));
        // As the tutorial has it.
        assert!(made("todo", "src/main.rs").contains("struct Todo {"));
        assert!(made("a--b2", "src/main.rs").contains("struct AB2 {"));
    }
}
