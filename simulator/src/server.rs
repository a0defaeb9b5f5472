//! The sockets: accepts connections, reads requests, lets the world answer and the script spoil the answer.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http_body_util::{BodyExt, Limited};
use hyper::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, USER_AGENT};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ask::Ask;
use crate::counts;
use crate::fault::Fault;
use crate::reply::{Body, Reply};
use crate::script::{self, Strike};
use crate::seen::Seen;
use crate::spoil;
use crate::world::{Incoming, Route, World, lock};

/// Longest request body that is read.
const MOST_BODY: usize = 64 * 1024;

/// Accepts connections until it is told to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    world: Arc<World>,
    tracker: TaskTracker,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        // A connection that failed before it was accepted is the client's matter.
        let Ok((socket, _)) = accepted else { continue };
        let connection = connection(socket, world.clone());
        let stop = stop.clone();
        tracker.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = connection => {}
            }
        });
    }
}

/// Binds the address, so that the port is known before anything is served.
pub(crate) async fn bind(listen: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn connection(socket: TcpStream, world: Arc<World>) {
    // Without it small pages wait for acknowledgements; the client copes either way.
    let _ = socket.set_nodelay(true);
    let reset = Arc::new(AtomicBool::new(false));
    let io = TokioIo::new(Wire {
        socket,
        reset: reset.clone(),
    });
    let service = service_fn(move |request| answer(world.clone(), request, reset.clone()));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).auto_date_header(false);
    // A connection that breaks is what faults are for.
    let _ = http.serve_connection(io, service).await;
}

/// Ends the count of a request, however it ends.
struct Open(Arc<World>);

impl Drop for Open {
    fn drop(&mut self) {
        lock(&self.0.log).end();
    }
}

/// No reply: the connection ends here.
#[derive(Debug)]
struct NoReply;

impl std::fmt::Display for NoReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no reply")
    }
}

impl std::error::Error for NoReply {}

async fn answer(
    world: Arc<World>,
    request: Request<hyper::body::Incoming>,
    reset: Arc<AtomicBool>,
) -> Result<Response<Body>, NoReply> {
    if request.uri().path() == counts::PATH {
        return Ok(counts::answer(&world, request.method().as_str()).response());
    }
    let text = |name: HeaderName| {
        let value = request.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let (user_agent, accept_encoding) = (text(USER_AGENT), text(ACCEPT_ENCODING));
    let mut incoming = Incoming {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        host: text(HOST).unwrap_or_default(),
        authorization: text(AUTHORIZATION),
        accepts_gzip: accept_encoding
            .as_ref()
            .is_some_and(|codings| codings.contains("gzip")),
        content_type: text(CONTENT_TYPE),
        body: Vec::new(),
    };
    let route = world.route(&incoming.path);
    let number = lock(&world.log).begin(Seen {
        method: incoming.method.clone(),
        path: incoming.path.clone(),
        query: incoming.query.clone(),
        endpoint: route.endpoint,
        stream: route.stream.clone(),
        authorization: incoming.authorization.clone(),
        user_agent,
        accept_encoding,
        status: None,
        at: world.clock.now(),
    });
    let _open = Open(world.clone());
    let body = Limited::new(request.into_body(), MOST_BODY).collect().await;
    incoming.body = body.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
    let strike = strike(&world, &incoming, &route);
    // A request is counted when it comes; one that nobody will answer is not.
    let fault = strike.fault.as_ref();
    let permit = match fault.and_then(|fault| spoil::instead(fault, world.clock.now())) {
        Some(_) => None,
        None => Some(world.permit()),
    };
    let delay = lock(&world.pace).latency + strike.delay;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match &strike.fault {
        Some(Fault::Reset) => {
            reset.store(true, Ordering::Relaxed);
            return Err(NoReply);
        }
        Some(Fault::Silence) => {
            let Ok(()) = std::future::pending::<Result<(), Infallible>>().await;
        }
        _ => {}
    }
    let reply = match permit {
        Some(Err(refusal)) => refusal,
        _ => reply(&world, &incoming, &route, &strike),
    };
    lock(&world.log).status(number, reply.status);
    Ok(spoil::dated(reply, strike.date.as_ref(), world.clock.now()).response())
}

/// Which faults strike the request.
fn strike(world: &World, incoming: &Incoming, route: &Route) -> Strike {
    let cursors = ["before=", "after=", "cursor=", "hop="];
    let mut pairs = incoming.query.split('&');
    let with_cursor = pairs.any(|pair| {
        cursors.iter().any(|cursor| pair.starts_with(cursor))
            || pair.strip_prefix("skip=").is_some_and(|skip| skip != "0")
    });
    let request = script::Request {
        endpoint: route.endpoint,
        stream: route.stream.as_ref(),
        with_cursor,
        from: Ask::read(&incoming.query, 0, 0).ok().and_then(|ask| ask.from),
    };
    let strike = lock(&world.script).strike(&request);
    if strike.forget_tokens {
        lock(&world.tokens).forget();
    }
    if let Some(stream) = &route.stream {
        world.expire(stream, strike.expire);
        world.release(stream, strike.release);
    }
    strike
}

fn reply(world: &World, incoming: &Incoming, route: &Route, strike: &Strike) -> Reply {
    if let Some(reply) = strike
        .fault
        .as_ref()
        .and_then(|fault| spoil::instead(fault, world.clock.now()))
    {
        return reply;
    }
    let reply = world.answer(incoming, route, strike.fault.as_ref());
    match &strike.fault {
        Some(fault) => spoil::travel(reply, fault),
        None => reply,
    }
}

/// A socket that can be reset instead of closed.
struct Wire {
    socket: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            // If it fails the connection is closed, which is as good for a client without a reply.
            let _ = self.socket.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reset.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
