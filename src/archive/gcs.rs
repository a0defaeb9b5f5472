//! Builds the client of a Google Cloud Storage bucket.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use object_store::{
    ObjectStore,
    gcp::{GoogleCloudStorageBuilder, GoogleConfigKey},
};
use serde_json::Value;

use super::{
    profile::Variables,
    stores::{Plan, StoreError, retry},
    values::{Values, parse_switch},
};

/// Where gcloud keeps the credentials of a person, below the home directory.
const GCLOUD: &str = ".config/gcloud/application_default_credentials.json";

pub(super) fn build(plan: Plan) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let Plan {
        location,
        mut values,
        client,
        variables,
        ..
    } = plan;
    check_default_credentials(&values, &variables)?;
    if let Some(path) = values.remove("google_service_account") {
        let name = "google_service_account";
        let text = fs::read_to_string(&path)
            .map_err(|error| StoreError::option(name, format!("names `{path}`: {error}")))?;
        check_key(name, &text)?;
        values.insert("google_service_account_key".to_owned(), text);
    } else if let Some(text) = values.get("google_service_account_key") {
        check_key("google_service_account_key", text)?;
    }
    let anonymous = values
        .get("google_skip_signature")
        .and_then(|text| parse_switch(text));
    let endpoint = values.get("google_base_url").map(String::as_str);
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(&location.bucket)
        .with_retry(retry())
        .with_http_connector(client.connector(&values))
        .with_client_options(client.options(endpoint));
    if anonymous == Some(true) {
        // Nobody is to look for credentials that are not used.
        builder = builder.with_bearer_token("");
    }
    for (name, value) in values {
        let key: GoogleConfigKey = name.parse().map_err(StoreError::build)?;
        builder = builder.with_config(key, value);
    }
    Ok(Arc::new(builder.build().map_err(StoreError::build)?))
}

/// Whether that is a service account's key. A parser's own message would quote what it found instead: a secret.
fn check_key(name: &str, text: &str) -> Result<(), StoreError> {
    let key = serde_json::from_str(text).ok();
    if has_texts(key.as_ref(), &["client_email", "private_key"]) {
        return Ok(());
    }
    Err(StoreError::option(
        name,
        "is no key of a service account: a JSON document with `client_email` and `private_key`",
    ))
}

/// The same for the file that application default credentials are read from, if there will be one.
fn check_default_credentials(values: &Values, variables: &Variables) -> Result<(), StoreError> {
    let (name, path) = match values.get("google_application_credentials") {
        Some(path) => ("google_application_credentials", PathBuf::from(path)),
        None => match variables.get("HOME").map(|home| Path::new(home).join(GCLOUD)) {
            Some(path) if is_default(values) && path.exists() => (GCLOUD, path),
            _ => return Ok(()),
        },
    };
    let text = fs::read_to_string(&path)
        .map_err(|error| StoreError::option(name, format!("names `{}`: {error}", path.display())))?;
    let found: Option<Value> = serde_json::from_str(&text).ok();
    let kind = found.as_ref().and_then(|found| found.get("type")?.as_str());
    let texts: &[&str] = match kind {
        Some("service_account") => &["client_email", "private_key"],
        Some("authorized_user") => &["client_id", "client_secret", "refresh_token"],
        Some("external_account" | "impersonated_service_account" | "external_account_authorized_user") => {
            return Err(StoreError::option(
                name,
                "holds federated or impersonated credentials, which are not supported: give the key of a service account, or run where an identity comes with the machine",
            ));
        }
        _ => &[],
    };
    if !texts.is_empty() && has_texts(found.as_ref(), texts) {
        return Ok(());
    }
    Err(StoreError::option(
        name,
        "holds no application default credentials: a JSON document whose `type` is `service_account` or `authorized_user`",
    ))
}

/// Whether nothing else is configured: then `object_store` looks for gcloud's file.
fn is_default(values: &Values) -> bool {
    let others = [
        "google_service_account_key",
        "google_service_account",
        "google_bearer_token",
    ];
    let anonymous = values
        .get("google_skip_signature")
        .and_then(|text| parse_switch(text));
    anonymous != Some(true) && !others.iter().any(|name| values.contains_key(*name))
}

fn has_texts(document: Option<&Value>, members: &[&str]) -> bool {
    let is_text = |member: &&str| {
        document
            .and_then(|document| document.get(*member)?.as_str())
            .is_some()
    };
    members.iter().all(is_text)
}
