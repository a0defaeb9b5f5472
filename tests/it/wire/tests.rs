//! The wire refuses what a real service would, in its words.

use bytes::Bytes;
use hyper::{Request, Response};

use super::ask;
use crate::{
    emulators::azure,
    place::{Place, PlaceKind, Terms, open, tests::create},
    store::{Fault, Kind, Which},
};

/// Puts one byte with such headers, past any client.
async fn put(place: &Place, headers: &[(&str, &str)]) -> Response<Bytes> {
    let (url, address) = (place.settings().url, place.wire().unwrap().address());
    let bucket = url.host_str().unwrap();
    let path = match url.scheme() {
        "s3" => format!("/{bucket}{}/new", url.path()),
        _ => format!("/{}/{bucket}{}/new", azure::ACCOUNT, url.path()),
    };
    let mut request = Request::put(path).header("host", address.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Bytes::from_static(b"x")).unwrap();
    ask(address, request).await.unwrap()
}

const SIGNED: (&str, &str) = (
    "authorization",
    "AWS4-HMAC-SHA256 Credential=AKIA/20261120/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0",
);

#[tokio::test]
async fn what_moto_takes_and_s3_does_not_is_refused() {
    let Some(place) = Place::or_skip(PlaceKind::S3, Terms::default()).await else {
        return;
    };
    let of_nothing = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let in_hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for (status, code, headers) in [
        (403, "AccessDenied", &[][..]),
        (
            400,
            "XAmzContentSHA256Mismatch",
            &[SIGNED, ("x-amz-content-sha256", in_hex)],
        ),
        (400, "BadDigest", &[SIGNED, ("x-amz-checksum-sha256", of_nothing)]),
        // As far as it goes without a secret: this one is moto's own.
        (
            403,
            "InvalidAccessKeyId",
            &[SIGNED, ("x-amz-content-sha256", "UNSIGNED-PAYLOAD")],
        ),
    ] {
        let reply = put(&place, headers).await;
        let said = String::from_utf8_lossy(reply.body());
        assert_eq!(reply.status(), status, "{said}");
        assert!(said.contains(&format!("<Code>{code}</Code>")), "{said}");
    }
}

#[tokio::test]
async fn faults_are_spelled_as_the_services_spell_them() {
    for (fault, status, s3, azure) in [
        (Fault::Failed, 500, "InternalError", "InternalError"),
        (Fault::Busy, 503, "SlowDown", "ServerBusy"),
        (Fault::TooMany, 429, "TooManyRequests", "TooManyRequests"),
        (
            Fault::Forbidden,
            403,
            "AccessDenied",
            "AuthorizationPermissionMismatch",
        ),
        (Fault::NoPlace, 404, "NoSuchBucket", "ContainerNotFound"),
        (
            Fault::Conflict,
            409,
            "ConditionalRequestConflict",
            "BlobImmutableDueToPolicy",
        ),
        (Fault::Precondition, 412, "PreconditionFailed", "ConditionNotMet"),
    ] {
        for (kind, code) in [(PlaceKind::S3, s3), (PlaceKind::Azure, azure)] {
            let Some(place) = Place::or_skip(kind, Terms::default()).await else {
                continue;
            };
            place.fail(Kind::Put, Which::All, fault);
            let reply = put(&place, &[SIGNED]).await;
            let said = String::from_utf8_lossy(reply.body());
            assert_eq!(reply.status(), status, "{kind:?} {fault:?}: {said}");
            assert!(
                said.contains(&format!("<Code>{code}</Code>")),
                "{kind:?} {fault:?}: {said}"
            );
        }
    }
}

#[tokio::test]
async fn a_server_that_is_down_refuses_connections_until_it_is_up() {
    for kind in [PlaceKind::S3, PlaceKind::Azure] {
        let Some(place) = Place::or_skip(kind, Terms::default()).await else {
            continue;
        };
        let (store, wire) = (open(&place.settings()), place.wire().unwrap());
        wire.down().await;
        let refused = tokio::net::TcpStream::connect(wire.address()).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused, "{kind:?}");
        create(&*store, "new", "a body").await.unwrap_err();
        wire.up();
        create(&*store, "new", "a body").await.unwrap();
    }
}
