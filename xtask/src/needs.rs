//! What our checks need from the machine: how it is found, and how it is got.
//!
//! What is missing is fetched without asking where that is plainly allowed: with apt as root on
//! Debian or Ubuntu, with `cargo install` into the target directory, a browser with Playwright into
//! the user's cache. Otherwise it is named, with the way to get it, and the run ends before anything
//! is built.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::bail;

use crate::{browser, steps, tree};

/// A program that must be there.
pub(crate) struct Need {
    pub(crate) program: &'static str,
    /// What else it may be called.
    or: &'static [&'static str],
    /// Where to look beside `PATH`: a directory, in which one `*` may stand for any name.
    also_in: Option<&'static str>,
    from: Source,
    /// Whether one that was found will do.
    suits: fn(&Path) -> bool,
    pub(crate) wanted_by: &'static str,
    /// The steps of `cargo xtask test` that call it.
    pub(crate) steps: &'static [&'static str],
}

/// Where a program comes from.
enum Source {
    /// This package of Debian and Ubuntu.
    Debian(&'static str),
    /// This crate in this version, built into the target directory.
    Crate(&'static str, &'static str),
    /// The package `chromium` where apt may run, else Playwright's own in the user's cache.
    Browser,
    /// A person, who is told this: what packages have of it is often too old.
    Person(&'static str),
}

/// Watches the system calls of the real server.
pub(crate) const STRACE: Need = Need {
    program: "strace",
    or: &[],
    also_in: None,
    from: Source::Debian("strace"),
    suits: any,
    wanted_by: "the test that no answer leaves before its fdatasync",
    steps: &["tests"],
};

/// Counts the instructions of an order.
pub(crate) const VALGRIND: Need = Need {
    program: "valgrind",
    or: &[],
    also_in: None,
    from: Source::Debian("valgrind"),
    suits: any,
    wanted_by: "the step `instructions`",
    steps: &["instructions"],
};

/// Lists the files of the tree, and clones it for `ci`.
pub(crate) const GIT: Need = Need {
    program: "git",
    or: &[],
    also_in: None,
    from: Source::Debian("git"),
    suits: any,
    wanted_by: "`tidy`, which looks at what is tracked",
    steps: &["tidy"],
};

/// Asks servers, as pages of the documentation show it.
pub(crate) const CURL: Need = Need {
    program: "curl",
    or: &[],
    also_in: None,
    from: Source::Debian("curl"),
    suits: any,
    wanted_by: "the step `manual`",
    steps: &["manual"],
};

/// Signs a token by hand, as a page shows it.
pub(crate) const OPENSSL: Need = Need {
    program: "openssl",
    or: &[],
    also_in: None,
    from: Source::Debian("openssl"),
    suits: any,
    wanted_by: "the step `manual`",
    steps: &["manual"],
};

/// Checks licences, bans and sources of dependencies.
pub(crate) const CARGO_DENY: Need = Need {
    program: "cargo-deny",
    or: &[],
    also_in: None,
    from: Source::Crate("cargo-deny", "0.20.2"),
    suits: any,
    wanted_by: "the step `deny`",
    steps: &["deny"],
};

/// The peer that `bench` measures beside us. Debian keeps its programs out of `PATH`.
pub(crate) const POSTGRESQL: Need = Need {
    program: "initdb",
    or: &[],
    also_in: Some("/usr/lib/postgresql/*/bin"),
    from: Source::Debian("postgresql"),
    suits: any,
    wanted_by: "`bench`, which runs PostgreSQL beside us",
    steps: &[],
};

/// Runs the tests of what is written in TypeScript, and those that drive a browser.
pub(crate) const NODE: Need = Need {
    program: "node",
    or: &[],
    also_in: None,
    from: Source::Person("install Node 20 or newer, from https://nodejs.org or your distribution"),
    suits: is_recent_node,
    wanted_by: "the steps `typescript` and `browser`",
    steps: &["typescript", "browser"],
};

/// Gets what those and the pages are made with.
pub(crate) const NPM: Need = Need {
    program: "npm",
    or: &[],
    also_in: None,
    from: Source::Person("it comes with Node from https://nodejs.org; Debian's package is `npm`"),
    suits: any,
    wanted_by: "the steps `typescript` and `browser`",
    steps: &["typescript", "browser"],
};

/// What a person would use the food bank with.
pub(crate) const CHROMIUM: Need = Need {
    program: "chromium",
    or: &["chromium-browser", "google-chrome", "google-chrome-stable"],
    also_in: None,
    from: Source::Browser,
    suits: starts,
    wanted_by: "the step `browser`",
    steps: &["browser"],
};

impl Need {
    /// The program's path, if it is on this machine.
    pub(crate) fn find(&self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut directories = vec![tools().join("bin")];
        directories.extend(std::env::split_paths(&path));
        directories.extend(self.also_in.map(newest_match).unwrap_or_default());
        let names = || [self.program].into_iter().chain(self.or.iter().copied());
        let candidates = directories.iter().flat_map(|dir| names().map(|name| dir.join(name)));
        let mut present = candidates.filter(|path| path.is_file());
        present.find(|path| (self.suits)(path)).or_else(|| match self.from {
            Source::Browser => browser::playwrights_own(),
            Source::Debian(_) | Source::Crate(..) | Source::Person(_) => None,
        })
    }

    /// How a person gets it.
    fn advice(&self) -> String {
        match self.from {
            Source::Debian(package) => format!("install the package `{package}`"),
            Source::Crate(name, version) => format!("cargo install --locked {name}@{version}"),
            Source::Browser => "install Chromium or Chrome so that it is in PATH and starts".into(),
            Source::Person(advice) => advice.to_owned(),
        }
    }
}

/// Gets what is missing where we may, else says what is missing and how to get it.
pub(crate) fn meet(needs: &[&Need]) -> anyhow::Result<()> {
    let missing: Vec<&Need> = needs.iter().filter(|need| need.find().is_none()).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().filter_map(|need| debian_package(need)).collect();
    if !packages.is_empty() && apt_may_run() {
        println!("xtask: getting {} with apt", packages.join(", "));
        if apt_install(&packages).is_err() {
            println!("xtask: apt knows too little; reading its lists again");
            steps::program(apt().arg("update"))?;
            apt_install(&packages)?;
        }
    }
    for need in &missing {
        if let Source::Crate(name, version) = need.from {
            println!("xtask: building {name} {version} into the target directory (2 minutes)");
            let root = tools();
            let crate_name = format!("{name}@{version}");
            let mut install = tree::cargo(&["install", "--locked", "--quiet", &crate_name]);
            install.arg("--root").arg(&root).arg("--target-dir").arg(root.join("build"));
            steps::program(&mut install)?;
        }
    }
    if missing.iter().any(|need| matches!(need.from, Source::Browser)) {
        get_browser()?;
    }
    let lines: Vec<String> = missing
        .iter()
        .filter(|need| need.find().is_none())
        .map(|need| {
            format!(
                "\n  {} is missing, needed by {}: {}",
                need.program,
                need.wanted_by,
                need.advice()
            )
        })
        .collect();
    if !lines.is_empty() {
        bail!("this machine lacks something:{}", lines.concat());
    }
    Ok(())
}

/// Programs we build for ourselves live here, found again by the next run.
/// Whether a file system can be mounted: by this user, or in a user namespace.
pub(crate) fn may_mount() -> bool {
    let in_a_namespace = |arguments: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(arguments).arg("true").stderr(Stdio::null());
        unshare.status().is_ok_and(|status| status.success())
    };
    in_a_namespace(&["--mount"]) || in_a_namespace(&["--map-root-user", "--mount"])
}

fn tools() -> PathBuf {
    tree::target().join("tools")
}

fn debian_package(need: &Need) -> Option<&'static str> {
    match need.from {
        Source::Debian(package) => Some(package),
        Source::Crate(..) | Source::Browser | Source::Person(_) => None,
    }
}

