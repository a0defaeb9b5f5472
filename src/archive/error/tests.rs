//! What a user reads when a store refuses: the whole line, as it is logged.

use super::{
    super::{
        Archive, Created, UnreachableKind,
        scripted::{Seen, Server, object, refuse, reply, taken},
    },
    *,
};
use crate::error::Chain;

async fn create_fails(script: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> ArchiveError {
    let server = Server::start(script).await;
    server.s3().create("k", "1".into()).await.unwrap_err()
}

async fn s3_fails(status: u16, code: &'static str, message: &'static str) -> ArchiveError {
    create_fails(move |_| refuse(status, code, message)).await
}

fn says(error: &ArchiveError, line: &str, action: Action) {
    assert_eq!(Chain(error).to_string(), line);
    assert_eq!(error.action(), action, "{line}");
    assert_eq!(error.action() == Action::Stop, error.hint().is_some(), "{line}");
}

fn hints(error: &ArchiveError, word: &str) {
    let hint = error.hint().unwrap();
    assert!(hint.contains(word), "{hint}");
}

#[tokio::test]
async fn each_mistake_has_its_own_words() {
    let error = s3_fails(404, "NoSuchBucket", "The specified bucket does not exist").await;
    says(
        &error,
        "create `k` in the archive `s3://acme/audit`: the bucket `acme` does not exist: status 404: `NoSuchBucket`: \
         The specified bucket does not exist",
        Action::Stop,
    );
    let error = s3_fails(403, "InvalidAccessKeyId", "No such key.").await;
    says(
        &error,
        "create `k` in the archive `s3://acme/audit`: the credentials are refused: status 403: `InvalidAccessKeyId`: No such key",
        Action::Stop,
    );
    hints(&error, "aws_access_key_id");
    let error = s3_fails(400, "ExpiredToken", "The provided token has expired.").await;
    says(
        &error,
        "create `k` in the archive `s3://acme/audit`: the credentials have expired: status 400: `ExpiredToken`: The \
         provided token has expired",
        Action::Stop,
    );
    let error = s3_fails(403, "RequestTimeTooSkewed", "Too far.").await;
    hints(&error, "clock");
    let error = s3_fails(403, "AccessDenied", "Access Denied").await;
    says(
        &error,
        "create `k` in the archive `s3://acme/audit`: permission put (`s3:PutObject`) is missing: status 403: \
         `AccessDenied`: Access Denied",
        Action::Stop,
    );
}

#[tokio::test]
async fn a_wrong_region_says_which_one_is_right() {
    let error = create_fails(|_| {
        reply(
            301,
            "x-amz-bucket-region: eu-west-1\r\n",
            "<Error><Code>PermanentRedirect</Code><Message>Elsewhere.</Message></Error>",
        )
    })
    .await;
    says(
        &error,
        "create `k` in the archive `s3://acme/audit`: the bucket is in `eu-west-1`: status 301: `PermanentRedirect`: Elsewhere",
        Action::Stop,
    );
    assert_eq!(
        error.hint().unwrap(),
        "set `aws_region = \"eu-west-1\"` in `archive.options`"
    );
}

#[tokio::test]
async fn each_operation_names_its_own_permission() {
    let server = Server::start(|_| refuse(403, "AccessDenied", "Access Denied")).await;
    let s3 = server.s3();
    let error = s3.read("k").await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("permission get (`s3:GetObject`) is missing"),
        "{error}"
    );
    hints(
        &error,
        "without `s3:ListBucket` S3 answers so for an object that is not there",
    );
    let error = s3.list("", None).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "list the archive `s3://acme/audit`: permission list (`s3:ListBucket`) is missing"
    );
    let error = s3.delete("k").await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("permission delete (`s3:DeleteObject`) is missing"),
        "{error}"
    );
    assert!(error.is_kept());

    let denied = "x-ms-error-code: AuthorizationPermissionMismatch\r\n";
    let server = Server::start(move |_| reply(403, denied, "")).await;
    let error = server.azure().create("k", "1".into()).await.unwrap_err();
    assert_eq!(
        Chain(&error).to_string(),
        "create `k` in the archive `az://acme/audit`: permission put \
         (`Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write`) is missing: status 403: \
         `AuthorizationPermissionMismatch`"
    );
    hints(&error, "Storage Blob Data Contributor");
}

