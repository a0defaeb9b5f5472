//! The promise, tested on the real parts: HTTP to the simulator, sled, a store. One module for each part of it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod ledger;
mod world;

mod kill;
mod once;
mod switches;

mod canary;
mod faults;
mod limits;
mod state;