/// One that apt has, or else one of Playwright's: Ubuntu's package only stands for a snap, which
/// does not start in a container.
fn get_browser() -> anyhow::Result<()> {
    if apt_may_run() {
        println!("xtask: getting chromium with apt (300 MB on disk)");
        let got = apt_install(&["chromium"]).is_ok()
            || steps::program(apt().arg("update")).is_ok() && apt_install(&["chromium"]).is_ok();
        if got && CHROMIUM.find().is_some() {
            return Ok(());
        }
        println!("xtask: apt has none that starts");
    }
    match (NODE.find(), NPM.find()) {
        (Some(_), Some(_)) => browser::fetch_playwrights_own(),
        // Named in a moment, and the browser with them.
        _ => Ok(()),
    }
}

/// Whatever is there will do.
fn any(_: &Path) -> bool {
    true
}

/// Whether it starts at all: a package may be there only to point elsewhere.
fn starts(program: &Path) -> bool {
    version(program).is_some()
}

/// What our tests call a Node for: its own test runner, and fetch.
const NODE_MAJOR_MIN: u32 = 20;

fn is_recent_node(program: &Path) -> bool {
    version(program).and_then(|text| node_major(&text)).is_some_and(|major| major >= NODE_MAJOR_MIN)
}

/// The first number of `v20.11.1`.
fn node_major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn version(program: &Path) -> Option<String> {
    tree::output(Command::new(program).arg("--version").stdin(Stdio::null())).ok()
}

