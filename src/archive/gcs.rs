//! Builds the client of a Google Cloud Storage bucket.

use std::{fs, sync::Arc};

use object_store::{
    ObjectStore,
    gcp::{GoogleCloudStorageBuilder, GoogleConfigKey},
};
use serde_json::Value;

use super::{
    stores::{Plan, StoreError, retry},
    values::parse_switch,
};

pub(super) fn build(plan: Plan) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let Plan {
        location,
        mut values,
        client,
        ..
    } = plan;
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
        .with_http_connector(client.connector())
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
    let key: Option<Value> = serde_json::from_str(text).ok();
    let member = |member: &str| Some(key.as_ref()?.get(member)?.as_str().is_some());
    if ["client_email", "private_key"]
        .iter()
        .all(|name| member(name) == Some(true))
    {
        return Ok(());
    }
    Err(StoreError::option(
        name,
        "is no key of a service account: a JSON document with `client_email` and `private_key`",
    ))
}
