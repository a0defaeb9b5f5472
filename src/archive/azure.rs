//! Builds the client of an Azure Blob store, with exactly one kind of credentials.

use std::sync::Arc;

use object_store::{
    ObjectStore,
    azure::{AzureConfigKey, MicrosoftAzureBuilder},
};

use super::{
    stores::{Plan, StoreError, retry},
    values::{is_loopback, parse_address, parse_switch},
};

/// Where `object_store` reads the emulator's address, if that is not the usual one.
const EMULATOR: &str = "AZURITE_BLOB_STORAGE_URL";

pub(super) fn build(plan: Plan) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let Plan {
        location,
        identity,
        mut values,
        client,
        variables,
    } = plan;
    let emulator = values
        .get("azure_storage_use_emulator")
        .and_then(|text| parse_switch(text))
        .unwrap_or_default();
    if let Some(account) = location.account {
        values.insert("azure_storage_account_name".to_owned(), account);
    }
    if emulator {
        let address = variables
            .get(EMULATOR)
            .map(|text| parse_address(text, is_loopback));
        address
            .transpose()
            .map_err(|problem| StoreError::option(EMULATOR, problem))?;
    } else if !values.contains_key("azure_storage_account_name") {
        return Err(StoreError::option(
            "archive.url",
            "names no storage account: `azure_storage_account_name` among the options, or `AZURE_STORAGE_ACCOUNT_NAME`",
        ));
    }
    // Never left to object_store's own order, which finds a token before a key.
    values.insert("azure_credential_type".to_owned(), identity.name.to_owned());
    let endpoint = values.get("azure_storage_endpoint").map(String::as_str);
    let mut builder = MicrosoftAzureBuilder::new()
        .with_container_name(&location.bucket)
        .with_retry(retry())
        .with_http_connector(client.connector(&values))
        .with_client_options(client.options(endpoint));
    for (name, value) in values {
        let key: AzureConfigKey = name.parse().map_err(StoreError::build)?;
        builder = builder.with_config(key, value);
    }
    Ok(Arc::new(builder.build().map_err(StoreError::build)?))
}
