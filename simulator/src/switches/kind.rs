//! Which switches matter to which API.

use serde::{Deserialize, Serialize};

/// An API whose replies the switches shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `query/events` of the unified API.
    Unified,
    /// `auditlogs`.
    Classic,
    /// `query/downloadeventsfromlongtermstore`.
    LongTerm,
    /// `query/downloadevents`.
    UnifiedCsv,
    /// `auditlogs/download`.
    ClassicCsv,
}

use Kind::{Classic, ClassicCsv, LongTerm, Unified, UnifiedCsv};

const PAGED: &[Kind] = &[Unified, Classic];
const FILES: &[Kind] = &[UnifiedCsv, ClassicCsv];
const OF_UNIFIED: &[Kind] = &[Unified, LongTerm, UnifiedCsv];
const OF_CLASSIC: &[Kind] = &[Classic, ClassicCsv];

/// Each switch, or all of a group, and the APIs that it makes a difference to. The first that fits counts; what is not
/// listed concerns all.
const CONCERNS: &[(&str, &[Kind])] = &[
    ("links", &[Unified]),
    ("pages.arrival", &[Unified, Classic, UnifiedCsv, ClassicCsv]),
    ("pages.bounds", &[Unified, UnifiedCsv]),
    ("pages.look_back", &[Unified, UnifiedCsv]),
    ("pages.too_old", &[Unified]),
    ("pages", &[Unified]),
    ("bodies.edits", &[Unified]),
    ("bodies", PAGED),
    ("records.fraction", OF_UNIFIED),
    ("records.zone", OF_UNIFIED),
    ("records.precision", OF_UNIFIED),
    ("records.tenant_keys", OF_UNIFIED),
    ("records.client_info", OF_UNIFIED),
    ("records.ids", OF_UNIFIED),
    ("records.created_on", OF_UNIFIED),
    ("csv", FILES),
    ("long_term", &[LongTerm]),
    ("downloads", &[UnifiedCsv]),
    ("rules", &[]),
    ("classic.fraction", OF_CLASSIC),
    ("classic.zone", OF_CLASSIC),
    ("classic.twins", OF_CLASSIC),
    ("classic.ties", OF_CLASSIC),
    ("classic.precision", OF_CLASSIC),
    ("classic.retention_days", OF_CLASSIC),
    ("classic.content_type_required", OF_CLASSIC),
    ("classic.download_cap", &[ClassicCsv]),
    ("classic", &[Classic]),
];

/// Whether a switch (`links.form`) makes a difference to an API.
pub(super) fn concerns(switch: &str, kind: Kind) -> bool {
    let group = switch.split('.').next().unwrap_or(switch);
    CONCERNS
        .iter()
        .find(|(name, _)| *name == switch || *name == group)
        .is_none_or(|(_, kinds)| kinds.contains(&kind))
}
