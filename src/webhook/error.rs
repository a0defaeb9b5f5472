//! Why a message was not taken. Never holds the address but for its origin, nor anything that the receiver said.

use std::time::Duration;

use super::BadKey;
use crate::{client, error::Action, secret::SecretError};

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// The secret cannot be read.
    #[error("sign the message")]
    Secret(#[source] SecretError),
    /// The secret is no key.
    #[error("sign the message")]
    Key(#[source] BadKey),
    /// No HTTP client: certificates, proxy.
    #[error("prepare to tell `{origin}`")]
    Client {
        /// Whom.
        origin: String,
        /// What is wrong.
        #[source]
        source: client::OpenError,
    },
    /// No connection: refused, unknown host, TLS.
    #[error("connect to `{origin}`")]
    Connect {
        /// Whom.
        origin: String,
        /// What went wrong.
        #[source]
        source: reqwest::Error,
    },
    /// No reply within the time for a try.
    #[error("tell `{origin}`: no reply within {after:?}")]
    TimedOut {
        /// Whom.
        origin: String,
        /// How long was waited.
        after: Duration,
    },
    /// The connection broke, or what came is no HTTP.
    #[error("tell `{origin}`: the connection broke")]
    Broke {
        /// Whom.
        origin: String,
        /// What went wrong.
        #[source]
        source: reqwest::Error,
    },
    /// Another status than 2xx.
    #[error("tell `{origin}`: it answered with status {status}")]
    Status {
        /// Whom.
        origin: String,
        /// The status.
        status: u16,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
    },
}

impl TellError {
    /// What the failure asks for. Whatever it is, the message is tried again.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Secret(_) | Self::Key(_) | Self::Client { .. } => Action::Stop,
            Self::Connect { .. } | Self::TimedOut { .. } | Self::Broke { .. } => Action::Retry,
            Self::Status { status, .. } => match status {
                408 | 421 | 425 | 429 => Action::Retry,
                300..=499 => Action::Stop,
                _ => Action::Retry,
            },
        }
    }

    /// How long the receiver asks us to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::Secret(_)
            | Self::Key(_)
            | Self::Client { .. }
            | Self::Connect { .. }
            | Self::TimedOut { .. }
            | Self::Broke { .. } => None,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Secret(error) => error.hint(),
            Self::Key(BadKey::Base64 | BadKey::Short(_)) => {
                "`webhook.secret` is what the receiver checks signatures with: `whsec_` and base64, or the bytes themselves"
            }
            Self::Key(BadKey::Many) => "keep the old secret and the new one, each on a line of its own",
            Self::Client { .. } => "see `webhook.ca_file` and `webhook.proxy`",
            Self::Connect { .. } => {
                "is the receiver up? See `webhook.url`, `webhook.ca_file` and `webhook.proxy`"
            }
            Self::TimedOut { .. } => {
                "receivers should answer at once and work afterwards; `webhook.timeout` is how long one try may take"
            }
            Self::Broke { .. } => return None,
            Self::Status { status, .. } => match status {
                300..=399 => "redirects are not followed: set `webhook.url` to where it leads",
                401 | 403 => "does the receiver check signatures with the secret of `webhook.secret`?",
                404 | 405 => "is `webhook.url` the receiver's address?",
                410 => {
                    "the receiver wants no messages any more: set another `webhook.url`, or take `[webhook]` out"
                }
                413 => "a message is as long as its commit record: let the receiver take more",
                408 | 421 | 425 | 429 => return None,
                400..=499 => "the receiver refuses the message: see its log and docs/webhook.md",
                _ => return None,
            },
        };
        Some(hint.to_owned())
    }
}
