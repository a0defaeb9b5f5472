//! The HTTP server: connections, their limits and their end. The only file that names hyper.
//!
//! Nothing that a client does or leaves undone may cost more than a bounded number of connections, of bytes and of time;
//! and however many clients there are, a probe is answered: the oldest connection makes room for the newest.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Web,
    answer::{Ask, Reply},
};

/// Connections at once.
const CONNECTIONS: usize = 64;
/// A request's line and headers must have arrived after that time,
const HEADERS_WITHIN: Duration = Duration::from_secs(5);
/// must be no more than this, in bytes,
const HEADERS_BYTES: usize = 16 * 1024;
/// and no more headers than this.
const HEADERS: usize = 64;
/// An answer is made within that time, or given up.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A connection is closed after that time, between two requests where possible.
const LIFE: Duration = Duration::from_secs(120);
/// What is under way when a connection is to be closed may take that long to end.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// When the system gives no connection (no file descriptors left, say), it is asked again after this.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes the address.
///
/// # Errors
/// If the system refuses: somebody else listens there, or this machine has no such address.
pub async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Answers until `stop`, and ends half a second later at the latest.
pub async fn serve(listener: TcpListener, web: Arc<Web>, stop: CancellationToken) {
    let (open, tasks) = (Arc::new(Open::default()), TaskTracker::new());
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => {
                let place = Open::enter(&open);
                tasks.spawn(converse(stream, Arc::clone(&web), stop.clone(), place));
            }
            Err(error) => {
                tracing::debug!(%error, "accepting a connection failed");
                stop.run_until_cancelled(sleep(PAUSE)).await;
            }
        }
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// All requests of a connection.
async fn converse(stream: TcpStream, web: Arc<Web>, stop: CancellationToken, place: Place) {
    let service = service_fn(move |request| {
        let web = Arc::clone(&web);
        async move { Ok::<_, Infallible>(respond(&web, &request).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS_WITHIN)
            .max_headers(HEADERS)
            .max_buf_size(HEADERS_BYTES)
            .serve_connection(TokioIo::new(stream), service)
    );
    // Clients that go away or send nonsense are no news: their errors are dropped.
    tokio::select! {
        biased;
        () = place.given_up.cancelled() => return,
        _ = connection.as_mut() => return,
        () = stop.cancelled() => {}
        () = sleep(LIFE) => {}
    }
    connection.as_mut().graceful_shutdown();
    let rest = place.given_up.run_until_cancelled(connection);
    let _ = timeout(LAST_WORDS, rest).await;
}

async fn respond(web: &Web, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let text = |name: HeaderName| request.headers().get(name).map(HeaderValue::to_str);
    let text = |name| text(name).transpose();
    // A request for a whole URL names its host there.
    let host = request
        .uri()
        .authority()
        .map(|authority| Ok(Some(authority.as_str())));
    let host = host.unwrap_or_else(|| text(header::HOST));
    let reply = match (host, text(header::IF_NONE_MATCH)) {
        (Ok(host), Ok(known)) if host.is_some() || request.version() < hyper::Version::HTTP_11 => {
            let ask = Ask {
                method: request.method().as_str(),
                path: request.uri().path(),
                query: request.uri().query().unwrap_or_default(),
                host,
                known,
            };
            let answered = timeout(ANSWER_WITHIN, web.answer(&ask)).await;
            answered
                .unwrap_or_else(|_| Reply::text(503, "it takes too long to find that out: try again later\n"))
        }
        _ => Reply::text(400, "send a host, and headers in ASCII\n"),
    };
    packed(reply)
}

fn packed(reply: Reply) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() = status;
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// The connections that are open, by age.
#[derive(Default)]
struct Open(Mutex<Places>);

#[derive(Default)]
struct Places {
    next: u64,
    taken: BTreeMap<u64, CancellationToken>,
}

/// A connection among the open ones.
struct Place {
    number: u64,
    /// It must make room.
    given_up: CancellationToken,
    all: Arc<Open>,
}

impl Open {
    fn enter(all: &Arc<Self>) -> Place {
        let given_up = CancellationToken::new();
        let mut places = all.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = places.next;
        places.next += 1;
        places.taken.insert(number, given_up.clone());
        if places.taken.len() > CONNECTIONS
            && let Some((_, oldest)) = places.taken.pop_first()
        {
            oldest.cancel();
        }
        drop(places);
        Place {
            number,
            given_up,
            all: Arc::clone(all),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.taken.remove(&self.number);
    }
}
