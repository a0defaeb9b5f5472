//! The promise, tested on the real parts: HTTP to the simulator, sled, a store. One module for each part of it.

mod ledger;
mod world;

mod kill;
mod once;
mod switches;
