//! Everything a running simulator knows, and how it answers: from a request that was read to a reply that was not
//! sent yet. No sockets here.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::ask::{Ask, Unreadable};
use crate::body::{self, Asked};
use crate::catalog;
use crate::clock::Clock;
use crate::cloud::{Cloud, Home, StreamId};
use crate::fault::{ErrorBody, Fault, RetryAfter};
use crate::instant;
use crate::limit::Limit;
use crate::link::{self, Origin};
use crate::long_term::Load;
use crate::page;
use crate::platform::Platform;
use crate::reply::{Manner, Reply};
use crate::rules::ExclusionRule;
use crate::script::{Endpoint, Script};
use crate::seen::Log;
use crate::stream::Stream;
use crate::switches::Switches;
use crate::token::{Credentials, Tokens, Worth, bearer};

/// The state of a simulator. Each part has its own lock; beside one, only the clock's is taken.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) streams: BTreeMap<StreamId, Mutex<Stream>>,
    pub(crate) homes: Vec<Home>,
    pub(crate) platform: Platform,
    pub(crate) switches: Mutex<Switches>,
    pub(crate) tokens: Mutex<Tokens>,
    pub(crate) script: Mutex<Script>,
    pub(crate) log: Mutex<Log>,
    pub(crate) pace: Mutex<Pace>,
    pub(crate) load: Mutex<Load>,
    /// By name of the organization.
    pub(crate) rules: Mutex<BTreeMap<String, Vec<ExclusionRule>>>,
}

/// How fast it answers.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    pub(crate) latency: Duration,
    pub(crate) limit: Option<Limit>,
}

/// A permit to answer. It is given back when the answer is done.
pub(crate) struct Permit<'a>(&'a World);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(limit) = &mut lock(&self.0.pace).limit {
            limit.give_back();
        }
    }
}

