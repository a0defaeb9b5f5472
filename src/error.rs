//! What a failure asks for. Each module has its own error enum; this is the one word they all answer with.

use std::{error::Error, fmt};

/// What to do about a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Try the same request again, within its budget.
    Retry,
    /// Give this pass up; the next due time tries again.
    NextTick,
    /// Trying again cannot help: a person must act.
    Stop,
}

/// Prints an error and all that caused it, on one line, each once.
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = self.0.to_string();
        f.write_str(&last)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            let text = error.to_string();
            // Some libraries print their source themselves: say nothing twice.
            if !last.contains(&text) {
                write!(f, ": {text}")?;
                last = text;
            }
            source = error.source();
        }
        Ok(())
    }
}
