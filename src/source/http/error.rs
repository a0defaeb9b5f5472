//! Why a request got no answer, what to do about it, and what a person should look at.

use std::{fmt, sync::Arc, time::Duration};

use url::Url;

use super::{hints, scene::Scene};
use crate::{
    error::Action,
    secret::{SecretError, SecretRef},
    source::{
        auth::assertion,
        refusal::Refusal,
        wire::{OpenError, WireError},
    },
};

/// Why a connection could not be opened, or a request got no answer. Holds no token, no query string, no body.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The connection's client cannot be made.
    #[error("open the connection `{connection}`")]
    Open {
        /// Its name.
        connection: String,
        /// What is wrong.
        #[source]
        source: OpenError,
    },
    /// The address is not one of this connection's: a token must not go there.
    #[error("ask `{origin}`: the connection's token is for `{own}` alone")]
    Foreign {
        /// Where the request would have gone.
        origin: String,
        /// The connection's own origin.
        own: String,
    },
    /// No token could be had. Shared by all who waited for it.
    #[error("get a token")]
    Token {
        /// Why.
        #[source]
        source: Arc<HttpError>,
    },
    /// The secret or the token cannot be read.
    #[error("prove who we are")]
    Secret {
        /// Why.
        #[source]
        source: SecretError,
    },
    /// A token that no HTTP header may carry.
    #[error(
        "send the token from {from}: it holds a space, a line break or another character that no header may carry"
    )]
    UnsendableToken {
        /// Where it came from.
        from: TokenFrom,
    },
    /// An assertion that the identity server would not take.
    #[error("use the assertion from {from}: {problem}")]
    UnusableAssertion {
        /// Where it was read.
        from: SecretRef,
        /// What is wrong with it.
        problem: assertion::BadAssertion,
    },
    /// The identity server refused the credentials.
    #[error("ask `{at}`: {refusal}{}", if *.both { " (for both client secrets)" } else { "" })]
    CredentialsRefused {
        /// Who was asked.
        at: Place,
        /// What it said.
        refusal: Refusal,
        /// Whether a second secret was refused, too.
        both: bool,
        /// Who asked, for the hint.
        scene: Arc<Scene>,
    },
    /// There is no identity server at the token URL.
    #[error("ask `{at}`: no tokens are given here: {refusal}")]
    NoTokensHere {
        /// Who was asked.
        at: Place,
        /// What it said.
        refusal: Refusal,
        /// Who asked, for the hint.
        scene: Arc<Scene>,
    },
    /// No complete reply.
    #[error("ask `{at}`")]
    Broken {
        /// Who was asked.
        at: Place,
        /// What went wrong.
        #[source]
        source: WireError,
    },
    /// 408, 429 or 5xx.
    #[error("ask `{at}`: {refusal}")]
    Unavailable {
        /// Who was asked.
        at: Place,
        /// What it said.
        refusal: Refusal,
        /// How long it asks to wait.
        wait: Option<Duration>,
    },
    /// A success that does not hold what was asked for.
    #[error("ask `{at}`: the reply is not the expected JSON: {problem}")]
    Unexpected {
        /// Who was asked.
        at: Place,
        /// What is wrong.
        problem: String,
        /// Whether it is a page for people.
        page: bool,
        /// Who asked, for the hint.
        scene: Arc<Scene>,
    },
    /// A success that is no whole file of the kind that was asked for.
    #[error("ask `{at}`: the reply is not the expected file: {problem}")]
    NoFile {
        /// Who was asked.
        at: Place,
        /// What is wrong.
        problem: String,
        /// Who asked, for the hint.
        scene: Arc<Scene>,
    },
    /// A success that is too much for us: the same again would be no better.
    #[error("ask `{at}`: take the reply: {problem}")]
    OverLimit {
        /// Who was asked.
        at: Place,
        /// What is too much.
        problem: String,
    },
    /// 401, with a fresh token.
    #[error("ask `{at}`: {refusal}")]
    Unauthorized {
        /// Who was asked.
        at: Place,
        /// What it said.
        refusal: Refusal,
        /// Who asked, for the hint.
        scene: Arc<Scene>,
    },
    /// 403.
    #[error("ask `{at}`: {refusal}")]
    Forbidden {
        /// Who was asked.
        at: Place,
        /// What it said.
        refusal: Refusal,
        /// Who asked, for the hint.
        scene: Arc<Scene>,
    },
    /// 404.
    #[error("ask `{at}`: {refusal}")]
    NotFound {
        /// Who was asked.
        at: Place,
        /// What it said.
        refusal: Refusal,
        /// Who asked, for the hint.
        scene: Arc<Scene>,
    },
    /// 3xx. Never followed.
    #[error("ask `{at}`: status {status}: it sends us on to {to}; redirects are not followed")]
    Redirected {
        /// Who was asked.
        at: Place,
        /// The status.
        status: u16,
        /// The origin of the new address, or what is wrong with it.
        to: String,
        /// Who asked, for the hint.
        scene: Arc<Scene>,
    },
    /// 400, 405 or 415: the request is not understood.
    #[error("ask `{at}`: {refusal}")]
    NotUnderstood {
        /// Who was asked.
        at: Place,
        /// What it said.
        refusal: Refusal,
        /// Who asked, for the hint.
        scene: Arc<Scene>,
    },
    /// Any other status.
    #[error("ask `{at}`: {refusal}")]
    Refused {
        /// Who was asked.
        at: Place,
        /// What it said.
        refusal: Refusal,
    },
    /// The server asks for a longer wait than the budget has left.
    #[error("wait {} s as the server asks: only {} s of `retry_for` are left", .wait.as_secs(), .left.as_secs())]
    WaitTooLong {
        /// What it asks for.
        wait: Duration,
        /// What is left.
        left: Duration,
        /// The last try.
        #[source]
        source: Box<HttpError>,
    },
    /// Every try failed.
    #[error("get an answer in {tries} {} and {:.1} s", if *.tries == 1 { "try" } else { "tries" }, .after.as_secs_f64())]
    GaveUp {
        /// Requests sent.
        tries: u32,
        /// Since the first.
        after: Duration,
        /// The last try.
        #[source]
        source: Box<HttpError>,
    },
}

