//! Tokens: got when needed, kept until shortly before they expire, renewed once for all who wait.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tokio::time::Instant;
use tracing::debug;
use url::Url;

use super::{
    body::Limits,
    http::{HttpError, Place, TokenFrom},
    line::{Line, refusal},
    refusal::looks_like_html,
    wire::{Answer, Ask},
};
use crate::{
    clock::Time,
    secret::{Secret, SecretRef},
    settings::AuthSettings,
};

/// A configured token is read again after this long.
const REREAD: Duration = Duration::from_secs(60);
/// How long a token lives when its reply does not say.
const USUAL_LIFE: Duration = Duration::from_secs(3600);
/// No reply is believed to give more.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// A token is renewed this long before it expires, or a tenth of its life if that is shorter.
const MARGIN: Duration = Duration::from_secs(120);
/// A token reply holds no more bytes than this.
const LONGEST_REPLY: Limits = Limits::of_bytes(256 * 1024);

/// The tokens of one connection, one for each token URL.
pub(super) struct Tokens {
    line: Arc<Line>,
    base: Url,
    auth: AuthSettings,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

/// One token, and the turn of those who want it. Whoever holds `state` renews; a dropped future gives the turn on.
#[derive(Default)]
struct Slot {
    /// Renewals that came to an end, so that one who waited for such an end shares its outcome.
    ended: AtomicU64,
    state: tokio::sync::Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    failure: Option<Arc<HttpError>>,
}

/// A token, good while both clocks say so: the injected one, and one that nobody can set.
struct Held {
    token: Secret,
    until: Time,
    until_instant: Instant,
}

impl Tokens {
    pub(super) fn new(line: Arc<Line>, base: &Url, auth: AuthSettings) -> Self {
        Self {
            line,
            base: base.clone(),
            auth,
            slots: Mutex::default(),
        }
    }

    /// A token for requests about `organization`.
    pub(super) async fn get(&self, organization: &str) -> Result<Secret, HttpError> {
        let (url, slot) = self.slot(organization);
        let before = slot.ended.load(Ordering::Acquire);
        let mut state = slot.state.lock().await;
        if let Some(held) = state.held.as_ref().filter(|held| self.good(held)) {
            return Ok(held.token.clone());
        }
        if slot.ended.load(Ordering::Acquire) != before
            && let Some(failure) = &state.failure
        {
            return Err(HttpError::Token {
                source: Arc::clone(failure),
            });
        }
        let renewed = self.renew(&url).await;
        let outcome = match renewed {
            Ok(held) => {
                let token = held.token.clone();
                *state = State {
                    held: Some(held),
                    failure: None,
                };
                Ok(token)
            }
            Err(failure) => {
                let failure = Arc::new(failure);
                *state = State {
                    held: None,
                    failure: Some(Arc::clone(&failure)),
                };
                Err(HttpError::Token { source: failure })
            }
        };
        slot.ended.fetch_add(1, Ordering::Release);
        outcome
    }

    /// A server refused `token`: the next request gets another one, unless somebody renewed it meanwhile.
    pub(super) async fn refused(&self, organization: &str, token: &Secret) {
        let (_, slot) = self.slot(organization);
        let mut state = slot.state.lock().await;
        if state.held.as_ref().is_some_and(|held| held.token == *token) {
            state.held = None;
        }
    }

    fn slot(&self, organization: &str) -> (Url, Arc<Slot>) {
        let url = self.token_url(organization);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = Arc::clone(slots.entry(url.to_string()).or_default());
        (url, slot)
    }

    /// As configured, or `{url}/{organization}/identity_/connect/token`. Configured tokens have the base URL's slot.
    fn token_url(&self, organization: &str) -> Url {
        match &self.auth {
            AuthSettings::Bearer { .. } => self.base.clone(),
            AuthSettings::ClientCredentials {
                token_url: Some(url), ..
            } => url.clone(),
            AuthSettings::ClientCredentials { token_url: None, .. } => {
                let mut url = self.base.clone();
                if let Ok(mut path) = url.path_segments_mut() {
                    path.pop_if_empty()
                        .extend([organization, "identity_", "connect", "token"]);
                }
                url
            }
        }
    }

