//! Finds, within the errors of `object_store`, what is behind them: our own errors from below it, the system's, or else
//! words of the store that hold no address.

use std::{error::Error as StdError, io};

use object_store::Error;

use super::{Refusal, Unreachable, refusal::line};

/// What is behind an error.
pub(super) enum Cause {
    /// The store refused.
    Refused(Box<Refusal>),
    /// It did not answer.
    Unreachable(Box<Unreachable>),
    /// The system does not allow it: a directory.
    Denied,
    /// The system says something else.
    System,
    /// Anything else, in one line.
    Said(String),
}

impl Cause {
    pub(super) fn of(error: &Error) -> Self {
        if let Some(refusal) = below::<Refusal>(error) {
            return Self::Refused(Box::new(refusal.clone()));
        }
        if let Some(unreachable) = below::<Unreachable>(error) {
            return Self::Unreachable(Box::new(unreachable.clone()));
        }
        match (error, io_kind(error)) {
            (Error::PermissionDenied { .. } | Error::Unauthenticated { .. }, _)
            | (_, Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)) => Self::Denied,
            (_, Some(_)) => Self::System,
            (_, None) => Self::Said(said(error)),
        }
    }
}

/// Whether other credentials might have been let in.
pub(super) fn refuses_credentials(error: &Error) -> bool {
    matches!(
        error,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. }
    ) || below::<Refusal>(error).is_some_and(Refusal::is_credentials)
}

/// Ours, below all of the library's own.
fn below<E: StdError + 'static>(error: &Error) -> Option<&E> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// What the system said.
pub(super) fn io_kind(error: &Error) -> Option<io::ErrorKind> {
    causes(error).find_map(|cause| cause.downcast_ref::<io::Error>().map(io::Error::kind))
}

fn causes(error: &Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}

/// The outermost cause that quotes no address. Below those that do stands what the store said.
fn said(error: &Error) -> String {
    let mut texts = causes(error).map(ToString::to_string);
    let plain = |text: &String| !text.contains("://") && !text.contains("Error performing");
    let text = texts.find(plain);
    // Every cause quotes one, or there is none.
    let text = text.unwrap_or_else(|| {
        let whole = error.to_string();
        let words = whole
            .split(' ')
            .map(|word| if word.contains("://") { "…" } else { word });
        words.collect::<Vec<_>>().join(" ")
    });
    line(text.trim_start_matches("Server returned non-2xx status code: "))
}
