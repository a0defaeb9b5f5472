//! Makes HTTP clients, for connections and for archives: certificates, proxy, and none of the defaults that carry a
//! token elsewhere. Sends nothing.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{Certificate, ClientBuilder, Identity, NoProxy, Proxy};
use url::Url;

/// What is particular to a client.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// Extra PEM roots.
    pub ca_file: Option<PathBuf>,
    /// Proxy URL. None: no proxy, whatever the environment says.
    pub proxy: Option<Url>,
    /// Hosts, domains and networks that are reached without the proxy, separated by commas.
    pub proxy_excludes: Option<String>,
    /// For one whole exchange, from connecting to the end of the body. None: whoever asks has a deadline of its own.
    pub timeout: Option<Duration>,
    /// For the beginning of a reply, and between two parts of it. None: whoever asks has a deadline of its own.
    pub idle_timeout: Option<Duration>,
    /// For a connection, TLS included.
    pub connect_timeout: Duration,
}

/// Whether a client may ever be asked for `https`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tls {
    /// The platform's roots are looked at.
    Needed,
    /// They are not: that takes time, and fails where there are none.
    Unused,
}

/// Why a client cannot be made.
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

/// A client as all of ours are: it follows no redirect (custom headers, tokens among them, would go along), repeats
/// nothing, names no referer, and uses no proxy of the environment. Reads the certificate file.
///
/// # Errors
/// If the certificate file is missing or holds no certificates, or the proxy is none.
pub fn builder(settings: &ClientSettings, tls: Tls) -> Result<ClientBuilder, OpenError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("uipath-audit-exporter/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(settings.connect_timeout);
    if let Some(timeout) = settings.timeout {
        builder = builder.timeout(timeout);
    }
    if let Some(idle) = settings.idle_timeout {
        builder = builder.read_timeout(idle);
    }
    if let Some(proxy) = &settings.proxy {
        let excluded = settings.proxy_excludes.as_deref().and_then(NoProxy::from_string);
        let proxy = Proxy::all(proxy.clone()).map_err(|source| OpenError::Client { source })?;
        builder = builder.proxy(proxy.no_proxy(excluded));
    }
    let roots = settings.ca_file.as_deref().map(roots).transpose()?;
    let roots = roots.unwrap_or_default();
    Ok(match tls {
        Tls::Needed => builder.tls_certs_merge(roots),
        Tls::Unused => builder.tls_certs_only(roots),
    })
}

/// Makes the client.
///
/// # Errors
/// If the TLS parts do not fit together.
pub fn build(builder: ClientBuilder) -> Result<reqwest::Client, OpenError> {
    builder.build().map_err(|source| OpenError::Client { source })
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

/// Reads a certificate with its private key, to be shown to the server.
///
/// # Errors
/// If the file is missing or does not hold both.
pub fn identity(path: &Path) -> Result<Identity, OpenError> {
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
        let settings = ClientSettings {
            ca_file: Some(path.clone()),
            proxy: None,
            proxy_excludes: None,
            timeout: None,
            idle_timeout: None,
            connect_timeout: Duration::from_secs(1),
        };
        let error = builder(&settings, Tls::Needed).unwrap_err();
        assert_eq!(
            Chain(&error).to_string(),
            format!("find a PEM certificate in `{}` of `ca_file`", path.display())
        );
        let error = Chain(&identity("/nowhere.pem".as_ref()).unwrap_err()).to_string();
        assert!(
            error.contains("read `/nowhere.pem` of `client_certificate`: No such file"),
            "{error}"
        );
    }
}
