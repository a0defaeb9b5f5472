//! Makes a connection's HTTP client: certificates, proxy, and none of the defaults that carry a token elsewhere.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{Certificate, Client, Identity, Proxy};

use crate::settings::{AuthSettings, ConnectionSettings};

/// Why a connection's client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file with certificates or keys cannot be read.
    #[error("read `{}` of {setting}", path.display())]
    File {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("find a PEM {wanted} in `{}` of {setting}", path.display())]
    Pem {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
        /// What the parser said, if anything.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// The proxy or the TLS parts do not fit together.
    #[error("set the HTTP client up")]
    Client {
        /// What is wrong.
        #[source]
        source: reqwest::Error,
    },
}

/// Reads the certificate files and makes the client.
pub(super) fn build(settings: &ConnectionSettings, connect: Duration) -> Result<Client, OpenError> {
    let mut builder = Client::builder()
        .user_agent(concat!("uipath-audit-exporter/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(connect);
    if let Some(proxy) = &settings.proxy {
        builder = builder.proxy(Proxy::all(proxy.clone()).map_err(|source| OpenError::Client { source })?);
    }
    let roots = settings
        .ca_file
        .as_deref()
        .map(roots)
        .transpose()?
        .unwrap_or_default();
    builder = if needs_tls(settings) {
        builder.tls_certs_merge(roots)
    } else {
        // Looking at the platform's roots takes time, and fails where there are none.
        builder.tls_certs_only(roots)
    };
    if let Some(path) = &settings.client_certificate {
        builder = builder.identity(identity(path)?);
    }
    builder.build().map_err(|source| OpenError::Client { source })
}

/// Whether any request of this connection may be `https`.
fn needs_tls(settings: &ConnectionSettings) -> bool {
    let token_url = match &settings.auth {
        AuthSettings::ClientCredentials { token_url, .. } => token_url.as_ref(),
        AuthSettings::Bearer { .. } => None,
    };
    let addresses = [Some(&settings.url), token_url, settings.proxy.as_ref()];
    addresses.into_iter().flatten().any(|url| url.scheme() != "http")
}

fn roots(path: &Path) -> Result<Vec<Certificate>, OpenError> {
    let setting = "`ca_file`";
    let wanted = "certificate";
    let pem = |source| OpenError::Pem {
        setting,
        path: path.to_owned(),
        wanted,
        source,
    };
    let roots = Certificate::from_pem_bundle(&read(setting, path)?).map_err(|error| pem(Some(error)))?;
    if roots.is_empty() {
        Err(pem(None))
    } else {
        Ok(roots)
    }
}

fn identity(path: &Path) -> Result<Identity, OpenError> {
    let setting = "`client_certificate`";
    let wanted = "certificate with its private key";
    Identity::from_pem(&read(setting, path)?).map_err(|error| OpenError::Pem {
        setting,
        path: path.to_owned(),
        wanted,
        source: Some(error),
    })
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, OpenError> {
    std::fs::read(path).map_err(|source| OpenError::File {
        setting,
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Chain;

    #[test]
    fn a_certificate_file_must_hold_certificates() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        std::fs::write(&path, "no PEM").unwrap();
        let settings = ConnectionSettings {
            name: "cloud".to_owned(),
            url: "https://cloud.example/".parse().unwrap(),
            ca_file: Some(path.clone()),
            client_certificate: None,
            proxy: None,
            max_concurrent_requests: 1,
            max_requests_per_second: 0.0,
            retry_for: Duration::from_secs(1),
            auth: AuthSettings::Bearer {
                token: crate::secret::SecretRef::Env("X".to_owned()),
            },
        };
        let say = |settings: &ConnectionSettings| match build(settings, Duration::from_secs(1)) {
            Ok(_) => "opened".to_owned(),
            Err(error) => Chain(&error).to_string(),
        };
        let path = path.display();
        let expected = format!("find a PEM certificate in `{path}` of `ca_file`");
        assert_eq!(say(&settings), expected);
        let settings = ConnectionSettings {
            ca_file: None,
            client_certificate: Some("/nowhere.pem".into()),
            ..settings
        };
        assert!(
            say(&settings).contains("read `/nowhere.pem` of `client_certificate`: No such file"),
            "{}",
            say(&settings)
        );
    }
}
