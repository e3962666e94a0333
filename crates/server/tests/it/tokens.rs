//! Whose tokens are taken: all that can be wrong with one.

use std::sync::atomic::Ordering::SeqCst;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deeds_pipeline::reply::Reply;
use deeds_server::{Authentication, PublicKey, TokenIssuer, TokenVerifier};
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{KeyInit as _, Mac as _};
use serde_json::{Value, json};

use crate::client::Client;
use crate::staged_host::{Served, StagedHost};

/// An issuer that says whatever the test wants.
struct Forger {
    key: SigningKey,
}

impl Forger {
    fn new(seed: u8) -> Self {
        Self { key: SigningKey::from_bytes(&[seed; 32]) }
    }

    fn public_key(&self) -> PublicKey {
        PublicKey::from_bytes(self.key.verifying_key().to_bytes()).unwrap()
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let signature = self.key.sign(message.as_bytes()).to_bytes();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(&json!({"alg": "EdDSA", "typ": "JWT"}), claims)
    }
}

fn message(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn sound() -> Value {
    json!({
        "iss": "idp", "aud": "bank", "sub": "ada", "exp": now() + 600, "roles": ["neighbor"]
    })
}

/// The sound claims with one of them changed, or taken out.
fn but(name: &str, value: Option<Value>) -> Value {
    let mut claims = sound();
    match value {
        Some(value) => claims[name] = value,
        None => drop(claims.as_object_mut().unwrap().remove(name)),
    }
    claims
}

/// A server that trusts one issuer, and the issuer.
fn trusting() -> (Served, std::sync::Arc<StagedHost>, Forger) {
    let forger = Forger::new(1);
    let host = StagedHost::replying(Reply::Gone);
    let verifier = TokenVerifier::from_public_keys("idp", "bank", [forger.public_key()]);
    let served = Served::with(host.clone(), |options| {
        options.authentication = Authentication::Tokens(verifier);
    });
    (served, host, forger)
}

fn send(served: &Served, token: &str) -> crate::client::Answer {
    let client = Client { address: served.address(), token: Some(token.to_owned()) };
    client.send("AddToCart", None, "{}")
}

#[test]
fn a_sound_token_is_taken_again_and_again() {
    let (served, host, forger) = trusting();
    let several = but("aud", Some(json!(["other", "bank"])));
    let early = but("nbf", Some(json!(now() - 5)));
    let bare = but("roles", None);
    for claims in [sound(), several, early, bare] {
        for _ in 0..2 {
            assert_eq!(send(&served, &forger.token(&claims)).status, 410, "{claims}");
        }
    }
    assert_eq!(host.submitted.load(SeqCst), 8);
}

#[test]
fn a_token_with_anything_wrong_is_turned_away() {
    let (served, host, forger) = trusting();
    let eddsa = json!({"alg": "EdDSA", "typ": "JWT"});
    let mut tokens: Vec<(&str, String)> = vec![
        ("expired", forger.token(&but("exp", Some(json!(now() - 60))))),
        ("never expires", forger.token(&but("exp", None))),
        ("expiry as text", forger.token(&but("exp", Some(json!("tomorrow"))))),
        ("expiry negative", forger.token(&but("exp", Some(json!(-1))))),
        ("not yet", forger.token(&but("nbf", Some(json!(now() + 600))))),
        ("other audience", forger.token(&but("aud", Some(json!("other"))))),
        ("no audience", forger.token(&but("aud", None))),
        ("empty audience", forger.token(&but("aud", Some(json!([]))))),
        ("other issuer", forger.token(&but("iss", Some(json!("deeds"))))),
        ("no issuer", forger.token(&but("iss", None))),
        ("no subject", forger.token(&but("sub", None))),
        ("empty subject", forger.token(&but("sub", Some(json!(""))))),
        ("subject with a space", forger.token(&but("sub", Some(json!("ada lovelace"))))),
        ("subject a number", forger.token(&but("sub", Some(json!(7))))),
        ("roles a text", forger.token(&but("roles", Some(json!("operator"))))),
        ("role with a line", forger.token(&but("roles", Some(json!(["a\nb"]))))),
        ("too many roles", forger.token(&but("roles", Some(json!(vec!["r"; 100]))))),
        ("another key", Forger::new(2).token(&sound())),
        ("claims no object", forger.sign(&eddsa, &json!("ada"))),
        ("no signature", format!("{}.", message(&eddsa, &sound()))),
        ("two parts", message(&eddsa, &sound())),
        ("four parts", format!("{}.x", forger.token(&sound()))),
        ("long", format!("{}{}", forger.token(&sound()), "A".repeat(9_000))),
        ("garbage", "garbage".to_owned()),
        ("nothing", String::new()),
    ];
    // Unsigned, by the algorithm that means that.
    for none in ["none", "None", "NONE", "nOnE", ""] {
        let unsigned = message(&json!({"alg": none}), &sound());
        tokens.push(("alg none", format!("{unsigned}.")));
        tokens.push(("alg none, signed", forger.sign(&json!({"alg": none}), &sound())));
    }
    // The public key, which everybody knows, used as the secret of a symmetric algorithm.
    let public = forger.public_key();
    for secret in [&public.as_bytes()[..], public.to_pem().as_bytes()] {
        let message = message(&json!({"alg": "HS256", "typ": "JWT"}), &sound());
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
        mac.update(message.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        tokens.push(("HS256 with the public key", format!("{message}.{signature}")));
    }
    // A right signature under the name of another algorithm.
    for algorithm in ["HS256", "RS256", "ES256", "PS256"] {
        tokens.push(("other algorithm", forger.sign(&json!({"alg": algorithm}), &sound())));
    }
    // A key that the token brings along.
    let attacker = Forger::new(3);
    let x = URL_SAFE_NO_PAD.encode(attacker.public_key().as_bytes());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
    let header = json!({"alg": "EdDSA", "jwk": jwk, "kid": "1", "jku": "http://localhost/"});
    tokens.push(("its own key", attacker.sign(&header, &sound())));
    // Other claims under a right signature.
    let token = forger.token(&sound());
    let [header, _, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let claims = URL_SAFE_NO_PAD.encode(but("sub", Some(json!("grace"))).to_string());
    tokens.push(("other claims", format!("{header}.{claims}.{signature}")));

    for (what, token) in &tokens {
        let answer = send(&served, token);
        assert_eq!((answer.status, answer.problem().as_str()), (401, "unauthenticated"), "{what}");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"), "{what}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("ada"), "{what}");
    }
    assert_eq!(host.submitted.load(SeqCst), 0);
    let journal = served.journal();
    assert_eq!(journal.len(), tokens.len());
    for line in journal {
        assert_eq!(line["kind"], "unauthenticated");
        assert_eq!(line["at"], "/v1/commands/{name}");
        assert!(!line.to_string().contains("eyJ"), "no part of a token: {line}");
    }
}

#[test]
fn every_flipped_bit_of_a_token_makes_it_another() {
    let (served, host, forger) = trusting();
    let token = forger.token(&sound());
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] ^= 1;
        let Ok(flipped) = String::from_utf8(bytes) else { continue };
        if !flipped.bytes().all(|byte| byte.is_ascii_graphic()) {
            continue;
        }
        assert_eq!(send(&served, &flipped).status, 401, "flipped at {at}");
    }
    assert_eq!(host.submitted.load(SeqCst), 0);
}