impl HttpError {
    /// What to do about it. Of what a connection returns, never [`Action::Retry`]: that has been done.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Token { source } => source.action(),
            Self::Broken { source, .. } => source.action(),
            Self::Unavailable { .. } | Self::Unexpected { .. } | Self::NoFile { .. } => Action::Retry,
            Self::Foreign { .. }
            | Self::Redirected { .. }
            | Self::Refused { .. }
            | Self::OverLimit { .. }
            | Self::WaitTooLong { .. }
            | Self::GaveUp { .. } => Action::NextTick,
            Self::Open { .. }
            | Self::Secret { .. }
            | Self::UnsendableToken { .. }
            | Self::UnusableAssertion { .. }
            | Self::CredentialsRefused { .. }
            | Self::NoTokensHere { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::NotUnderstood { .. } => Action::Stop,
        }
    }

    /// What a person should look at.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        hints::hint(self)
    }

    /// Whether an identity server refused this secret, so that another one may do better.
    pub(in crate::source) fn refuses_client(&self) -> bool {
        match self {
            Self::CredentialsRefused { refusal, .. } => {
                refusal.status == 401 || refusal.code.as_deref() == Some("invalid_client")
            }
            _ => false,
        }
    }

    /// The refusal of a client secret, after what became of the other one.
    pub(in crate::source) fn after(self, other: &Self) -> Self {
        match self {
            Self::CredentialsRefused {
                at, refusal, scene, ..
            } => Self::CredentialsRefused {
                at,
                refusal,
                both: other.refuses_client(),
                scene,
            },
            error => error,
        }
    }

    /// How long the server asks to wait.
    pub(in crate::source) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { wait, .. } => *wait,
            _ => None,
        }
    }
}

/// Who was asked: scheme, host, port and path. No query string: it may name people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place(Box<str>);

impl From<&Url> for Place {
    fn from(url: &Url) -> Self {
        let path: String = url.path().chars().take(200).collect();
        Self(format!("{}{path}", origin(url)).into())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Scheme, host and port.
pub(in crate::source) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Where a token came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TokenFrom {
    /// The identity server.
    Server(Place),
    /// The configuration.
    Configured(SecretRef),
}

impl fmt::Display for TokenFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(place) => write!(f, "`{place}`"),
            Self::Configured(secret) => write!(f, "{secret}"),
        }
    }
}
