//! A running server, asked over HTTP: what `query`, `command` and `import` work with.
//!
//! Who one is, in the order of trying:
//! 1. a token that is given (`--token`, `DEEDS_TOKEN`);
//! 2. under `serve --dev`, whoever one says (`--as`, `--role`): the server hands out a token;
//! 3. the server's own key, where this user may read it: a token for one minute.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use deeds_engine::actor::Roles;
use deeds_values::ActorId;
use serde::Serialize;
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::cli::exit::{Exit, Failure, chain};
use crate::cli::place::KeyArguments;

/// How long to wait for a connection: the server is near, usually on the same machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait for a response, and for each next part of it: longer than the server lets
/// anything take.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest answer that is taken in, in bytes.
const ANSWER_BYTES_MAX: u64 = 256 << 20;
/// How long a token lives that is issued for one call.
const OWN_TOKEN_LIFETIME: Duration = Duration::from_secs(60);
/// The longest life of a token that is issued for an import.
const LONG_TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Which server, and as whom.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoteArguments {
    /// The server's address.
    #[arg(
        long,
        env = "DEEDS_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL",
        help_heading = "Server"
    )]
    pub url: String,
    /// Act as this actor: under `serve --dev`, or where the server's key can be read.
    #[arg(
        long = "as",
        env = "DEEDS_ACTOR",
        default_value = "cli",
        value_name = "ACTOR",
        help_heading = "Server"
    )]
    pub actor: ActorId,
    /// Act in this role, too; repeatable.
    #[arg(long = "role", value_name = "ROLE", help_heading = "Server")]
    pub roles: Vec<String>,
    /// A token from `token issue`, instead of --as and --role.
    #[arg(
        long,
        env = "DEEDS_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        help_heading = "Server"
    )]
    pub token: Option<String>,
    #[command(flatten)]
    pub key: KeyArguments,
}

/// A running server and who one is there.
pub(crate) struct Remote {
    agent: Agent,
    base: String,
    authorization: String,
}

/// A response that was read whole.
pub(crate) struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// The body; a text that is no JSON is a JSON string.
    pub body: Value,
}

impl Answered {
    /// Whether it is what was asked for.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Remote {
    /// Finds the server and becomes somebody there.
    pub(crate) fn connect(
        app: &'static str,
        arguments: &RemoteArguments,
        long: bool,
    ) -> Result<Self, Failure> {
        let base = arguments.url.trim_end_matches('/').to_owned();
        if base.starts_with("https:") {
            return Err(Failure::usage("https is not spoken here")
                .advise("Go through a tunnel to the server's loopback address."));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(RESPONSE_TIMEOUT))
            .timeout_per_read(Some(RESPONSE_TIMEOUT))
            .user_agent(concat!("deeds/", env!("CARGO_PKG_VERSION")))
            .build();
        let mut remote = Self { agent: config.new_agent(), base, authorization: String::new() };
        let token = match &arguments.token {
            Some(token) => token.clone(),
            None => match remote.development_token(arguments)? {
                Some(token) => token,
                None => own_token(app, arguments, long)?,
            },
        };
        remote.authorization = format!("Bearer {token}");
        Ok(remote)
    }

    /// A token from a server in development; none from others.
    fn development_token(&self, arguments: &RemoteArguments) -> Result<Option<String>, Failure> {
        // Without roles, those of the person of this name.
        let mut body = json!({ "actor": arguments.actor });
        if !arguments.roles.is_empty() {
            body["roles"] = json!(arguments.roles);
        }
        let answered = self.send("/v1/dev/token", &body, None)?;
        match answered.status {
            404 | 405 => Ok(None),
            200 => match answered.body["token"].as_str() {
                Some(token) => Ok(Some(token.to_owned())),
                None => Err(Failure::failed("the server's token is none")),
            },
            _ => Err(said_no(&answered)),
        }
    }

