//! Opens the store that settings name: options over environment, one kind of credentials, a client of our making.
//!
//! Reads secrets and the environment, each time anew: what was rotated is seen when a store is opened again. Asks no
//! server. The only file here that reads the environment.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig, prefix::PrefixStore};
use url::Url;

use super::{
    azure, gcs,
    identity::{self, Identity},
    location::{Kind, Location},
    options::is_secret,
    profile::{ProfileError, Variables},
    s3,
    values::{Values, parse_duration},
    wire::Connector,
};
use crate::{
    client::{self, ClientSettings, OpenError, Tls},
    secret::{Secret, SecretError},
    settings::{ArchiveOption, ArchiveSettings},
};

/// What a request may take beside the moving of its bytes,
const PATIENCE: Duration = Duration::from_secs(60);
/// which may be as slow as this, in bytes a second.
const SLOWEST: usize = 512 * 1024;
/// What a connection may take, unless the options say otherwise.
const CONNECT: Duration = Duration::from_secs(10);

/// What leads to another account than the one that a URL names.
const ELSEWHERE: [&str; 2] = ["azure_storage_endpoint", "azure_storage_use_emulator"];

/// What an object's key ends in, and what that is. Never with a `Content-Encoding`: clients and stores would unpack
/// objects on their way, and readers would get other bytes than were hashed.
const CONTENT_TYPES: [(&str, &str); 5] = [
    ("jsonl", "application/x-ndjson"),
    ("csv", "text/csv; charset=utf-8"),
    ("json", "application/json"),
    ("zst", "application/zstd"),
    ("gz", "application/gzip"),
];

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A secret among the options.
    #[error("read the option `{option}`")]
    Secret {
        /// The option, as written.
        option: String,
        /// Why not.
        #[source]
        source: SecretError,
    },
    /// An option, or a variable that stands for one.
    #[error("use `{name}`: it {problem}")]
    Option {
        /// The option or variable, as written.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Two kinds of credentials, or half of one.
    #[error("choose credentials: {problem}")]
    Credentials {
        /// A sentence.
        problem: String,
    },
    /// A profile of AWS's shared files.
    #[error(transparent)]
    Profile(ProfileError),
    /// `archive.ca_file`, or the proxy.
    #[error(transparent)]
    Client(OpenError),
    /// `object_store` would not take it.
    #[error("set up the store")]
    Build {
        /// What it said.
        #[source]
        source: Box<object_store::Error>,
    },
}

impl StoreError {
    pub(super) fn option(name: &str, problem: impl Into<String>) -> Self {
        Self::Option {
            name: name.to_owned(),
            problem: problem.into(),
        }
    }

