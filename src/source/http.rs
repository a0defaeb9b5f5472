//! A connection: asks one UiPath platform, shows a token, keeps to its limits, tries again where that can help.
//!
//! The token goes to the configured origin alone, whatever address is asked for; redirects are never followed.

mod error;
mod hints;
mod scene;
#[cfg(test)]
mod tests;

use std::{
    fmt::Display,
    future::{Future, ready},
    sync::Arc,
};

use bytes::Bytes;
use url::Url;

pub use self::error::{HttpError, Place, TokenFrom};
pub use super::line::Stats;
use super::{
    auth::Tokens,
    body::{BodyError, Limits},
    line::{Line, refusal, throttles},
    refusal::{Refusal, line, looks_like_html, titled},
    traffic::Traffic,
    wire::{Answer, Ask, Patience, Wire, WireError},
};
use crate::{
    clock::{Clock, Time},
    limiter::{Limiter, Permit},
    retry::{Backoff, Budget},
    settings::ConnectionSettings,
};

pub use self::scene::{Asked, Scene};

pub(super) use self::error::origin;

/// One `[connections.NAME]`: its client, tokens and limits. Cheap to clone; shared by all of its targets.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    settings: Arc<ConnectionSettings>,
    line: Arc<Line>,
    tokens: Tokens,
    limiter: Limiter,
}

/// What is asked for.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    organization: &'a str,
    url: &'a Url,
    limits: Limits,
    /// Of a file: who hears of each piece how many bytes it has.
    file: Option<&'a (dyn Fn(usize) + Sync)>,
}

/// What a request brought.
#[derive(Clone, Debug)]
pub struct Reply<T> {
    /// What was read from the body.
    pub body: T,
    /// The server's clock, to the second.
    pub date: Option<Time>,
    /// Requests sent for it, without those for tokens.
    pub tries: u32,
}

/// The body of a success.
#[derive(Clone, Debug)]
pub struct Received {
    /// All that came.
    pub bytes: Bytes,
    /// Whether the reply proves that nothing is missing at its end; see [`Answer::is_whole`].
    pub is_whole: bool,
}

/// Why a body is not what was asked for. Its Display never quotes the body.
pub trait NotExpected: Display {
    /// Over a limit of ours: asking again brings the same.
    fn is_limit(&self) -> bool;
}

impl NotExpected for serde_json::Error {
    fn is_limit(&self) -> bool {
        false
    }
}

impl Connection {
    /// Reads the certificate files. Sends nothing, and reads no secret. What it sends later is counted in `traffic`.
    ///
    /// # Errors
    /// When a certificate file is missing or is not what it should be.
    pub fn open(
        settings: &ConnectionSettings,
        clock: Clock,
        traffic: Arc<Traffic>,
    ) -> Result<Self, HttpError> {
        Self::open_with(
            settings,
            clock,
            Patience::of(settings.retry_for),
            Backoff::default(),
            traffic,
        )
    }

    pub(super) fn open_with(
        settings: &ConnectionSettings,
        clock: Clock,
        patience: Patience,
        backoff: Backoff,
        traffic: Arc<Traffic>,
    ) -> Result<Self, HttpError> {
        let limiter = Limiter::new(settings.max_concurrent_requests, settings.max_requests_per_second);
        traffic.limited_by(&limiter);
        let budget = Budget {
            retry_for: settings.retry_for,
            ..Budget::default()
        };
        let connection = settings.name.clone();
        let wire = Wire::open(settings, patience);
        let wire = wire.map_err(|source| HttpError::Open {
            connection: connection.clone(),
            source,
        })?;
        let line = Arc::new(Line::new(connection, wire, clock, budget, backoff, traffic));
        let shared = Arc::new(settings.clone());
        Ok(Self(Arc::new(Inner {
            tokens: Tokens::new(Arc::clone(&line), Arc::clone(&shared)),
            settings: shared,
            line,
            limiter,
        })))
    }

