//! Replies as stores send them, and what is made of them.

use super::*;

fn read(status: u16, body: &str) -> Refusal {
    Refusal::read(Reply {
        status,
        body: body.as_bytes(),
        ..Reply::default()
    })
}

fn azure(status: u16, code: &str, body: &str) -> Refusal {
    Refusal::read(Reply {
        status,
        code: Some(code),
        body: body.as_bytes(),
        ..Reply::default()
    })
}

fn xml(code: &str) -> String {
    format!("<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>No.</Message></Error>")
}

#[test]
fn s3_codes_say_what_is_wrong() {
    for (status, code, kind) in [
        (403, "InvalidAccessKeyId", RefusalKind::Credentials),
        (403, "SignatureDoesNotMatch", RefusalKind::Credentials),
        (400, "InvalidToken", RefusalKind::Credentials),
        (400, "AuthorizationHeaderMalformed", RefusalKind::Credentials),
        (400, "ExpiredToken", RefusalKind::Expired),
        (403, "RequestTimeTooSkewed", RefusalKind::Clock),
        (404, "NoSuchBucket", RefusalKind::NoBucket),
        (404, "NoSuchKey", RefusalKind::NoObject),
        (403, "AccessDenied", RefusalKind::Permission),
        (403, "AllAccessDisabled", RefusalKind::Permission),
        (400, "BadDigest", RefusalKind::Passing),
        (400, "KMS.ThrottlingException", RefusalKind::Passing),
        (403, "InvalidObjectState", RefusalKind::Other),
        (503, "SlowDown", RefusalKind::Passing),
        (501, "NotImplemented", RefusalKind::Other),
        (400, "InvalidRequest", RefusalKind::Other),
        // Not "there is no such object": nobody knows what answered.
        (404, "NoSuchWebsiteConfiguration", RefusalKind::Other),
    ] {
        assert_eq!(read(status, &xml(code)).kind, kind, "{code}");
    }
}

#[test]
fn azure_says_why_in_a_header_or_in_the_details() {
    let failed = |detail: &str| {
        let body = format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>AuthenticationFailed</Code><Message>Server \
             failed to authenticate the request.\nRequestId:1\nTime:2026-11-21T10:00:00Z</Message>\
             <AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail></Error>"
        );
        azure(403, "AuthenticationFailed", &body)
    };
    let wrong = failed("The MAC signature found in the HTTP request 'c2lnbmF0dXJl' is not the same");
    assert_eq!(wrong.kind, RefusalKind::Credentials);
    assert_eq!(
        wrong.to_string(),
        "status 403: `AuthenticationFailed`: Server failed to authenticate the request"
    );
    let expired = failed("Signature not valid in the specified time frame: Start [a] - Expiry [b]");
    assert_eq!(expired.kind, RefusalKind::Expired);
    assert_eq!(
        failed("Request date header too old: 'x'").kind,
        RefusalKind::Clock
    );
    let emulated = "<Error><Code>AuthorizationFailure</Code><Message>Server failed to authenticate the request.</Message></Error>";
    assert_eq!(read(403, emulated).kind, RefusalKind::Credentials);
    for (status, code, kind) in [
        (404, "ContainerNotFound", RefusalKind::NoBucket),
        (404, "BlobNotFound", RefusalKind::NoObject),
        (403, "AuthorizationPermissionMismatch", RefusalKind::Permission),
        (403, "AuthorizationFailure", RefusalKind::Permission),
        (401, "NoAuthenticationInformation", RefusalKind::Credentials),
        (403, "UnauthorizedBlobOverwrite", RefusalKind::Permission),
    ] {
        assert_eq!(azure(status, code, "").kind, kind, "{code}");
    }
}

#[test]
fn those_who_give_out_credentials_are_told_from_stores() {
    let oauth = read(
        401,
        r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1"}"#,
    );
    assert_eq!(oauth.kind, RefusalKind::Credentials);
    assert_eq!(
        oauth.to_string(),
        "status 401: `invalid_client`: AADSTS7000215: Invalid client secret provided. Trace ID: 1"
    );
    let sts = |code: &str| {
        let body = format!(
            "<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type><Code>{code}</Code></Error></ErrorResponse>"
        );
        read(403, &body).kind
    };
    assert_eq!(sts("AccessDenied"), RefusalKind::Credentials);
    assert_eq!(sts("ExpiredTokenException"), RefusalKind::Expired);
    // Busy, which it says with status 400: no person need act.
    assert_eq!(sts("Throttling"), RefusalKind::Passing);
    assert_eq!(sts("IDPCommunicationError"), RefusalKind::Passing);
    let google = read(
        403,
        r#"{"error":{"code":403,"message":"No access","status":"PERMISSION_DENIED"}}"#,
    );
    assert_eq!(
        (google.kind, google.code.as_deref()),
        (RefusalKind::Permission, Some("PERMISSION_DENIED"))
    );
}

