//! The tree of sources, targets and types of a scope. Names of the public record; GUIDs of each organization's
//! and tenant's own.

use crate::cloud::Home;
use crate::dice::{Dice, guid_text};
use crate::json::quoted;

/// Source, target and type by name.
pub(crate) type Kind = (&'static str, &'static str, &'static str);

const ORGANIZATION: &[Kind] = &[
    ("Identity", "Authentication", "User Login"),
    ("Identity", "Authentication", "User Logout"),
    ("Identity", "Authentication", "Robot Login"),
    ("Identity", "Authentication", "External App Login"),
    (
        "Identity",
        "PersonalAccessTokens",
        "Created personal access token",
    ),
    ("Identity", "ExternalApps", "Created external application"),
    (
        "Organization Management",
        "Org Membership",
        "User Manually Joined An Org Through Invite",
    ),
    (
        "Organization Management",
        "Org Membership",
        "User Manually Removed From An Org",
    ),
    ("Governance", "Policy management", "Edited policy"),
    ("Licensing", "License allocation", "Changed license allocation"),
    ("Pipelines", "Pipeline", "Started pipeline"),
    ("Source Control", "Repository", "Connected repository"),
];

const TENANT: &[Kind] = &[
    ("Orchestrator", "Job", "Job started"),
    ("Orchestrator", "Job", "Job stopped"),
    ("Orchestrator", "Folders", "Create folder"),
    ("Orchestrator", "Folders", "Delete folder"),
    ("Orchestrator", "Queue items", "Add queue item"),
    ("Orchestrator", "Assets", "Update asset"),
    ("Orchestrator", "Triggers", "Enable trigger"),
    ("Action Center", "Task", "Task completed"),
    ("Apps", "App", "Published app"),
    ("AgentHub", "Agent", "Agent run"),
    ("Document Understanding", "Project", "Classified document"),
    ("Integration Service", "Connection", "Created connection"),
    ("Test Manager", "Test set", "Executed test set"),
    ("Data Fabric", "Entity", "Updated entity"),
    ("Process Mining", "Process app", "Refreshed data"),
    ("Relay", "Channel", "Opened channel"),
    ("Hypervisor", "Machine", "Started machine"),
    ("Admin", "Services", "Enabled service"),
];

/// What can happen in a scope.
pub(crate) fn kinds(tenant: bool) -> &'static [Kind] {
    if tenant { TENANT } else { ORGANIZATION }
}

/// The GUID of a source (one name), target (two) or type (three).
pub(crate) fn guid(home: &Home, names: &[&str]) -> String {
    guid_text(Dice::of_text(&format!("{} {}", home.stream, names.join("/"))).guid())
}

/// The reply of `query/sources`: a bare array. [I]
pub(crate) fn sources(home: &Home) -> String {
    let kinds = kinds(home.tenant.is_some());
    let sources = kinds.chunk_by(|a, b| a.0 == b.0).filter_map(|of_source| {
        let (source, ..) = of_source.first()?;
        let targets = of_source.chunk_by(|a, b| a.1 == b.1).filter_map(|of_target| {
            let (_, target, _) = of_target.first()?;
            let types = of_target
                .iter()
                .map(|(_, _, kind)| node(home, &[source, target, kind], None));
            Some(node(home, &[source, target], Some(("eventTypes", list(types)))))
        });
        Some(node(home, &[source], Some(("eventTargets", list(targets)))))
    });
    list(sources)
}

fn node(home: &Home, names: &[&str], below: Option<(&str, String)>) -> String {
    let name = quoted(names.last().copied().unwrap_or(""));
    let below = below
        .map(|(key, list)| format!(r#","{key}":{list}"#))
        .unwrap_or_default();
    format!(r#"{{"id":"{}","name":{name}{below}}}"#, guid(home, names))
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}
