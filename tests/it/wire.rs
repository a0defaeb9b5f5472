//! The wire between the exporter and a store that speaks HTTP: it passes requests on to the store as they are, unless one
//! is to go wrong. What goes wrong is spelled as the real service spells it.
//!
//! All wires live in one runtime of their own: a test that blocks, or ends, does not cut those of others.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    Method, Request, Response,
    body::{Frame, Incoming},
    header,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::Runtime,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::store::{Fault, SLOW, fault::Plan};

mod dialect;
mod tests;

use dialect::Dialect;
pub use dialect::{Bucket, Container};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().unwrap()
});

/// A wire, with an address of its own, until it is dropped.
pub struct Wire {
    address: SocketAddr,
    line: Arc<Line>,
    end: Mutex<End>,
}

/// Our end of the wire: there, or dead but for its port, which nobody else may get meanwhile.
enum End {
    Up {
        stop: CancellationToken,
        tasks: TaskTracker,
    },
    Down(TcpSocket),
}

struct Line {
    store: SocketAddr,
    dialect: Box<dyn Dialect>,
    state: Mutex<State>,
    /// What is under way is done, whoever still waits for it.
    under_way: TaskTracker,
}

#[derive(Default)]
struct State {
    plan: Plan,
    late: Vec<Request<Bytes>>,
}

