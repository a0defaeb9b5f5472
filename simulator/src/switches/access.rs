//! Tokens and refusals.

use serde::{Deserialize, Serialize};

/// Switches of access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// How `expires_in` is told.
    pub expires_in: ExpiresIn,
    /// Life of a token in seconds. One hour [D]
    pub token_life: u32,
    /// Status for a token that lacks the audit scope. 401 [D]; 403 [?]
    pub wrong_scope: u16,
    /// Status for an organization or tenant that is not there. 404, 403 or 401 [?]
    pub unknown_place: u16,
    /// Status of a refused client. 400 [C]; 401 [C]
    pub invalid_client: u16,
    /// Whether an issued token ends the life of those before it. [?]
    pub one_token_at_a_time: bool,
    /// Whether an assertion is refused when it is shown again after it got a token. [?]
    pub assertions_once: bool,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            expires_in: ExpiresIn::Integer,
            token_life: 3600,
            wrong_scope: 401,
            unknown_place: 404,
            invalid_client: 400,
            one_token_at_a_time: false,
            assertions_once: false,
        }
    }
}

/// How a token reply tells the token's life. All but the first: clients prepare for them. [C]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiresIn {
    /// `3600` [D]
    #[default]
    Integer,
    /// `"3600"`
    Text,
    /// `3600.0`
    Float,
    /// `null`
    Null,
    /// No such member.
    Missing,
}
