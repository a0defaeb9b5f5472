//! What stores are asked, to the letter: with which headers, by whose credentials, and again after a rotation.

use bytes::Bytes;

use super::*;
use crate::{
    archive::{
        Archive, Created,
        renewing::Renewing,
        scripted::{Seen, Server, object, refuse, reply, taken},
        tags::tag_set,
    },
    error::Chain,
    secret::SecretRef,
};

mod azure;
mod credentials;
mod rotation;
mod s3;
mod strangers;

/// Settings of an archive at `url` with these options; one that begins with `/` is a secret's file.
fn settings(url: &str, options: &[(&str, &str)]) -> ArchiveSettings {
    let option = |(name, value): &(&str, &str)| {
        let value = match value.strip_prefix("file:") {
            Some(path) => ArchiveOption::Secret(SecretRef::File(path.into())),
            None => ArchiveOption::Plain((*value).to_owned()),
        };
        ((*name).to_owned(), value)
    };
    ArchiveSettings {
        options: options.iter().map(option).collect(),
        ..ArchiveSettings::to_read(url.parse().unwrap())
    }
}

fn variables(all: &[(&str, &str)]) -> Variables {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    all.iter().map(own).collect()
}

fn planned(settings: &ArchiveSettings, all: &[(&str, &str)]) -> Result<Plan, StoreError> {
    let location = Location::parse(settings.url.as_str()).unwrap();
    plan(&location, settings, &variables(all))
}

/// The archive that a process with these variables would open.
fn opened(settings: &ArchiveSettings, all: &[(&str, &str)]) -> Result<Archive, StoreError> {
    let location = Location::parse(settings.url.as_str()).unwrap();
    let (tags, variables) = (tag_set(&settings.tags), variables(all));
    let (place, settings) = (settings.url.to_string(), settings.clone());
    let open = move || connect(&location, &settings, &variables);
    Ok(Archive::from_store(Arc::new(Renewing::open(tags, open)?), &place))
}

/// The one error that opening ends with, and all that caused it.
fn told(settings: &ArchiveSettings, all: &[(&str, &str)]) -> String {
    let Err(error) = opened(settings, all) else {
        panic!("it opens")
    };
    Chain(&error).to_string()
}

/// The value of a header in a request, if it is there.
fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let head = request.split("\r\n\r\n").next()?;
    let line = |line: &'a str| line.split_once(": ").filter(|(found, _)| *found == name);
    head.lines().find_map(line).map(|(_, value)| value)
}

/// Whose key has signed a request to S3.
fn signer(request: &str) -> &str {
    let signed = header(request, "authorization").unwrap();
    let (_, rest) = signed.split_once("Credential=").unwrap();
    rest.split('/').next().unwrap()
}

#[test]
fn a_request_may_take_as_long_as_the_largest_slice_on_a_slow_line() {
    let mut settings = settings(
        "s3://acme-audit",
        &[("proxy_url", "https://proxy"), ("proxy_excludes", "a,b")],
    );
    settings.max_bytes = 16 << 20;
    let plan = planned(&settings, &[]).unwrap();
    let client = plan.client.settings;
    assert_eq!(client.timeout, Some(Duration::from_secs(60 + 32)));
    assert_eq!(client.connect_timeout, Duration::from_secs(10));
    assert_eq!(client.proxy.unwrap().as_str(), "https://proxy/");
    assert_eq!(client.proxy_excludes.as_deref(), Some("a,b"));
    assert_eq!(plan.values, Values::new());
    settings.options = [("timeout", "5m"), ("connect_timeout", "1s 500ms")]
        .map(|(name, value)| (name.to_owned(), ArchiveOption::Plain(value.to_owned())))
        .into();
    let client = planned(&settings, &[("AWS_TIMEOUT", "1s")])
        .unwrap()
        .client
        .settings;
    assert_eq!(client.timeout, Some(Duration::from_secs(300)));
    assert_eq!(client.connect_timeout, Duration::from_millis(1500));
}

#[test]
fn plain_http_is_for_loopback_hosts_wherever_an_endpoint_comes_from() {
    let s3 = settings("s3://acme-audit", &[]);
    let problem = "is plain `http://`, which is for loopback hosts only";
    for variable in [
        "AWS_ENDPOINT",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_PROXY_URL",
    ] {
        let told = told(&s3, &[(variable, "http://minio:9000")]);
        assert!(
            told.starts_with(&format!("use `{variable}`: it {problem}")),
            "{told}"
        );
    }
    // AWS_ALLOW_HTTP makes no difference.
    let told_anyway = told(
        &s3,
        &[
            ("AWS_ENDPOINT_URL", "http://10.0.0.1"),
            ("AWS_ALLOW_HTTP", "true"),
        ],
    );
    assert!(told_anyway.contains(problem), "{told_anyway}");
    for (url, variable, value) in [
        ("az://audit", "AZURE_STORAGE_ENDPOINT", "http://10.0.0.1:10000"),
        ("az://audit", "IDENTITY_ENDPOINT", "http://evil.example/msi"),
        ("gs://acme-audit", "GOOGLE_BASE_URL", "http://gcs:4443"),
        ("s3://acme-audit", "AWS_METADATA_ENDPOINT", "http://10.0.0.1"),
    ] {
        let told = told(&settings(url, &[]), &[(variable, value)]);
        assert!(
            told.starts_with(&format!("use `{variable}`: it {problem}")),
            "{told}"
        );
    }
    let emulator = settings("az://audit", &[("use_emulator", "true")]);
    let told = told(&emulator, &[("AZURITE_BLOB_STORAGE_URL", "http://10.0.0.1")]);
    assert!(told.contains(problem), "{told}");
    assert!(opened(&emulator, &[("AZURITE_BLOB_STORAGE_URL", "http://127.0.0.1:1")]).is_ok());
}

#[test]
fn variables_that_contradict_us_are_passed_over() {
    let settings = settings("s3://acme-audit", &[]);
    let plan = planned(
        &settings,
        &[
            ("AWS_BUCKET", "other"),
            ("AWS_ALLOW_INVALID_CERTIFICATES", "true"),
            ("AWS_S3_EXPRESS", "true"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_PAGER", "less"),
            ("AZURE_STORAGE_ACCOUNT_NAME", "acme"),
        ],
    )
    .unwrap();
    assert_eq!(
        plan.values,
        Values::from([("aws_region".to_owned(), "eu-west-1".to_owned())])
    );
    let told = told(&settings, &[("AWS_CONDITIONAL_PUT", "disabled")]);
    assert!(told.contains("use `AWS_CONDITIONAL_PUT`: it is refused: without conditional puts"));
}

#[test]
fn a_file_with_roots_that_is_not_there_is_named() {
    let mut settings = settings("s3://acme-audit", &[]);
    settings.ca_file = Some("/nowhere/acme.pem".into());
    let told = told(&settings, &[]);
    assert!(
        told.contains("read `/nowhere/acme.pem` of `ca_file`: No such file"),
        "{told}"
    );
}

#[test]
fn only_who_writes_makes_a_directory() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("archive");
    let url = Url::from_directory_path(&path).unwrap();
    let settings = ArchiveSettings::to_read(url);
    assert!(Archive::open_to_read(&settings).is_err());
    assert!(!path.exists());
    Archive::open(&settings).unwrap();
    assert!(path.exists());
    Archive::open_to_read(&settings).unwrap();
}
