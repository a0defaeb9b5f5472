//! The probe against a listener that answers as stores do.

use super::{
    super::scripted::{Seen, Server, object, refuse, reply, taken},
    *,
};
use crate::error::Action;

/// What a store does with each kind of request.
#[derive(Clone, Copy)]
struct Policy {
    list: bool,
    put: bool,
    /// Whether it refuses to create what exists.
    conditional: bool,
    get: bool,
    delete: bool,
}

const GOOD: Policy = Policy {
    list: true,
    put: true,
    conditional: true,
    get: true,
    delete: true,
};

fn denied() -> Vec<u8> {
    refuse(403, "AccessDenied", "Access Denied")
}

/// S3 by that policy, holding what was put.
fn answer(policy: Policy) -> impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static {
    let held = std::sync::Mutex::new(None::<String>);
    move |seen| {
        let body = seen.text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
        let mut held = held.lock().unwrap();
        if seen.is("PUT") {
            if !policy.put {
                return denied();
            }
            if held.is_some() && policy.conditional {
                return refuse(412, "PreconditionFailed", "It is there.");
            }
            *held = body;
            return taken();
        }
        if seen.is("POST") {
            let fate = if policy.delete {
                "<Deleted><Key>probe/r</Key></Deleted>"
            } else {
                "<Error><Key>probe/r</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
            };
            return reply(
                200,
                "",
                format!("<?xml version=\"1.0\"?><DeleteResult>{fate}</DeleteResult>"),
            );
        }
        let lists = seen.text.starts_with("GET /acme?list-type=2");
        match (lists, policy.list, policy.get) {
            (true, true, _) => reply(
                200,
                "",
                "<?xml version=\"1.0\"?><ListBucketResult></ListBucketResult>",
            ),
            (false, _, true) => match &*held {
                Some(held) => object(held),
                None if policy.list => refuse(404, "NoSuchKey", "No such key."),
                None => denied(),
            },
            _ => denied(),
        }
    }
}

async fn probe(policy: Policy) -> Result<Proof, ArchiveError> {
    let server = Server::start(answer(policy)).await;
    server.s3().probe("r").await
}

async fn missing(policy: Policy) -> String {
    let error = probe(policy).await.unwrap_err();
    assert_eq!(error.action(), Action::Stop, "{error}");
    assert!(error.hint().is_some(), "{error}");
    error.to_string()
}

#[tokio::test]
async fn a_good_store_is_proven_and_nothing_stays() {
    assert!(probe(GOOD).await.unwrap().kept.is_none());
}

#[tokio::test]
async fn all_that_is_missing_is_said_at_once() {
    let place = "use the archive `s3://acme/audit`: permissions:";
    assert_eq!(
        missing(Policy { list: false, ..GOOD }).await,
        format!("{place} list (`s3:ListBucket`) is missing")
    );
    assert_eq!(
        missing(Policy { put: false, ..GOOD }).await,
        format!("{place} put (`s3:PutObject`) is missing")
    );
    assert_eq!(
        missing(Policy { get: false, ..GOOD }).await,
        format!("{place} get (`s3:GetObject`) is missing")
    );
    // Without the right to list S3 answers so, whatever may be read.
    assert_eq!(
        missing(Policy {
            put: false,
            list: false,
            ..GOOD
        })
        .await,
        format!("{place} list (`s3:ListBucket`) and put (`s3:PutObject`) are missing")
    );
    assert_eq!(
        missing(Policy {
            put: false,
            get: false,
            ..GOOD
        })
        .await,
        format!("{place} put (`s3:PutObject`) and get (`s3:GetObject`) are missing")
    );
    assert_eq!(
        missing(Policy {
            list: false,
            get: false,
            delete: false,
            ..GOOD
        })
        .await,
        format!("{place} list (`s3:ListBucket`) and get (`s3:GetObject`) are missing")
    );
}

#[tokio::test]
async fn not_being_allowed_to_delete_is_no_error() {
    let kept = probe(Policy {
        delete: false,
        ..GOOD
    })
    .await
    .unwrap()
    .kept
    .unwrap();
    assert!(
        kept.to_string()
            .ends_with("permission delete (`s3:DeleteObject`) is missing"),
        "{kept}"
    );
}

#[tokio::test]
async fn a_store_that_overwrites_or_knows_no_conditions_is_refused() {
    let error = probe(Policy {
        conditional: false,
        ..GOOD
    })
    .await
    .unwrap_err();
    assert!(matches!(error, ArchiveError::NotConditional { .. }), "{error}");

    let server = Server::start(|seen| {
        if seen.is("PUT") {
            refuse(
                501,
                "NotImplemented",
                "A header you provided implies functionality that is not implemented",
            )
        } else if seen.text.contains("list-type") {
            reply(
                200,
                "",
                "<?xml version=\"1.0\"?><ListBucketResult></ListBucketResult>",
            )
        } else {
            refuse(404, "NoSuchKey", "No such key.")
        }
    })
    .await;
    let error = server.s3().probe("r").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "use the archive `s3://acme/audit`: its store has no conditional creation: status 501: `NotImplemented`: A header \
         you provided implies functionality that is not implemented"
    );
    assert_eq!(error.action(), Action::Stop);
}

