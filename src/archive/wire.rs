//! The requests of `object_store`, sent by a client of ours: no redirect takes a token elsewhere, no proxy of the
//! environment sees one, and what a store refuses is read here, where the reply is still whole.
//!
//! Changes no request. Of replies, only those that are no success: see [`refused`].

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use object_store::{
    ClientConfigKey, ClientOptions, Error,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
        HttpService,
    },
};
use reqwest::{Body, Client, Method, Request, Response, header};
use tokio::time::timeout;
use url::{Host, Url};

use super::{
    refusal::{Refusal, RefusalKind, Reply},
    unreachable::{Unreachable, UnreachableKind},
};
use crate::{
    client::{self, ClientSettings, Tls},
    secret::Secret,
};

/// As much of a refusal's body as is read for its message, in bytes.
const LONGEST_REFUSAL: usize = 64 * 1024;
/// And for so long.
const PATIENCE: Duration = Duration::from_secs(5);
/// The whole reply to a request that deletes a few objects, in bytes.
const LONGEST_DELETED: usize = 1024 * 1024;
/// Where machines get credentials and tokens: never asked through a proxy, which would get those of its own machine.
pub(super) const METADATA: [&str; 6] = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "metadata.google.internal",
];
/// `object_store` asks metadata services with this limit for connecting: nobody is there on most machines.
const METADATA_CONNECT: &str = "1s";
/// For one whole exchange with them. They are near, and may never answer: EC2's drops what it sends into a container
/// unless its hop limit allows for that.
const METADATA_PATIENCE: Duration = Duration::from_secs(10);

/// For the first byte of the reply to a request without a body, and for each next one.
const SILENCE: Duration = Duration::from_secs(30);

/// Makes the clients of an archive's store.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    settings: ClientSettings,
    /// What no store is quoted with.
    secrets: Arc<[Secret]>,
}

impl Connector {
    /// Of timeouts, proxy and certificates these settings count alone, whatever the store's own options say.
    /// `secrets`: those that it was opened with. Of those that requests carry it knows by itself.
    pub(super) fn new(settings: ClientSettings, secrets: Vec<Secret>) -> Self {
        let secrets = secrets.into();
        Self { settings, secrets }
    }

    fn settings_for(&self, options: &ClientOptions) -> ClientSettings {
        let mut settings = self.settings.clone();
        if option(options, ClientConfigKey::ConnectTimeout) == METADATA_CONNECT {
            settings.connect_timeout = settings.connect_timeout.min(Duration::from_secs(1));
            let timeout = settings.timeout.unwrap_or(METADATA_PATIENCE);
            settings.timeout = Some(timeout.min(METADATA_PATIENCE));
        }
        let excluded = [METADATA.join(","), "localhost,127.0.0.0/8,::1".to_owned()];
        let excluded = excluded.into_iter().chain(settings.proxy_excludes.take());
        settings.proxy_excludes = Some(excluded.collect::<Vec<_>>().join(","));
        settings
    }
}

fn option(options: &ClientOptions, key: ClientConfigKey) -> String {
    let value = options.get_config_value(&key);
    value.unwrap_or_default().to_ascii_lowercase()
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient, Error> {
        let settings = self.settings_for(options);
        let unopened = |source| Error::Generic {
            store: "HTTP",
            source: Box::new(source),
        };
        let client = |settings| {
            let builder = client::builder(settings, Tls::Needed)?;
            // One connection for each request under way moves large objects faster than one for all.
            client::build(builder.http1_only())
        };
        let reads = ClientSettings {
            idle_timeout: Some(SILENCE),
            ..settings.clone()
        };
        Ok(HttpClient::new(Service {
            writes: client(&settings).map_err(unopened)?,
            reads: client(&reads).map_err(unopened)?,
            secrets: Arc::clone(&self.secrets),
            allow_http: ["1", "true", "on", "yes", "y"]
                .contains(&option(options, ClientConfigKey::AllowHttp).as_str()),
        }))
    }
}

