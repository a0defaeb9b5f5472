//! Reading audit events from UiPath's APIs.

pub mod body;
pub mod refusal;
pub mod wire;
