//! The promise, tested on the real parts: HTTP to the simulator, sled, a store. One module for each part of it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod emulators;
mod ledger;
mod machine;
mod rival;
mod place;
mod receiver;
mod store;
mod wire;
mod world;

mod analyst;
mod calendar;
mod canary;
mod catalog;
mod classic;
mod conformance;
mod day;
mod distant;
mod downloads;
mod far;
mod faults;
mod guide;
mod gaps;
mod health;
mod http2;
mod kill;
mod kinds;
mod limits;
mod locked;
mod metrics;
mod moving;
mod once;
mod platforms;
mod process;
mod promises;
mod reconcile;
mod rivals;
mod seam;
mod service;
mod snapshots;
mod state;
mod switches;
mod throttled;
mod tidy;
mod troubles;
mod uneven;
mod web;
mod webhook;