impl Wire {
    pub fn to(store: SocketAddr, dialect: impl Dialect + 'static) -> Self {
        let socket = bound(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let address = socket.local_addr().unwrap();
        let wire = Self {
            address,
            line: Arc::new(Line {
                store,
                dialect: Box::new(dialect),
                state: Mutex::default(),
                under_way: TaskTracker::new(),
            }),
            end: Mutex::new(End::Down(socket)),
        };
        wire.up();
        wire
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The plan of what goes wrong, and the log of what was asked.
    pub fn plan<T>(&self, with: impl FnOnce(&mut Plan) -> T) -> T {
        with(&mut lock(&self.line.state).plan)
    }

    /// Sends the puts that came late. Returns how many found their place free.
    pub async fn land(&self) -> usize {
        let late = std::mem::take(&mut lock(&self.line.state).late);
        let mut landed = 0;
        for request in late {
            let reply = ask(self.line.store, request).await.unwrap();
            landed += usize::from(reply.status().is_success());
        }
        landed
    }

    /// Nobody listens any more: connections are cut, new ones refused.
    pub async fn down(&self) {
        // Taken before it is let go of, so that nobody else is given the port meanwhile.
        let placeholder = bound(self.address);
        let tasks = {
            let End::Up { stop, tasks } = &*lock(&self.end) else {
                panic!("the wire is down")
            };
            stop.cancel();
            tasks.close();
            tasks.clone()
        };
        tasks.wait().await;
        *lock(&self.end) = End::Down(placeholder);
    }

    /// As before [`Self::down`].
    pub fn up(&self) {
        let mut end = lock(&self.end);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let up = End::Up {
            stop: stop.clone(),
            tasks: tasks.clone(),
        };
        let End::Down(socket) = std::mem::replace(&mut *end, up) else {
            panic!("the wire is up")
        };
        let _runtime = RUNTIME.enter();
        let listener = socket.listen(64).unwrap();
        let accepting = accept(listener, Arc::clone(&self.line), stop, tasks.clone());
        tasks.spawn(accepting);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let End::Up { stop, .. } = &*lock(&self.end) {
            stop.cancel();
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Refuses connections until it listens.
fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.set_reuseport(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

/// Asks a server once, on a connection of its own. The request is sent as it is, `Host` included.
pub async fn ask(server: SocketAddr, request: Request<Bytes>) -> io::Result<Response<Bytes>> {
    let connection = TokioIo::new(TcpStream::connect(server).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(connection)
        .await
        .map_err(io::Error::other)?;
    let reply = async move {
        let (parts, body) = sender.send_request(request.map(Full::new)).await?.into_parts();
        Ok(Response::from_parts(parts, body.collect().await?.to_bytes()))
    };
    let (_, reply) = futures::join!(connection, reply);
    reply.map_err(|error: hyper::Error| io::Error::other(error))
}

async fn accept(listener: TcpListener, line: Arc<Line>, stop: CancellationToken, tasks: TaskTracker) {
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let (stream, _) = accepted.unwrap();
        let line = Arc::clone(&line);
        let service = service_fn(move |request| {
            let line = Arc::clone(&line);
            let under_way = line.under_way.clone();
            let served = under_way.spawn(async move { line.serve(request).await });
            async move { served.await.unwrap() }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        let stop = stop.clone();
        tasks.spawn(async move {
            // An error is what the client, or a fault, did to the connection.
            let _ = stop.run_until_cancelled(connection).await;
        });
    }
}

type Body = BoxBody<Bytes, io::Error>;

fn whole(reply: Response<Bytes>) -> Response<Body> {
    reply.map(|body| {
        Full::new(body)
            .map_err(|never: Infallible| match never {})
            .boxed()
    })
}

fn cut() -> io::Error {
    io::Error::other("the wire is cut")
}

/// A reply of the announced length whose connection is cut after this much of its body.
fn cut_after(part: Vec<u8>, reply: Response<Bytes>) -> Response<Body> {
    let length = reply.body().len();
    let part = stream::once(async move { Ok(Frame::data(Bytes::from(part))) });
    // The part is sent before the end is seen.
    let end = stream::once(async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        Err(cut())
    });
    let mut reply = reply.map(|_| BodyExt::boxed(StreamBody::new(part.chain(end))));
    reply.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    reply
}

impl Line {
    async fn serve(&self, request: Request<Incoming>) -> io::Result<Response<Body>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?;
        let request = Request::from_parts(parts, body.to_bytes());
        let Some((kind, keys)) = self.dialect.operation(&request) else {
            return self.pass_on(request).await.map(whole);
        };
        let fault = lock(&self.state).plan.next(kind, &keys.join(" "));
        if let Some(refusal) = self.dialect.refuse(kind, &keys, &request) {
            return Ok(whole(refusal));
        }
        let Some(fault) = fault else {
            let reply = self.pass_on(request).await?;
            return Ok(whole(self.dialect.correct(kind, &keys, reply)));
        };
        if fault == Fault::Late {
            lock(&self.state).late.push(request.clone());
        }
        if !fault.is_done() {
            return Ok(whole(self.dialect.reply(fault, kind, &keys)));
        }
        if fault == Fault::Slow {
            tokio::time::sleep(SLOW).await;
        }
        let reply = self.pass_on(request).await?;
        Ok(match fault {
            Fault::Reset => return Err(cut()),
            Fault::Truncated => cut_after(fault.damage(reply.body().to_vec()), reply),
            Fault::Wrong => whole(reply.map(|body| fault.damage(body.to_vec()).into())),
            Fault::Stale => whole(reply.map(|body| self.forget_newest(&body))),
            Fault::Slow => whole(reply),
            _ => whole(self.dialect.reply(fault, kind, &keys)),
        })
    }

    async fn pass_on(&self, request: Request<Bytes>) -> io::Result<Response<Bytes>> {
        let is_head = request.method() == Method::HEAD;
        let mut reply = ask(self.store, request).await?;
        // How the body is framed is for each connection to say. A reply to HEAD has no body, only its length.
        let headers = reply.headers_mut();
        headers.remove(header::CONNECTION);
        headers.remove(header::TRANSFER_ENCODING);
        if !is_head {
            headers.remove(header::CONTENT_LENGTH);
        }
        Ok(reply)
    }

    /// A listing without the object that was put last.
    fn forget_newest(&self, listing: &Bytes) -> Bytes {
        let listing = String::from_utf8_lossy(listing);
        let keys = self.dialect.listed(&listing);
        let newest = lock(&self.state)
            .plan
            .newest(keys.iter().map(String::as_str))
            .map(str::to_owned);
        match newest {
            Some(newest) => self.dialect.without(&listing, &newest).into(),
            None => listing.into_owned().into(),
        }
    }
}
