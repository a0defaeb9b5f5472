//! Tokens: got when needed, kept until shortly before they expire, renewed once for all who wait.

pub mod assertion;
mod grant;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::time::Instant;
use url::Url;

use self::grant::Grants;
use super::{http::HttpError, line::Line};
use crate::{
    clock::Time,
    secret::Secret,
    settings::{AuthSettings, ConnectionSettings},
};

/// The tokens of one connection, one for each token URL.
pub(super) struct Tokens {
    line: Arc<Line>,
    grants: Grants,
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
    pub(super) fn new(line: Arc<Line>, settings: Arc<ConnectionSettings>) -> Self {
        Self {
            grants: Grants::new(Arc::clone(&line), settings),
            line,
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
        let renewed = self.renew(&url, organization).await;
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

    /// As configured, or where the platform gives tokens. Configured tokens have the base URL's slot.
    fn token_url(&self, organization: &str) -> Url {
        let settings = self.grants.settings();
        match &settings.auth {
            AuthSettings::Bearer { .. } => settings.url.clone(),
            auth => auth
                .token_url()
                .cloned()
                .unwrap_or_else(|| settings.platform.token_url(&settings.url, organization)),
        }
    }

    fn good(&self, held: &Held) -> bool {
        self.line.clock().now() < held.until && Instant::now() < held.until_instant
    }

    async fn renew(&self, url: &Url, organization: &str) -> Result<Held, HttpError> {
        // Before the request: what it takes is taken off the token's life.
        let (now, now_instant) = (self.line.clock().now(), Instant::now());
        let (token, keep) = self.grants.get(url, organization).await?;
        Ok(Held {
            token,
            until: now + keep,
            until_instant: now_instant + keep,
        })
    }
}
