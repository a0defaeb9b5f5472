//! Two exporters on one archive: one chain, no committed object ever missing, no fighting.

mod interleaved;
mod lost;
mod racing;
mod standby;
mod writes;
