//! What a stranger met: replies that quote secrets, listings that break off, files that hold something else.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const SECRET: &str = "SUPERSECRETKEY42";
const TOKEN: &str = "SESSIONTOKEN4711";

fn with(endpoint: &str) -> Vec<(&'static str, String)> {
    vec![
        ("aws_endpoint", endpoint.to_owned()),
        ("aws_access_key_id", "AKID".to_owned()),
        ("aws_secret_access_key", SECRET.to_owned()),
        ("aws_session_token", TOKEN.to_owned()),
    ]
}

fn at(server: &Server) -> Archive {
    let options = with(&server.url());
    let options: Vec<_> = options
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    opened(&settings("s3://acme-audit", &options), &[]).unwrap()
}

#[tokio::test]
async fn a_secret_that_a_store_sends_back_is_not_quoted() {
    for said in [SECRET.to_owned(), TOKEN.to_owned(), format!("%53{}", &TOKEN[1..])] {
        let message = format!("you sent {said} and more");
        for (status, code) in [
            (403, "SignatureDoesNotMatch"),
            (400, "InvalidToken"),
            (503, "SlowDown"),
        ] {
            let told = message.clone();
            let server = Server::start(move |_| refuse(status, code, &told)).await;
            let error = at(&server).list("commits", None).await.unwrap_err();
            let told = format!("{} {error:?} {:?}", Chain(&error), error.hint());
            for part in [&SECRET[4..], &TOKEN[4..], "you sent"] {
                assert!(!told.contains(part), "{status}: {told}");
            }
            assert!(told.contains(code), "{told}");
        }
    }
}

#[tokio::test]
async fn a_key_of_one_letter_hides_no_message() {
    let server = Server::start(|_| refuse(403, "AccessDenied", "Access Denied by a policy")).await;
    let url = server.url();
    let options = [
        ("aws_endpoint", url.as_str()),
        ("aws_access_key_id", "a"),
        ("aws_secret_access_key", "b"),
    ];
    let archive = opened(&settings("s3://acme-audit", &options), &[]).unwrap();
    let told = Chain(&archive.list("commits", None).await.unwrap_err()).to_string();
    assert!(told.contains("Access Denied by a policy"), "{told}");
}

#[tokio::test]
async fn a_region_that_only_the_message_names_is_told() {
    let message = "the region 'us-east-1' is wrong; expecting 'eu-west-1'";
    let server = Server::start(move |_| refuse(400, "AuthorizationHeaderMalformed", message)).await;
    let error = at(&server).list("commits", None).await.unwrap_err();
    assert!(
        Chain(&error).to_string().contains("the bucket is in `eu-west-1`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_listing_that_breaks_off_is_begun_anew() {
    let page = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
    for broken in [2, 3] {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let script = move |_: &Seen| {
            let whole = reply(200, "Connection: close\r\n", page);
            match counted.fetch_add(1, Ordering::Relaxed) {
                before if before < broken => whole[..whole.len() - 9].to_vec(),
                _ => whole,
            }
        };
        let server = Server::start(script).await;
        let listed = at(&server).list("commits", None).await;
        assert_eq!(listed.is_ok(), broken < 3, "{listed:?}");
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }
}

#[test]
fn files_that_hold_something_else_are_told_when_the_store_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    let path = token.to_str().unwrap();
    let pod = settings(
        "s3://acme-audit",
        &[
            ("aws_container_credentials_full_uri", "http://127.0.0.1:1/c"),
            ("aws_container_authorization_token_file", path),
        ],
    );
    assert!(told(&pod, &[]).contains("No such file"), "{}", told(&pod, &[]));
    std::fs::write(&token, "token\n").unwrap();
    assert!(told(&pod, &[]).contains("line break"), "{}", told(&pod, &[]));
    std::fs::write(&token, "token").unwrap();
    opened(&pod, &[]).unwrap();

    let mut private = settings(
        "s3://acme-audit",
        &[("aws_access_key_id", "A"), ("aws_secret_access_key", "B")],
    );
    private.ca_file = Some(token.clone());
    let said = told(&private, &[]);
    assert!(
        said.contains("find a PEM certificate") && !said.contains("Generic"),
        "{said}"
    );

    let nothing = settings("s3://acme-audit", &[]);
    let said = told(
        &nothing,
        &[("AWS_EC2_METADATA_DISABLED", "true"), ("HOME", "/nowhere")],
    );
    assert!(said.contains("AWS_EC2_METADATA_DISABLED"), "{said}");
}
