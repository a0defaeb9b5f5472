//! Server-made files.
