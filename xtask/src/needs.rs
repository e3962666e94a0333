//! What our checks need from the machine: how it is found, and how it is got.
//!
//! What is missing is fetched without asking where that is plainly allowed: with apt as root on
//! Debian or Ubuntu, with `cargo install` into the target directory. Otherwise it is named, with
//! the way to get it, and the run ends before anything is built.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;

use crate::{steps, tree};

/// A program that must be there.
pub(crate) struct Need {
    pub(crate) program: &'static str,
    /// Where to look beside `PATH`: a directory, in which one `*` may stand for any name.
    also_in: Option<&'static str>,
    from: Source,
    pub(crate) wanted_by: &'static str,
    /// The step of `cargo xtask test` that calls it, if one does.
    pub(crate) step: &'static str,
}

/// Where a program comes from.
enum Source {
    /// This package of Debian and Ubuntu.
    Debian(&'static str),
    /// This crate in this version, built into the target directory.
    Crate(&'static str, &'static str),
}

/// Watches the system calls of the real server.
pub(crate) const STRACE: Need = Need {
    program: "strace",
    also_in: None,
    from: Source::Debian("strace"),
    wanted_by: "the test that no answer leaves before its fdatasync",
    step: "tests",
};

/// Lists the files of the tree, and clones it for `ci`.
pub(crate) const GIT: Need = Need {
    program: "git",
    also_in: None,
    from: Source::Debian("git"),
    wanted_by: "`tidy`, which looks at what is tracked",
    step: "tidy",
};

/// Checks licences, bans and sources of dependencies.
pub(crate) const CARGO_DENY: Need = Need {
    program: "cargo-deny",
    also_in: None,
    from: Source::Crate("cargo-deny", "0.20.2"),
    wanted_by: "the step `deny`",
    step: "deny",
};

/// The peer that `bench` measures beside us. Debian keeps its programs out of `PATH`.
pub(crate) const POSTGRESQL: Need = Need {
    program: "initdb",
    also_in: Some("/usr/lib/postgresql/*/bin"),
    from: Source::Debian("postgresql"),
    wanted_by: "`bench`, which runs PostgreSQL beside us",
    step: "",
};

impl Need {
    /// The program's path, if it is on this machine.
    pub(crate) fn find(&self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut directories = vec![tools().join("bin")];
        directories.extend(std::env::split_paths(&path));
        directories.extend(self.also_in.map(newest_match).unwrap_or_default());
        directories.into_iter().map(|dir| dir.join(self.program)).find(|path| path.is_file())
    }

    /// How a person gets it.
    fn advice(&self) -> String {
        match self.from {
            Source::Debian(package) => format!("install the package `{package}`"),
            Source::Crate(name, version) => format!("cargo install --locked {name}@{version}"),
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
fn tools() -> PathBuf {
    tree::target().join("tools")
}

fn debian_package(need: &Need) -> Option<&'static str> {
    match need.from {
        Source::Debian(package) => Some(package),
        Source::Crate(..) => None,
    }
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
    fn a_missing_program_says_who_needs_it_and_how_to_get_it() {
        let need = Need {
            program: "no-such-program",
            also_in: None,
            from: Source::Debian("no-such-package"),
            wanted_by: "this test",
            step: "",
        };
        assert_eq!(need.find(), None);
        assert_eq!(need.advice(), "install the package `no-such-package`");
    }
}