/// Sends one request. Retries, signatures and what a status means are `object_store`'s.
#[derive(Debug)]
struct Service {
    /// For requests with a body: a slow one keeps the reply waiting.
    writes: Client,
    /// For all others: a store that says nothing for a while is out of order.
    reads: Client,
    secrets: Arc<[Secret]>,
    allow_http: bool,
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Answer {
        let (parts, body) = request.into_parts();
        let url = parts.uri.to_string();
        let url = Url::parse(&url).map_err(|error| failed("", UnreachableKind::Unsendable, &error))?;
        let mut asked = Asked::of(&parts.method, &url);
        asked.secrets = self.secrets.iter().cloned().collect();
        asked.secrets.extend(carried(&parts.headers, &url));
        if url.scheme() != "https" && !(self.allow_http && is_near(&url)) {
            let error = Unreachable {
                host: asked.host,
                kind: UnreachableKind::PlainHttp,
                said: String::new(),
            };
            return Err(HttpError::new(HttpErrorKind::Unknown, error));
        }
        let mut sent = Request::new(parts.method, url);
        *sent.headers_mut() = parts.headers;
        let client = match body.content_length() {
            0 => &self.reads,
            _ => &self.writes,
        };
        *sent.body_mut() = Some(match body.as_bytes() {
            Some(bytes) => bytes.clone().into(),
            None => Body::wrap(body),
        });
        let response = client.execute(sent).await;
        let response = response.map_err(|error| asked.lost(&error))?;
        if !response.status().is_success() {
            return refused(&asked, response).await;
        }
        let (head, body) = apart(response);
        if asked.deletes {
            return deleted(&asked, head, body).await;
        }
        let body = body.map_err(move |error| asked.lost(&error));
        Ok(head.map(|_| HttpResponseBody::new(body)))
    }
}

type Answer = Result<HttpResponse, HttpError>;

/// Status and headers, and the body.
fn apart(mut response: Response) -> (HttpResponse, Body) {
    let mut head = HttpResponse::new(Bytes::new().into());
    *head.status_mut() = response.status();
    *head.headers_mut() = std::mem::take(response.headers_mut());
    (head, Body::from(response))
}

/// A reply that is no success. Those that `object_store` retries, or knows a meaning of, go on to it, with a body of
/// one short line; the others become errors that tell what is wrong, and that it does not retry.
async fn refused(asked: &Asked, response: Response) -> Answer {
    let (mut head, body) = apart(response);
    let body = beginning(body).await;
    let text = |name| head.headers().get(name)?.to_str().ok();
    let status = head.status().as_u16();
    let refusal = Refusal::read(Reply {
        status,
        code: text("x-ms-error-code"),
        region: text("x-amz-bucket-region"),
        body: &body,
    });
    let mut refusal = refusal.without(&asked.secrets);
    if asked.for_credentials {
        refusal.message = format!("{} (says `{}`)", refusal.message, asked.host)
            .trim_start()
            .to_owned();
        if !matches!(refusal.kind, RefusalKind::Passing | RefusalKind::Expired) {
            refusal.kind = RefusalKind::Credentials;
        }
    }
    let goes_on = asked.falls_back
        || matches!(status, 304 | 408 | 409 | 412 | 416 | 429 | 500 | 502..)
        || refusal.kind == RefusalKind::NoObject;
    if goes_on {
        head.headers_mut().remove(header::CONTENT_LENGTH);
        *head.body_mut() = refusal.brief().into();
        return Ok(head);
    }
    let kind = match refusal.kind {
        // Damaged on its way: worth another try where that does no harm.
        RefusalKind::Passing => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    };
    Err(HttpError::new(kind, refusal))
}

/// As much of a refusal's body as comes soon: it only serves a message.
async fn beginning(mut body: Body) -> Vec<u8> {
    let mut begun = Vec::new();
    let filled = async {
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(chunk) = frame.into_data() else { continue };
            begun.extend_from_slice(&chunk);
            if begun.len() >= LONGEST_REFUSAL {
                break;
            }
        }
    };
    // Late or broken: what came so far will do.
    let _late = timeout(PATIENCE, filled).await;
    begun.truncate(LONGEST_REFUSAL);
    begun
}

