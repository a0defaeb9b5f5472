//! What S3 sees of us.

use super::*;

const KEYS: [(&str, &str); 3] = [
    ("aws_access_key_id", "AKOPTIONS"),
    ("aws_secret_access_key", "s3cret"),
    ("aws_region", "eu-west-1"),
];

/// An S3 that takes everything and has nothing.
fn script(seen: &Seen) -> Vec<u8> {
    match seen.text.split(' ').next() {
        Some("PUT") => taken(),
        Some("DELETE") => reply(204, "", ""),
        _ if seen.text.contains("list-type=2") => reply(
            200,
            "",
            "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>",
        ),
        _ => object("x"),
    }
}

fn with<'a>(server: &'a str, more: &[(&'a str, &'a str)]) -> ArchiveSettings {
    let options = [&KEYS[..], &[("aws_endpoint", server)], more].concat();
    settings("s3://acme-audit/uipath/prod", &options)
}

/// The requests of one create, read, list and delete each.
async fn requests(more: &[(&str, &str)], tags: &[(&str, &str)]) -> Vec<String> {
    let server = Server::start(script).await;
    let url = server.url();
    let mut settings = with(&url, more);
    settings.tags = variables(tags);
    let archive = opened(
        &settings,
        &[("AWS_SESSION_TOKEN", "foreign"), ("AWS_REGION", "us-east-2")],
    )
    .unwrap();
    let created = archive
        .create("jsonl/day=2026-01-02/1-a.jsonl.zst", Bytes::from_static(b"{}\n"))
        .await;
    assert_eq!(created.unwrap(), Created::Ours);
    assert_eq!(
        archive.read("commits/acme/1.json").await.unwrap(),
        Some(Bytes::from_static(b"x"))
    );
    assert_eq!(archive.list("commits", Some("commits/a")).await.unwrap(), []);
    archive.delete("probe/1").await.unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 4, "{seen:#?}");
    seen
}

#[tokio::test]
async fn an_upload_is_one_conditional_put_with_its_hash_and_what_it_is() {
    let seen = requests(&[], &[("cost-center", "audit 42"), ("owner", "a/b")]).await;
    let put = &seen[0];
    assert!(
        put.starts_with("PUT /acme-audit/uipath/prod/jsonl/day%3D2026-01-02/1-a.jsonl.zst HTTP"),
        "{put}"
    );
    assert_eq!(header(put, "if-none-match"), Some("*"));
    // The SHA-256 of `{}` and a line break.
    assert_eq!(
        header(put, "x-amz-checksum-sha256"),
        Some("yj0WO6sFU4GCciYUBWjzvvfqrBh869doeOC2Pp5EI1Y=")
    );
    assert_eq!(header(put, "content-type"), Some("application/zstd"));
    assert_eq!(header(put, "content-encoding"), None);
    assert_eq!(
        header(put, "x-amz-tagging"),
        Some("cost-center=audit+42&owner=a%2Fb")
    );
    assert!(put.ends_with("\r\n\r\n{}\n"));
}

#[tokio::test]
async fn requests_are_signed_whole_and_by_one_identity() {
    let seen = requests(&[], &[]).await;
    for request in &seen {
        assert_eq!(signer(request), "AKOPTIONS");
        assert_eq!(header(request, "x-amz-security-token"), None, "a foreign token");
        let signed = header(request, "authorization").unwrap();
        assert!(signed.contains("/eu-west-1/s3/aws4_request"), "{signed}");
        let (_, signed) = signed.split_once("SignedHeaders=").unwrap();
        let signed: Vec<&str> = signed.split(',').next().unwrap().split(';').collect();
        for line in request.split("\r\n\r\n").next().unwrap().lines() {
            let name = line.split(": ").next().unwrap();
            let wanted = name.starts_with("x-amz-") || name == "host";
            assert!(
                !wanted || signed.contains(&name),
                "{name} is not signed: {request}"
            );
        }
    }
    // What a bucket with Object Lock asks for.
    assert_eq!(header(&seen[0], "x-amz-sdk-checksum-algorithm"), Some("SHA256"));
    assert!(
        seen[2].starts_with("GET /acme-audit?list-type=2&prefix=uipath%2Fprod%2Fcommits%2F&start-after="),
        "{}",
        seen[2]
    );
    // Not a bulk, which is a POST and cannot be refused by its status.
    assert!(seen[3].starts_with("DELETE /acme-audit/uipath/prod/probe/1 "));
    assert_eq!(header(&seen[0], "x-amz-tagging"), None);
}

#[tokio::test]
async fn encryption_is_asked_for_as_configured() {
    let kms = requests(
        &[
            ("aws_server_side_encryption", "aws:kms"),
            ("aws_sse_kms_key_id", "arn:key"),
            ("aws_sse_bucket_key_enabled", "true"),
        ],
        &[],
    )
    .await;
    let name = |rest: &str| format!("x-amz-server-side-encryption{rest}");
    assert_eq!(header(&kms[0], &name("")), Some("aws:kms"));
    assert_eq!(header(&kms[0], &name("-aws-kms-key-id")), Some("arn:key"));
    assert_eq!(header(&kms[0], &name("-bucket-key-enabled")), Some("true"));
    assert_eq!(header(&kms[1], &name("")), None);
    let own = requests(&[("aws_server_side_encryption", "AES256")], &[]).await;
    assert_eq!(header(&own[0], &name("")), Some("AES256"));
    // A customer's key: also to read.
    let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let theirs = requests(
        &[
            ("aws_server_side_encryption", "sse-c"),
            ("aws_sse_customer_key_base64", key),
        ],
        &[],
    )
    .await;
    for request in &theirs[..2] {
        assert_eq!(header(request, &name("-customer-key")), Some(key));
        assert_eq!(header(request, &name("-customer-algorithm")), Some("AES256"));
        assert!(header(request, &name("-customer-key-md5")).is_some());
    }
}

#[tokio::test]
async fn the_checksum_may_be_another() {
    let seen = requests(&[("aws_checksum_algorithm", "CRC64NVME")], &[]).await;
    assert!(header(&seen[0], "x-amz-checksum-crc64nvme").is_some());
    assert_eq!(header(&seen[0], "x-amz-checksum-sha256"), None);
    assert_eq!(
        header(&seen[0], "x-amz-sdk-checksum-algorithm"),
        Some("CRC64NVME")
    );
}

#[tokio::test]
async fn an_endpoint_of_the_options_is_not_overruled_by_the_environment() {
    let server = Server::start(script).await;
    let url = server.url();
    let archive = opened(
        &with(&url, &[]),
        &[
            ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1"),
            ("AWS_SERVER_SIDE_ENCRYPTION", "aws:kms"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1"),
        ],
    );
    archive.unwrap().read("a.json").await.unwrap();
    assert_eq!(signer(&server.seen()[0]), "AKOPTIONS");
}

#[test]
fn a_virtual_host_needs_a_name_and_tls() {
    let refused = |endpoint| told(&with(endpoint, &[("virtual_hosted_style_request", "true")]), &[]);
    assert!(refused("http://127.0.0.1:9000").contains("no bucket can stand before an address"));
    assert!(refused("http://localhost:9000").contains("needs an endpoint with `https://`"));
}