#[test]
fn the_region_is_found_wherever_the_store_tells_it() {
    let header = Refusal::read(Reply {
        status: 301,
        region: Some("eu-west-1"),
        ..Reply::default()
    });
    assert_eq!(
        (header.kind, header.region.as_deref()),
        (RefusalKind::Region, Some("eu-west-1"))
    );
    let malformed = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-2</Region></Error>";
    let malformed = read(400, malformed);
    assert_eq!(
        (malformed.kind, malformed.region.as_deref()),
        (RefusalKind::Region, Some("eu-west-2"))
    );
    let endpoint =
        "<Error><Code>PermanentRedirect</Code><Endpoint>acme.s3-eu-west-3.amazonaws.com</Endpoint></Error>";
    assert_eq!(read(301, endpoint).region.as_deref(), Some("eu-west-3"));
    // Every reply of S3 may carry the header.
    let denied = Refusal::read(Reply {
        status: 403,
        region: Some("us-east-1"),
        body: xml("AccessDenied").as_bytes(),
        ..Reply::default()
    });
    assert_eq!((denied.kind, denied.region), (RefusalKind::Permission, None));
}

#[test]
fn what_is_secret_is_not_quoted() {
    let body = "<Error><Code>SignatureDoesNotMatch</Code><Message>The signature we calculated does not match the \
                signature you provided.</Message><AWSAccessKeyId>AKIAEXAMPLE</AWSAccessKeyId><StringToSign>AWS4-HMAC-SHA256\
                \n20261121T100000Z</StringToSign><SignatureProvided>8f3a</SignatureProvided><CanonicalRequest>GET\n/</CanonicalRequest></Error>";
    assert_eq!(
        read(403, body).to_string(),
        "status 403: `SignatureDoesNotMatch`: The signature we calculated does not match the signature you provided"
    );
    let token =
        "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL2FjbWUuZXhhbXBsZTEyMzQ1In0.c2lnbmF0dXJlMTIz";
    let signature = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
    for (said, line) in [
        (format!("the token {token} is bad"), "the token … is bad"),
        (format!("Signature={signature}"), "…"),
        (format!("got {signature}!"), "got …"),
        ("at https://acme.blob/x?sv=1&sig=abc".to_owned(), "at https://acme.blob/x"),
        ("&sig=abc".to_owned(), "…"),
        (
            "User: arn:aws:sts::123456789012:assumed-role/audit-exporter-of-production-eu/i-0123456789abcdef0 may not"
                .to_owned(),
            "User: arn:aws:sts::123456789012:assumed-role/audit-exporter-of-production-eu/i-0123456789abcdef0 may not",
        ),
    ] {
        assert_eq!(super::line(&said), line);
    }
}

#[test]
fn a_message_is_one_short_line() {
    assert_eq!(read(500, "a\tb\nc").message, "a b");
    assert_eq!(
        read(
            403,
            "<Error><Message>a &amp;&quot;b&quot;\r\n\u{1b}[31mc</Message></Error>"
        )
        .message,
        "a &\"b\" [31mc"
    );
    assert_eq!(read(502, &"x y ".repeat(1000)).message.chars().count(), 300);
    assert_eq!(read(503, "").to_string(), "status 503");
    assert_eq!(
        read(403, "<!DOCTYPE html><html><title>Sign in</title>").message,
        "Sign in"
    );
}

#[test]
fn a_missing_object_is_told_from_a_missing_store() {
    assert_eq!(read(404, "").kind, RefusalKind::NoObject);
    assert_eq!(read(404, "Not Found").kind, RefusalKind::NoObject);
    assert_eq!(
        read(404, "<html><title>404</title></html>").kind,
        RefusalKind::Other
    );
    assert_eq!(read(404, &xml("NoSuchBucket")).kind, RefusalKind::NoBucket);
}

#[test]
fn what_may_not_be_deleted_is_found_in_a_reply_that_is_a_success() {
    let s3 = |code: &str| {
        let body = format!(
            "<?xml version=\"1.0\"?><DeleteResult><Error><Key>k</Key><Code>{code}</Code><Message>Access Denied</Message></Error></DeleteResult>"
        );
        Refusal::of_deletes(body.as_bytes()).map(|refusal| (refusal.status, refusal.kind))
    };
    assert_eq!(s3("AccessDenied"), Some((403, RefusalKind::Permission)));
    assert_eq!(s3("InternalError"), None);
    assert_eq!(s3("NoSuchKey"), None);
    let gone = b"<DeleteResult><Deleted><Key>k</Key></Deleted></DeleteResult>";
    assert_eq!(Refusal::of_deletes(gone), None);

    let part = |status: &str, code: &str| {
        let body = format!(
            "--batchresponse_1\r\nContent-Type: application/http\r\nContent-ID: 0\r\n\r\nHTTP/1.1 {status}\r\n\
             x-ms-error-code: {code}\r\n\r\n<Error><Code>{code}</Code><Message>Why.</Message></Error>\r\n--batchresponse_1--"
        );
        Refusal::of_deletes(body.as_bytes()).map(|refusal| (refusal.to_string(), refusal.kind))
    };
    assert_eq!(
        part("409 Conflict", "BlobImmutableDueToPolicy"),
        Some((
            "status 409: `BlobImmutableDueToPolicy`: Why".to_owned(),
            RefusalKind::Permission
        ))
    );
    assert_eq!(
        part("403 Forbidden", "AuthorizationPermissionMismatch").map(|(_, kind)| kind),
        Some(RefusalKind::Permission)
    );
    assert_eq!(part("404 Not Found", "BlobNotFound"), None);
    assert_eq!(part("202 Accepted", ""), None);
    assert_eq!(part("503 Busy", "ServerBusy"), None);
}
