//! The front door: open to everybody, closed around itself, and with no rights of its own.

use deeds_pipeline::reply::Reply;
use deeds_server::Page;
use serde_json::json;

use crate::staged_host::{LINEAGE, Served, StagedHost};

#[test]
fn everybody_gets_the_page_and_nothing_of_the_app_but_its_name() {
    let host = StagedHost::replying(Reply::Gone);
    for (served, mode) in [
        (Served::start(host.clone()), "tokens"),
        (Served::in_development(host.clone()), "development"),
    ] {
        let page = served.nobody().get("/");
        assert_eq!(page.status, 200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        let text = String::from_utf8(page.body).unwrap();
        assert!(text.contains("<title>bank</title>"), "{text}");
        assert!(text.contains(&format!("data-mode=\"{mode}\"")), "{text}");
        assert!(!text.contains("AddToCart") && !text.contains("ada"), "{text}");
    }
}

#[test]
fn every_file_of_the_page_keeps_others_out() {
    let served = Served::start(StagedHost::replying(Reply::Gone));
    let table = [
        ("/", "text/html; charset=utf-8"),
        ("/page/page.css", "text/css; charset=utf-8"),
        ("/page/main.mjs", "text/javascript; charset=utf-8"),
        ("/page/icon.svg", "image/svg+xml"),
    ];
    for (path, kind) in table {
        let answer = served.nobody().get(path);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        let elsewhere = served.nobody().ask("GET", path, &[("Host", "attacker.example")], b"");
        assert_eq!(elsewhere.status, 421, "{path}");
    }
    for path in
        ["/page/", "/page/secrets", "/page/..%2Fpage.html", "/page/main.mjs/x", "/index.html"]
    {
        assert_eq!(served.nobody().get(path).problem(), "path", "{path}");
    }
    assert_eq!(served.nobody().ask("POST", "/", &[], b"").status, 405);
}

#[test]
fn whoever_is_somebody_is_told_the_position() {
    let host = StagedHost::replying(Reply::Gone);
    let served = Served::start(host.clone());
    assert_eq!(served.nobody().get("/v1/position").status, 401);
    let lineage = LINEAGE.to_string();
    let told = served.ada().get("/v1/position").json();
    assert_eq!(told, json!({"lineage": lineage, "position": 4}));
    host.publish(9);
    let told = served.ada().get("/v1/position").json();
    assert_eq!(told, json!({"lineage": lineage, "position": 9}));
}

#[test]
fn an_apps_own_pages_are_served_instead_and_the_front_door_moves() {
    const PAGES: &[Page] = &[
        Page { path: "index.html", bytes: b"<!doctype html><title>A shop</title>" },
        Page { path: "assets/shop-1a2b.js", bytes: b"export {};" },
    ];
    let served = Served::with(StagedHost::replying(Reply::Gone), |options| options.pages = PAGES);
    let nobody = served.nobody();
    let page = nobody.get("/");
    assert_eq!((page.status, page.header("cache-control")), (200, Some("no-store")));
    assert!(String::from_utf8_lossy(&page.body).contains("A shop"));
    let policy = page.header("content-security-policy").expect("every page has one");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");

    // Its name changes with its content, so it is kept for good.
    let asset = nobody.get("/assets/shop-1a2b.js");
    assert_eq!(asset.status, 200);
    assert!(asset.header("content-type").unwrap().starts_with("text/javascript"));
    assert!(asset.header("cache-control").unwrap().contains("immutable"));
    for missing in ["/assets/shop-3c4d.js", "/assets/index.html", "/assets/..%2findex.html"] {
        assert_eq!(nobody.get(missing).status, 404, "{missing}");
    }
    let door = nobody.get("/front-door");
    assert!(String::from_utf8_lossy(&door.body).contains("/page/main.mjs"));
}
