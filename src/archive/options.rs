//! `archive.options`: the names `object_store` knows, what each takes, and those that contradict us. Pure.
//!
//! A name may be written in all its spellings; from here on it has one. What is not listed here is refused, so that
//! nothing is passed on that nobody thought of.

use std::collections::BTreeMap;

use object_store::{aws::AmazonS3ConfigKey, azure::AzureConfigKey, gcp::GoogleConfigKey};
use url::Url;

use super::{
    identity::{self, Identity},
    location::{Kind, Location},
    values::{Takes, Values},
};
use crate::settings::ArchiveOption;

const NO_EFFECT: Takes = Takes::Refused("has no effect here");
const IN_URL: Takes = Takes::Refused("belongs in `archive.url`");
const CA_FILE: Takes = Takes::Refused("is refused: `archive.ca_file` adds the roots of your own authority");
const TAGS: Takes = Takes::Refused("is not needed: there are no tags without `archive.tags`");
const FABRIC: Takes = Takes::Refused("is refused: Microsoft Fabric is not supported");

/// Known for every store.
const CLIENT: &[(&str, Takes)] = &[
    ("timeout", Takes::Duration),
    ("connect_timeout", Takes::Duration),
    ("proxy_url", Takes::Address),
    ("proxy_excludes", Takes::Text),
    ("default_content_type", Takes::Text),
    // Without effect, but harmless: endpoints are checked one by one.
    ("allow_http", Takes::Switch),
    ("allow_invalid_certificates", CA_FILE),
    ("disable_system_certificates", CA_FILE),
    ("proxy_ca_certificate", CA_FILE),
    ("user_agent", NO_EFFECT),
    ("http1_only", NO_EFFECT),
    ("http2_only", NO_EFFECT),
    ("http2_keep_alive_interval", NO_EFFECT),
    ("http2_keep_alive_timeout", NO_EFFECT),
    ("http2_keep_alive_while_idle", NO_EFFECT),
    ("http2_max_frame_size", NO_EFFECT),
    ("pool_idle_timeout", NO_EFFECT),
    ("pool_max_idle_per_host", NO_EFFECT),
    ("randomize_addresses", NO_EFFECT),
    ("read_timeout", NO_EFFECT),
];

const S3: &[(&str, Takes)] = &[
    ("aws_access_key_id", Takes::Text),
    ("aws_secret_access_key", Takes::Text),
    ("aws_session_token", Takes::Text),
    ("aws_profile", Takes::Text),
    ("aws_region", Takes::Text),
    ("aws_default_region", Takes::Text),
    ("aws_bucket", IN_URL),
    ("aws_endpoint", Takes::Address),
    ("aws_endpoint_url_s3", Takes::Address),
    ("aws_virtual_hosted_style_request", Takes::Switch),
    (
        "aws_s3_express",
        Takes::Refused("is refused: directory buckets have neither versions nor retention"),
    ),
    ("aws_unsigned_payload", Takes::Switch),
    ("aws_checksum_algorithm", Takes::Choice(&["sha256", "crc64nvme"])),
    ("aws_metadata_endpoint", Takes::Metadata),
    ("aws_imdsv1_fallback", Takes::Switch),
    ("aws_container_credentials_relative_uri", Takes::Text),
    ("aws_container_credentials_full_uri", Takes::Metadata),
    ("aws_container_authorization_token_file", Takes::Path),
    ("aws_web_identity_token_file", Takes::Path),
    ("aws_role_arn", Takes::Text),
    ("aws_role_session_name", Takes::Text),
    ("aws_endpoint_url_sts", Takes::Address),
    ("aws_skip_signature", Takes::Switch),
    (
        "aws_copy_if_not_exists",
        Takes::Refused("has no effect here: objects are never copied"),
    ),
    ("aws_conditional_put", Takes::Choice(&["etag"])),
    ("aws_disable_tagging", TAGS),
    ("aws_disable_bulk_delete", Takes::Switch),
    (
        "aws_request_payer",
        Takes::Choice(&["requester", "true", "false"]),
    ),
    (
        "aws_server_side_encryption",
        Takes::Choice(&["AES256", "aws:kms", "aws:kms:dsse", "sse-c"]),
    ),
    ("aws_sse_kms_key_id", Takes::Text),
    ("aws_sse_bucket_key_enabled", Takes::Switch),
    ("aws_sse_customer_key_base64", Takes::Text),
];

const AZURE: &[(&str, Takes)] = &[
    ("azure_storage_account_name", Takes::Text),
    ("azure_storage_account_key", Takes::Text),
    ("azure_storage_client_id", Takes::Text),
    ("azure_storage_client_secret", Takes::Text),
    ("azure_storage_tenant_id", Takes::Text),
    ("azure_storage_authority_host", Takes::Address),
    ("azure_storage_sas_key", Takes::Text),
    ("azure_storage_token", Takes::Text),
    ("azure_storage_use_emulator", Takes::Switch),
    ("azure_storage_endpoint", Takes::Address),
    ("azure_msi_endpoint", Takes::Metadata),
    ("azure_object_id", Takes::Text),
    ("azure_msi_resource_id", Takes::Text),
    ("azure_federated_token_file", Takes::Path),
    ("azure_use_azure_cli", Takes::Switch),
    ("azure_skip_signature", Takes::Switch),
    ("azure_container_name", IN_URL),
    ("azure_disable_tagging", TAGS),
    (
        "azure_credential_type",
        Takes::Choice(&[
            "access_key",
            "sas_token",
            "client_secret",
            "workload_identity",
            "bearer_token",
            "azure_cli",
            "managed_identity",
        ]),
    ),
    ("azure_storage_encryption_key", Takes::Text),
    ("azure_use_fabric_endpoint", FABRIC),
    ("azure_fabric_token_service_url", FABRIC),
    ("azure_fabric_workload_host", FABRIC),
    ("azure_fabric_session_token", FABRIC),
    ("azure_fabric_cluster_identifier", FABRIC),
];