#[tokio::test]
async fn a_missing_bucket_is_never_an_empty_archive() {
    let server = Server::start(|_| refuse(404, "NoSuchBucket", "No.")).await;
    assert!(server.s3().read("k").await.is_err());
    assert!(server.s3().list("", None).await.is_err());
    let gone = "x-ms-error-code: ContainerNotFound\r\n";
    let server = Server::start(move |_| reply(404, gone, "")).await;
    let error = server.azure().read("k").await.unwrap_err();
    assert!(
        error.to_string().ends_with("the container `acme` does not exist"),
        "{error}"
    );
    assert!(server.azure().list("", None).await.is_err());
    // What answers is no store at all.
    let server = Server::start(|_| reply(404, "", "<html><title>Nothing here</title></html>")).await;
    let error = server.s3().read("k").await.unwrap_err();
    hints(&error, "endpoint");
}

#[tokio::test]
async fn what_passes_is_for_the_next_tick() {
    let server = Server::start(|_| refuse(503, "SlowDown", "Please reduce your request rate.")).await;
    let error = server.s3().read("k").await.unwrap_err();
    says(
        &error,
        "read `k` in the archive `s3://acme/audit`: 503 Service Unavailable: SlowDown: Please reduce your request rate",
        Action::NextTick,
    );
    let error = server.s3().list("commits", None).await.unwrap_err();
    says(
        &error,
        "list `commits` in the archive `s3://acme/audit`: 503 Service Unavailable: SlowDown: Please reduce your request rate",
        Action::NextTick,
    );
    let url = server.url();
    drop(server);
    let gone = Archive::from_store(
        std::sync::Arc::new(super::super::scripted::s3_builder(&url).build().unwrap()),
        "s3://acme/audit",
    );
    let error = gone.read("k").await.unwrap_err();
    let host = url.trim_start_matches("http://");
    let line = Chain(&error).to_string();
    assert!(
        line.starts_with(&format!(
            "read `k` in the archive `s3://acme/audit`: `{host}` cannot be reached: Connection refused"
        )),
        "{line}"
    );
    assert_eq!(error.action(), Action::NextTick);
}

#[tokio::test]
async fn credentials_that_nobody_gives_are_for_a_person() {
    let unreachable = |host: &str| ArchiveError::Unreachable {
        tried: Tried {
            verb: "list",
            key: String::new(),
            place: "s3://acme".to_owned(),
        },
        source: Box::new(Unreachable::new(
            host,
            UnreachableKind::Timeout,
            &io::Error::other("timed out"),
        )),
    };
    assert_eq!(unreachable("169.254.169.254").action(), Action::Stop);
    hints(&unreachable("169.254.169.254"), "no credentials are configured");
    assert_eq!(unreachable("s3.example").action(), Action::NextTick);
}

#[tokio::test]
async fn addresses_with_their_queries_are_not_printed() {
    let source = object_store::Error::Generic {
        store: "S3",
        source: "Error performing GET https://acme.example/k?X-Amz-Signature=abc - oops".into(),
    };
    let error = ArchiveError::of("s3://acme", "read", "k", source);
    assert_eq!(
        Chain(&error).to_string(),
        "read `k` in the archive `s3://acme`: Generic S3 error: Error performing GET … - oops"
    );
    let file = object_store::Error::Generic {
        store: "S3",
        source: "Failed to read token file '/var/run/token': No such file".into(),
    };
    assert_eq!(
        Chain(&ArchiveError::of("s3://acme", "read", "k", file)).to_string(),
        "read `k` in the archive `s3://acme`: Failed to read token file '/var/run/token': No such file"
    );
}

