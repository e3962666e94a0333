//! The names this server answers to: a request for another is turned away (421).
//!
//! A page of another site can make a browser ask a server on the loopback address, by letting its own
//! name point there (DNS rebinding). The browser then sends that name in `Host`; so only `localhost`,
//! the loopback addresses and the names configured are taken. The port of a loopback name does not
//! matter: a tunnel may have another, and an attacker cannot use these names.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, Uri, header};

use crate::problem::Problem;

/// Names of this machine for itself. An attacker's page is never served under one of them.
const LOOPBACK_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Which names the server answers to.
#[derive(Clone, Debug)]
pub(crate) struct HostNames {
    /// In lower case; with a port if only that counts.
    configured: Vec<String>,
}

impl HostNames {
    /// The loopback names, those configured, and the address itself unless it stands for all.
    pub(crate) fn new(configured: &[String], address: SocketAddr) -> Self {
        let mut configured: Vec<String> =
            configured.iter().map(|name| name.to_ascii_lowercase()).collect();
        if !address.ip().is_unspecified() {
            configured.push(match address.ip() {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            });
        }
        Self { configured }
    }

    /// Whether the request names this server: once in `Host`, and nowhere anything else.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(Problem::Malformed {
                detail: "The header Host has to be given, once.".to_owned(),
            });
        };
        let host = host.to_str().map_err(|_| Problem::Misdirected)?;
        let authority = uri.authority().map(|authority| authority.as_str());
        if self.is_ours(host) && authority.is_none_or(|authority| self.is_ours(authority)) {
            Ok(())
        } else {
            Err(Problem::Misdirected)
        }
    }

    fn is_ours(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let Some(name) = without_port(&host) else { return false };
        LOOPBACK_NAMES.contains(&name)
            || self.configured.iter().any(|ours| *ours == host || *ours == name)
    }
}

/// The name of `name` or `name:port`; none if it is neither.
fn without_port(host: &str) -> Option<&str> {
    let (name, port) = match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') => (&host[..colon], Some(&host[colon + 1..])),
        _ => (host, None),
    };
    let port_is_sound = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let bare = !name.contains(':') || name.starts_with('[') && name.ends_with(']');
    (port_is_sound && bare && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_names_are_ours() {
        let configured = ["Bank.example".to_owned(), "other.example:8443".to_owned()];
        let names = HostNames::new(&configured, "192.0.2.7:8080".parse().unwrap());
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:8080",
            "[::1]:9",
            "[::1]",
            "bank.example",
            "bank.example:8080",
            "other.example:8443",
            "192.0.2.7:8080",
        ] {
            assert!(names.is_ours(host), "{host}");
        }
        for host in [
            "",
            ":8080",
            "attacker.example",
            "localhost.attacker.example",
            "localhost.",
            "attacker.example:8080",
            "127.0.0.1.attacker.example",
            "127.0.0.2",
            "::1",
            "[::1",
            "localhost:8080@attacker.example",
            "user@localhost",
            "localhost:99999",
            "localhost:x",
            "other.example",
            "other.example:8444",
        ] {
            assert!(!names.is_ours(host), "{host}");
        }
    }
}
