//! `[http]` and `[webhook]`: what the daemon shows to whoever asks, and what it tells by itself.

use std::{net::SocketAddr, time::Duration};

use url::Url;

use super::{
    reader::{Field, Table},
    values::{QUERIED, web_url},
};

use crate::settings::{HttpSettings, WebhookSettings};

pub(super) fn http(field: &Field<'_>) -> Option<HttpSettings> {
    field.written()?.table(|t| {
        let listen = t
            .field("listen")
            .required("an address and a port, such as `127.0.0.1:9464`");
        let listen = listen.parse(|text| {
            text.parse::<SocketAddr>()
                .map_err(|_| "must be an IP address and a port, such as `127.0.0.1:9464` or `[::]:9464`")
        });
        let field = t.field("hosts");
        let hosts = field.texts().unwrap_or_default();
        for host in hosts.iter().filter(|host| !is_host_name(host)) {
            field.wrong(format!(
                "`{host}` is no host name without a port, such as `audit.acme.example`"
            ));
        }
        Some(HttpSettings {
            listen: listen?,
            hosts,
        })
    })
}

/// As in a URL, without a port.
fn is_host_name(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !text.is_empty() && text.len() <= 253 && text.bytes().all(letter)
}

/// Receivers often want a key in the query: that makes the whole URL a secret.
fn webhook_url(text: &str) -> Result<Url, String> {
    web_url(text).map_err(|problem| match problem.as_str() {
        QUERIED => format!(
            "{problem}: what stands there is mostly a key, and the configuration holds no secret; put a small forwarder before such a receiver"
        ),
        _ => problem,
    })
}

pub(super) fn webhook(field: &Field<'_>) -> Option<WebhookSettings> {
    field.written()?.table(|t: &mut Table<'_>| {
        let url = t
            .field("url")
            .required("where commits are announced, such as `https://siem.acme.example/uipath`");
        let url = url.parse(webhook_url);
        let secret = t
            .field("secret")
            .required("a reference to the secret that signs")
            .secret();
        let ca_file = t.field("ca_file").file_path();
        let proxy = t.field("proxy").url();
        let timeout = t.field("timeout").duration("1s", "5m");
        let since = t.field("since").duration("0s", "3650d");
        Some(WebhookSettings {
            url: url?,
            secret: secret?,
            ca_file,
            proxy,
            timeout: timeout.unwrap_or(Duration::from_secs(15)),
            since: since.unwrap_or(Duration::from_secs(86_400)),
        })
    })
}
