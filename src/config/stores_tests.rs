//! What users write about object stores, and what they are told when it does not fit.

use super::tests::{Loaded, SMALL, load_toml, mistakes};
use crate::{secret::SecretRef, settings::ArchiveOption};

/// The small configuration with an archive at `url` and these options.
fn with(url: &str, options: &str) -> Loaded {
    load_toml(&SMALL.replace("file:///srv/audit", url).replace(
        "[connections.cloud]",
        &format!("[archive.options]\n{options}\n[connections.cloud]"),
    ))
}

#[test]
fn options_are_plain_or_named_secrets() {
    let (settings, warnings) = with(
        "s3://acme-audit/uipath",
        r#"aws_region = "eu-west-1"
aws_access_key_id = "AK"
aws_virtual_hosted_style_request = true
sse_bucket_key_enabled = true
aws_server_side_encryption = "aws:kms"
timeout = "90s"
aws_endpoint = "http://127.0.0.1:9000"
aws_secret_access_key = { env = "AWS_SECRET_ACCESS_KEY" }"#,
    )
    .unwrap();
    assert_eq!(warnings, []);
    assert_eq!(settings.archive.url.as_str(), "s3://acme-audit/uipath");
    let options = settings.archive.options;
    assert!(
        matches!(&options["aws_virtual_hosted_style_request"], ArchiveOption::Plain(text) if text == "true")
    );
    assert!(matches!(
        &options["aws_secret_access_key"],
        ArchiveOption::Secret(SecretRef::Env(_))
    ));
    assert_eq!(options.len(), 8);
}

