//! What a user configured, checked: plain data that the parts are built from. No IO, no defaults: see `config`.

mod platform;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use url::Url;

pub use self::platform::Platform;

use crate::{secret::SecretRef, target::Target};

/// A whole configuration.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Checkpoints; one exporter at a time.
    pub state_dir: PathBuf,
    /// Who writes: a name that stays the same over restarts.
    pub instance: String,
    /// Where and how events are archived.
    pub archive: ArchiveSettings,
    /// By name.
    pub connections: BTreeMap<String, ConnectionSettings>,
    /// In the order of the configuration. Names are unique, every connection exists.
    pub targets: Vec<Target>,
    /// None: nothing is listened on.
    pub http: Option<HttpSettings>,
    /// None: nothing is announced.
    pub webhook: Option<WebhookSettings>,
}

impl Settings {
    /// The certificate files that it names.
    pub fn certificates(&self) -> impl Iterator<Item = &PathBuf> {
        let connections = self.connections.values();
        let theirs = connections.flat_map(|one| [&one.ca_file, &one.client_certificate]);
        let webhook = self.webhook.as_ref().map(|webhook| &webhook.ca_file);
        theirs
            .chain([&self.archive.ca_file])
            .chain(webhook)
            .filter_map(Option::as_ref)
    }
}

/// `[http]`: health, metrics, status page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpSettings {
    /// Where the daemon listens.
    pub listen: SocketAddr,
    /// Host names under which it may be asked, besides `localhost` and addresses. Empty: any, where others than this
    /// machine can reach it; none, where they cannot.
    pub hosts: Vec<String>,
}

/// `[webhook]`: each commit is announced to somebody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebhookSettings {
    /// Who is told, by POST.
    pub url: Url,
    /// Signs what is sent.
    pub secret: SecretRef,
    /// Extra PEM roots.
    pub ca_file: Option<PathBuf>,
    /// Proxy URL. None: no proxy, whatever the environment says.
    pub proxy: Option<Url>,
    /// For one try.
    pub timeout: Duration,
    /// Where nothing is remembered of what was announced, commits no older than this are.
    pub since: Duration,
}

/// `[archive]`.
#[derive(Clone, PartialEq, Debug)]
pub struct ArchiveSettings {
    /// `file:///path`, `s3://bucket/prefix`, `az://container/prefix`,
    /// `abfss://container@account.dfs.core.windows.net/prefix` or `gs://bucket/prefix`; `memory:///` in tests.
    pub url: Url,
    /// Also write a CSV view beside the JSONL record.
    pub csv: bool,
    /// How objects are compressed.
    pub compression: Compression,
    /// A slice, and so a commit, holds no more events than this,
    pub max_events: usize,
    /// nor more bytes of them.
    pub max_bytes: usize,
    /// All slices of all targets in memory together, in bytes. At least `max_bytes`.
    pub max_buffered: usize,
    /// `object_store`'s own option names, and `aws_profile`. Checked by `archive::check_options`.
    pub options: BTreeMap<String, ArchiveOption>,
    /// Extra PEM roots for object stores.
    pub ca_file: Option<PathBuf>,
    /// Put on every object, by name: S3 and Azure alone.
    pub tags: BTreeMap<String, String>,
}

impl ArchiveSettings {
    /// An archive that is only read: its URL is all that is known, the rest is not looked at.
    #[must_use]
    pub fn to_read(url: Url) -> Self {
        Self {
            url,
            csv: false,
            compression: Compression::default(),
            max_events: 1,
            // What a request may take depends on it: the most there is.
            max_bytes: 1 << 30,
            max_buffered: 1 << 30,
            options: BTreeMap::new(),
            ca_file: None,
            tags: BTreeMap::new(),
        }
    }
}

/// A value among `archive.options`: plain, or a reference to a secret.
#[derive(Clone, PartialEq, Debug)]
pub enum ArchiveOption {
    /// As written.
    Plain(String),
    /// Read when the store is opened.
    Secret(SecretRef),
}

/// How objects are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Compression {
    /// Zstandard; `.zst`.
    #[default]
    Zstd,
    /// Gzip; `.gz`.
    Gzip,
    /// As they are.
    None,
}

impl Compression {
    /// What is appended to an object's key, dot included.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Zstd => ".zst",
            Self::Gzip => ".gz",
            Self::None => "",
        }
    }
}

/// `[connections.NAME]`: one UiPath platform and the credentials to read it.
#[derive(Clone, PartialEq, Debug)]
pub struct ConnectionSettings {
    /// Its name.
    pub name: String,
    /// Which kind of platform it is: as written, or as the host tells.
    pub platform: Platform,
    /// Base URL, ending in `/`. `https`, or `http` on a loopback host.
    pub url: Url,
    /// Extra PEM roots.
    pub ca_file: Option<PathBuf>,
    /// PEM file with a certificate and its key, shown to the server.
    pub client_certificate: Option<PathBuf>,
    /// Proxy URL. None: no proxy, whatever the environment says.
    pub proxy: Option<Url>,
    /// Requests under way at once, at most.
    pub max_concurrent_requests: usize,
    /// Requests a second, at most. 0: no limit of ours.
    pub max_requests_per_second: f64,
    /// A request's budget over all its tries.
    pub retry_for: Duration,
    /// How it proves who it is.
    pub auth: AuthSettings,
}

/// `[connections.NAME.auth.…]`.
#[derive(Clone, PartialEq, Debug)]
pub enum AuthSettings {
    /// OAuth 2.0 client credentials of a confidential external application.
    ClientCredentials {
        /// The application's id.
        client_id: String,
        /// Its secret.
        client_secret: SecretRef,
        /// Another secret of the same application, tried when the first is refused: for rotation.
        second_client_secret: Option<SecretRef>,
        /// Requested scopes, separated by spaces.
        scope: String,
        /// None: [`Platform::token_url`].
        token_url: Option<Url>,
    },
    /// Federated credentials: a token of another identity provider instead of a secret (RFC 7523, section 2.2).
    ClientAssertion {
        /// The application's id.
        client_id: String,
        /// The other provider's token: a JWT that somebody else renews.
        assertion: SecretRef,
        /// Requested scopes, separated by spaces.
        scope: String,
        /// None: [`Platform::token_url`].
        token_url: Option<Url>,
    },
    /// A personal access token, or a token that somebody else renews.
    Bearer {
        /// The token.
        token: SecretRef,
    },
}

impl AuthSettings {
    /// Where tokens are asked for, if that is configured.
    #[must_use]
    pub fn token_url(&self) -> Option<&Url> {
        match self {
            Self::ClientCredentials { token_url, .. } | Self::ClientAssertion { token_url, .. } => {
                token_url.as_ref()
            }
            Self::Bearer { .. } => None,
        }
    }
}
