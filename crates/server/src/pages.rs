//! The front door: a small page at `/`, the same for every app, made from what the app says of itself.
//!
//! It asks what any other client may ask (`/v1/schema`, queries, commands, in development the named
//! people), and knows nothing that they do not: being served it is not a right. Its files are compiled
//! in; there is nothing to build and nothing to fetch. In reading order: `page.html`, `main.mjs` (what
//! is shown when), `form.mjs` (a schema's fields), `told.mjs` (answers and refusals for people),
//! `server.mjs` (requests and command ids), `element.mjs`, `page.css`.
//!
//! An app that brings pages of its own ([`Page`]) has them at `/` instead, and this one at
//! `/front-door`. They are one `index.html` and the files it needs under `assets/`, whose names change
//! with what is in them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::gateway::Gateway;
use crate::problem::Problem;

/// The page's files, by the last part of their path.
const FILES: [(&str, &str, &str); 7] = [
    ("page.css", CSS, include_str!("pages/page.css")),
    ("main.mjs", JAVASCRIPT, include_str!("pages/main.mjs")),
    ("element.mjs", JAVASCRIPT, include_str!("pages/element.mjs")),
    ("form.mjs", JAVASCRIPT, include_str!("pages/form.mjs")),
    ("told.mjs", JAVASCRIPT, include_str!("pages/told.mjs")),
    ("server.mjs", JAVASCRIPT, include_str!("pages/server.mjs")),
    ("icon.svg", "image/svg+xml", include_str!("pages/icon.svg")),
];

const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// The page, with `{app}` and `{mode}` to be filled in.
const PAGE: &str = include_str!("pages/page.html");

/// Whatever finds its way into the page: nothing runs but our own files, nothing is sent elsewhere,
/// no text becomes markup, and no other site shows the page in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// The headers of everything served here.
const SURROUNDINGS: [(HeaderName, HeaderValue); 4] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// The page for this app: its name, and whether anybody may be whoever they say.
pub(crate) fn page_for(app: &str, in_development: bool) -> Bytes {
    let mode = if in_development { "development" } else { "tokens" };
    PAGE.replace("{mode}", mode).replace("{app}", &escaped(app)).into()
}

/// A file of an app's own pages.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// `index.html`, or `assets/` and a name that changes with the content.
    pub path: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
}

/// The media types of what pages are made of, by the ending of the name.
const MEDIA_TYPES: [(&str, &str); 6] = [
    ("html", "text/html; charset=utf-8"),
    ("js", JAVASCRIPT),
    ("css", CSS),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("woff2", "font/woff2"),
];

/// A file whose name changes with its content can be kept for good.
const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// `GET /`: the app's own page, or the front door.
pub(crate) async fn home(State(gateway): State<Arc<Gateway>>) -> Response {
    match own(&gateway, "index.html") {
        Some(page) => page,
        None => told("text/html; charset=utf-8", gateway.page.clone()),
    }
}

/// `GET /assets/{file}`.
pub(crate) async fn asset(
    State(gateway): State<Arc<Gateway>>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let mut file = own(&gateway, &format!("assets/{name}")).ok_or(Problem::NoSuchPath)?;
    file.headers_mut().insert(header::CACHE_CONTROL, FOR_GOOD);
    Ok(file)
}

fn own(gateway: &Gateway, path: &str) -> Option<Response> {
    let page = gateway.pages.iter().find(|page| page.path == path)?;
    let (_, ending) = path.rsplit_once('.')?;
    let known = MEDIA_TYPES.iter().find(|(known, _)| *known == ending);
    let kind = known.map_or("application/octet-stream", |(_, kind)| *kind);
    Some(told(kind, Bytes::from_static(page.bytes)))
}

/// `GET /front-door`.
pub(crate) async fn front_door(State(gateway): State<Arc<Gateway>>) -> Response {
    told("text/html; charset=utf-8", gateway.page.clone())
}

/// `GET /page/{file}`.
pub(crate) async fn file(Path(name): Path<String>) -> Result<Response, Problem> {
    let file = FILES.iter().find(|(known, ..)| *known == name);
    let (_, kind, text) = file.ok_or(Problem::NoSuchPath)?;
    Ok(told(kind, Bytes::from_static(text.as_bytes())))
}

fn told(kind: &'static str, body: Bytes) -> Response {
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(kind))];
    (SURROUNDINGS, kind, body).into_response()
}

/// A text as it stands in HTML, between tags or in quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_the_app_and_how_one_signs_in() {
        for (in_development, mode) in [(true, "development"), (false, "tokens")] {
            let page = page_for("a<b", in_development);
            let page = std::str::from_utf8(&page).unwrap();
            assert!(page.contains("a&lt;b") && !page.contains("a<b"), "{page}");
            assert!(page.contains(&format!("data-mode=\"{mode}\"")), "{page}");
            assert!(!page.contains("{app}") && !page.contains("{mode}"), "{page}");
        }
    }

    #[test]
    fn the_page_and_its_modules_refer_to_files_that_are_served() {
        for text in FILES.iter().map(|(.., text)| *text).chain([PAGE]) {
            let links = text.split("/page/").skip(1).map(|rest| rest.split('"').next().unwrap());
            let imports =
                text.split("from \"./").skip(1).map(|rest| rest.split('"').next().unwrap());
            for name in links.chain(imports) {
                assert!(FILES.iter().any(|(known, ..)| *known == name), "{name} is not served");
            }
        }
    }

    #[test]
    fn nothing_on_the_page_needs_what_the_policy_forbids() {
        assert!(!PAGE.contains("<style") && !PAGE.contains(" style=") && !PAGE.contains(" on"));
        assert_eq!(
            PAGE.matches("<script").count(),
            PAGE.matches("<script type=\"module\" src=").count()
        );
        for (name, _, text) in FILES {
            for forbidden in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "http://", "https://"]
            {
                let found = text.contains(forbidden) && name != "icon.svg";
                assert!(!found, "{name} has {forbidden}");
            }
        }
    }
}
