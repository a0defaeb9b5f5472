//! A connection: asks one UiPath platform, shows a token, keeps to its limits, tries again where that can help.
//!
//! The token goes to the configured origin alone, whatever address is asked for; redirects are never followed.

mod error;
mod hints;
mod judging;
mod scene;
#[cfg(test)]
mod tests;

use std::{
    fmt::Display,
    future::{Future, ready},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use url::Url;

pub use self::error::{HttpError, Place, TokenFrom};
use self::judging::{judge, received, unexpected};
pub use super::line::Stats;
use super::{
    Blocks,
    auth::Tokens,
    body::{BodyError, Intake, Limits},
    line::{Line, throttles},
    traffic::Traffic,
    wire::{Answer, Ask, Patience, Wire, WireError},
};
use crate::{
    clock::{Clock, Time},
    limiter::{Limiter, Permit},
    retry::{Backoff, Budget},
    settings::ConnectionSettings,
    target::TargetName,
};

pub use self::scene::{Asked, Scene};

pub(super) use self::error::origin;

/// One `[connections.NAME]`: its client, tokens and limits. Cheap to clone; shared by all of its targets.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Inner>,
    /// Whose requests queue together.
    lane: Arc<str>,
}

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
    /// Memory to be used again for the body.
    blocks: Option<&'a Blocks>,
    /// Of a file: who hears of each piece how many bytes it has.
    file: Option<&'a (dyn Fn(usize) + Sync)>,
}

impl<'a> Wanted<'a> {
    /// A page of JSON.
    fn page(organization: &'a str, url: &'a Url, blocks: Option<&'a Blocks>) -> Self {
        Self {
            organization,
            url,
            limits: Limits::PAGE,
            blocks,
            file: None,
        }
    }
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
        let limiter = Limiter::new(
            settings.max_concurrent_requests,
            settings.max_requests_per_second,
            // A longer wait ends the request that was told so; the others need not hang on it, unseen.
            settings.retry_for,
        );
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
        Ok(Self {
            lane: Arc::from(""),
            shared: Arc::new(Inner {
                tokens: Tokens::new(Arc::clone(&line), Arc::clone(&shared)),
                settings: shared,
                line,
                limiter,
            }),
        })
    }

    /// The same connection for the requests of one target: they queue apart from those of others, which are as many as
    /// they may be.
    #[must_use]
    pub fn of(&self, target: &TargetName) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            lane: Arc::from(target.as_str()),
        }
    }

    /// The base URL, ending in `/`.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.shared.settings.url
    }

    /// The time now, here.
    pub(super) fn now(&self) -> Time {
        self.shared.line.clock().now()
    }

    /// How long a page takes when nothing holds it up; see [`Traffic::quickest`].
    pub(super) fn quickest(&self) -> Duration {
        self.shared.line.quickest()
    }

    /// The least time between two requests; see [`Limiter::spacing`].
    pub(super) fn spacing(&self) -> Duration {
        self.shared.limiter.spacing()
    }

    /// What was sent so far, token requests included.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.line.stats()
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
        let wanted = Wanted::page(organization, url, None);
        self.converse(wanted, |received| ready(read(received.bytes)))
            .await
    }

    /// [`Connection::get`] of a large body: `read` runs beside what else is under way. The body is collected in memory of
    /// `blocks`, if given: whoever keeps a little of it keeps all of its block.
    ///
    /// # Errors
    /// As [`Connection::get`].
    pub async fn get_large<T: Send + 'static, E: NotExpected + Send + 'static>(
        &self,
        organization: &str,
        url: &Url,
        blocks: Option<&Blocks>,
        read: fn(Bytes) -> Result<T, E>,
    ) -> Result<Reply<T>, HttpError> {
        let wanted = Wanted::page(organization, url, blocks);
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
            blocks: None,
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
            Some(_) => self.shared.line.patient_tries(),
            None => self.shared.line.tries(),
        };
        let mut renewed = false;
        let scene = Scene::of(&self.shared.settings, organization, url);
        loop {
            // Once before, so that nobody holds a permit while a token is got; and once after, since waiting for
            // the permit may outlive the token.
            self.shared.tokens.get(organization).await?;
            let permit = self.shared.limiter.acquire(&self.lane).await;
            let token = self.shared.tokens.get(organization).await?;
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
                self.shared.tokens.refused(organization, &token).await;
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
        let intake = Intake {
            limits: wanted.limits,
            blocks: wanted.blocks,
            told: wanted.file.unwrap_or(&|_| ()),
        };
        match self.shared.line.ask(ask, intake).await {
            Ok(answer) => {
                permit.succeeded();
                judge(ask, answer, scene)
            }
            Err(HttpError::Unavailable { at, refusal, wait }) => {
                if throttles(refusal.status, wait)
                    && let Some(rate) = permit.throttled(wait)
                {
                    self.shared.line.note_learned(rate);
                }
                Err(HttpError::Unavailable { at, refusal, wait })
            }
            Err(failure) => Err(failure),
        }
    }

    /// Refuses an address that the token is not for.
    fn own(&self, url: &Url) -> Result<(), HttpError> {
        let own = &self.shared.settings.url;
        if url.origin() == own.origin() && url.username().is_empty() && url.password().is_none() {
            return Ok(());
        }
        Err(HttpError::Foreign {
            origin: origin(url),
            own: origin(own),
        })
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
