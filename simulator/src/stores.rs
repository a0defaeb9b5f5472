//! How the world answers for the long-term store, the unified CSV download and the exclusion rules.

use std::sync::Mutex;

use crate::ask::Ask;
use crate::cloud::StreamId;
use crate::fault::{ErrorBody, Fault};
use crate::long_term::{self, Span};
use crate::reply::{Manner, Reply};
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
        let Some(archive) = long_term::archive(&lock(stream), span, switches, now, fault) else {
            return match switches.empty {
                EmptyDay::NoContent => Reply::new(204, "", ""),
                _ => Reply::new(200, content_type, ""),
            };
        };
        let mut reply = Reply::new(200, content_type, archive);
        reply.manner = Manner::Whole(switches.framing);
        reply
    }
}
