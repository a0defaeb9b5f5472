//! Tokens against a server that answers as told.

mod proofs;

use std::{sync::atomic::AtomicI64, time::Duration};

use serde_json::Value;

use super::{grant::life, *};
use crate::{
    clock::Clock,
    error::{Action, Chain},
    secret::SecretRef,
    source::{
        http::{Connection, Reply},
        scripted::{Seen, Server, Step, Steps, open, reply, token},
    },
};

const MS: fn(u64) -> Duration = Duration::from_millis;

async fn ask(connection: &Connection, organization: &str) -> Result<Reply<()>, HttpError> {
    let url = connection.url().join(organization).unwrap();
    connection
        .get(organization, &url, |_| Ok::<_, serde_json::Error>(()))
        .await
}

fn bearer_of(request: &str) -> String {
    let header = request
        .lines()
        .find_map(|line| line.strip_prefix("authorization: Bearer "));
    header.unwrap_or("none").to_owned()
}

/// The server's own answers to token requests; all others are answered well.
async fn giving(tokens: impl Fn(&Seen) -> Steps + Send + Sync + 'static) -> Server {
    Server::start(move |seen| {
        if seen.for_token {
            tokens(seen)
        } else {
            reply(200, "", "{}")
        }
    })
    .await
}

fn credentials(settings: &mut ConnectionSettings, secret: SecretRef, url: Option<Url>) {
    settings.auth = AuthSettings::ClientCredentials {
        client_id: "app&1".to_owned(),
        client_secret: secret,
        second_client_secret: None,
        scope: "PM.Audit PM.Audit.Read".to_owned(),
        token_url: url,
    };
}

