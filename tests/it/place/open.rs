//! Opens a bucket or container with `object_store` alone, so that what the exporter opens can be compared with it.

use std::{sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ClientOptions, HeaderMap, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, Checksum},
    azure::MicrosoftAzureBuilder,
    prefix::PrefixStore,
};
use uipath_audit_exporter::{
    secret::SecretRef,
    settings::{ArchiveOption, ArchiveSettings},
};

pub fn open(settings: &ArchiveSettings) -> Arc<dyn ObjectStore> {
    let url = &settings.url;
    let name = url.host_str().unwrap();
    let mut headers = HeaderMap::new();
    if url.scheme() == "s3" {
        // A bucket with a lock takes no put without it.
        headers.insert("x-amz-sdk-checksum-algorithm", "SHA256".parse().unwrap());
    }
    let client = ClientOptions::new()
        .with_allow_http(true)
        .with_default_headers(headers);
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(5),
            ..BackoffConfig::default()
        },
        max_retries: 3,
        retry_timeout: Duration::from_secs(30),
    };
    let options = settings.options.iter().map(|(name, value)| (name, text(value)));
    let prefix = url.path().trim_start_matches('/');
    match url.scheme() {
        "s3" => {
            let mut builder = AmazonS3Builder::new()
                .with_bucket_name(name)
                .with_checksum_algorithm(Checksum::SHA256)
                .with_client_options(client)
                .with_retry(retry);
            for (name, value) in options {
                builder = builder.with_config(name.parse().unwrap(), value);
            }
            Arc::new(PrefixStore::new(builder.build().unwrap(), prefix))
        }
        "az" => {
            let mut builder = MicrosoftAzureBuilder::new()
                .with_container_name(name)
                .with_client_options(client)
                .with_retry(retry);
            for (name, value) in options {
                builder = builder.with_config(name.parse().unwrap(), value);
            }
            Arc::new(PrefixStore::new(builder.build().unwrap(), prefix))
        }
        other => panic!("no such store: {other}"),
    }
}

fn text(option: &ArchiveOption) -> String {
    match option {
        ArchiveOption::Plain(text) => text.clone(),
        ArchiveOption::Secret(SecretRef::File(file)) => std::fs::read_to_string(file).unwrap(),
        ArchiveOption::Secret(other) => panic!("not in a file: {other:?}"),
    }
}
