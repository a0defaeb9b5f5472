//! Which paths are there, and what is told where none is.

use serde::{Deserialize, Serialize};

/// Switches of paths. A path is there if the cloud's platform has it and its switch is on. Only `wrong` is in the list of
/// switches: with a path turned off nothing can be read by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Paths {
    /// `/{org}/identity_/connect/token` [D]
    pub organization_token: bool,
    /// `/identity_/connect/token` [C]
    pub token: bool,
    /// `/identity/connect/token`, of a standalone Orchestrator. [D]
    pub standalone_token: bool,
    /// Everything below `orgaudit_` and `tenantaudit_`. [D]
    pub unified: bool,
    /// `/{org}/audit_/…` [D]
    pub organization_classic: bool,
    /// `/audit_/…`, without an organization in front. [D]
    pub classic: bool,
    /// What a path that is not there gets.
    pub wrong: WrongPath,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            organization_token: true,
            token: true,
            standalone_token: true,
            unified: true,
            organization_classic: true,
            classic: true,
            wrong: WrongPath::Html,
        }
    }
}

/// What a path that is not there gets, on premises above all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrongPath {
    /// 404 with a page for people. [I]
    #[default]
    Html,
    /// 404 with JSON. [I]
    Json,
    /// 200 with the sign-in page. [C]
    SignIn,
    /// 302 to the sign-in page. [I]
    Redirect,
    /// 405 with JSON `UnsupportedApiVersion`. [C]
    UnsupportedVersion,
}