    fn good(&self, held: &Held) -> bool {
        self.line.clock().now() < held.until && Instant::now() < held.until_instant
    }

    async fn renew(&self, url: &Url) -> Result<Held, HttpError> {
        // Before the request: what it takes is taken off the token's life.
        let (now, now_instant) = (self.line.clock().now(), Instant::now());
        let (token, keep) = match &self.auth {
            AuthSettings::Bearer { token } => (configured(token)?, REREAD),
            AuthSettings::ClientCredentials {
                client_id,
                client_secret,
                scope,
                ..
            } => self.request(url, client_id, client_secret, scope).await?,
        };
        Ok(Held {
            token,
            until: now + keep,
            until_instant: now_instant + keep,
        })
    }

    /// Asks the identity server, with the tries that any request has. How long to keep the token comes with it.
    async fn request(
        &self,
        url: &Url,
        client_id: &str,
        client_secret: &SecretRef,
        scope: &str,
    ) -> Result<(Secret, Duration), HttpError> {
        let mut tries = self.line.tries();
        loop {
            let secret = client_secret
                .read()
                .map_err(|source| HttpError::Secret { source })?;
            let fields = [
                ("grant_type", "client_credentials"),
                ("client_id", client_id),
                ("client_secret", secret.expose()),
                ("scope", scope),
            ];
            let ask = Ask::Form {
                url,
                fields: &fields,
                secret: &secret,
            };
            tries.begin();
            let answer = self.line.ask(ask, LONGEST_REPLY).await;
            match answer.and_then(|answer| judge(url, ask, &answer)) {
                Ok((token, life)) => {
                    debug!(connection = self.line.name(), at = %Place::from(url), life_s = life.as_secs(), "got a token");
                    return Ok((token, life - MARGIN.min(life / 10)));
                }
                Err(failure) => tries.again(failure).await?,
            }
        }
    }
}

fn configured(token: &SecretRef) -> Result<Secret, HttpError> {
    let secret = token.read().map_err(|source| HttpError::Secret { source })?;
    sendable(secret, || TokenFrom::Configured(token.clone()))
}

fn sendable(token: Secret, from: impl Fn() -> TokenFrom) -> Result<Secret, HttpError> {
    if token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(token)
    } else {
        Err(HttpError::UnsendableToken { from: from() })
    }
}

/// Tells a token from what a person has to mend.
fn judge(url: &Url, ask: Ask<'_>, answer: &Answer) -> Result<(Secret, Duration), HttpError> {
    let at = Place::from(url);
    match answer.status {
        200..300 => {
            let reply = parse(&answer.body);
            let (token, life) = reply.map_err(|problem| HttpError::Unexpected {
                at: at.clone(),
                problem: problem.to_owned(),
            })?;
            Ok((sendable(token, || TokenFrom::Server(at.clone()))?, life))
        }
        300..400 | 404 | 405 | 410 | 415 => Err(HttpError::NoTokensHere {
            at,
            refusal: refusal(answer, ask),
        }),
        _ => Err(HttpError::CredentialsRefused {
            at,
            refusal: refusal(answer, ask),
        }),
    }
}

/// Reads `access_token` and `expires_in`. The problem never quotes the reply.
fn parse(body: &[u8]) -> Result<(Secret, Duration), &'static str> {
    if looks_like_html(&String::from_utf8_lossy(body)) {
        return Err("it is a page of HTML or XML");
    }
    let reply: Value = serde_json::from_slice(body).map_err(|_| "it is no JSON")?;
    let token = reply
        .get("access_token")
        .and_then(Value::as_str)
        .filter(|token| !token.is_empty());
    let token = token.ok_or("it holds no `access_token`")?;
    Ok((Secret::new(token.to_owned()), life(reply.get("expires_in"))))
}

/// Identity servers spell seconds as an integer, a fraction or a string, or leave them out.
fn life(expires_in: Option<&Value>) -> Duration {
    let seconds = match expires_in {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    let life = seconds
        .filter(|seconds| *seconds > 0.0)
        .map(|seconds| seconds.min(LONGEST_LIFE.as_secs_f64()));
    life.map_or(USUAL_LIFE, Duration::from_secs_f64)
}