    pub(super) fn build(source: object_store::Error) -> Self {
        Self::Build {
            source: Box::new(source),
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Profile(ProfileError::Unsupported { .. }) => {
                "give keys or their profile, or run where a role comes with the machine; `aws configure export-credentials` writes temporary keys"
            }
            Self::Profile(_) => "see `aws_profile` among `archive.options`, or the variable `AWS_PROFILE`",
            Self::Secret { source, .. } => source.hint(),
            Self::Option { .. } | Self::Credentials { .. } => {
                "see `archive.options` in the configuration, then the environment"
            }
            Self::Client(_) => {
                "see `archive.ca_file`, which holds certificates in PEM form, and `proxy_url` among `archive.options`"
            }
            Self::Build { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// Everything that a store is built from.
pub(super) struct Plan {
    pub(super) location: Location,
    pub(super) identity: &'static Identity,
    /// The store's own options, by their one name. What concerns the client has been taken out.
    pub(super) values: Values,
    pub(super) client: Client,
    pub(super) variables: Variables,
}

/// What a store's requests are sent with.
pub(super) struct Client {
    settings: ClientSettings,
    /// Of objects whose key tells none.
    content_type: Option<String>,
}

/// The variables of this process.
pub(super) fn variables() -> Variables {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// Opens the object store that the settings name. Blocking: reads secrets and files.
///
/// # Errors
/// If one cannot be read, or what is configured does not fit together.
pub(super) fn connect(
    location: &Location,
    settings: &ArchiveSettings,
    variables: &Variables,
) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let plan = plan(location, settings, variables)?;
    plan.client.check()?;
    tracing::debug!(
        store = location.kind.name(),
        credentials = plan.identity.label,
        "opening the store"
    );
    let store = match location.kind {
        Kind::S3 => s3::build(plan)?,
        Kind::Azure => azure::build(plan)?,
        Kind::Gcs => gcs::build(plan)?,
    };
    if location.prefix.as_ref().is_empty() {
        return Ok(store);
    }
    Ok(Arc::new(PrefixStore::new(store, location.prefix.clone())))
}

/// Puts options and environment together.
fn plan(location: &Location, settings: &ArchiveSettings, variables: &Variables) -> Result<Plan, StoreError> {
    let kind = location.kind;
    let (mut options, mut environment) = (Values::new(), Values::new());
    // What each option was called by whoever set it, for messages.
    let (mut by_user, mut by_variable) = (BTreeMap::new(), BTreeMap::new());
    for (variable, value) in variables {
        if let Some(one) = from_variable(kind, variable)
            // The URL says already where its account is.
            && !(location.account.is_some() && ELSEWHERE.contains(&one))
        {
            environment.insert(one.to_owned(), value.clone());
            by_variable.insert(one, variable.as_str());
        }
    }
    for (name, value) in &settings.options {
        let Some((one, _)) = kind.option(name) else {
            return Err(StoreError::option(
                name,
                format!("is no option of {}", kind.name()),
            ));
        };
        options.insert(one.to_owned(), read(name, value)?);
        by_user.insert(one, name.as_str());
    }
    identity::forget_unused(&mut options);
    identity::forget_unused(&mut environment);
    let (identity, mut values) = identity::choose(Identity::all(kind), &options, &environment)
        .map_err(|problem| StoreError::Credentials { problem })?;
    for (name, value) in &mut values {
        let Some((one, takes)) = kind.option(name) else {
            continue;
        };
        let called = by_user.get(one).or_else(|| by_variable.get(one)).unwrap_or(&one);
        *value = takes
            .read(value)
            .map_err(|problem| StoreError::option(called, problem))?;
    }
    let client = Client::take(&mut values, settings)?;
    Ok(Plan {
        location: location.clone(),
        identity,
        values,
        client,
        variables: variables.clone(),
    })
}

/// The option that a variable stands for. What contradicts us is passed over: variables may be meant for others.
fn from_variable(kind: Kind, variable: &str) -> Option<&'static str> {
    let prefix = match kind {
        Kind::S3 => "AWS_",
        // App Service and others tell so where managed identities are given out.
        Kind::Azure if variable == "IDENTITY_ENDPOINT" => return Some("azure_msi_endpoint"),
        Kind::Azure => "AZURE_",
        Kind::Gcs => "GOOGLE_",
    };
    let (one, takes) = kind.option(variable).filter(|_| variable.starts_with(prefix))?;
    takes.refusal().is_none().then_some(one)
}

fn read(option: &str, value: &ArchiveOption) -> Result<String, StoreError> {
    match value {
        ArchiveOption::Plain(text) => Ok(text.clone()),
        ArchiveOption::Secret(secret) => {
            let read = secret.read().map_err(|source| StoreError::Secret {
                option: option.to_owned(),
                source,
            })?;
            Ok(read.expose().to_owned())
        }
    }
}

impl Client {
    /// Takes what concerns the client out of the options.
    fn take(values: &mut Values, settings: &ArchiveSettings) -> Result<Self, StoreError> {
        // Decided by each endpoint itself.
        values.remove("allow_http");
        let bytes = u32::try_from(settings.max_bytes.div_ceil(SLOWEST)).unwrap_or(u32::MAX);
        let mut duration = |name: &str, usual| {
            let given = values.remove(name);
            given
                .map_or(Some(usual), |text| parse_duration(&text))
                .unwrap_or(usual)
        };
        let timeout = duration("timeout", PATIENCE + Duration::from_secs(bytes.into()));
        let connect_timeout = duration("connect_timeout", CONNECT);
        let proxy = values.remove("proxy_url").map(|text| Url::parse(&text));
        let proxy = proxy
            .transpose()
            .map_err(|error| StoreError::option("proxy_url", format!("is no URL: {error}")))?;
        Ok(Self {
            settings: ClientSettings {
                ca_file: settings.ca_file.clone(),
                proxy,
                proxy_excludes: values.remove("proxy_excludes"),
                timeout: Some(timeout),
                idle_timeout: None,
                connect_timeout,
            },
            content_type: values.remove("default_content_type"),
        })
    }

    /// Reads the certificates, to say what is wrong with them in our own words.
    fn check(&self) -> Result<(), StoreError> {
        let read = client::builder(&self.settings, Tls::Unused);
        read.map(drop).map_err(StoreError::Client)
    }

    /// What sends the requests. It alone knows of timeouts, proxy and certificates.
    pub(super) fn connector(&self, values: &Values) -> Connector {
        let secrets = values.iter().filter(|(name, _)| is_secret(name));
        let secrets = secrets.map(|(_, value)| Secret::new(value.clone())).collect();
        Connector::new(self.settings.clone(), secrets)
    }

    /// What `object_store` puts into requests itself; `endpoint`: where they go, if that was chosen.
    pub(super) fn options(&self, endpoint: Option<&str>) -> ClientOptions {
        // Only loopback hosts got through the check of addresses without TLS.
        let is_plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
        let mut options = ClientOptions::new().with_allow_http(is_plain);
        for (suffix, mime) in CONTENT_TYPES {
            options = options.with_content_type_for_suffix(suffix, mime);
        }
        match &self.content_type {
            Some(mime) => options.with_default_content_type(mime),
            None => options,
        }
    }
}

/// `object_store`'s own tries, for requests and for tokens. Few: we try again ourselves, with what was read in between.
pub(super) fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(5),
            base: 2.,
        },
        max_retries: 3,
        retry_timeout: Duration::from_secs(30),
    }
}

#[cfg(test)]
mod tests;
