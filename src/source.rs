//! Reading audit events from UiPath's APIs.

pub mod http;
mod auth;
mod line;
pub mod wire;
pub mod body;
pub mod refusal;
#[cfg(test)]
mod scripted;
