//! The promise, tested on the real parts: HTTP to the simulator, sled, a store. One module for each part of it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may panic, and waits in its own ways"
)]

mod ledger;
mod store;
mod world;

mod kill;
mod once;
mod process;
mod rivals;
mod switches;

mod canary;
mod faults;
mod limits;
mod state;
