//! Why a request got no answer, what to do about it, and what a person should look at.

use std::{fmt, sync::Arc, time::Duration};

use url::Url;

use crate::{
    error::{Action, Chain},
    secret::{SecretError, SecretRef},
    source::{
        body::BodyError,
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
    /// The identity server refused the credentials.
    #[error("ask `{at}`: {refusal}")]
    CredentialsRefused {
        /// Who was asked.
        at: Place,
        /// What it said.
        refusal: Refusal,
    },
    /// There is no identity server at the token URL.
    #[error("ask `{at}`: no tokens are given here: {refusal}")]
    NoTokensHere {
        /// Who was asked.
        at: Place,
        /// What it said.
        refusal: Refusal,
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
    },
    /// A success that is no whole file of the kind that was asked for.
    #[error("ask `{at}`: the reply is not the expected file: {problem}")]
    NoFile {
        /// Who was asked.
        at: Place,
        /// What is wrong.
        problem: String,
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
    },
    /// 403.
    #[error("ask `{at}`: {refusal}")]
    Forbidden {
        /// Who was asked.
        at: Place,
        /// What it said.
        refusal: Refusal,
    },
    /// 404.
    #[error("ask `{at}`: {refusal}")]
    NotFound {
        /// Who was asked.
        at: Place,
        /// What it said.
        refusal: Refusal,
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
    },
    /// 400, 405 or 415: the request is not understood.
    #[error("ask `{at}`: {refusal}")]
    NotUnderstood {
        /// Who was asked.
        at: Place,
        /// What it said.
        refusal: Refusal,
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
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Token { source } => source.hint(),
            Self::WaitTooLong { source, .. } | Self::GaveUp { source, .. } => source.hint(),
            Self::Open { .. } | Self::Foreign { .. } | Self::Unavailable { .. } | Self::Refused { .. } => {
                None
            }
            Self::Secret { .. } => {
                Some("the secret is read anew at each token request: put it there, readable for this user")
            }
            Self::UnsendableToken { .. } => {
                Some("the file must hold the token alone, without `Bearer` before it")
            }
            Self::CredentialsRefused { refusal, .. } => Some(credentials_hint(refusal.code.as_deref())),
            Self::NoTokensHere { .. } => Some(TOKEN_URL_HINT),
            Self::Broken { source, .. } => broken_hint(source),
            Self::NoFile { .. } => Some(
                "nothing of it is archived; a page or a message instead of a file comes from a sign-in page, a proxy or a wrong `url`; check also that this platform has the API",
            ),
            Self::Unexpected { .. } => Some(
                "a page instead of JSON comes from a sign-in page, a proxy, or a wrong `url` or `token_url`; check also that this platform has the API",
            ),
            Self::OverLimit { .. } => Some(
                "nothing of it is archived, and nothing is skipped: no page of audit events looks like that, check what answers at `url`",
            ),
            Self::Unauthorized { .. } => Some(
                "a missing scope shows as 401 too: the application must have `PM.Audit.Read` as an application scope of the resource Audit (a new token is needed after granting it); a personal access token may have expired, been revoked, or lack the scope; the organization must be the one the credentials belong to",
            ),
            Self::Forbidden { .. } => Some(
                "the credentials may not read this audit log: check the application's permission in this organization and tenant, and whether an IP restriction of the organization leaves this machine out",
            ),
            Self::NotFound { .. } => Some(
                "check the spelling of `organization` and `tenant`, that `url` is the platform's access URL, and that this platform has the API of the target (`api`): older Automation Suite and standalone Orchestrator have the classic one alone",
            ),
            Self::Redirected { .. } => Some(
                "a wrong `url`, or a sign-in page in front of it: configure the address it sends us on to, if that is yours",
            ),
            Self::NotUnderstood { .. } => Some(
                "check the target's `filter`, `organization` and `tenant`, and that `url` is the platform's access URL: other platforms answer so to an API they do not have",
            ),
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

const TOKEN_URL_HINT: &str = "set `token_url`: `{url}/{organization}/identity_/connect/token` on Automation Cloud, `https://{host}/identity_/connect/token` on Automation Suite, `https://{host}/identity/connect/token` on a standalone Orchestrator; and check `url` and `organization`";

fn credentials_hint(code: Option<&str>) -> &'static str {
    match code {
        Some("invalid_client") => {
            "check `client_id` and the client secret (is it this application's, and not expired?), that the application is a confidential one, and that it belongs to this organization"
        }
        Some("invalid_scope") => {
            "request exactly the scope the application is registered with, such as `PM.Audit.Read`; it must be an application scope of the resource Audit, not a user scope"
        }
        Some("unauthorized_client" | "unsupported_grant_type") => {
            "the application may not use client credentials: it must be a confidential external application with application scopes"
        }
        _ => "check `client_id`, the client secret, `scope` and `token_url`",
    }
}

fn broken_hint(source: &WireError) -> Option<&'static str> {
    match source {
        WireError::Connect { source } => {
            let chain = Chain(source).to_string();
            if chain.contains("certificate") {
                Some(
                    "the server's certificate is not trusted: name its authority in `ca_file`, and check the host of `url`",
                )
            } else if chain.contains("dns error") {
                Some("the host has no address here: check `url`, and whether a `proxy` is needed")
            } else {
                Some("check `url`, the way through firewalls, and whether a `proxy` is needed")
            }
        }
        WireError::Lost { source } if Chain(source).to_string().contains("Certificate") => {
            Some("the server does not take our certificate, or wants one: check `client_certificate`")
        }
        WireError::Body(BodyError::TooLarge { .. } | BodyError::TooDense { .. }) => {
            Some("no page of audit events is that large: check what answers at `url`")
        }
        _ => None,
    }
}

/// Who was asked: scheme, host, port and path. No query string: it may name people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place(String);

impl From<&Url> for Place {
    fn from(url: &Url) -> Self {
        let path: String = url.path().chars().take(200).collect();
        Self(format!("{}{path}", origin(url)))
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
