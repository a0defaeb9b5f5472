//! What a new configuration changed, in names: for whoever reads the log later and wonders since when something is so.

use std::fmt;

use crate::{
    settings::Settings,
    target::{Target, TargetName},
};

/// So many names are told, then how many more there are.
const NAMES: usize = 10;

/// What another configuration brought.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Changes {
    /// Targets that are new here,
    pub(super) added: Names,
    /// that are no longer here,
    pub(super) removed: Names,
    /// and that are something else now.
    pub(super) changed: Names,
    /// Other sections of the configuration that differ.
    pub(super) sections: Names,
}

/// Names, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Names(Vec<String>);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<&str> = self.0.iter().take(NAMES).map(String::as_str).collect();
        f.write_str(&told.join(", "))?;
        match self.0.len().saturating_sub(NAMES) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl Names {
    /// None where there are none: nothing is logged then.
    pub(super) fn told(&self) -> Option<tracing::field::DisplayValue<&Self>> {
        (!self.0.is_empty()).then(|| tracing::field::display(self))
    }
}

impl Changes {
    /// From one configuration, with its targets of this shard, to another.
    pub(super) fn between(old: (&Settings, &[Target]), new: (&Settings, &[Target])) -> Self {
        let find =
            |all: &[Target], name: &TargetName| all.iter().find(|target| target.name == *name).cloned();
        let gone = old.1.iter().filter(|target| find(new.1, &target.name).is_none());
        let mut changes = Self {
            removed: Names(gone.map(|target| target.name.to_string()).collect()),
            sections: Names(sections(old.0, new.0)),
            ..Self::default()
        };
        for target in new.1 {
            match find(old.1, &target.name) {
                None => changes.added.0.push(target.name.to_string()),
                Some(before) if before != *target => changes.changed.0.push(target.name.to_string()),
                Some(_) => {}
            }
        }
        changes
    }
}

fn sections(old: &Settings, new: &Settings) -> Vec<String> {
    let mut sections = Vec::new();
    let mut note = |differs: bool, name: &str| {
        if differs {
            sections.push(name.to_owned());
        }
    };
    note(old.archive != new.archive, "archive");
    let names: std::collections::BTreeSet<&String> =
        old.connections.keys().chain(new.connections.keys()).collect();
    for name in names {
        let differs = old.connections.get(name) != new.connections.get(name);
        note(differs, &format!("connections.{name}"));
    }
    note(old.http != new.http, "http");
    note(old.webhook != new.webhook, "webhook");
    sections
}