#[test]
fn every_wrong_option_is_told_at_once_with_what_would_be_right() {
    let told = mistakes(with(
        "s3://acme-audit",
        r#"aws_secret_acces_key_id = "x"
aws_sesion_token = { env = "T" }
aws_session_token = "canary-1"
aws_bucket = "acme"
region = "eu-west-1"
aws_region = "eu-west-2"
aws_conditional_put = "disabled"
allow_invalid_certificates = true
pool_idle_timeout = "5s"
timeout = "soon"
aws_endpoint = "http://minio:9000"
proxy_url = "https://me:canary-2@proxy"
aws_unsigned_payload = "maybe"
azure_storage_account_name = "acme""#,
    ));
    let expected = [
        "archive.options.aws_secret_acces_key_id: is no option of S3",
        "archive.options.aws_sesion_token: is no option of S3, did you mean `aws_session_token`?",
        "archive.options.aws_session_token: is written inline",
        "archive.options.aws_bucket: belongs in `archive.url`",
        "archive.options.region: is `aws_region` again",
        "archive.options.aws_conditional_put: is refused: without conditional puts",
        "archive.options.allow_invalid_certificates: is refused: `archive.ca_file`",
        "archive.options.pool_idle_timeout: has no effect here",
        "archive.options.timeout: must be a duration such as `90s`",
        "archive.options.aws_endpoint: is plain `http://`, which is for loopback hosts only",
        "archive.options.proxy_url: must not hold a user name or password",
        "archive.options.aws_unsigned_payload: must be `true` or `false`",
        "archive.options.azure_storage_account_name: is no option of S3",
    ];
    for begin in expected {
        assert!(
            told.iter().any(|told| told.starts_with(begin)),
            "{begin}\n{told:#?}"
        );
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    assert!(!told.concat().contains("canary"), "{told:#?}");
}

#[test]
fn credentials_are_of_one_kind_and_whole() {
    let file = "{ file = \"/run/secrets/x\" }";
    for (url, options, problem) in [
        (
            "s3://acme-audit",
            format!("aws_access_key_id = \"AK\"\naws_secret_access_key = {file}\naws_profile = \"audit\""),
            "name both an access key and a profile: keep one",
        ),
        (
            "s3://acme-audit",
            "aws_access_key_id = \"AK\"".to_owned(),
            "lack `aws_secret_access_key`, which an access key needs",
        ),
        (
            "s3://acme-audit",
            format!("aws_session_token = {file}"),
            "hold `aws_session_token`, but not `aws_access_key_id`, which it goes with",
        ),
        (
            "s3://acme-audit",
            "role_arn = \"arn:aws:iam::1:role/x\"".to_owned(),
            "hold `aws_role_arn`, but not `aws_web_identity_token_file`, which it goes with",
        ),
        (
            "az://audit",
            format!("azure_storage_account_key = {file}\nazure_storage_sas_token = {file}"),
            "name both an account key and a shared access signature: keep one",
        ),
        (
            "az://audit",
            format!("azure_credential_type = \"managed_identity\"\nazure_storage_account_key = {file}"),
            "name both an account key and a managed identity: keep one",
        ),
        (
            "az://audit",
            format!("azure_client_secret = {file}\nazure_client_id = \"x\""),
            "lack `azure_storage_tenant_id`, which a client secret needs",
        ),
        (
            "abfss://audit@acme.dfs.core.windows.net",
            "account_name = \"acme\"".to_owned(),
            "name a storage account, as `archive.url` does: leave it out here",
        ),
        (
            "gs://acme-audit",
            format!("google_service_account = \"/x\"\ngoogle_service_account_key = {file}"),
            "name both a service account's file and a service account's key: keep one",
        ),
        (
            "s3://acme-audit",
            "aws_sse_kms_key_id = \"x\"".to_owned(),
            "hold `aws_sse_kms_key_id`, which needs `aws_server_side_encryption` to be `aws:kms` or `aws:kms:dsse`",
        ),
        (
            "s3://acme-audit",
            "aws_server_side_encryption = \"sse-c\"".to_owned(),
            "ask for `sse-c` without its key, `aws_sse_customer_key_base64`",
        ),
    ] {
        assert_eq!(
            mistakes(with(url, &options)),
            [format!("archive.options: {problem}")],
            "{options}"
        );
    }
    let good = "azure_use_azure_cli = false\nazure_client_id = \"x\"";
    assert!(with("az://audit", good).is_ok());
}

#[test]
fn what_is_for_object_stores_is_a_mistake_elsewhere() {
    let told = mistakes(with("file:///srv/audit", "aws_region = \"eu-west-1\""));
    assert_eq!(told, ["archive.options.aws_region: has no effect on `file://`"]);
    let tagged = |url: &str| {
        load_toml(&SMALL.replace(
            "url = \"file:///srv/audit\"",
            &format!("url = \"{url}\"\ntags = {{ a = \"b\", \"ä\" = \"c\" }}"),
        ))
    };
    assert_eq!(
        mistakes(tagged("gs://acme-audit")),
        ["archive.tags: have no effect on `gs://`: S3 and Azure know tags"]
    );
    assert_eq!(
        mistakes(tagged("s3://acme-audit")),
        ["archive.tags.ä: may hold letters, digits, space and `+ - . : = _ /` alone"]
    );
}

#[test]
fn no_spelling_of_a_secret_is_taken_inline() {
    for (url, names) in [
        (
            "s3://acme-audit",
            &[
                "aws_secret_access_key",
                "secret_access_key",
                "aws_session_token",
                "token",
                "aws_sse_customer_key_base64",
            ][..],
        ),
        (
            "az://audit",
            &[
                "azure_storage_account_key",
                "access_key",
                "master_key",
                "azure_client_secret",
                "sas_token",
                "azure_storage_sas_key",
                "bearer_token",
                "encryption_key",
            ],
        ),
        ("gs://acme-audit", &["service_account_key", "google_bearer_token"]),
    ] {
        for name in names {
            let told = mistakes(with(url, &format!("{name} = \"canary\""))).concat();
            assert!(told.contains(&format!("{name}: is written inline")), "{told}");
            assert!(!told.contains("canary"), "{told}");
        }
    }
}