/// The reply to a request that deletes several objects says in its body what became of each.
async fn deleted(asked: &Asked, mut head: HttpResponse, body: Body) -> Answer {
    let body = Limited::new(body, LONGEST_DELETED).collect().await;
    let body = body.map_err(|error| failed(&asked.host, UnreachableKind::Lost, &*error))?;
    let body = body.to_bytes();
    match Refusal::of_deletes(&body) {
        Some(refusal) => {
            let refusal = refusal.without(&asked.secrets);
            Err(HttpError::new(HttpErrorKind::Unknown, refusal))
        }
        None => {
            *head.body_mut() = body.into();
            Ok(head)
        }
    }
}

/// What is to be known of a request when its reply comes.
#[derive(Clone, Debug)]
struct Asked {
    /// Host and port.
    host: String,
    /// It is for what this machine gives out.
    for_credentials: bool,
    /// It deletes several objects at once, whose fates are in the reply's body.
    deletes: bool,
    /// `object_store` looks at the status itself: EC2's first version of the metadata service is asked when the second
    /// is forbidden.
    falls_back: bool,
    /// What is not quoted.
    secrets: Vec<Secret>,
}

/// Headers that hold a secret.
const SECRET_HEADERS: [&str; 6] = [
    "authorization",
    "x-amz-security-token",
    "x-amz-server-side-encryption-customer-key",
    "x-aws-ec2-metadata-token",
    "x-identity-header",
    "x-ms-encryption-key",
];
/// Parameters of a query that hold a secret.
const SECRET_PARAMETERS: [&str; 2] = ["sig", "WebIdentityToken"];

/// The secrets that a request carries.
fn carried(headers: &header::HeaderMap, url: &Url) -> Vec<Secret> {
    let in_headers = SECRET_HEADERS.iter().filter_map(|name| {
        let text = headers.get(*name)?.to_str().ok()?;
        // `Bearer <token>`; of a signature its last part.
        Some(text.rsplit(' ').next()?.to_owned())
    });
    let in_query = url
        .query_pairs()
        .filter(|(name, _)| SECRET_PARAMETERS.contains(&name.as_ref()))
        .map(|(_, value)| value.into_owned());
    let all = in_headers.chain(in_query).filter(|text| !text.is_empty());
    all.map(Secret::new).collect()
}

impl Asked {
    fn of(method: &Method, url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default();
        let query = url.query().unwrap_or_default();
        let falls_back = *method == Method::PUT && url.path().ends_with("/latest/api/token");
        Self {
            for_credentials: falls_back || METADATA.contains(&host.trim_matches(['[', ']'])),
            host: url
                .port()
                .map_or(host.to_owned(), |port| format!("{host}:{port}")),
            deletes: *method == Method::POST
                && query
                    .split('&')
                    .any(|part| ["delete", "comp=batch"].contains(&part)),
            falls_back,
            secrets: Vec::new(),
        }
    }

    fn lost(&self, error: &reqwest::Error) -> HttpError {
        let kind = if error.is_builder() {
            UnreachableKind::Unsendable
        } else if error.is_connect() {
            UnreachableKind::Connect
        } else if error.is_timeout() {
            UnreachableKind::Timeout
        } else {
            UnreachableKind::Lost
        };
        failed(&self.host, kind, error)
    }
}

/// As an error that `object_store` retries where that is safe: a request that never left always, another one only if it
/// writes nothing.
fn failed(host: &str, kind: UnreachableKind, error: &(dyn std::error::Error + 'static)) -> HttpError {
    let retried = match kind {
        UnreachableKind::Connect | UnreachableKind::UnknownHost => HttpErrorKind::Connect,
        UnreachableKind::Timeout => HttpErrorKind::Timeout,
        UnreachableKind::Lost => HttpErrorKind::Interrupted,
        UnreachableKind::Certificate | UnreachableKind::PlainHttp | UnreachableKind::Unsendable => {
            HttpErrorKind::Unknown
        }
    };
    HttpError::new(retried, Unreachable::new(host, kind, error))
}

/// On this machine or its own link: nothing else is asked without TLS.
fn is_near(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || METADATA.contains(&name),
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_link_local(),
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || METADATA.contains(&address.to_string().as_str())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests;
