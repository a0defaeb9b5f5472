//! Exports UiPath audit events into an archive: every event exactly once, byte for byte, checkable by anybody.
//!
//! The modules in reading order; each uses only those above it.

// Plain things.
pub mod clock;
pub mod error;
pub mod count;
pub mod secret;
pub mod json;
pub mod event;
pub mod window;
pub mod schedule;
pub mod target;
pub mod settings;

// Asking a server.
pub mod echo;
pub mod client;
pub mod retry;
pub mod limiter;
pub mod catalog;
pub mod source;

// Writing an archive.
pub mod key;
pub mod commit;
pub mod calendar;
pub mod encode;
pub mod archive;
pub mod checkpoint;
pub mod export;
pub mod fleet;

// Reading an archive.
pub mod verify;
pub mod cat;

// Running.
pub mod observe;
pub mod status;
pub mod metrics;
pub mod webhook;
pub mod follow;
pub mod web;
pub mod daemon;
pub mod config;
pub mod cli;