/// Root on Debian or Ubuntu: the machine is ours to add packages to.
fn apt_may_run() -> bool {
    // The owner of our own process entry is the user we run as.
    let root = std::fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0);
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    root && is_debian(&system)
}

fn is_debian(os_release: &str) -> bool {
    os_release.lines().filter_map(|line| line.split_once('=')).any(|(key, value)| {
        let names =
            value.trim_matches('"').split(' ').any(|name| matches!(name, "debian" | "ubuntu"));
        matches!(key, "ID" | "ID_LIKE") && names
    })
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-y", "-q"]);
    command
}

fn apt_install(packages: &[&str]) -> anyhow::Result<()> {
    steps::program(apt().args(["install", "--no-install-recommends"]).args(packages))
}

/// Directories matching a pattern with one `*`, the highest name first (`17` before `15`).
fn newest_match(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once("/*/") else {
        return vec![PathBuf::from(pattern)];
    };
    let entries = std::fs::read_dir(Path::new(before)).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    found.sort_by_key(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        std::cmp::Reverse((name.len(), name))
    });
    found.into_iter().map(|path| path.join(after)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_and_its_children_are_told_from_others() {
        for (os_release, expected) in [
            ("NAME=\"x\"\nID=debian\n", true),
            ("ID=ubuntu\nID_LIKE=debian\n", true),
            ("ID=pop\nID_LIKE=\"ubuntu debian\"\n", true),
            ("ID=fedora\nHOME_URL=\"https://debian\"\n", false),
        ] {
            assert_eq!(is_debian(os_release), expected, "{os_release}");
        }
    }

    #[test]
    fn a_node_is_recent_by_its_first_number() {
        for (version, major) in
            [("v20.20.2\n", Some(20)), ("v8.1", Some(8)), ("20.1", None), ("", None)]
        {
            assert_eq!(node_major(version), major, "{version}");
        }
    }

    #[test]
    fn what_does_not_suit_is_missing() {
        let shell = |suits| Need {
            program: "no-such-program",
            or: &["sh"],
            also_in: None,
            from: Source::Person("have one"),
            suits,
            wanted_by: "this test",
            steps: &[],
        };
        assert!(shell(any).find().is_some());
        assert_eq!(shell(|_| false).find(), None);
    }

    #[test]
    fn a_missing_program_says_who_needs_it_and_how_to_get_it() {
        let need = Need {
            program: "no-such-program",
            or: &[],
            also_in: None,
            from: Source::Debian("no-such-package"),
            suits: any,
            wanted_by: "this test",
            steps: &[],
        };
        assert_eq!(need.find(), None);
        assert_eq!(need.advice(), "install the package `no-such-package`");
    }
}
