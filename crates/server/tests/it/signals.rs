//! Being asked to stop.

use std::process::Command;

use deeds_pipeline::reply::Reply;
use deeds_server::{Ended, Server, Signals, TokenIssuer};

use crate::staged_host::{StagedHost, options};

/// `serve` watches before it can be reached: who stops it as soon as it answers is heard.
#[test]
fn a_signal_is_heard_that_came_before_anybody_waited_for_it() {
    let signals = Signals::watch().unwrap();
    let process = std::process::id().to_string();
    assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    let options = options(&TokenIssuer::ephemeral("bank"), None);
    let server = Server::start(StagedHost::replying(Reply::Gone), options).unwrap();
    assert_eq!(server.wait(signals), Ended::Asked { signal: "SIGTERM" });
    assert!(server.stop());
}
