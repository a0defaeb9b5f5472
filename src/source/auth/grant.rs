//! One token request: what is shown for it, what an identity server answers, and what to make of it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tracing::{debug, info, warn};
use url::Url;

use super::{
    super::{
        body::Limits,
        http::{HttpError, Place, Scene, TokenFrom},
        line::{Line, refusal},
        refusal::{line, looks_like_html, titled},
        wire::{Answer, Ask},
    },
    assertion,
};
use crate::{
    error::Chain,
    secret::{Secret, SecretRef},
    settings::{AuthSettings, ConnectionSettings},
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
/// How a JWT is announced (RFC 7523, section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A token, and how long to keep it.
pub(super) type Granted = (Secret, Duration);

/// What a connection shows for its tokens.
pub(super) struct Grants {
    line: Arc<Line>,
    settings: Arc<ConnectionSettings>,
    /// The second client secret worked last: it is tried first.
    second_first: AtomicBool,
    /// What was last said of an assertion: said once.
    doubt: Mutex<Option<String>>,
}

/// Where a token is asked for, and by whom.
struct Desk<'a> {
    url: &'a Url,
    scene: Arc<Scene>,
    client_id: &'a str,
    scope: &'a str,
}

impl Grants {
    pub(super) fn new(line: Arc<Line>, settings: Arc<ConnectionSettings>) -> Self {
        Self {
            line,
            settings,
            second_first: AtomicBool::new(false),
            doubt: Mutex::new(None),
        }
    }

    pub(super) fn settings(&self) -> &ConnectionSettings {
        &self.settings
    }

    /// Gets a token from `url`, or reads a configured one. Every secret is read anew.
    pub(super) async fn get(&self, url: &Url, organization: &str) -> Result<Granted, HttpError> {
        let scene = Scene::token(&self.settings, organization);
        match &self.settings.auth {
            AuthSettings::Bearer { token } => {
                let secret = read(token)?;
                let token = sendable(secret, || TokenFrom::Configured(token.clone()))?;
                Ok((token, REREAD))
            }
            AuthSettings::ClientCredentials {
                client_id,
                client_secret,
                second_client_secret,
                scope,
                ..
            } => {
                let desk = Desk {
                    url,
                    scene,
                    client_id,
                    scope,
                };
                self.with_secrets(&desk, client_secret, second_client_secret.as_ref())
                    .await
            }
            AuthSettings::ClientAssertion {
                client_id,
                assertion,
                scope,
                ..
            } => {
                let desk = Desk {
                    url,
                    scene,
                    client_id,
                    scope,
                };
                self.with_assertion(&desk, assertion).await
            }
        }
    }

    /// Shows one secret, and the other one if that is refused or cannot be read: each once at most, so that no
    /// application is locked out.
    async fn with_secrets(
        &self,
        desk: &Desk<'_>,
        first: &SecretRef,
        second: Option<&SecretRef>,
    ) -> Result<Granted, HttpError> {
        let Some(second) = second else {
            return self.with_secret(desk, &read(first)?).await;
        };
        let second_first = self.second_first.load(Ordering::Relaxed);
        let (one, other) = if second_first {
            (second, first)
        } else {
            (first, second)
        };
        let mut shown = None;
        let failure = match read(one) {
            Ok(secret) => match self.with_secret(desk, &secret).await {
                Err(refused) if refused.refuses_client() => {
                    shown = Some(secret);
                    refused
                }
                end => return end,
            },
            Err(unreadable) => self.noted(unreadable),
        };
        let secret = match read(other) {
            Ok(secret) if shown.as_ref() == Some(&secret) => return Err(failure),
            Ok(secret) => secret,
            Err(unreadable) => {
                self.noted(unreadable);
                return Err(failure);
            }
        };
        match self.with_secret(desk, &secret).await {
            Ok(granted) => {
                self.note_which(!second_first);
                Ok(granted)
            }
            Err(refused) if refused.refuses_client() => Err(refused.after(&failure)),
            Err(error) => Err(error),
        }
    }

    async fn with_secret(&self, desk: &Desk<'_>, secret: &Secret) -> Result<Granted, HttpError> {
        self.ask(desk, &[("client_secret", secret.expose())], secret)
            .await
    }

    /// Logs what is no failure while the other secret works.
    fn noted(&self, unreadable: HttpError) -> HttpError {
        warn!(connection = self.line.name(), "failed to {}", Chain(&unreadable));
        unreadable
    }

    /// Says once which secret works, and remembers it.
    fn note_which(&self, second: bool) {
        if self.second_first.swap(second, Ordering::Relaxed) == second {
            return;
        }
        let connection = self.line.name();
        if second {
            warn!(
                connection,
                "`second_client_secret` works, `client_secret` does not: trying the second first from now on"
            );
        } else {
            info!(
                connection,
                "`client_secret` works, `second_client_secret` does not: trying the first first from now on"
            );
        }
    }

