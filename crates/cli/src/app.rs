//! The app of a folder: what it is called, and how it is built.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;

use crate::Failure;
use crate::child::Running;

/// The app.
pub(crate) struct App {
    /// What cargo calls it.
    pub(crate) name: String,
    /// Where its `Cargo.toml` is.
    pub(crate) at: PathBuf,
}

/// What came of a build.
pub(crate) enum Built {
    /// The program.
    Program(PathBuf),
    /// The compiler has said why not.
    No,
    /// Somebody wants to stop.
    Stopped,
}

impl App {
    /// The app of the current folder, or of the nearest one above.
    pub(crate) fn here() -> Result<Self, Failure> {
        let here = std::env::current_dir().map_err(|error| Failure::new(error.to_string()))?;
        let at = here.ancestors().find(|folder| folder.join("Cargo.toml").is_file());
        let nowhere = || {
            Failure::new(format!("there is no app in {}", here.display()))
                .advise("Go into the folder of one, or make one: `deeds new my-app`.")
        };
        let at = at.ok_or_else(nowhere)?;
        let file = at.join("Cargo.toml");
        let manifest = fs::read_to_string(&file).map_err(Failure::at("read", &file))?;
        let depends = manifest.lines().any(|line| line.trim_start().starts_with("deeds"));
        let name = package_name(&manifest).filter(|_| depends).ok_or_else(nowhere)?;
        Ok(Self { name: name.to_owned(), at: at.to_owned() })
    }

    /// Builds it. What the compiler says goes to the terminal.
    pub(crate) fn build(&self, stop: &AtomicBool) -> Result<Built, Failure> {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--message-format=json-render-diagnostics"]).current_dir(&self.at);
        let mut running = Running::start(&mut cargo)?;
        let Some(status) = running.wait(stop) else { return Ok(Built::Stopped) };
        let program = running.lines.iter().filter_map(|line| self.program_in(&line)).last();
        match program {
            Some(program) if status.success() => Ok(Built::Program(program)),
            None if status.success() => {
                let what = format!("{} has no program called {}", self.at.display(), self.name);
                Err(Failure::new(what))
            }
            _ => Ok(Built::No),
        }
    }

    /// The program that a message of cargo names.
    fn program_in(&self, message: &str) -> Option<PathBuf> {
        let target =
            format!("\"kind\":[\"bin\"],\"crate_types\":[\"bin\"],\"name\":\"{}\"", self.name);
        let (_, path) =
            message.contains(&target).then(|| message.split_once("\"executable\":\""))??;
        path.split_once('"').map(|(path, _)| PathBuf::from(path))
    }

    /// Where the app keeps what was recorded, as its program does by itself.
    pub(crate) fn data(&self, app: &str) -> PathBuf {
        self.at.join("data").join(app)
    }
}

/// `name = "…"` of the section `[package]`.
fn package_name(manifest: &str) -> Option<&str> {
    let mut lines = manifest.lines().map(str::trim).skip_while(|line| *line != "[package]").skip(1);
    let is_name = |line: &&str| line.split('=').next().is_some_and(|key| key.trim() == "name");
    let line = lines.by_ref().take_while(|line| !line.starts_with('[')).find(is_name)?;
    line.split('"').nth(1)
}

/// A copy of the program that cargo does not write over: what runs, and what new code is compared with.
pub(crate) fn keep(program: &Path) -> Result<PathBuf, Failure> {
    let kept = program.with_extension("running");
    // A new file, for the old one may be running still.
    let fresh = program.with_extension("new");
    fs::copy(program, &fresh).map_err(Failure::at("copy", program))?;
    fs::rename(&fresh, &kept).map_err(Failure::at("write", &kept))?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_that_of_the_package() {
        let manifest = "[lib]\nname = \"other\"\n[package]\nversion = \"1\"\nname = \"my-app\"\n";
        assert_eq!(package_name(manifest), Some("my-app"));
        assert_eq!(package_name("[package]\n[lib]\nname = \"other\"\n"), None);
        assert_eq!(package_name("[workspace]\n"), None);
    }

    #[test]
    fn the_program_is_the_one_that_cargo_names() {
        let app = App { name: "my-app".to_owned(), at: PathBuf::new() };
        let message = |name: &str| {
            format!(
                "{{\"target\":{{\"kind\":[\"bin\"],\"crate_types\":[\"bin\"],\"name\":\"{name}\"}},\
                 \"executable\":\"/target/{name}\",\"fresh\":true}}"
            )
        };
        assert_eq!(app.program_in(&message("my-app")), Some(PathBuf::from("/target/my-app")));
        assert_eq!(app.program_in(&message("another")), None);
    }
}
