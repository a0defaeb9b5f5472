//! Days of the long-term store.
