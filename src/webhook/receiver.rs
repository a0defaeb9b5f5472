//! Whom commits are announced to: one POST, one answer, within a deadline. Does not repeat anything.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{
    Client, Response,
    header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER},
};
use tokio::time::timeout;

use super::{Keys, Message, TellError};
use crate::{
    client::{self, ClientSettings, Tls},
    clock::Clock,
    retry,
    settings::WebhookSettings,
};

/// For a connection, TLS included; never more than a try may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that nobody uses is closed after this: sooner than by most servers, which would lose a message sent just then.
const KEPT: Duration = Duration::from_secs(2);
/// A reply's body is thrown away, so much of it and for so long: then the connection can be used again.
const DRAINED: usize = 64 * 1024;
const DRAINING: Duration = Duration::from_secs(1);

/// Whoever is told of commits.
pub struct Receiver {
    settings: WebhookSettings,
    clock: Clock,
    /// Made when it is first needed, and anew after a failure to connect: certificates may have been replaced.
    client: Arc<Mutex<Option<Client>>>,
}

impl Receiver {
    /// A receiver. Reads no file, sends nothing.
    #[must_use]
    pub fn new(settings: WebhookSettings, clock: Clock) -> Self {
        Self {
            settings,
            clock,
            client: Arc::default(),
        }
    }

    /// Where nothing is remembered of what was announced, commits no older than this are.
    #[must_use]
    pub fn since(&self) -> Duration {
        self.settings.since
    }

    /// The receiver's scheme, host and port, for messages.
    #[must_use]
    pub fn origin(&self) -> String {
        self.settings.url.origin().ascii_serialization()
    }

    /// Reads the certificates, as the first message would. Sends nothing.
    ///
    /// # Errors
    /// If they, or the proxy, are not what they should be.
    pub async fn open(&self) -> Result<(), TellError> {
        self.client().await.map(drop)
    }

    /// Sends a message, signed with the secret as it is now, and waits for the answer. Ok: it was taken (2xx).
    ///
    /// # Errors
    /// If it was not taken, or nobody knows: it should be sent again.
    pub async fn tell(&self, message: &Message) -> Result<(), TellError> {
        let secret = self.settings.secret.clone();
        let reading = tokio::task::spawn_blocking(move || secret.read());
        let secret = match reading.await {
            Ok(read) => read.map_err(TellError::Secret)?,
            // Reading does not panic; if it did, the next try reads again.
            Err(_) => return Err(self.timed_out()),
        };
        let keys = Keys::read(&secret).map_err(TellError::Key)?;
        let timestamp = self.clock.now().timestamp();
        let signature = keys.sign(&message.id, timestamp, &message.body);
        let request = self
            .client()
            .await?
            .post(self.settings.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(message.body.clone());
        match timeout(self.settings.timeout, request.send()).await {
            Ok(Ok(answer)) => self.judge(answer).await,
            Ok(Err(error)) => Err(self.failed(error)),
            Err(_) => Err(self.timed_out()),
        }
    }

    async fn judge(&self, mut answer: Response) -> Result<(), TellError> {
        let status = answer.status();
        let retry_after = self.retry_after(answer.headers());
        let drain = async {
            let mut left = DRAINED;
            while let Ok(Some(piece)) = answer.chunk().await {
                match left.checked_sub(piece.len()) {
                    Some(rest) => left = rest,
                    None => break,
                }
            }
        };
        // Whatever the body is, the status was said.
        let _ = timeout(DRAINING, drain).await;
        if status.is_success() {
            return Ok(());
        }
        Err(TellError::Status {
            origin: self.origin(),
            status: status.as_u16(),
            retry_after,
        })
    }

    fn retry_after(&self, headers: &HeaderMap) -> Option<Duration> {
        let text = |name| headers.get(name)?.to_str().ok();
        let now = text(DATE).and_then(retry::http_date);
        retry::retry_after(text(RETRY_AFTER)?, now.unwrap_or_else(|| self.clock.now()))
    }

    fn timed_out(&self) -> TellError {
        TellError::TimedOut {
            origin: self.origin(),
            after: self.settings.timeout,
        }
    }

    fn failed(&self, error: reqwest::Error) -> TellError {
        let (origin, source) = (self.origin(), error.without_url());
        if source.is_timeout() {
            return self.timed_out();
        }
        if source.is_connect() {
            *self.client.lock().unwrap_or_else(PoisonError::into_inner) = None;
            return TellError::Connect { origin, source };
        }
        TellError::Broke { origin, source }
    }

    async fn client(&self) -> Result<Client, TellError> {
        let (slot, settings) = (Arc::clone(&self.client), self.settings.clone());
        // Reads certificates.
        let opening = tokio::task::spawn_blocking(move || {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(client) = &*slot {
                return Ok(client.clone());
            }
            let client = open(&settings)?;
            Ok(slot.insert(client).clone())
        });
        match opening.await {
            Ok(opened) => opened.map_err(|source| TellError::Client {
                origin: self.origin(),
                source,
            }),
            Err(_) => Err(self.timed_out()),
        }
    }
}

fn open(settings: &WebhookSettings) -> Result<Client, client::OpenError> {
    let asked = [Some(&settings.url), settings.proxy.as_ref()];
    let tls = match asked.into_iter().flatten().any(|url| url.scheme() == "https") {
        true => Tls::Needed,
        false => Tls::Unused,
    };
    let client = ClientSettings {
        ca_file: settings.ca_file.clone(),
        proxy: settings.proxy.clone(),
        proxy_excludes: None,
        timeout: Some(settings.timeout),
        idle_timeout: None,
        connect_timeout: CONNECT_TIMEOUT.min(settings.timeout),
    };
    client::build(client::builder(&client, tls)?.pool_idle_timeout(KEPT))
}
