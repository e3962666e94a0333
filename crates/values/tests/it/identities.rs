//! Command ids, actor ids, lineages.

use deeds_values::{ActorId, CommandId, Lineage};

#[test]
fn a_command_id_is_a_uuid_of_version_7_or_a_numbered_source() {
    for text in ["019a9f4e-8a00-7abc-8def-0123456789ab", "import-3f/0", "inbox/9007199254740991"] {
        let id: CommandId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
    }
}

#[test]
fn what_is_not_a_command_id_is_refused_and_the_words_say_how() {
    let long = format!("{}/1", "s".repeat(101));
    for text in [
        "",
        "7",
        "67e55044-10b1-426f-9247-bb680e5fe0c8",
        "019a9f4e8a007abc8def0123456789ab",
        "{019a9f4e-8a00-7abc-8def-0123456789ab}",
        "a/",
        "/1",
        "a/+1",
        "a/-1",
        "a/b/1",
        "a b/1",
        "a/9007199254740992",
        &long,
    ] {
        let error = text.parse::<CommandId>().expect_err(text).to_string();
        assert!(error.starts_with("a command id is a UUIDv7, or source/number"), "{error}");
    }
}

#[test]
fn a_uuid_of_version_7_carries_its_moment() {
    let Ok(CommandId::Unique(id)) = "019a9f4e-8a00-7abc-8def-0123456789ab".parse() else {
        panic!("a UUIDv7 is a command id");
    };
    assert_eq!(CommandId::unique_ms(&id), 0x019a_9f4e_8a00);
}

#[test]
fn an_actor_id_is_visible_ascii_of_limited_length() {
    assert!(ActorId::new("auth0|5f7c8ec7c33c6c004bbafe82").is_ok());
    assert!(ActorId::new("x".repeat(255)).is_ok());
    for text in ["", "a b", "naïve", "a\n", &"x".repeat(256)] {
        assert!(ActorId::new(text).is_err(), "{text}");
    }
}

#[test]
fn a_lineage_is_sixteen_hexadecimal_digits() {
    let lineage: Lineage = "00ff00ff00ff00ff".parse().unwrap();
    assert_eq!(lineage.to_string(), "00ff00ff00ff00ff");
    for text in ["", "00ff", "+0ff00ff00ff00ff", "00ff00ff00ff00fg", "00ff00ff00ff00ff0"] {
        assert!(text.parse::<Lineage>().is_err(), "{text}");
    }
}
