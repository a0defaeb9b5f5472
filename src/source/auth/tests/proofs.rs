//! What is shown for a token: two secrets that are rotated, an assertion that somebody else renews.

use std::path::PathBuf;

use super::*;
use crate::{observe::capture, source::auth::assertion::tests::jwt};

const REFUSED: &str = r#"{"error":"invalid_client"}"#;

/// A value of the form that a token request held.
fn sent(request: &str, name: &str) -> Option<String> {
    let form = request.rsplit("\r\n").next().unwrap_or_default();
    let mut values = url::form_urlencoded::parse(form.as_bytes());
    let (_, value) = values.find(|(found, _)| found == name)?;
    Some(value.into_owned())
}

fn sent_to(server: &Server, name: &str) -> Vec<String> {
    let requests = server.seen(true);
    requests.iter().filter_map(|text| sent(text, name)).collect()
}

/// An identity server that takes what is written in `good`, a line each, and refuses the rest.
async fn identity(good: PathBuf, name: &'static str, status: u16, refusal: &'static str) -> Server {
    giving(move |seen| {
        let good = std::fs::read_to_string(&good).unwrap_or_default();
        let shown = sent(&seen.text, name).unwrap_or_default();
        if good.lines().any(|line| line == shown) {
            token(seen)
        } else {
            reply(status, "", refusal)
        }
    })
    .await
}

/// Two secrets, and an identity server that takes those in the file `good`.
struct Rotation {
    directory: tempfile::TempDir,
    server: Server,
    connection: Connection,
}

impl Rotation {
    async fn begin(first: &str, second: &str, status: u16, refusal: &'static str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let server = identity(path("good"), "client_secret", status, refusal).await;
        let mut settings = server.settings();
        settings.auth = AuthSettings::ClientCredentials {
            client_id: "app".to_owned(),
            client_secret: SecretRef::File(path("first")),
            second_client_secret: Some(SecretRef::File(path("second"))),
            scope: "PM.Audit.Read".to_owned(),
            token_url: None,
        };
        let connection = open(&settings, Clock::system());
        let rotation = Self {
            directory,
            server,
            connection,
        };
        rotation.write("first", first);
        rotation.write("second", second);
        rotation
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.path().join(name), text).unwrap();
    }

    /// Another organization each time, so that a token is needed. Returns the secrets that were shown for it.
    async fn shown(&self, organization: &str) -> (Result<Reply<()>, HttpError>, Vec<String>) {
        let before = self.server.counts().1;
        let result = ask(&self.connection, organization).await;
        (result, sent_to(&self.server, "client_secret").split_off(before))
    }
}

#[tokio::test]
async fn the_second_secret_is_tried_when_the_first_is_refused() {
    for (status, refusal) in [(400, REFUSED), (401, "")] {
        let log = capture();
        let rotation = Rotation::begin("old", "new", status, refusal).await;
        let says = || {
            let lines = log.lines();
            lines
                .iter()
                .filter(|line| line.contains("_secret` works"))
                .count()
        };
        rotation.write("good", "old\nnew");
        assert_eq!(rotation.shown("a").await.1, ["old"]);
        rotation.write("good", "new");
        assert_eq!(
            (rotation.shown("b").await.1, says()),
            (vec!["old".to_owned(), "new".to_owned()], 1)
        );
        // Whichever worked is tried first from then on.
        assert_eq!((rotation.shown("c").await.1, says()), (vec!["new".to_owned()], 1));
        rotation.write("first", "newest");
        rotation.write("good", "newest");
        let shown = ["new", "newest"].map(str::to_owned).to_vec();
        assert_eq!((rotation.shown("d").await.1, says()), (shown, 2));
        assert_eq!(
            (rotation.shown("e").await.1, says()),
            (vec!["newest".to_owned()], 2)
        );
    }
}