    /// `GET`; `path` begins with `/`.
    pub(crate) fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Answered, Failure> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if !self.authorization.is_empty() {
            request = request.header("Authorization", &self.authorization);
        }
        let request = request.query_pairs(parameters.iter().copied());
        self.read(request.call())
    }

    /// `POST` of JSON, with the id of a command.
    pub(crate) fn post(
        &self,
        path: &str,
        body: &impl Serialize,
        id: Option<&str>,
    ) -> Result<Answered, Failure> {
        self.send(path, body, id)
    }

    fn send(
        &self,
        path: &str,
        body: &impl Serialize,
        id: Option<&str>,
    ) -> Result<Answered, Failure> {
        let mut request = self.agent.post(format!("{}{path}", self.base));
        request = request.header("Content-Type", "application/json");
        if !self.authorization.is_empty() {
            request = request.header("Authorization", &self.authorization);
        }
        if let Some(id) = id {
            request = request.header("Idempotency-Key", id);
        }
        let text = serde_json::to_vec(body).expect("JSON values always serialize");
        self.read(request.send(text.as_slice()))
    }

    /// `POST` of NDJSON; the answer is read line by line while the server writes it.
    pub(crate) fn post_lines(
        &self,
        path: &str,
        lines: &[u8],
    ) -> Result<Result<impl Iterator<Item = std::io::Result<String>> + use<>, Answered>, Failure>
    {
        let request = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("Content-Type", "application/x-ndjson")
            .header("Authorization", &self.authorization);
        let response = request.send(lines).map_err(|error| self.no_server(&error))?;
        if response.status().as_u16() != 200 {
            return Ok(Err(self.read(Ok(response))?));
        }
        let body = response.into_body().into_with_config().limit(u64::MAX).reader();
        Ok(Ok(BufReader::new(body).lines()))
    }

    fn read(&self, response: Result<Response<Body>, ureq::Error>) -> Result<Answered, Failure> {
        let response = response.map_err(|error| self.no_server(&error))?;
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let text = body.with_config().limit(ANSWER_BYTES_MAX).lossy_utf8(true).read_to_string();
        let text = text.map_err(|error| self.no_server(&error))?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answered { status, body })
    }

    fn no_server(&self, error: &ureq::Error) -> Failure {
        Failure::new(
            Exit::NoServer,
            format!("no server answers at {}: {}", self.base, chain(error)),
        )
        .advise("Start one with `serve`, or name its address with --url or DEEDS_URL.")
    }
}

/// A token by the server's own key, where this user may read it.
fn own_token(
    app: &'static str,
    arguments: &RemoteArguments,
    long: bool,
) -> Result<String, Failure> {
    if !arguments.key.file(app).is_file() {
        return Err(Failure::usage("the server asks who you are")
            .advise("Give a token with --token or DEEDS_TOKEN; `token issue` makes one."));
    }
    let issuer = arguments.key.open(app)?;
    let lifetime = if long { LONG_TOKEN_LIFETIME } else { OWN_TOKEN_LIFETIME };
    let roles = Roles::named(arguments.roles.iter().cloned());
    Ok(issuer.issue(&arguments.actor, &roles, lifetime))
}

/// The failure that an answer other than success stands for.
pub(crate) fn said_no(answered: &Answered) -> Failure {
    let body = &answered.body;
    let part = |name: &str| body[name].as_str().filter(|text| !text.is_empty());
    let what = match (&body["refusal"]["message"], part("detail"), part("title")) {
        (Value::String(message), _, _) => format!("refused: {message}"),
        (_, Some(detail), _) => detail.to_owned(),
        (_, None, Some(title)) => title.to_owned(),
        _ => format!("the server answered {}", answered.status),
    };
    let what = match part("field") {
        Some(field) => format!("`{field}`: {what}"),
        None => what,
    };
    let exit = match answered.status {
        422 | 403 | 409 | 410 => Exit::SaidNo,
        400 | 404 | 413 | 415 => Exit::Usage,
        _ => Exit::Failed,
    };
    let failure = Failure::new(exit, what);
    match answered.status {
        401 => failure.advise("Give a token with --token or DEEDS_TOKEN; `token issue` makes one."),
        403 => failure.advise("Act as somebody else with --as and --role, or with a token."),
        500 | 503 => failure.advise("Sending it again with the same --id is safe."),
        _ => failure,
    }
}
