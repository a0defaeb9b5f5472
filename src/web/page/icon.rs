//! Small pictures. Each state has a shape of its own, so that nobody must tell colours apart.

use maud::{Markup, html};

use crate::status::State;

/// What the icon of the browser's tab tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::web) enum Mood {
    /// All is well.
    Well,
    /// Something fails and is tried again.
    Failing,
    /// A person must act.
    Person,
    /// Nobody knows.
    Unknown,
}

impl Mood {
    const ALL: [Self; 4] = [Self::Well, Self::Failing, Self::Person, Self::Unknown];

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Failing => "failing",
            Self::Person => "person",
            Self::Unknown => "unknown",
        }
    }

    pub(super) fn of(states: impl Iterator<Item = State>) -> Self {
        states.fold(Self::Well, |mood, state| match (mood, state) {
            (Self::Person, _) | (_, State::NeedsPerson) => Self::Person,
            (_, State::Failing) => Self::Failing,
            (mood, _) => mood,
        })
    }
}

/// The shapes, in a square of 16 by 16.
fn path(state: State) -> &'static str {
    match state {
        // A tick in a circle.
        State::Idle => "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm3.6 5-4.4 5L4.4 8.3l1-1 1.7 1.6L10.5 5Z",
        // A triangle that points on.
        State::Running => "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1ZM6.2 4.8 11.4 8l-5.2 3.2Z",
        // Two bars.
        State::Standby => "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1ZM5.4 5h1.9v6H5.4Zm3.3 0h1.9v6H8.7Z",
        // A triangle with an exclamation mark.
        State::Failing => "M8 1 .6 14.4h14.8ZM7.2 6h1.6v4.4H7.2Zm0 5.3h1.6v1.6H7.2Z",
        // An octagon with an exclamation mark.
        State::NeedsPerson => "M5 .8h6L15.2 5v6L11 15.2H5L.8 11V5ZM7.1 4h1.8v5H7.1Zm0 6.1h1.8V12H7.1Z",
    }
}

/// A state's shape; its word stands beside it.
pub(super) fn state(state: State) -> Markup {
    html! {
        svg.icon viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false" {
            path fill="currentColor" fill-rule="evenodd" d=(path(state)) {}
        }
    }
}

/// Ours: a calendar's corner.
pub(super) fn logo() -> Markup {
    let squares = [
        (1, 1, "2"),
        (6, 1, "3"),
        (11, 1, "4"),
        (1, 6, "1"),
        (6, 6, "4"),
        (11, 6, "2"),
        (1, 11, "3"),
        (6, 11, "2"),
    ];
    html! {
        svg.logo viewBox="0 0 16 16" width="20" height="20" aria-hidden="true" focusable="false" {
            @for (x, y, level) in squares {
                rect class={ "f" (level) } x=(x) y=(y) width="4" height="4" rx="1" {}
            }
        }
    }
}

/// The icon of a browser's tab.
pub(in crate::web) fn tab(name: &str) -> Option<Markup> {
    let mood = Mood::ALL.into_iter().find(|mood| mood.key() == name)?;
    let (colour, path) = match mood {
        Mood::Well => ("#1a7f4b", path(State::Idle)),
        Mood::Failing => ("#b35900", path(State::Failing)),
        Mood::Person => ("#c4232f", path(State::NeedsPerson)),
        Mood::Unknown => ("#66727f", path(State::Standby)),
    };
    Some(html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" {
            path fill=(colour) fill-rule="evenodd" d=(path) {}
        }
    })
}