/// A request, read.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) host: String,
    pub(crate) authorization: Option<String>,
    pub(crate) accepts_gzip: bool,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// What a path means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) endpoint: Endpoint,
    /// The stream, if the organization and tenant are there. Of a token path: the organization's own.
    pub(crate) stream: Option<StreamId>,
    /// Whether the path names a place that is not there.
    pub(crate) lost: bool,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub(crate) fn new(cloud: Cloud) -> Self {
        let homes: Vec<Home> = cloud.streams.iter().map(Home::of).collect();
        let streams = homes
            .iter()
            .map(|home| (home.stream.clone(), Mutex::new(Stream::new(home.clone()))));
        let mut tokens = Tokens::new(
            &cloud.client_id,
            &cloud.secret,
            &cloud.scopes,
            &cloud.static_tokens,
        );
        tokens.assertions = cloud.assertions;
        Self {
            clock: cloud.clock,
            streams: streams.collect(),
            homes,
            platform: cloud.platform,
            switches: Mutex::new(cloud.switches),
            tokens: Mutex::new(tokens),
            script: Mutex::default(),
            log: Mutex::default(),
            pace: Mutex::default(),
            load: Mutex::default(),
            rules: Mutex::default(),
        }
    }

    pub(crate) fn home(&self, stream: &StreamId) -> Option<&Home> {
        self.homes.iter().find(|home| home.stream == *stream)
    }

    pub(crate) fn now(&self) -> i64 {
        instant::ticks(self.clock.now())
    }

    /// What a path means. The case of its letters does not matter. [I]
    pub(crate) fn route(&self, path: &str) -> Route {
        let path = path.to_ascii_lowercase();
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let (endpoint, organization, tenant) = match segments.as_slice() {
            ["identity_" | "identity", "connect", "token"] => (Endpoint::Token, None, None),
            [organization, "identity_", "connect", "token"] => (Endpoint::Token, Some(*organization), None),
            [organization, "orgaudit_", "api", "eventconfig", "rules"] => {
                (Endpoint::Rules, Some(*organization), None)
            }
            [organization, "orgaudit_", "api", "query", what] => (endpoint(what), Some(*organization), None),
            [organization, tenant, "tenantaudit_", "api", "query", what] => {
                (endpoint(what), Some(*organization), Some(*tenant))
            }
            _ => return self.classic_route(&segments),
        };
        let organization = organization.and_then(decode);
        let tenant = tenant.and_then(decode);
        let stream = organization.as_ref().and_then(|organization| {
            let exact = |home: &&Home| home.is(organization, tenant.as_deref());
            let token = |home: &&Home| endpoint == Endpoint::Token && home.organization.is(organization);
            let found = self.homes.iter().find(exact);
            found
                .or_else(|| self.homes.iter().find(token))
                .map(|home| home.stream.clone())
        });
        let lost = organization.is_some() && stream.is_none();
        Route {
            endpoint,
            stream,
            lost,
        }
    }

    /// A permit to answer, or the 429 in its place.
    pub(crate) fn permit(&self) -> Result<Permit<'_>, Reply> {
        let come_back = match &mut lock(&self.pace).limit {
            None => return Ok(Permit(self)),
            Some(limit) => limit.take(),
        };
        let body = ErrorBody::Text("Too Many Requests".to_owned());
        match come_back {
            Ok(()) => Ok(Permit(self)),
            Err(come_back) => Err(Reply::error(429, &body, &come_back, self.clock.now())),
        }
    }

    /// The reply as it should be; or with a page that is wrong by itself.
    pub(crate) fn answer(&self, request: &Incoming, route: &Route, fault: Option<&Fault>) -> Reply {
        let switches = lock(&self.switches).clone();
        if !self.has_path(&request.path, switches.paths) {
            return self.wrong_path(request, switches.paths.wrong);
        }
        let reply = match route.endpoint {
            Endpoint::Token => return self.token(request, route, &switches),
            Endpoint::Other => return self.wrong_path(request, switches.paths.wrong),
            _ => self.audit(request, route, &switches, fault),
        };
        if reply.status == 200 && !route.endpoint.is_file() {
            dress(reply, &switches, request.accepts_gzip)
        } else {
            reply
        }
    }

    fn audit(&self, request: &Incoming, route: &Route, switches: &Switches, fault: Option<&Fault>) -> Reply {
        match lock(&self.tokens).worth(request.authorization.as_deref(), self.now()) {
            Worth::Good => {}
            Worth::Unknown => return self.refuse(401, &ErrorBody::Empty),
            Worth::WrongScope => return self.refuse(switches.access.wrong_scope, &ErrorBody::Empty),
        }
        let Some((id, stream)) = route
            .stream
            .as_ref()
            .and_then(|id| self.streams.get_key_value(id))
        else {
            return self.refuse(switches.access.unknown_place, &ErrorBody::Problem);
        };
        if request.method != "GET" {
            return self.refuse(405, &ErrorBody::Empty);
        }
        match route.endpoint {
            Endpoint::Events => self.events(request, &mut lock(stream), switches, fault),
            Endpoint::LongTerm => self.long_term(request, (id, stream), switches, fault),
            Endpoint::Downloads => self.download(request, &mut lock(stream), switches, fault),
            Endpoint::Rules => self.exclusion_rules(id.organization_name(), switches),
            endpoint @ (Endpoint::Classic | Endpoint::ClassicDownload) => {
                self.classic(request, endpoint, &mut lock(stream), switches, fault)
            }
            _ => {
                let sources = self.home(id).map(catalog::sources).unwrap_or_default();
                Reply::json(switches.bodies.content_type, sources)
            }
        }
    }

    fn events(
        &self,
        request: &Incoming,
        stream: &mut Stream,
        switches: &Switches,
        fault: Option<&Fault>,
    ) -> Reply {
        stream.requests += 1;
        let now = self.now();
        let token = request
            .authorization
            .as_deref()
            .and_then(bearer)
            .unwrap_or_default();
        let ask = match Ask::read(&request.query, now, switches.pages.default_count) {
            Ok(ask) => ask,
            Err(unreadable) => return self.unreadable(&unreadable),
        };
        let stale = switches
            .links
            .life
            .zip(ask.issued)
            .is_some_and(|(life, issued)| now > issued + i64::from(life) * instant::SECOND);
        let stolen = ask
            .holder
            .as_ref()
            .is_some_and(|holder| *holder != link::holder(token));
        if stale || stolen {
            return self.refuse(400, &ErrorBody::Problem);
        }
        let view = stream.view(switches, now);
        if view.refuses(ask.from, switches.pages.too_old) {
            return self.refuse(400, &ErrorBody::Problem);
        }
        let page = page::choose(stream, &ask, switches.pages, view);
        let origin = Origin {
            host: &request.host,
            path: &request.path,
            query: &request.query,
            token,
            now,
        };
        let asked = Asked {
            ask: &ask,
            page: &page,
            switches,
            origin,
            spoiled: fault,
        };
        if let Some(pieces) = body::joined(stream, asked) {
            return Reply::joined(switches.bodies.content_type, pieces);
        }
        Reply::json(switches.bodies.content_type, body::page(stream, asked))
    }

    fn token(&self, request: &Incoming, route: &Route, switches: &Switches) -> Reply {
        if route.lost {
            return self.refuse(404, &ErrorBody::Html);
        }
        if request.method != "POST" {
            return self.refuse(405, &ErrorBody::Empty);
        }
        let credentials = Credentials::read(&request.body, request.authorization.as_deref());
        let now = self.now();
        let mut tokens = lock(&self.tokens);
        match tokens.issue(&credentials, &switches.access, now) {
            Ok(body) => Reply::new(200, "application/json; charset=UTF-8", body)
                .header("cache-control", "no-store, no-cache, max-age=0"),
            Err((status, error)) => {
                let body = ErrorBody::OAuth(error.to_owned());
                Reply::error(status, &body, &RetryAfter::Absent, self.clock.now())
            }
        }
    }

    /// 400 for a parameter that cannot be read.
    pub(crate) fn unreadable(&self, unreadable: &Unreadable) -> Reply {
        let mut reply = self.refuse(400, &ErrorBody::Validation);
        let value = crate::json::quoted(&format!("The value '{}' is not valid.", unreadable.value));
        reply.body = format!(r#"{{"title":"One or more validation errors occurred.","status":400,"errors":{{"{}":[{value}]}}}}"#, unreadable.name).into();
        reply
    }

    pub(crate) fn refuse(&self, status: u16, body: &ErrorBody) -> Reply {
        Reply::error(status, body, &RetryAfter::Absent, self.clock.now())
    }
}

/// The text of a segment of a path.
pub(crate) fn decode(text: &str) -> Option<String> {
    let pair = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
}

fn endpoint(name: &str) -> Endpoint {
    match name {
        "events" => Endpoint::Events,
        "sources" => Endpoint::Sources,
        "downloadevents" => Endpoint::Downloads,
        "downloadeventsfromlongtermstore" => Endpoint::LongTerm,
        _ => Endpoint::Other,
    }
}

/// Byte order mark, compression and framing.
fn dress(mut reply: Reply, switches: &Switches, accepts_gzip: bool) -> Reply {
    if switches.bodies.bom {
        reply.body.splice(0..0, *b"\xef\xbb\xbf");
    }
    if switches.bodies.gzip && accepts_gzip {
        reply.body = gzip(&reply.body);
        reply = reply
            .header("content-encoding", "gzip")
            .header("vary", "accept-encoding");
    }
    reply.manner = Manner::Whole(switches.bodies.framing);
    reply
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}
