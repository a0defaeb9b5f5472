//! A listener that answers as stores do; what `object_store` makes of the answers is looked at, not ours alone.

use std::error::Error as _;

use object_store::{ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions, path::Path};

use super::{
    super::scripted::{Server, connector, object, refuse, reply, s3_builder, taken},
    *,
};

/// Our error below all of `object_store`'s.
fn ours<E: std::error::Error + Clone + 'static>(error: &object_store::Error) -> Option<E> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(ours) = error.downcast_ref::<E>() {
            return Some(ours.clone());
        }
        next = error.source();
    }
    None
}

fn key() -> Path {
    Path::from("k")
}

#[tokio::test]
async fn a_refusal_is_not_retried_and_found_below_the_stores_error() {
    let server = Server::start(|_| refuse(403, "InvalidAccessKeyId", "Unknown key.")).await;
    let store = s3_builder(&server.url()).build().unwrap();
    let put = store
        .put_opts(&key(), "1".into(), PutOptions::from(PutMode::Create))
        .await;
    let found: Refusal = ours(&put.unwrap_err()).unwrap();
    assert_eq!(found.kind, RefusalKind::Credentials);
    assert_eq!(ours(&store.get(&key()).await.unwrap_err()), Some(found.clone()));
    assert_eq!(
        ours(&store.list_with_delimiter(None).await.unwrap_err()),
        Some(found.clone())
    );
    assert_eq!(ours(&store.delete(&key()).await.unwrap_err()), Some(found));
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn statuses_that_the_store_knows_go_on_to_it() {
    let server = Server::start(|seen| match seen.earlier {
        0 => refuse(404, "NoSuchKey", "No such key."),
        1 => refuse(412, "PreconditionFailed", "It is there."),
        2 => refuse(409, "ConditionalRequestConflict", "Somebody writes it."),
        _ => refuse(503, "SlowDown", "Reduce your rate."),
    })
    .await;
    let store = s3_builder(&server.url()).build().unwrap();
    let key = key();
    let create = || store.put_opts(&key, "1".into(), PutOptions::from(PutMode::Create));
    assert!(matches!(store.get(&key).await, Err(Error::NotFound { .. })));
    assert!(matches!(create().await, Err(Error::AlreadyExists { .. })));
    assert!(matches!(create().await, Err(Error::AlreadyExists { .. })));
    let busy = store.get(&key).await.unwrap_err();
    assert!(
        busy.to_string()
            .ends_with("503 Service Unavailable: SlowDown: Reduce your rate"),
        "{busy}"
    );
    assert_eq!(server.seen().len(), 5, "what passes is retried");
}

#[tokio::test]
async fn a_missing_bucket_is_no_missing_object() {
    let server = Server::start(|_| refuse(404, "NoSuchBucket", "No.")).await;
    let store = s3_builder(&server.url()).build().unwrap();
    let error = store.get(&key()).await.unwrap_err();
    assert!(!matches!(error, Error::NotFound { .. }), "{error}");
    assert_eq!(ours::<Refusal>(&error).unwrap().kind, RefusalKind::NoBucket);
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let elsewhere = Server::start(|_| object("1")).await;
    let location = format!(
        "Location: {}/acme/k\r\nx-amz-bucket-region: eu-west-1\r\n",
        elsewhere.url()
    );
    let server = Server::start(move |_| reply(307, &location, "")).await;
    let store = s3_builder(&server.url()).with_token("session").build().unwrap();
    let refusal: Refusal = ours(&store.get(&key()).await.unwrap_err()).unwrap();
    assert_eq!(
        (refusal.kind, refusal.region.as_deref()),
        (RefusalKind::Region, Some("eu-west-1"))
    );
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn objects_go_through_as_they_are() {
    let body = "x".repeat(300_000);
    let sent = body.clone();
    let server = Server::start(move |seen| if seen.is("PUT") { taken() } else { object(&sent) }).await;
    let store = s3_builder(&server.url()).build().unwrap();
    // In pieces, as a payload may come.
    let payload: object_store::PutPayload = [Bytes::from("ab"), Bytes::from("cd")].into_iter().collect();
    store.put(&key(), payload).await.unwrap();
    let put = server.seen().remove(0);
    assert!(put.ends_with("\r\n\r\nabcd"), "{put}");
    let head = put.to_lowercase();
    assert!(
        head.contains("content-length: 4\r\n") && !head.contains("transfer-encoding"),
        "{put}"
    );
    assert!(head.contains("user-agent: uipath-audit-exporter/"), "{put}");
    assert!(!head.contains("accept-encoding"), "{put}");
    assert_eq!(store.get(&key()).await.unwrap().bytes().await.unwrap(), body);
}

#[tokio::test]
async fn a_store_that_says_nothing_is_named() {
    let gone = {
        let server = Server::start(|_| Vec::new()).await;
        server.url()
    };
    let error = s3_builder(&gone).build().unwrap().get(&key()).await.unwrap_err();
    let found: Unreachable = ours(&error).unwrap();
    let host = gone.trim_start_matches("http://");
    assert_eq!(found.kind, UnreachableKind::Connect);
    assert!(
        found
            .to_string()
            .starts_with(&format!("`{host}` cannot be reached: Connection refused")),
        "{found}"
    );

    let server = Server::start(|_| Vec::new()).await;
    let store = s3_builder(&server.url()).build().unwrap();
    let found: Unreachable = ours(&store.get(&key()).await.unwrap_err()).unwrap();
    assert_eq!(found.kind, UnreachableKind::Lost, "{found}");
    assert_eq!(server.seen().len(), 2, "a read is retried");
    let create = PutOptions::from(PutMode::Create);
    let found: Unreachable = ours(&store.put_opts(&key(), "1".into(), create).await.unwrap_err()).unwrap();
    assert_eq!(found.kind, UnreachableKind::Lost, "{found}");
    assert_eq!(server.seen().len(), 3, "a create is not: it may have been done");

    let silent = Server::start(|_| b"HTTP/1.1 200 X\r\n".to_vec()).await;
    let builder = s3_builder(&silent.url()).with_http_connector(connector(Duration::from_millis(50)));
    let found: Unreachable = ours(&builder.build().unwrap().get(&key()).await.unwrap_err()).unwrap();
    assert_eq!(found.kind, UnreachableKind::Timeout, "{found}");
}

#[tokio::test]
async fn plain_http_goes_nowhere_but_to_this_machine() {
    let store = s3_builder("http://store.example:9000").build().unwrap();
    let found: Unreachable = ours(&store.get(&key()).await.unwrap_err()).unwrap();
    assert_eq!(found.kind, UnreachableKind::PlainHttp);
    let server = Server::start(|_| object("1")).await;
    let store = s3_builder(&server.url()).with_allow_http(false).build().unwrap();
    let found: Unreachable = ours(&store.get(&key()).await.unwrap_err()).unwrap();
    assert_eq!(found.kind, UnreachableKind::PlainHttp);
    assert!(server.seen().is_empty());
    for (url, near) in [
        ("http://localhost:1/", true),
        ("http://[::1]/", true),
        ("http://169.254.169.254/latest", true),
        ("http://[fd00:ec2::23]/v1", true),
        ("http://metadata.google.internal/x", true),
        ("http://10.0.0.1/", false),
        ("http://localhost.example/", false),
        ("http://[fd00::1]/", false),
    ] {
        assert_eq!(is_near(&url.parse().unwrap()), near, "{url}");
    }
}

#[tokio::test]
async fn the_proxy_sees_no_request_for_credentials() {
    let proxy = Server::start(|_| reply(502, "", "")).await;
    let connector = |excludes: Option<&str>| {
        Connector::new(
            ClientSettings {
                ca_file: None,
                proxy: Some(proxy.url().parse().unwrap()),
                proxy_excludes: excludes.map(str::to_owned),
                timeout: Some(Duration::from_millis(200)),
                idle_timeout: None,
                connect_timeout: Duration::from_millis(200),
            },
            Vec::new(),
        )
    };
    let options = ClientOptions::new().with_allow_http(true);
    let ask = async |connector: Connector, url: &str| {
        let mut request = HttpRequest::new(Bytes::new().into());
        *request.uri_mut() = url.parse().unwrap();
        // Nobody may be there: who was asked is what counts.
        drop(connector.connect(&options).unwrap().execute(request).await);
        proxy.seen().len()
    };
    for host in METADATA.into_iter().chain(["localhost", "127.0.0.1", "::1"]) {
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        assert_eq!(
            ask(connector(None), &format!("http://{host}:1/x")).await,
            0,
            "{host}"
        );
    }
    assert_eq!(
        ask(connector(Some("169.254.1.0/24")), "http://169.254.1.1:1/").await,
        0
    );
    // It would see others.
    assert_eq!(ask(connector(None), "http://169.254.1.1:1/").await, 1);
}

#[tokio::test]
async fn credentials_of_a_machine_are_got_and_their_refusals_understood() {
    const CREDENTIALS: &str =
        r#"{"AccessKeyId":"AKIA","SecretAccessKey":"s","Token":"t","Expiration":"2036-01-01T00:00:00Z"}"#;
    let answer = |forbidden: bool| {
        move |seen: &super::super::scripted::Seen| match seen.text.split(' ').nth(1) {
            Some("/latest/api/token") if forbidden => reply(403, "", "no"),
            Some("/latest/api/token") => reply(200, "", "token"),
            Some("/latest/meta-data/iam/security-credentials/") => reply(200, "", "role"),
            Some("/latest/meta-data/iam/security-credentials/role") => reply(200, "", CREDENTIALS),
            _ => object("1"),
        }
    };
    let machine = |server: &Server| {
        object_store::aws::AmazonS3Builder::new()
            .with_bucket_name("acme")
            .with_endpoint(server.url())
            .with_allow_http(true)
            .with_metadata_endpoint(server.url())
            .with_retry(super::super::scripted::retry())
            .with_http_connector(connector(Duration::from_secs(2)))
    };
    let server = Server::start(answer(false)).await;
    machine(&server).build().unwrap().get(&key()).await.unwrap();
    let server = Server::start(answer(true)).await;
    machine(&server)
        .with_imdsv1_fallback()
        .build()
        .unwrap()
        .get(&key())
        .await
        .unwrap();

    let none = Server::start(|_| reply(404, "", "<!DOCTYPE html><title>404 - Not Found</title>")).await;
    let error = machine(&none).build().unwrap().get(&key()).await.unwrap_err();
    assert!(!matches!(error, Error::NotFound { .. }), "{error}");
    assert!(
        error.to_string().contains("404 - Not Found (says `127.0.0.1:"),
        "{error}"
    );
}

#[test]
fn metadata_services_that_never_answer_are_not_waited_for_long() {
    let near = ClientOptions::new().with_connect_timeout(Duration::from_secs(1));
    let timeout = |options| {
        let connector = connector(Duration::from_secs(92));
        connector.settings_for(&options).timeout
    };
    assert_eq!(timeout(ClientOptions::new()), Some(Duration::from_secs(92)));
    assert_eq!(timeout(near), Some(METADATA_PATIENCE));
}

#[test]
fn requests_for_credentials_are_known() {
    let asked = |method: Method, url: &str| Asked::of(&method, &url.parse().unwrap());
    assert!(asked(Method::GET, "http://169.254.169.254/latest/meta-data/x").for_credentials);
    assert!(asked(Method::GET, "http://[fd00:ec2::23]/v1/credentials").for_credentials);
    assert!(!asked(Method::GET, "http://127.0.0.1:1/latest/meta-data/x").for_credentials);
    assert!(asked(Method::PUT, "http://127.0.0.1:1/latest/api/token").falls_back);
    assert!(!asked(Method::PUT, "https://acme.example/audit/token").falls_back);
    assert!(asked(Method::POST, "https://s3.example/acme?delete").deletes);
    assert!(
        asked(
            Method::POST,
            "https://acme.example/acme?restype=container&comp=batch"
        )
        .deletes
    );
    assert!(!asked(Method::POST, "https://sts.example/?Action=delete").deletes);
}
