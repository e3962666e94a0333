//! `token`: who may come in: tokens for service accounts, and the key that others check them with.

use std::io::Write;
use std::time::Duration;

use deeds_engine::actor::Roles;
use deeds_values::ActorId;
use serde_json::json;

use crate::cli::exit::{Exit, Failure};
use crate::cli::place::KeyArguments;
use crate::program::Program;

/// Make tokens, and show the key they are checked with
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Make a token for an actor
    ///
    /// The token says who its holder is until it expires; there is no way to take it back but to
    /// replace the key file. Roles that the app's state gives are added when it is used.
    Issue {
        /// The actor: visible ASCII, like nightly-import.
        actor: ActorId,
        /// A role, repeatable.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// How many days it lives.
        #[arg(
            long,
            value_name = "N",
            default_value_t = 30,
            value_parser = clap::value_parser!(u16).range(1..=DAYS_MAX)
        )]
        days: u16,
        #[command(flatten)]
        key: KeyArguments,
        /// The token and when it expires, as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show the public key, for other servers that are to take these tokens
    Keys {
        #[command(flatten)]
        key: KeyArguments,
    },
}

/// A token that lives longer is a password that nobody changes.
const DAYS_MAX: i64 = 3660;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Runs the verb.
pub(crate) fn run(
    program: &Program,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    match &arguments.what {
        What::Issue { actor, roles, days, key, json } => {
            let issuer = key.open(program.name)?;
            let lifetime = DAY * u32::from(*days);
            let token = issuer.issue(actor, &Roles::named(roles.iter().cloned()), lifetime);
            match json {
                true => writeln!(
                    out,
                    "{}",
                    json!({ "token": token, "actor": actor, "roles": roles, "days": days })
                )?,
                false => writeln!(out, "{token}")?,
            }
        }
        What::Keys { key } => write!(out, "{}", key.open(program.name)?.public_key().to_pem())?,
    }
    out.flush()?;
    Ok(Exit::Done)
}
