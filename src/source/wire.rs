//! One request, one reply, each within deadlines. Knows neither retries nor what a status means.
//!
//! The only place that makes an `Authorization` header for a connection.

mod patience;

use std::time::Duration;

use bytes::Bytes;
use reqwest::{
    Client, RequestBuilder, Response, StatusCode, Version,
    header::{self, HeaderValue},
};
use tokio::time::timeout;
use url::Url;

pub use self::patience::Patience;
use super::{
    body::{Body, BodyError, Intake, Limits},
    digest::Digests,
};
pub use crate::client::OpenError;
use crate::{
    client::{self, ClientSettings, Tls},
    clock::Time,
    error::Action,
    retry,
    secret::Secret,
    settings::ConnectionSettings,
};

/// As much of a refusal's body as is read for its message, in bytes.
const LONGEST_REFUSAL: usize = 64 * 1024;

/// A request.
#[derive(Clone, Copy)]
pub enum Ask<'a> {
    /// `GET`, shown a token. The caller has checked that the token may go there.
    Get {
        /// The address.
        url: &'a Url,
        /// The bearer token.
        token: &'a Secret,
    },
    /// [`Ask::Get`] of a file.
    Download {
        /// The address.
        url: &'a Url,
        /// The bearer token.
        token: &'a Secret,
    },
    /// `POST` of a form: a token request.
    Form {
        /// The address.
        url: &'a Url,
        /// Names and values.
        fields: &'a [(&'a str, &'a str)],
        /// The one among the values.
        secret: &'a Secret,
    },
}

impl Ask<'_> {
    /// Where it goes.
    #[must_use]
    pub fn url(&self) -> &Url {
        match self {
            Self::Get { url, .. } | Self::Download { url, .. } | Self::Form { url, .. } => url,
        }
    }

    /// What it must not be quoted with.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        match self {
            Self::Get { token: secret, .. }
            | Self::Download { token: secret, .. }
            | Self::Form { secret, .. } => secret,
        }
    }
}

/// A complete reply, whatever its status. Of other statuses than 2xx the body may be only the beginning.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header `Date`.
    pub date: Option<Time>,
    /// The header `Retry-After`.
    pub retry_after: Option<String>,
    /// The header `Location`.
    pub location: Option<String>,
    /// The header `WWW-Authenticate`.
    pub challenge: Option<String>,
    /// The header `x-request-id`.
    pub request_id: Option<String>,
    /// The body, decompressed.
    pub body: Bytes,
    /// Whether the reply proves that its body is whole: by a length, the last chunk, the framing of HTTP/2, gzip's
    /// trailer or a digest. Otherwise the body ended where the connection did.
    pub is_whole: bool,
}

/// Why there is no complete reply.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The request cannot be spelled as HTTP.
    #[error("put the request together")]
    Unsendable {
        /// What is wrong.
        #[source]
        source: reqwest::Error,
    },
    /// No connection: refused, unknown host, TLS.
    #[error("connect")]
    Connect {
        /// What went wrong.
        #[source]
        source: reqwest::Error,
    },
    /// The connection was lost before there was a reply.
    #[error("send the request")]
    Lost {
        /// What went wrong.
        #[source]
        source: reqwest::Error,
    },
    /// The body ended early.
    #[error("read the body: it was cut off")]
    CutOff {
        /// What went wrong.
        #[source]
        source: reqwest::Error,
    },
    /// Nothing came for too long.
    #[error("read the body: nothing came for {} s", .after.as_secs_f64())]
    Idle {
        /// The limit.
        after: Duration,
    },
    /// No reply at all for too long.
    #[error("wait for the reply: nothing came for {} s", .after.as_secs_f64())]
    Silent {
        /// The limit.
        after: Duration,
    },
    /// The exchange as a whole took too long.
    #[error("wait for the whole reply: it took more than {} s", .after.as_secs_f64())]
    Slow {
        /// The limit.
        after: Duration,
    },
    /// The body is damaged or over a limit.
    #[error(transparent)]
    Body(BodyError),
}

impl WireError {
    /// What to do about it.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Unsendable { .. } => Action::Stop,
            Self::Connect { .. }
            | Self::Lost { .. }
            | Self::CutOff { .. }
            | Self::Idle { .. }
            | Self::Silent { .. }
            | Self::Slow { .. }
            | Self::Body(BodyError::Damaged { .. } | BodyError::UnknownCoding | BodyError::WrongDigest) => {
                Action::Retry
            }
            Self::Body(BodyError::TooLarge { .. } | BodyError::TooDense { .. }) => Action::NextTick,
        }
    }
}

/// A client for one connection: its pool, TLS and proxy. Opens no connection before it is asked to.
pub struct Wire {
    client: Client,
    patience: Patience,
}

impl Wire {
    /// Reads the certificate files and makes the client.
    ///
    /// # Errors
    /// When a file is missing or is not what it should be.
    pub fn open(settings: &ConnectionSettings, patience: Patience) -> Result<Self, OpenError> {
        let plain = ClientSettings {
            ca_file: settings.ca_file.clone(),
            proxy: settings.proxy.clone(),
            proxy_excludes: None,
            timeout: None,
            idle_timeout: None,
            connect_timeout: patience.connect,
        };
        let mut builder = client::builder(&plain, tls(settings))?;
        if let Some(path) = &settings.client_certificate {
            builder = builder.identity(client::identity(path)?);
        }
        let client = client::build(builder)?;
        Ok(Self { client, patience })
    }