#[tokio::test]
async fn sixteen_requests_share_one_token_request() {
    let server = giving(|seen| {
        let mut steps = vec![Step::Wait(MS(50))];
        steps.extend(token(seen));
        steps
    });
    let server = server.await;
    let connection = open(&server.settings(), Clock::system());
    let all = futures::future::join_all((0..16).map(|_| ask(&connection, "acme"))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(server.counts(), (16, 1));
    ask(&connection, "other").await.unwrap();
    assert_eq!(server.counts(), (17, 2));
}

#[tokio::test]
async fn a_failed_token_request_is_shared_by_those_who_waited() {
    let server = giving(|_| {
        let mut steps = vec![Step::Wait(MS(50))];
        steps.extend(reply(400, "", r#"{"error":"invalid_scope"}"#));
        steps
    });
    let server = server.await;
    let connection = open(&server.settings(), Clock::system());
    let all = futures::future::join_all((0..16).map(|_| ask(&connection, "acme"))).await;
    for result in &all {
        let error = result.as_ref().unwrap_err();
        assert_eq!(error.action(), Action::Stop);
        assert!(error.hint().unwrap().contains("application scope"));
        let said = Chain(error).to_string();
        assert!(said.starts_with("get a token: ask `http://127.0.0.1:"), "{said}");
        assert!(
            said.ends_with("/acme/identity_/connect/token`: status 400: invalid_scope"),
            "{said}"
        );
    }
    assert_eq!(server.counts(), (0, 1));
    ask(&connection, "acme").await.unwrap_err();
    assert_eq!(server.counts(), (0, 2));
}

#[tokio::test]
async fn giving_up_while_renewing_leaves_the_turn_to_others() {
    let server = giving(|seen| match seen.earlier {
        0 => vec![Step::Wait(MS(5000))],
        _ => token(seen),
    });
    let server = server.await;
    let connection = open(&server.settings(), Clock::system());
    let first = tokio::time::timeout(MS(60), ask(&connection, "acme"));
    let second = async {
        tokio::time::sleep(MS(20)).await;
        ask(&connection, "acme").await
    };
    let (first, second) = tokio::join!(first, second);
    assert!(first.is_err() && second.is_ok());
    assert_eq!(server.counts(), (1, 2));
}

#[tokio::test]
async fn a_token_is_renewed_two_minutes_before_it_expires() {
    let server = giving(token).await;
    let seconds = Arc::new(AtomicI64::new(1_800_000_000));
    let now = Arc::clone(&seconds);
    let clock = Clock::from_fn(move || Time::from_timestamp(now.load(Ordering::SeqCst), 0).unwrap());
    let connection = open(&server.settings(), clock);
    for (later, tokens) in [(0, 1), (3479, 1), (1, 2), (3479, 2), (1, 3)] {
        seconds.fetch_add(later, Ordering::SeqCst);
        ask(&connection, "acme").await.unwrap();
        assert_eq!(server.counts().1, tokens, "{later}");
    }
}

#[test]
fn a_life_is_read_however_it_is_spelled() {
    for (spelled, seconds) in [
        ("3600", 3600.0),
        ("59.5", 59.5),
        (r#"" 120 ""#, 120.0),
        (r#""soon""#, 3600.0),
        ("null", 3600.0),
        ("0", 3600.0),
        ("-5", 3600.0),
        ("1e300", 86400.0),
        (r#""NaN""#, 3600.0),
        (r#""inf""#, 86400.0),
    ] {
        let value: Value = serde_json::from_str(spelled).unwrap();
        assert_eq!(life(Some(&value)), Duration::from_secs_f64(seconds), "{spelled}");
    }
    assert_eq!(life(None), Duration::from_secs(3600));
}

#[tokio::test]
async fn a_changed_secret_is_used_for_the_next_token() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    let server = Server::start(|seen| match (seen.for_token, seen.earlier) {
        (true, _) if seen.text.contains("client_secret=old") && seen.earlier > 0 => reply(401, "", ""),
        (true, _) => token(seen),
        (false, 1) => reply(401, "", ""),
        (false, _) => reply(200, "", "{}"),
    });
    let server = server.await;
    let mut settings = server.settings();
    credentials(&mut settings, SecretRef::File(path.clone()), None);
    let connection = open(&settings, Clock::system());

    let error = ask(&connection, "acme").await.unwrap_err();
    assert_eq!((server.counts(), error.action()), ((0, 0), Action::Stop));
    let said = Chain(&error).to_string();
    assert!(
        said.contains(&format!("read the secret file `{}`", path.display())),
        "{said}"
    );

    std::fs::write(&path, "old\n").unwrap();
    ask(&connection, "acme").await.unwrap();
    std::fs::write(&path, "new/+ &=\n").unwrap();
    ask(&connection, "acme").await.unwrap();
    let sent: Vec<_> = server
        .seen(true)
        .iter()
        .map(|text| text.rsplit("\r\n").next().unwrap().to_owned())
        .collect();
    let form = "grant_type=client_credentials&client_id=app%261&client_secret=";
    let scope = "&scope=PM.Audit+PM.Audit.Read";
    assert_eq!(
        sent,
        [
            format!("{form}old{scope}"),
            format!("{form}new%2F%2B+%26%3D{scope}")
        ]
    );
    let shown: Vec<_> = server.seen(false).iter().map(|text| bearer_of(text)).collect();
    assert_eq!(shown, ["tok-0", "tok-0", "tok-1"]);
}

#[tokio::test]
async fn a_configured_token_is_read_again_after_a_401() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    let server =
        Server::start(|seen| reply(if bearer_of(&seen.text) == "old" { 401 } else { 200 }, "", "{}")).await;
    let mut settings = server.settings();
    settings.auth = AuthSettings::Bearer {
        token: SecretRef::File(path.clone()),
    };
    let connection = open(&settings, Clock::system());
    std::fs::write(&path, "old").unwrap();
    assert_eq!(ask(&connection, "acme").await.unwrap_err().action(), Action::Stop);
    std::fs::write(&path, "new").unwrap();
    assert_eq!(ask(&connection, "acme").await.unwrap().tries, 2);
    assert_eq!(ask(&connection, "acme").await.unwrap().tries, 1);
    assert_eq!(server.counts(), (5, 0));

    std::fs::write(&path, "Bearer x").unwrap();
    let error = ask(&open(&settings, Clock::system()), "acme").await.unwrap_err();
    let said = Chain(&error).to_string();
    assert!(
        said.contains("send the token from file `") && !said.contains("Bearer x"),
        "{said}"
    );
}

#[tokio::test]
async fn token_requests_are_tried_again_and_explained() {
    let cases: [(u16, &str, usize, Action, &str); 9] = [
        (503, "no healthy upstream", 6, Action::NextTick, ""),
        (429, "", 6, Action::NextTick, ""),
        (200, "<html><title>Sign in", 6, Action::NextTick, "`token_url`"),
        (200, r#"{"token":"x"}"#, 6, Action::NextTick, "`token_url`"),
        (
            400,
            r#"{"error":"invalid_client"}"#,
            1,
            Action::Stop,
            "`client_id` and the client secret",
        ),
        (
            400,
            r#"{"error":"unauthorized_client"}"#,
            1,
            Action::Stop,
            "confidential",
        ),
        (401, "", 1, Action::Stop, "`scope` and `token_url`"),
        (404, "<html>", 1, Action::Stop, "set `token_url`"),
        (302, "", 1, Action::Stop, "set `token_url`"),
    ];
    for (status, body, requests, action, hint) in cases {
        let server = giving(move |_| reply(status, "", body)).await;
        let connection = open(&server.settings(), Clock::system());
        let error = ask(&connection, "acme").await.unwrap_err();
        assert_eq!(
            (server.counts(), error.action()),
            ((0, requests), action),
            "{status} {body}"
        );
        assert!(
            error.hint().unwrap_or_default().contains(hint),
            "{status} {body}: {:?}",
            error.hint()
        );
        assert_eq!(connection.stats().retries, requests as u64 - 1);
    }
}

#[tokio::test]
async fn the_token_url_follows_the_organization_or_the_configuration() {
    let identity = giving(token).await;
    let server = giving(token).await;
    let mut settings = server.settings();
    settings.url = server.url("uipath/");
    ask(&open(&settings, Clock::system()), "ac me").await.unwrap();
    assert!(
        server.seen(true)[0].starts_with("POST /uipath/ac%20me/identity_/connect/token "),
        "{:?}",
        server.seen(true)
    );

    credentials(
        &mut settings,
        SecretRef::Env("PATH".to_owned()),
        Some(identity.url("identity/connect/token")),
    );
    let connection = open(&settings, Clock::system());
    ask(&connection, "acme").await.unwrap();
    ask(&connection, "other").await.unwrap();
    assert_eq!((identity.counts(), server.counts()), ((0, 1), (3, 1)));
}

#[tokio::test]
async fn an_identity_server_that_quotes_the_secret_is_not_quoted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    std::fs::write(&path, "hush-hush").unwrap();
    let server = giving(|_| {
        reply(
            400,
            "",
            r#"{"error":"invalid_client","error_description":"no hush-hush"}"#,
        )
    })
    .await;
    let mut settings = server.settings();
    credentials(&mut settings, SecretRef::File(path), None);
    let error = ask(&open(&settings, Clock::system()), "acme").await.unwrap_err();
    assert!(
        Chain(&error).to_string().ends_with("`invalid_client`: no ***"),
        "{}",
        Chain(&error)
    );
    assert!(!format!("{error:?}").contains("hush"), "{error:?}");
}