#[tokio::test]
async fn an_object_that_does_not_come_whole_is_not_read() {
    let server = Server::start(|_| {
        let head = "HTTP/1.1 200 X\r\nContent-Length: 99\r\nETag: \"1\"\r\nLast-Modified: Sat, 21 Nov 2026 10:00:00 GMT\r\n";
        format!("{head}Connection: close\r\n\r\nshort").into_bytes()
    })
    .await;
    let error = server.s3().read("k").await.unwrap_err();
    assert_eq!(error.action(), Action::NextTick, "{error}");
}

#[tokio::test]
async fn an_object_larger_than_any_of_ours_is_refused_unread() {
    let server = Server::start(|_| {
        b"HTTP/1.1 200 X\r\nContent-Length: 3000000000\r\nETag: \"1\"\r\nLast-Modified: Sat, 21 Nov 2026 10:00:00 GMT\r\n\r\nx".to_vec()
    })
    .await;
    let error = server.s3().read("k").await.unwrap_err();
    says(
        &error,
        "read `k` in the archive `s3://acme/audit`: it has 3000000000 bytes, the limit is 2147483648",
        Action::Stop,
    );
}

#[tokio::test]
async fn a_look_that_fails_is_repeated_before_a_create_gives_up() {
    let server = Server::start(|seen| match (seen.is("PUT"), seen.earlier) {
        (true, 0) => refuse(412, "PreconditionFailed", "It is there."),
        // The look, and its retry.
        (false, 1 | 2) => refuse(500, "InternalError", "We are sorry."),
        (true, _) => refuse(412, "PreconditionFailed", "It is there."),
        (false, _) => object("1"),
    })
    .await;
    assert_eq!(server.s3().create("k", "1".into()).await.unwrap(), Created::Ours);
    assert_eq!(server.seen().len(), 5);
}

#[tokio::test]
async fn another_object_is_believed_in_only_if_it_reads_the_same_twice() {
    let script = |reads: [&'static str; 2]| {
        move |seen: &Seen| {
            if seen.is("PUT") {
                refuse(412, "PreconditionFailed", "It is there.")
            } else {
                object(reads[seen.earlier - 1])
            }
        }
    };
    let server = Server::start(script(["damaged", "1"])).await;
    assert_eq!(server.s3().create("k", "1".into()).await.unwrap(), Created::Ours);
    let server = Server::start(script(["2", "2"])).await;
    assert_eq!(
        server.s3().create("k", "1".into()).await.unwrap(),
        Created::Theirs("2".into())
    );
}

#[tokio::test]
async fn a_create_that_was_done_before_the_reply_was_lost_is_ours() {
    let server = Server::start(|seen| match (seen.is("PUT"), seen.earlier) {
        (true, 0) => Vec::new(),
        (true, _) => taken(),
        (false, _) => object("1"),
    })
    .await;
    assert_eq!(server.s3().create("k", "1".into()).await.unwrap(), Created::Ours);
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn what_comes_before_the_offset_is_left_out_whatever_the_store_lists() {
    let object = |key: &str| {
        format!(
            "<Contents><Key>audit/{key}</Key><Size>1</Size><LastModified>2026-11-21T10:00:00.000Z</LastModified></Contents>"
        )
    };
    let objects = ["c/1", "c/2", "c/3"].map(object).concat();
    let listing = format!("<ListBucketResult><IsTruncated>false</IsTruncated>{objects}</ListBucketResult>");
    let server = Server::start(move |_| reply(200, "", &listing)).await;
    let found = server.s3().list("audit/c", Some("audit/c/2")).await.unwrap();
    let keys: Vec<_> = found.into_iter().map(|listed| listed.key).collect();
    assert_eq!(keys, ["audit/c/3"]);
}
