//! Builds the client of an S3 store. Object Lock, checksums and endpoints as S3's users expect them.

use std::sync::Arc;

use object_store::{
    ClientOptions, HeaderValue, ObjectStore,
    aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum},
};
use url::{Host, Url};

use super::{
    profile::{Profile, Variables},
    stores::{Plan, StoreError, retry},
    values::{Values, parse_switch},
};

pub(super) fn build(plan: Plan) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let Plan {
        location,
        identity,
        mut values,
        client,
        variables,
    } = plan;
    check_tokens(&values)?;
    log_in(identity.name, &mut values, &variables)?;
    if identity.name == "instance" && !values.contains_key("aws_access_key_id") {
        check_machine(&variables)?;
    }
    // The one for S3 alone is the one that counts.
    let s3_endpoint = values.remove("aws_endpoint_url_s3");
    let endpoint = s3_endpoint.or_else(|| values.remove("aws_endpoint"));
    values.remove("aws_endpoint");
    let virtual_hosted = is_on(&values, "aws_virtual_hosted_style_request");
    let endpoint = endpoint
        .map(|endpoint| address(&endpoint, virtual_hosted, &location.bucket))
        .transpose()?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&location.bucket)
        .with_retry(retry())
        .with_http_connector(client.connector(&values))
        .with_client_options(checksummed(client.options(endpoint.as_deref()), &values))
        .with_checksum_algorithm(Checksum::SHA256)
        // We delete one object at a time: in a bulk its refusal comes as a success, and not every store knows bulks.
        .with_disable_bulk_delete(true);
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    for (name, value) in values {
        let key: AmazonS3ConfigKey = name.parse().map_err(StoreError::build)?;
        builder = builder.with_config(key, value);
    }
    Ok(Arc::new(builder.build().map_err(StoreError::build)?))
}

fn is_on(values: &Values, name: &str) -> bool {
    values
        .get(name)
        .and_then(|text| parse_switch(text))
        .unwrap_or_default()
}

/// A bucket with Object Lock takes no PUT without this header. It goes with every request, signed, and means nothing
/// where there is no checksum.
fn checksummed(options: ClientOptions, values: &Values) -> ClientOptions {
    let algorithm = match values.get("aws_checksum_algorithm").map(String::as_str) {
        Some("crc64nvme") => "CRC64NVME",
        _ => "SHA256",
    };
    let mut headers = object_store::HeaderMap::new();
    headers.insert(
        "x-amz-sdk-checksum-algorithm",
        HeaderValue::from_static(algorithm),
    );
    options.with_default_headers(headers)
}

/// Files with tokens, which `object_store` reads whenever it logs in. One goes into a header, where a line break would be
/// the end of it all.
fn check_tokens(values: &Values) -> Result<(), StoreError> {
    for (name, in_header) in [
        ("aws_web_identity_token_file", false),
        ("aws_container_authorization_token_file", true),
    ] {
        let Some(path) = values.get(name) else { continue };
        let token = std::fs::read_to_string(path)
            .map_err(|error| StoreError::option(name, format!("names `{path}`: {error}")))?;
        if in_header && token.chars().any(|c| !c.is_ascii_graphic()) {
            let problem = format!(
                "names `{path}`, whose token ends in a line break or holds something else that no header can: write it without"
            );
            return Err(StoreError::option(name, problem));
        }
    }
    Ok(())
}

/// The machine is asked for credentials when there are none elsewhere, unless its user forbids that.
fn check_machine(variables: &Variables) -> Result<(), StoreError> {
    let name = "AWS_EC2_METADATA_DISABLED";
    match variables.get(name).and_then(|text| parse_switch(text)) {
        Some(true) => Err(StoreError::Credentials {
            problem: format!(
                "there are none among the options, in the environment or in a profile, and `{name}` forbids to ask the machine"
            ),
        }),
        _ => Ok(()),
    }
}

/// Puts the keys of a profile among the values, where a profile is meant, and its region where there is no other.
fn log_in(identity: &str, values: &mut Values, variables: &Variables) -> Result<(), StoreError> {
    let named = values.remove("aws_profile");
    let active = named.as_ref().or_else(|| variables.get("AWS_PROFILE"));
    let profile = match (identity, active) {
        ("profile", Some(name)) => Some(Profile::named(name, variables).map_err(StoreError::Profile)?),
        // A region alone may come from it: whether the profile is there makes no difference.
        (_, Some(name)) => Profile::named(name, variables).ok(),
        (_, None) => Profile::default(variables).map_err(StoreError::Profile)?,
    };
    let Some(profile) = profile else {
        return Ok(());
    };
    let is_unset = |name: &&str| !values.contains_key(*name);
    if ["aws_region", "aws_default_region"].iter().all(is_unset)
        && let Some(region) = profile.region()
    {
        values.insert("aws_region".to_owned(), region.to_owned());
    }
    let asks_the_machine =
        values.contains_key("aws_metadata_endpoint") || is_on(values, "aws_skip_signature");
    let wanted = match identity {
        "profile" => true,
        // Nothing else is set: the default profile comes before the machine's role.
        "instance" => !asks_the_machine,
        _ => false,
    };
    if !wanted {
        return Ok(());
    }
    match profile.keys().map_err(StoreError::Profile)? {
        Some(keys) => {
            let mut put = |name: &str, value: &str| values.insert(name.to_owned(), value.to_owned());
            put("aws_access_key_id", &keys.id);
            put("aws_secret_access_key", keys.secret.expose());
            if let Some(token) = keys.token {
                put("aws_session_token", token.expose());
            }
            Ok(())
        }
        None if identity == "profile" => Err(StoreError::Profile(profile.without_keys())),
        None => Ok(()),
    }
}

/// The endpoint as `object_store` wants it: with the bucket in its host, if requests are to name it there.
fn address(endpoint: &str, virtual_hosted: bool, bucket: &str) -> Result<String, StoreError> {
    if !virtual_hosted {
        return Ok(endpoint.to_owned());
    }
    let wrong = |problem: &str| StoreError::option("aws_virtual_hosted_style_request", problem);
    let mut url =
        Url::parse(endpoint).map_err(|error| StoreError::option("aws_endpoint", error.to_string()))?;
    let Some(Host::Domain(host)) = url.host() else {
        return Err(wrong(
            "needs an endpoint with a name: no bucket can stand before an address",
        ));
    };
    if url.scheme() != "https" {
        return Err(wrong(
            "needs an endpoint with `https://`: on a loopback host leave it out",
        ));
    }
    if !host.starts_with(&format!("{bucket}.")) {
        let host = format!("{bucket}.{host}");
        url.set_host(Some(&host))
            .map_err(|_| wrong("makes no host of this bucket and this endpoint"))?;
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_comes_first_in_the_host_where_that_is_asked_for() {
        let address = |endpoint, hosted| address(endpoint, hosted, "acme.audit").unwrap();
        for endpoint in ["https://s3.example", "https://acme.audit.s3.example/"] {
            assert_eq!(address(endpoint, true), "https://acme.audit.s3.example");
        }
        assert_eq!(
            address("https://s3.example:9000/", true),
            "https://acme.audit.s3.example:9000"
        );
        assert_eq!(address("https://s3.example", false), "https://s3.example");
    }
}