    /// The base URL, ending in `/`.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0.settings.url
    }

    /// The time now, here.
    pub(super) fn now(&self) -> Time {
        self.0.line.clock().now()
    }

    /// What was sent so far, token requests included.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.line.stats()
    }

    /// Asks `url` with a token for `organization`. `read` makes of a complete body what is wanted; its error says why
    /// the body is not the expected JSON, which is worth another try unless a limit is in the way.
    ///
    /// # Errors
    /// When the tries are spent, or more of them cannot help.
    pub async fn get<T: Send, E: NotExpected + Send>(
        &self,
        organization: &str,
        url: &Url,
        read: impl Fn(Bytes) -> Result<T, E> + Send + Sync,
    ) -> Result<Reply<T>, HttpError> {
        let wanted = Wanted {
            organization,
            url,
            limits: Limits::PAGE,
            file: None,
        };
        self.converse(wanted, |received| ready(read(received.bytes)))
            .await
    }

    /// [`Connection::get`] of a large body: `read` runs beside what else is under way.
    ///
    /// # Errors
    /// As [`Connection::get`].
    pub async fn get_large<T: Send + 'static, E: NotExpected + Send + 'static>(
        &self,
        organization: &str,
        url: &Url,
        read: fn(Bytes) -> Result<T, E>,
    ) -> Result<Reply<T>, HttpError> {
        let wanted = Wanted {
            organization,
            url,
            limits: Limits::PAGE,
            file: None,
        };
        self.converse(wanted, |received| aside(read, received.bytes))
            .await
    }

    /// Asks for a file, as [`Connection::get`] asks for JSON: of at most so many bytes, after decompression, and with
    /// more patience: the first byte may take 5 minutes, the file 30, and of `retry_for` the waits between tries alone
    /// are taken. `told` hears of each piece how many bytes it has; of repeats too.
    ///
    /// # Errors
    /// When the tries are spent, or more of them cannot help; see [`HttpError::is_too_large`].
    pub async fn download<T: Send, E: NotExpected + Send>(
        &self,
        organization: &str,
        url: &Url,
        most: usize,
        told: &(dyn Fn(usize) + Sync),
        read: impl Fn(Received) -> Result<T, E> + Send + Sync,
    ) -> Result<Reply<T>, HttpError> {
        let wanted = Wanted {
            organization,
            url,
            limits: Limits::of_bytes(most),
            file: Some(told),
        };
        self.converse(wanted, |received| ready(read(received))).await
    }

    async fn converse<T, E: NotExpected, R: Future<Output = Result<T, E>> + Send>(
        &self,
        wanted: Wanted<'_>,
        read: impl Fn(Received) -> R + Send + Sync,
    ) -> Result<Reply<T>, HttpError> {
        let Wanted {
            organization, url, ..
        } = wanted;
        self.own(url)?;
        let mut tries = match wanted.file {
            Some(_) => self.0.line.patient_tries(),
            None => self.0.line.tries(),
        };
        let mut renewed = false;
        let scene = Scene::of(&self.0.settings, organization, url);
        loop {
            // Once before, so that nobody holds a permit while a token is got; and once after, since waiting for
            // the permit may outlive the token.
            self.0.tokens.get(organization).await?;
            let permit = self.0.limiter.acquire().await;
            let token = self.0.tokens.get(organization).await?;
            let ask = match wanted.file {
                Some(_) => Ask::Download { url, token: &token },
                None => Ask::Get { url, token: &token },
            };
            tries.begin();
            let failure = match self.once(ask, wanted, permit, &scene).await {
                Ok(answer) => match read(received(&answer)).await {
                    Ok(body) => {
                        return Ok(Reply {
                            body,
                            date: answer.date,
                            tries: tries.sent(),
                        });
                    }
                    Err(error) => unexpected(ask, &answer, &scene, &error),
                },
                Err(failure) => failure,
            };
            if let HttpError::Unauthorized { .. } = failure {
                if renewed {
                    return Err(failure);
                }
                renewed = true;
                self.0.tokens.refused(organization, &token).await;
                tries.at_once(failure)?;
            } else {
                tries.again(failure).await?;
            }
        }
    }

    /// One try. The permit is told how it went.
    async fn once(
        &self,
        ask: Ask<'_>,
        wanted: Wanted<'_>,
        permit: Permit,
        scene: &Arc<Scene>,
    ) -> Result<Answer, HttpError> {
        let told = wanted.file.unwrap_or(&|_| ());
        match self.0.line.ask_telling(ask, wanted.limits, told).await {
            Ok(answer) => {
                permit.succeeded();
                judge(ask, answer, scene)
            }
            Err(HttpError::Unavailable { at, refusal, wait }) => {
                if throttles(refusal.status, wait) {
                    // A longer wait ends the request that was told so; the others need not hang on it, unseen.
                    permit.throttled(wait.map(|wait| wait.min(self.0.settings.retry_for)));
                }
                Err(HttpError::Unavailable { at, refusal, wait })
            }
            Err(failure) => Err(failure),
        }
    }

    /// Refuses an address that the token is not for.
    fn own(&self, url: &Url) -> Result<(), HttpError> {
        let own = &self.0.settings.url;
        if url.origin() == own.origin() && url.username().is_empty() && url.password().is_none() {
            return Ok(());
        }
        Err(HttpError::Foreign {
            origin: origin(url),
            own: origin(own),
        })
    }
}

