//! Archives of every spelling.