    /// Shows an assertion; one that is refused is read again once, as somebody else renews it.
    async fn with_assertion(&self, desk: &Desk<'_>, place: &SecretRef) -> Result<Granted, HttpError> {
        let assertion = self.usable(place)?;
        let refused = match self.show(desk, &assertion).await {
            Err(refused @ HttpError::CredentialsRefused { .. }) => refused,
            other => return other,
        };
        match self.usable(place) {
            Ok(renewed) if renewed != assertion => self.show(desk, &renewed).await,
            _ => Err(refused),
        }
    }

    async fn show(&self, desk: &Desk<'_>, assertion: &Secret) -> Result<Granted, HttpError> {
        let fields = [
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion.expose()),
        ];
        self.ask(desk, &fields, assertion).await
    }

    /// Reads an assertion, and looks into it as far as that is possible without its issuer.
    fn usable(&self, place: &SecretRef) -> Result<Secret, HttpError> {
        let assertion = read(place)?;
        let doubt = assertion::look(&assertion, self.line.clock().now());
        let doubt = doubt.map_err(|problem| HttpError::UnusableAssertion {
            from: place.clone(),
            problem,
        })?;
        let mut said = self.doubt.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(doubt) = doubt.as_ref().filter(|doubt| said.as_ref() != Some(doubt)) {
            warn!(connection = self.line.name(), assertion = %place, "the assertion will hardly be taken: {doubt}");
        }
        *said = doubt;
        Ok(assertion)
    }

    /// Asks the identity server, with the tries that any request has.
    async fn ask(
        &self,
        desk: &Desk<'_>,
        proof: &[(&str, &str)],
        secret: &Secret,
    ) -> Result<Granted, HttpError> {
        let mut fields = vec![
            ("grant_type", "client_credentials"),
            ("client_id", desk.client_id),
        ];
        fields.extend(proof);
        fields.push(("scope", desk.scope));
        let ask = Ask::Form {
            url: desk.url,
            fields: &fields,
            secret,
        };
        let mut tries = self.line.tries();
        loop {
            tries.begin();
            let answer = self.line.ask(ask, LONGEST_REPLY.into()).await;
            match answer.and_then(|answer| judge(desk, ask, &answer)) {
                Ok((token, life)) => {
                    debug!(connection = self.line.name(), at = %Place::from(desk.url), life_s = life.as_secs(), "got a token");
                    return Ok((token, life - MARGIN.min(life / 10)));
                }
                Err(failure) => tries.again(failure).await?,
            }
        }
    }
}

fn read(place: &SecretRef) -> Result<Secret, HttpError> {
    place.read().map_err(|source| HttpError::Secret { source })
}

fn sendable(token: Secret, from: impl Fn() -> TokenFrom) -> Result<Secret, HttpError> {
    if token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(token)
    } else {
        Err(HttpError::UnsendableToken { from: from() })
    }
}

/// Tells a token from what a person has to mend.
fn judge(desk: &Desk<'_>, ask: Ask<'_>, answer: &Answer) -> Result<Granted, HttpError> {
    let at = Place::from(desk.url);
    let scene = Arc::clone(&desk.scene);
    match answer.status {
        200..300 => match parse(&answer.body) {
            Ok((token, life)) => Ok((sendable(token, || TokenFrom::Server(at.clone()))?, life)),
            Err(problem) => {
                let page = page(&answer.body);
                let title = page.as_deref().map(titled);
                Err(HttpError::Unexpected {
                    at,
                    problem: title.map_or_else(
                        || problem.to_owned(),
                        |title| format!("it is {}", line(&title, ask.secret())),
                    ),
                    page: page.is_some(),
                    scene,
                })
            }
        },
        300..400 | 404 | 405 | 410 | 415 => Err(HttpError::NoTokensHere {
            at,
            refusal: refusal(answer, ask),
            scene,
        }),
        _ => Err(HttpError::CredentialsRefused {
            at,
            refusal: refusal(answer, ask),
            both: false,
            scene,
        }),
    }
}

fn page(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body.get(..4096).unwrap_or(body));
    looks_like_html(&text).then(|| text.into_owned())
}

/// Reads `access_token` and `expires_in`. The problem never quotes the reply.
fn parse(body: &[u8]) -> Result<(Secret, Duration), &'static str> {
    let reply: Value = serde_json::from_slice(body).map_err(|_| "it is no JSON")?;
    let token = reply
        .get("access_token")
        .and_then(Value::as_str)
        .filter(|token| !token.is_empty());
    let token = token.ok_or("it holds no `access_token`")?;
    Ok((Secret::new(token.to_owned()), life(reply.get("expires_in"))))
}

/// Identity servers spell seconds as an integer, a fraction or a string, or leave them out.
pub(super) fn life(expires_in: Option<&Value>) -> Duration {
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