    /// Sends a request and reads the whole reply.
    ///
    /// # Errors
    /// When there is no reply, or no complete one within the limits.
    pub async fn exchange(&self, ask: Ask<'_>, intake: Intake<'_>) -> Result<Answer, WireError> {
        let Patience {
            whole,
            download,
            download_first,
            ..
        } = self.patience;
        let (first, whole) = match ask {
            Ask::Download { .. } => (download_first, download),
            Ask::Get { .. } | Ask::Form { .. } => (whole, whole),
        };
        let answer = timeout(whole, self.converse(ask, intake, first)).await;
        answer.unwrap_or(Err(WireError::Slow { after: whole }))
    }

    async fn converse(&self, ask: Ask<'_>, intake: Intake<'_>, first: Duration) -> Result<Answer, WireError> {
        let response = timeout(first, self.request(ask).send()).await;
        let response = response
            .map_err(|_| WireError::Silent { after: first })?
            .map_err(unsent)?;
        let text = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let mut answer = Answer {
            status: response.status().as_u16(),
            date: text("date").and_then(|date| retry::http_date(&date)),
            retry_after: text("retry-after"),
            location: text("location"),
            challenge: text("www-authenticate"),
            request_id: text("x-request-id"),
            body: Bytes::new(),
            is_whole: is_framed(&response),
        };
        let coding = text("content-encoding");
        if response.status().is_success() {
            let digests = Digests::named_by(text);
            let (body, is_checked) = self
                .body(response, coding.as_deref(), intake, first, digests)
                .await?;
            answer.body = body;
            answer.is_whole |= is_checked;
        } else {
            answer.body = self.beginning(response, coding.as_deref()).await;
        }
        Ok(answer)
    }

    fn request(&self, ask: Ask<'_>) -> RequestBuilder {
        let accept = match ask {
            Ask::Get { .. } | Ask::Form { .. } => "application/json",
            Ask::Download { .. } => "text/csv, application/zip, application/octet-stream, */*;q=0.1",
        };
        let request = match ask {
            Ask::Get { url, token } | Ask::Download { url, token } => self
                .client
                .get(url.clone())
                .header(header::AUTHORIZATION, authorization(token))
                // UiPath's guide lists it on GETs, and some of its services insist.
                .header(header::CONTENT_TYPE, "application/json"),
            Ask::Form { url, fields, .. } => self.client.post(url.clone()).form(fields),
        };
        request
            .header(header::ACCEPT, accept)
            .header(header::ACCEPT_ENCODING, "gzip")
    }

    /// The body, and whether its coding or a digest proves that it is whole.
    async fn body(
        &self,
        mut response: Response,
        coding: Option<&str>,
        intake: Intake<'_>,
        first: Duration,
        mut digests: Digests,
    ) -> Result<(Bytes, bool), WireError> {
        let mut body = Body::new(coding, response.content_length(), intake).map_err(WireError::Body)?;
        let mut idle = first.max(self.patience.idle);
        loop {
            let chunk = timeout(idle, response.chunk())
                .await
                .map_err(|_| WireError::Idle { after: idle })?;
            idle = self.patience.idle;
            match chunk.map_err(|source| WireError::CutOff {
                source: source.without_url(),
            })? {
                Some(chunk) => {
                    digests.push(&chunk);
                    body.push(&chunk).map_err(WireError::Body)?;
                    (intake.told)(chunk.len());
                }
                None => {
                    let has_trailer = body.has_trailer();
                    let body = body.finish().map_err(WireError::Body)?;
                    let is_checked = digests.hold(&body).map_err(WireError::Body)?;
                    return Ok((body, has_trailer || is_checked));
                }
            }
        }
    }

    /// As much of a refusal's body as comes soon: it only serves a message.
    async fn beginning(&self, mut response: Response, coding: Option<&str>) -> Bytes {
        let Ok(mut body) = Body::new(coding, None, Limits::of_bytes(LONGEST_REFUSAL).into()) else {
            return Bytes::new();
        };
        let filled = async {
            while let Ok(Some(chunk)) = response.chunk().await {
                if body.push(&chunk).is_err() {
                    break;
                }
            }
        };
        // Late or broken: what came so far will do.
        let _late = timeout(self.patience.refusal, filled).await;
        body.so_far()
    }
}

/// Whether a reply tells where its body ends, so that one that is cut off is an error of the connection.
fn is_framed(response: &Response) -> bool {
    let headers = response.headers();
    let chunked = headers
        .get_all(header::TRANSFER_ENCODING)
        .iter()
        .any(|coding| coding.as_bytes().to_ascii_lowercase().ends_with(b"chunked"));
    chunked
        || headers.contains_key(header::CONTENT_LENGTH)
        || response.version() > Version::HTTP_11
        || response.status() == StatusCode::NO_CONTENT
}

/// Whether any request of this connection may be `https`.
fn tls(settings: &ConnectionSettings) -> Tls {
    let addresses = [
        Some(&settings.url),
        settings.auth.token_url(),
        settings.proxy.as_ref(),
    ];
    if addresses.into_iter().flatten().all(|url| url.scheme() == "http") {
        Tls::Unused
    } else {
        Tls::Needed
    }
}

fn authorization(token: &Secret) -> HeaderValue {
    // A token that no header may carry is refused where tokens are got.
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
        .unwrap_or_else(|_| HeaderValue::from_static("Bearer"));
    value.set_sensitive(true);
    value
}

fn unsent(source: reqwest::Error) -> WireError {
    let source = source.without_url();
    if source.is_builder() {
        WireError::Unsendable { source }
    } else if source.is_connect() {
        WireError::Connect { source }
    } else {
        WireError::Lost { source }
    }
}
