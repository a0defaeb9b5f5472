//! Exports UiPath audit events into an archive: every event exactly once, byte for byte, checkable by anybody.

pub mod clock;
pub mod error;
pub mod secret;
pub mod retry;
pub mod limiter;
pub mod schedule;
pub mod target;
pub mod settings;
pub mod source;