#[test]
fn nobody_gets_in_without_a_token() {
    let (served, host, forger) = trusting();
    let token = forger.token(&sound());
    let lower = format!("bearer {token}");
    let json = ("Content-Type", "application/json");
    let ask = |headers: &[(&str, &str)]| {
        served.nobody().ask("POST", "/v1/commands/AddToCart", headers, b"{}").status
    };
    assert_eq!(ask(&[json]), 401);
    assert_eq!(ask(&[json, ("Authorization", "Basic YWRhOmFkYQ==")]), 401);
    assert_eq!(ask(&[json, ("Authorization", &token)]), 401);
    assert_eq!(ask(&[json, ("Authorization", &lower), ("Authorization", &lower)]), 401);
    assert_eq!(ask(&[json, ("Cookie", &lower)]), 401);
    assert_eq!(host.submitted.load(SeqCst), 0);
    assert_eq!(ask(&[json, ("Authorization", &lower)]), 410);
    for path in [
        "/v1/schema",
        "/v1/records",
        "/v1/queries/Catalogue",
        "/v1/checkpoint",
        "/v1/consistency?from=0",
        "/v1/tile/0/000",
        "/v1/tile/entries/000",
        "/metrics",
    ] {
        let answer = served.nobody().get(path);
        assert_eq!(answer.status, 401, "{path}");
    }
}

#[test]
fn tokens_of_the_key_file_are_taken_and_those_of_another_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token.pem");
    let issuer = TokenIssuer::open(&path, "bank").unwrap();
    let ours = TokenIssuer::open(&path, "bank").unwrap();
    let other = TokenIssuer::open(&directory.path().join("other.pem"), "bank").unwrap();
    let other_app = TokenIssuer::open(&path, "till").unwrap();
    let ada = deeds_values::ActorId::new("ada").unwrap();
    let hour = std::time::Duration::from_secs(3_600);
    let issue = |by: &TokenIssuer| by.issue(&ada, &deeds_engine::actor::Roles::none(), hour);
    let verifier = issuer.verifier();
    assert_eq!(verifier.verify(&issue(&ours)).unwrap().actor, ada);
    verifier.verify(&issue(&other)).unwrap_err();
    verifier.verify(&issue(&other_app)).unwrap_err();
}

#[test]
fn in_development_everybody_is_given_a_token() {
    let served = Served::in_development(StagedHost::replying(Reply::Gone));
    let people = served.nobody().get("/v1/dev/people");
    assert_eq!(people.json()[0]["actor"], "ada");
    let want = |body: &str| {
        let json = [("Content-Type", "application/json")];
        served.nobody().ask("POST", "/v1/dev/token", &json, body.as_bytes())
    };
    let ada = want(r#"{"actor": "ada"}"#).json();
    assert_eq!(ada["roles"], json!(["neighbor"]));
    let olga = want(r#"{"actor": "olga", "roles": ["operator"]}"#).json();
    let as_olga = Client {
        address: served.address(),
        token: Some(olga["token"].as_str().unwrap().to_owned()),
    };
    assert_eq!(as_olga.get("/v1/records").status, 200);
    for wrong in
        ["", "{}", r#"{"actor": ""}"#, r#"{"actor": "a", "roles": [""]}"#, r#"{"actor":"a","x":1}"#]
    {
        assert_eq!(want(wrong).problem(), "arguments", "{wrong}");
    }
    // A page of another site can send this without asking first, so it is not taken.
    let form = [("Content-Type", "text/plain")];
    let answer = served.nobody().ask("POST", "/v1/dev/token", &form, b"{\"actor\":\"ada\"}");
    assert_eq!(answer.status, 415);
}
