//! The classic audit API: paged by `top` and `skip`, without ids and without a time filter.

pub(crate) mod language;
pub(crate) mod record;
mod ask;
mod body;
mod file;
mod listing;

use crate::cloud::StreamId;
use crate::csv;
use crate::dice::read_guid;
use crate::fault::{ErrorBody, Fault};
use crate::json::quoted;
use crate::reply::Reply;
use crate::script::Endpoint;
use crate::stream::{EventIndex, Stream};
use crate::switches::{ApiVersion, Classic, Switches};
use crate::world::{Incoming, Route, World, decode, lock};
use ask::Ask;

impl World {
    /// What a path of the classic API means: with or without organization and tenant [D], with or without the
    /// organization's GUID at the end [D].
    pub(crate) fn classic_route(&self, segments: &[&str]) -> Route {
        let unknown = Route {
            endpoint: Endpoint::Other,
            stream: None,
            lost: false,
        };
        let Some(at) = segments.iter().position(|segment| *segment == "audit_") else {
            return unknown;
        };
        let (places, rest) = segments.split_at(at);
        let (endpoint, partition) = match rest {
            ["audit_", "api", "auditlogs"] => (Endpoint::Classic, None),
            ["audit_", "api", "auditlogs", "download"] => (Endpoint::ClassicDownload, None),
            ["audit_", "api", "auditlogs", id] => (Endpoint::Classic, Some(*id)),
            ["audit_", "api", "auditlogs", id, "download"] => (Endpoint::ClassicDownload, Some(*id)),
            _ => return unknown,
        };
        let (organization, tenant) = match places {
            [] => (None, None),
            [organization] => (decode(organization), None),
            [organization, tenant] => (decode(organization), decode(tenant)),
            _ => return unknown,
        };
        let stream = self.classic_stream(organization.as_deref(), tenant.as_deref(), partition);
        Route {
            endpoint,
            lost: stream.is_none(),
            stream,
        }
    }

    /// The one classic stream that fits all that the path says.
    fn classic_stream(
        &self,
        organization: Option<&str>,
        tenant: Option<&str>,
        partition: Option<&str>,
    ) -> Option<StreamId> {
        let is_there = |tenant: &str| {
            self.homes
                .iter()
                .any(|home| organization.is_some_and(|organization| home.is(organization, Some(tenant))))
        };
        if tenant.is_some_and(|tenant| !is_there(tenant))
            || partition.is_some_and(|id| read_guid(id).is_none())
        {
            return None;
        }
        let mut fitting = self.homes.iter().filter(|home| {
            let fits = |segment: Option<&str>| segment.is_none_or(|segment| home.organization.is(segment));
            home.stream.is_classic() && fits(organization) && fits(partition)
        });
        let only = fitting.next()?;
        fitting.next().is_none().then(|| only.stream.clone())
    }

    /// A page of the list, or the file.
    pub(crate) fn classic(
        &self,
        request: &Incoming,
        endpoint: Endpoint,
        stream: &mut Stream,
        switches: &Switches,
        fault: Option<&Fault>,
    ) -> Reply {
        stream.requests += 1;
        let ask = match Ask::read(&request.query) {
            Ok(ask) => ask,
            Err((name, value)) => return self.invalid(name, &value),
        };
        if let Some(refusal) = self.refuse_form(request, &ask, switches.classic) {
            return refusal;
        }
        let view = stream.view(switches, self.now());
        if endpoint == Endpoint::ClassicDownload {
            let file = file::write(stream, &ask, switches, view);
            return csv::reply(switches.csv, "AuditLogs", self.clock.now(), file);
        }
        let Some(sort) = listing::sort(&ask, switches.classic) else {
            return self.invalid("sortBy", ask.sort_by.as_deref().unwrap_or_default());
        };
        let page = listing::page(stream, &ask, sort, switches.classic, view);
        let body = body::page(stream, &ask, &page, switches, fault);
        Reply::json(switches.bodies.content_type, body)
    }

    /// The refusal of a request that is not dressed as the switches want it.
    fn refuse_form(&self, request: &Incoming, ask: &Ask, classic: Classic) -> Option<Reply> {
        let json = request.content_type.as_ref().is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("application/json")
        });
        if classic.content_type_required && !json {
            return Some(self.refuse(415, &ErrorBody::Problem));
        }
        let code = match (classic.api_version, &ask.api_version) {
            (ApiVersion::Required, None) => "ApiVersionUnspecified",
            (ApiVersion::Refused, Some(_)) => "UnsupportedApiVersion",
            _ => return None,
        };
        Some(self.unsupported(400, code, request))
    }

    fn invalid(&self, name: &str, value: &str) -> Reply {
        let mut reply = self.refuse(400, &ErrorBody::Validation);
        let message = quoted(&format!("The value '{value}' is not valid."));
        let errors = format!(r#"{{"{name}":[{message}]}}"#);
        reply.body = format!(
            r#"{{"title":"One or more validation errors occurred.","status":400,"errors":{errors}}}"#
        )
        .into();
        reply
    }

    /// The rows of a download as they would be written now, oldest first as the truth is, in a language.
    pub(crate) fn classic_rows(&self, stream: &StreamId, language: &str) -> Vec<(EventIndex, Vec<u8>)> {
        let switches = lock(&self.switches).clone();
        let Some(stream) = self.streams.get(stream) else {
            return Vec::new();
        };
        let stream = lock(stream);
        let entries = stream.entries().iter();
        entries
            .map(|entry| {
                let raw = language::translate(&stream.raw(entry), language);
                (entry.index, file::row(switches.csv, &raw))
            })
            .collect()
    }

    /// Lets the oldest visible events of a stream be gone.
    pub(crate) fn expire(&self, stream: &StreamId, count: u32) {
        if count > 0 {
            let switches = lock(&self.switches).clone();
            self.with(stream, |stream| {
                let view = stream.view(&switches, self.now());
                stream.expire(usize::try_from(count).unwrap_or(usize::MAX), view);
            });
        }
    }

    /// Lets held back events of a stream be seen.
    pub(crate) fn release(&self, stream: &StreamId, count: u32) {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.with(stream, |stream| stream.release_some(count));
    }

    fn with(&self, stream: &StreamId, act: impl FnOnce(&mut Stream)) {
        if let Some(stream) = self.streams.get(stream) {
            act(&mut lock(stream));
        }
    }

    /// What ASP.NET says of a version or method it does not know.
    pub(crate) fn unsupported(&self, status: u16, code: &str, request: &Incoming) -> Reply {
        let mut reply = self.refuse(status, &ErrorBody::Orchestrator);
        let message = quoted(&format!(
            "The HTTP resource that matches the request URI 'http://{}{}' does not support it.",
            request.host, request.path
        ));
        reply.body =
            format!(r#"{{"error":{{"code":"{code}","message":{message},"innerError":null}}}}"#).into();
        reply
    }
}
