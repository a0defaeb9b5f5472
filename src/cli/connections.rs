//! How to ask each target's server, without the right to write: no state directory, no archive.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    clock::Clock,
    settings::Settings,
    source::{
        Source,
        http::{Connection, HttpError},
    },
    target::Target,
};

/// The connections of a configuration, opened.
pub(super) struct Connections(BTreeMap<String, Connection>);

impl Connections {
    /// Opens every connection. Sends nothing, and reads no secret.
    pub(super) fn open(settings: &Settings, clock: &Clock) -> Result<Self, HttpError> {
        let open = settings.connections.iter().map(|(name, settings)| {
            let connection = Connection::open(settings, clock.clone(), Arc::default())?;
            Ok((name.clone(), connection))
        });
        open.collect::<Result<_, _>>().map(Self)
    }

    /// Where a target's events are that its own API no longer shows. None: it has no such place.
    pub(super) fn store(&self, target: &Target) -> Option<Source> {
        let connection = self.0.get(&target.connection)?;
        Source::before_retention(target, connection.clone())
    }

    /// A target's source. None: its connection is not there, which a checked configuration rules out.
    pub(super) fn source(&self, target: &Target) -> Option<Source> {
        let connection = self.0.get(&target.connection)?;
        Some(Source::of(target, connection.clone()))
    }
}