const GCS: &[(&str, Takes)] = &[
    ("google_service_account", Takes::Path),
    ("google_service_account_key", Takes::Json),
    ("google_application_credentials", Takes::Path),
    ("google_bearer_token", Takes::Text),
    ("google_bucket", IN_URL),
    ("google_base_url", Takes::Address),
    ("google_skip_signature", Takes::Switch),
];

impl Kind {
    fn table(self) -> &'static [(&'static str, Takes)] {
        match self {
            Self::S3 => S3,
            Self::Azure => AZURE,
            Self::Gcs => GCS,
        }
    }

    /// The options of this store, each by its one name.
    fn known(self) -> impl Iterator<Item = &'static (&'static str, Takes)> {
        self.table().iter().chain(CLIENT)
    }

    /// The one name of an option, and what it takes; None: not known.
    pub(super) fn option(self, name: &str) -> Option<(&'static str, Takes)> {
        let spelled = name.to_ascii_lowercase();
        let one = match self {
            // Ours: object_store knows no profiles.
            Self::S3 if ["aws_profile", "profile"].contains(&spelled.as_str()) => "aws_profile".to_owned(),
            Self::S3 => spelled.parse::<AmazonS3ConfigKey>().ok()?.as_ref().to_owned(),
            Self::Azure => spelled.parse::<AzureConfigKey>().ok()?.as_ref().to_owned(),
            Self::Gcs => spelled.parse::<GoogleConfigKey>().ok()?.as_ref().to_owned(),
        };
        self.known().find(|(name, _)| *name == one).copied()
    }
}

/// Something to be corrected among `archive.options`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OptionMistake {
    /// The option as written; None: the options as a whole.
    pub option: Option<String>,
    /// What is wrong, and what would be right. Reads on after the name; quotes no secret.
    pub problem: String,
    /// The names there are, where the one that was written is not among them.
    pub instead: Vec<&'static str>,
}

impl OptionMistake {
    fn new(option: Option<&str>, problem: impl Into<String>) -> Self {
        Self {
            option: option.map(str::to_owned),
            problem: problem.into(),
            instead: Vec::new(),
        }
    }
}

/// Checks `archive.options` for an archive at `url`, as far as that goes without reading secrets or the environment.
#[must_use]
pub fn check_options(url: &Url, options: &BTreeMap<String, ArchiveOption>) -> Vec<OptionMistake> {
    let Ok(place) = Location::parse(url.as_str()) else {
        let useless =
            |name: &String| OptionMistake::new(Some(name), format!("has no effect on `{}://`", url.scheme()));
        return options.keys().map(useless).collect();
    };
    let mut mistakes = Vec::new();
    let mut plain = Values::new();
    let mut spelled: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, value) in options {
        let Some((one, takes)) = place.kind.option(name) else {
            mistakes.push(OptionMistake {
                instead: place.kind.known().map(|(name, _)| *name).collect(),
                ..OptionMistake::new(Some(name), format!("is no option of {}", place.kind.name()))
            });
            continue;
        };
        if let Some(other) = spelled.insert(one, name) {
            mistakes.push(OptionMistake::new(Some(name), format!("is `{other}` again")));
        }
        let read = match value {
            ArchiveOption::Plain(text) => takes.read(text),
            ArchiveOption::Secret(_) => takes.refusal().map_or(Ok(String::new()), Err),
        };
        match read {
            Ok(text) => drop(plain.insert(one.to_owned(), text)),
            Err(problem) => mistakes.push(OptionMistake::new(Some(name), problem)),
        }
    }
    let whole = contradictions(&place, &plain)
        .into_iter()
        .map(|problem| OptionMistake::new(None, problem));
    mistakes.extend(whole);
    mistakes
}

/// What is wrong with options that are right one by one.
fn contradictions(place: &Location, options: &Values) -> Vec<String> {
    let mut problems = Vec::new();
    let mut options = options.clone();
    identity::forget_unused(&mut options);
    let options = &options;
    if let Err(problem) = identity::check(Identity::all(place.kind), options) {
        problems.push(problem);
    }
    let encryption = options.get("aws_server_side_encryption").map(String::as_str);
    for (name, goes_with) in [
        ("aws_sse_kms_key_id", &["aws:kms", "aws:kms:dsse"][..]),
        ("aws_sse_bucket_key_enabled", &["aws:kms", "aws:kms:dsse"]),
        ("aws_sse_customer_key_base64", &["sse-c"]),
    ] {
        if options.contains_key(name) && !encryption.is_some_and(|kind| goes_with.contains(&kind)) {
            let kinds = goes_with.join("` or `");
            problems.push(format!(
                "hold `{name}`, which needs `aws_server_side_encryption` to be `{kinds}`"
            ));
        }
    }
    if encryption == Some("sse-c") && !options.contains_key("aws_sse_customer_key_base64") {
        problems.push("ask for `sse-c` without its key, `aws_sse_customer_key_base64`".to_owned());
    }
    if place.account.is_some() && options.contains_key("azure_storage_account_name") {
        problems.push("name a storage account, as `archive.url` does: leave it out here".to_owned());
    }
    problems
}

/// Names that hold a secret by what `object_store` calls its options; the ends are those of ids, places and switches.
#[must_use]
pub fn is_secret(option: &str) -> bool {
    let option = option.to_lowercase();
    let words = ["secret", "key", "token", "password", "sas"];
    let harmless = ["_id", "_file", "_path", "_enabled"];
    words.iter().any(|word| option.contains(word)) && !harmless.iter().any(|end| option.ends_with(end))
}