#[tokio::test]
async fn a_store_in_trouble_proves_nothing() {
    let good = answer(GOOD);
    let puts = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |seen| {
        // The second put, and its retry.
        if seen.is("PUT") && puts.fetch_add(1, Ordering::Relaxed) > 0 {
            return refuse(500, "InternalError", "We are sorry.");
        }
        good(seen)
    })
    .await;
    let error = server.s3().probe("r").await.unwrap_err();
    assert_eq!(error.action(), Action::NextTick, "{error}");
    assert!(
        !server.seen().iter().any(|request| request.starts_with("POST ")),
        "it stays"
    );
}

#[tokio::test]
async fn what_cannot_be_deleted_is_tried_once() {
    let server = Server::start(answer(Policy {
        delete: false,
        ..GOOD
    }))
    .await;
    let (archive, proofs) = (server.s3(), Proofs::default());
    assert!(proofs.may_delete());
    proofs.prove(&archive, "r").await.unwrap();
    assert!(!proofs.may_delete());
    let requests = server.seen().len();
    proofs.prove(&archive, "r").await.unwrap();
    assert_eq!(server.seen().len(), requests);
}

#[tokio::test]
async fn the_right_to_create_alone_must_still_tell_that_an_object_exists() {
    let second = |code: &'static str| {
        let puts = std::sync::atomic::AtomicUsize::new(0);
        let good = answer(GOOD);
        move |seen: &Seen| {
            if seen.is("PUT") && puts.fetch_add(1, Ordering::Relaxed) > 0 {
                refuse(403, code, "This request is not authorized.")
            } else {
                good(seen)
            }
        }
    };
    let server = Server::start(second("UnauthorizedBlobOverwrite")).await;
    assert!(server.s3().probe("r").await.unwrap().kept.is_none());
    let server = Server::start(second("AuthorizationPermissionMismatch")).await;
    let error = server.s3().probe("r").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "create a second `probe/r` in the archive `s3://acme/audit`: permission denied"
    );
    assert!(error.hint().unwrap().contains("a SAS needs `w` beside `c`"));
}

#[tokio::test]
async fn a_container_under_a_retention_policy_keeps_the_probe() {
    let held = std::sync::Mutex::new(None::<String>);
    let server = Server::start(move |seen| {
        let mut held = held.lock().unwrap();
        if seen.is("PUT") && held.is_some() {
            return reply(409, "x-ms-error-code: BlobAlreadyExists\r\n", "");
        } else if seen.is("PUT") {
            *held = seen.text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
            return reply(201, "ETag: \"1\"\r\n", "");
        } else if seen.is("POST") {
            let part = "--batchresponse_1\r\nContent-Type: application/http\r\nContent-ID: 0\r\n\r\nHTTP/1.1 409 This \
                        operation is not permitted as the blob is immutable due to a policy.\r\nx-ms-error-code: \
                        BlobImmutableDueToPolicy\r\n\r\n\r\n--batchresponse_1--\r\n";
            return reply(202, "Content-Type: multipart/mixed; boundary=batchresponse_1\r\n", part);
        } else if seen.text.contains("comp=list") {
            return reply(200, "", "<?xml version=\"1.0\"?><EnumerationResults><Blobs/></EnumerationResults>");
        }
        match &*held {
            Some(held) => object(held),
            None => reply(404, "x-ms-error-code: BlobNotFound\r\n", ""),
        }
    })
    .await;
    let kept = server.azure().probe("r").await.unwrap().kept.unwrap();
    assert!(kept.is_kept(), "{kept}");
}

#[tokio::test]
async fn a_store_that_is_busy_proves_nothing() {
    for code in ["ConditionalRequestConflict", "OperationAborted"] {
        let good = answer(GOOD);
        let puts = std::sync::atomic::AtomicU32::new(0);
        let server = Server::start(move |seen| {
            if seen.is("PUT") && puts.fetch_add(1, Ordering::Relaxed) == 1 {
                return refuse(409, code, "Somebody else is at it.");
            }
            good(seen)
        })
        .await;
        let archive = server.s3();
        let error = archive.probe("r").await.unwrap_err();
        assert_eq!(error.action(), Action::NextTick, "{error}");
        assert!(error.to_string().contains(code), "{error}");
        // It is proven by the next try.
        archive.probe("r").await.unwrap();
    }
}

#[tokio::test]
async fn whoever_waits_for_a_probe_that_fails_shares_its_failure() {
    let server = Server::start(|_| refuse(403, "AccessDenied", "Access Denied")).await;
    let archive = server.s3();
    let proofs = Proofs::default();
    proofs.prove(&archive, "r").await.unwrap_err();
    let alone = server.seen().len();
    let all = futures::future::join_all((0..8).map(|_| proofs.prove(&archive, "r"))).await;
    for told in all {
        let error = told.unwrap_err();
        assert_eq!(error.action(), Action::Stop);
        assert!(
            error.hint().is_some() && error.to_string().contains("s3:PutObject"),
            "{error}"
        );
    }
    assert_eq!(server.seen().len(), 2 * alone, "one probe for all eight");
}