#[tokio::test]
async fn no_secret_is_shown_twice_for_one_token() {
    let rotation = Rotation::begin("one", "two", 400, REFUSED).await;
    let (result, shown) = rotation.shown("a").await;
    assert_eq!(shown, ["one", "two"]);
    let error = result.unwrap_err();
    let said = Chain(&error).to_string();
    assert!(
        said.ends_with("invalid_client (for both client secrets)"),
        "{said}"
    );
    assert!(
        error
            .hint()
            .unwrap()
            .contains("both client secrets: is one of them")
    );
    // The same secret in both places is one secret.
    rotation.write("second", "one");
    let (result, shown) = rotation.shown("b").await;
    assert_eq!(shown, ["one"]);
    let said = Chain(&result.unwrap_err()).to_string();
    assert!(said.ends_with("invalid_client"), "{said}");
}

#[tokio::test]
async fn the_second_secret_is_spared_where_the_first_is_not_at_fault() {
    for (status, refusal) in [
        (400, r#"{"error":"invalid_scope"}"#),
        (400, r#"{"error":"unauthorized_client"}"#),
        (403, ""),
        (404, ""),
        (503, ""),
    ] {
        let rotation = Rotation::begin("one", "two", status, refusal).await;
        let (result, shown) = rotation.shown("a").await;
        assert!(result.is_err());
        assert!(
            !shown.is_empty() && shown.iter().all(|shown| shown == "one"),
            "{shown:?}"
        );
    }
}

#[tokio::test]
async fn one_readable_secret_is_enough() {
    let rotation = Rotation::begin("one", "two", 400, REFUSED).await;
    rotation.write("good", "two");
    std::fs::remove_file(rotation.directory.path().join("first")).unwrap();
    assert_eq!(rotation.shown("a").await.1, ["two"]);
    std::fs::remove_file(rotation.directory.path().join("second")).unwrap();
    let (result, shown) = rotation.shown("b").await;
    assert!(shown.is_empty());
    let error = result.unwrap_err();
    assert!(matches!(&error, HttpError::Token { source } if matches!(**source, HttpError::Secret { .. })));
    assert!(error.hint().unwrap().contains("no such file"), "{error:?}");
    // The one that can be read is refused: that is what is told.
    rotation.write("first", "one");
    let said = Chain(&rotation.shown("c").await.0.unwrap_err()).to_string();
    assert!(said.ends_with("invalid_client"), "{said}");
}

/// An assertion in a file, and an identity server that takes those in the file `good`.
async fn federation(directory: &tempfile::TempDir) -> (Server, Connection) {
    let path = |name: &str| directory.path().join(name);
    let server = identity(path("good"), "client_assertion", 400, REFUSED).await;
    let mut settings = server.settings();
    settings.auth = AuthSettings::ClientAssertion {
        client_id: "app&1".to_owned(),
        assertion: SecretRef::File(path("assertion")),
        scope: "PM.Audit.Read".to_owned(),
        token_url: None,
    };
    let connection = open(&settings, Clock::system());
    (server, connection)
}

#[tokio::test]
async fn an_assertion_is_read_again_for_each_token() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    let (server, connection) = federation(&directory).await;
    let (one, two) = (jwt("RS256", r#"{"jti":"1"}"#), jwt("RS256", r#"{"jti":"2"}"#));
    write("good", &format!("{one}\n{two}"));
    write("assertion", &format!("{one}\n"));
    ask(&connection, "acme").await.unwrap();
    write("assertion", &two);
    ask(&connection, "other").await.unwrap();
    assert_eq!(sent_to(&server, "client_assertion"), [one, two.clone()]);
    let request = server.seen(true).remove(1);
    assert!(
        request.starts_with("POST /other/identity_/connect/token "),
        "{request}"
    );
    assert_eq!(
        request.rsplit("\r\n").next().unwrap(),
        format!(
            "grant_type=client_credentials&client_id=app%261\
             &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer\
             &client_assertion={two}&scope=PM.Audit.Read"
        )
    );
}

#[tokio::test]
async fn a_refused_assertion_is_read_again_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let (old, new) = (jwt("RS256", r#"{"jti":"1"}"#), jwt("RS256", r#"{"jti":"2"}"#));
    // The file is renewed while the old assertion is on its way.
    let (good, file, renewed) = (new.clone(), path("assertion"), new.clone());
    let server = giving(move |seen| {
        if sent(&seen.text, "client_assertion").as_ref() == Some(&good) {
            return token(seen);
        }
        std::fs::write(&file, &renewed).unwrap();
        reply(400, "", REFUSED)
    })
    .await;
    let mut settings = server.settings();
    settings.auth = AuthSettings::ClientAssertion {
        client_id: "app".to_owned(),
        assertion: SecretRef::File(path("assertion")),
        scope: "PM.Audit.Read".to_owned(),
        token_url: Some(server.url("identity_/connect/token")),
    };
    std::fs::write(path("assertion"), &old).unwrap();
    ask(&open(&settings, Clock::system()), "acme").await.unwrap();
    assert_eq!(sent_to(&server, "client_assertion"), [old.clone(), new]);

    // One that stays the same is not shown twice.
    let (server, connection) = federation(&directory).await;
    std::fs::write(path("assertion"), &old).unwrap();
    let error = ask(&connection, "acme").await.unwrap_err();
    assert_eq!((server.counts(), error.action()), ((0, 1), Action::Stop));
    let hint = error.hint().unwrap();
    assert!(
        hint.contains("`iss`, `aud` and `sub`") && hint.contains("`app&1`"),
        "{hint}"
    );
}

#[tokio::test]
async fn an_assertion_that_cannot_be_taken_is_not_sent() {
    let directory = tempfile::tempdir().unwrap();
    let (server, connection) = federation(&directory).await;
    let long = format!("{}{}", jwt("RS256", "{}"), "A".repeat(8192));
    for (text, words) in [
        (long.as_str(), "8192 at most"),
        ("canary-5up3r", "it is no JWT"),
        (r#"{"value":"eyJhbGci.canary.x"}"#, "it is no JWT"),
    ] {
        std::fs::write(directory.path().join("assertion"), text).unwrap();
        let error = ask(&connection, "acme").await.unwrap_err();
        assert_eq!((server.counts(), error.action()), ((0, 0), Action::Stop));
        let said = format!("{} {:?} {error:?}", Chain(&error), error.hint());
        assert!(
            said.contains("use the assertion from file `") && said.contains(words),
            "{said}"
        );
        assert!(!said.contains("canary") && !said.contains("AAAA"), "{said}");
    }
}

#[tokio::test]
async fn an_expired_assertion_is_warned_of_once_and_sent() {
    let log = capture();
    let directory = tempfile::tempdir().unwrap();
    let (server, connection) = federation(&directory).await;
    let expired = jwt("RS256", r#"{"exp":1700000000}"#);
    std::fs::write(directory.path().join("assertion"), &expired).unwrap();
    std::fs::write(directory.path().join("good"), &expired).unwrap();
    ask(&connection, "acme").await.unwrap();
    ask(&connection, "other").await.unwrap();
    assert_eq!(server.counts().1, 2);
    let lines = log.lines();
    let warned = lines
        .iter()
        .filter(|line| line.contains("it expired at 2023-11-14T22:13:20"));
    assert_eq!(warned.count(), 1, "{lines:?}");
}

#[tokio::test]
async fn a_token_is_kept_as_long_as_its_reply_says_however_that_is_spelled() {
    for (spelled, kept) in [
        (r#","expires_in":600"#, 540),
        (r#","expires_in":600.0"#, 540),
        (r#","expires_in":"600""#, 540),
        (r#","expires_in":" 600.0 ""#, 540),
        (r#","expires_in":null"#, 3480),
        ("", 3480),
        (r#","expires_in":[600]"#, 3480),
    ] {
        let server = giving(move |seen| {
            let body = format!(r#"{{"access_token":"tok-{}"{spelled}}}"#, seen.earlier);
            reply(200, "", body)
        })
        .await;
        let seconds = Arc::new(AtomicI64::new(1_800_000_000));
        let now = Arc::clone(&seconds);
        let clock = Clock::from_fn(move || Time::from_timestamp(now.load(Ordering::SeqCst), 0).unwrap());
        let connection = open(&server.settings(), clock);
        for (later, tokens) in [(0, 1), (kept - 1, 1), (1, 2)] {
            seconds.fetch_add(later, Ordering::SeqCst);
            ask(&connection, "acme").await.unwrap();
            assert_eq!(server.counts().1, tokens, "{spelled}: {later}");
        }
    }
}
