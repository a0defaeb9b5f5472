//! How the world answers for the long-term store, the unified CSV download and the exclusion rules.

use std::sync::Mutex;

use crate::ask::Ask;
use crate::cloud::StreamId;
use crate::downloads;
use crate::fault::{ErrorBody, Fault};
use crate::long_term::{self, Span};
use crate::reply::{Manner, Reply};
use crate::rules::{self, ExclusionRule};
use crate::stream::Stream;
use crate::switches::{EmptyDay, Switches, ZipType};
use crate::world::{Incoming, World, lock};

impl World {
    pub(crate) fn long_term(
        &self,
        request: &Incoming,
        (id, stream): (&StreamId, &Mutex<Stream>),
        switches: &Switches,
        fault: Option<&Fault>,
    ) -> Reply {
        let now = self.now();
        let ask = match Ask::read(&request.query, now, switches.pages.default_count) {
            Ok(ask) => ask,
            Err(unreadable) => return self.unreadable(&unreadable),
        };
        let switches = &switches.long_term;
        let span = Span::of(&ask, now, switches);
        if lock(&self.load).times_out(id, span, switches.heavy) {
            return self.refuse(504, &ErrorBody::Text("upstream request timeout".to_owned()));
        }
        let fault = match fault {
            Some(Fault::Zip(fault)) => Some(fault),
            _ => None,
        };
        let content_type = match switches.content_type {
            ZipType::Zip => "application/zip",
            ZipType::OctetStream => "application/octet-stream",
        };
        let mut stream = lock(stream);
        stream.requests += 1;
        let Some(archive) = long_term::archive(&stream, span, switches, now, fault) else {
            return match switches.empty {
                EmptyDay::NoContent => Reply::new(204, "", ""),
                _ => Reply::new(200, content_type, ""),
            };
        };
        let mut reply = Reply::new(200, content_type, archive);
        reply.manner = Manner::Whole(switches.framing);
        reply
    }

    pub(crate) fn download(
        &self,
        request: &Incoming,
        stream: &mut Stream,
        switches: &Switches,
        fault: Option<&Fault>,
    ) -> Reply {
        stream.requests += 1;
        let now = self.now();
        let query = downloads::known(&request.query);
        let ask = match Ask::read(&query, now, switches.pages.default_count) {
            Ok(ask) => ask,
            Err(unreadable) => return self.unreadable(&unreadable),
        };
        let view = downloads::view(now, switches);
        if view.refuses(ask.from, switches.downloads.too_old) {
            return self.refuse(400, &ErrorBody::Problem);
        }
        match downloads::rows(stream, &ask, switches, view) {
            Some(rows) => downloads::reply(&rows, switches, now, fault),
            None => self.refuse(400, &ErrorBody::Problem),
        }
    }

    pub(crate) fn exclusion_rules(&self, organization: &str, switches: &Switches) -> Reply {
        if !switches.rules.rolled_out {
            return self.refuse(404, &ErrorBody::Problem);
        }
        let all = lock(&self.rules);
        let rules = all.get(organization).map_or(&[][..], Vec::as_slice);
        let home = |tenant: Option<&str>| {
            self.home(&match tenant {
                Some(tenant) => StreamId::tenant(organization, tenant),
                None => StreamId::organization(organization),
            })
        };
        Reply::json(
            switches.bodies.content_type,
            rules::list(rules, home, switches.rules),
        )
    }

    /// Rules that may keep events of a stream from being recorded.
    pub(crate) fn rules_for(&self, stream: &StreamId) -> Vec<ExclusionRule> {
        if stream.is_classic() {
            return Vec::new();
        }
        let all = lock(&self.rules);
        all.get(stream.organization_name()).cloned().unwrap_or_default()
    }
}