/// Tells a success from what a person, or a later pass, has to mend.
fn judge(ask: Ask<'_>, answer: Answer, scene: &Arc<Scene>) -> Result<Answer, HttpError> {
    let url = ask.url();
    let at = Place::from(url);
    let scene = Arc::clone(scene);
    let refusal = |answer: &Answer| -> Refusal { refusal(answer, ask) };
    match answer.status {
        200..300 => Ok(answer),
        300..400 => Err(HttpError::Redirected {
            at,
            status: answer.status,
            to: redirect(url, &answer),
            scene,
        }),
        400 | 405 | 415 => Err(HttpError::NotUnderstood {
            at,
            refusal: refusal(&answer),
            scene,
        }),
        401 => Err(HttpError::Unauthorized {
            at,
            refusal: refusal(&answer),
            scene,
        }),
        403 => Err(HttpError::Forbidden {
            at,
            refusal: refusal(&answer),
            scene,
        }),
        404 => Err(HttpError::NotFound {
            at,
            refusal: refusal(&answer),
            scene,
        }),
        _ => Err(HttpError::Refused {
            at,
            refusal: refusal(&answer),
        }),
    }
}

impl HttpError {
    /// Whether the reply had more bytes than it may.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        matches!(
            self,
            Self::Broken {
                source: WireError::Body(BodyError::TooLarge { .. }),
                ..
            }
        )
    }
}

/// Where a redirect points: the origin alone.
fn redirect(url: &Url, answer: &Answer) -> String {
    match answer.location.as_deref().map(|location| url.join(location)) {
        None => "nowhere".to_owned(),
        Some(Err(_)) => "an address that cannot be read".to_owned(),
        Some(Ok(to)) if to.origin() == url.origin() => "another path of the same server".to_owned(),
        Some(Ok(to)) => format!("`{}`", origin(&to)),
    }
}

fn received(answer: &Answer) -> Received {
    Received {
        bytes: answer.body.clone(),
        is_whole: answer.is_whole,
    }
}

/// Runs `read` on a thread of its own.
async fn aside<T: Send + 'static, E: Send + 'static>(
    read: fn(Bytes) -> Result<T, E>,
    bytes: Bytes,
) -> Result<T, E> {
    match tokio::task::spawn_blocking(move || read(bytes)).await {
        Ok(read) => read,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The process is about to end.
            Err(_) => std::future::pending().await,
        },
    }
}

/// A success whose body is not what was asked for.
fn unexpected(ask: Ask<'_>, answer: &Answer, scene: &Arc<Scene>, error: &impl NotExpected) -> HttpError {
    let (url, token, body) = (ask.url(), ask.secret(), &answer.body);
    if error.is_limit() {
        return HttpError::OverLimit {
            at: Place::from(url),
            problem: line(&error.to_string(), token),
        };
    }
    let start = String::from_utf8_lossy(body.get(..4096).unwrap_or(body));
    let page = looks_like_html(&start);
    let problem = if body.is_empty() {
        "it is empty".to_owned()
    } else if page {
        format!("it is {}", line(&titled(&start), token))
    } else {
        line(&error.to_string(), token)
    };
    let at = Place::from(url);
    if let Ask::Download { .. } = ask {
        return HttpError::NoFile {
            at,
            problem,
            scene: Arc::clone(scene),
        };
    }
    HttpError::Unexpected {
        at,
        problem,
        page,
        scene: Arc::clone(scene),
    }
}
