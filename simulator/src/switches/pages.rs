//! Which events stand on which page, in which order, and when.

use serde::{Deserialize, Serialize};

/// Switches of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pages {
    /// Order within a page.
    pub order: PageOrder,
    /// Order within a page reached by `next`.
    pub next_order: NextOrder,
    /// Whether a page holds as many events as asked for.
    pub fill: Fill,
    /// Where a walk without cursor begins.
    pub anchor: Anchor,
    /// `next` of the first page.
    pub first_next: FirstNext,
    /// How `from` and `to` bound.
    pub bounds: Bounds,
    /// Events told twice.
    pub repeats: Repeats,
    /// When an event can be seen.
    pub arrival: Arrival,
    /// Days that the live endpoints look back; none: to the start. 90 are likely. [I]
    pub look_back: Option<u32>,
    /// What a request for something older than that gets.
    pub too_old: TooOld,
    /// Page size when `maxCount` is not given; kept within 10 to 200. "typically up to 200" [D]
    pub default_count: u16,
}

impl Default for Pages {
    fn default() -> Self {
        Self {
            order: PageOrder::default(),
            next_order: NextOrder::default(),
            fill: Fill::default(),
            anchor: Anchor::default(),
            first_next: FirstNext::default(),
            bounds: Bounds::default(),
            repeats: Repeats::default(),
            arrival: Arrival::default(),
            look_back: None,
            too_old: TooOld::default(),
            default_count: 200,
        }
    }
}

/// Order of the events within a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageOrder {
    /// Newest first. [I]
    #[default]
    NewestFirst,
    /// Oldest first. [?]
    OldestFirst,
    /// None at all. [?]
    Shuffled,
}

/// Order of the events within a page reached by `next`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NextOrder {
    /// As on all other pages. [?]
    #[default]
    AsOthers,
    /// The other way round; newest first if the others are shuffled. [?]
    Reversed,
}

/// How full pages are. The link, not the count, says whether more remains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// As many events as asked for, while there are. [I]
    #[default]
    Full,
    /// Any number from 1 to what was asked for. [?]
    Short,
    /// As full, but an empty page with a live link stands before the first and between any two. [?]
    EmptyBetween,
    /// As full, but the first page is empty and has a live link. [?]
    EmptyFirst,
    /// As full, but the walk ends with an empty page: the server does not look ahead. [?]
    EmptyLast,
}

/// Where a walk without cursor begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    /// With the newest event at or before `to`; `previous` leads on. [D]
    #[default]
    Newest,
    /// With the oldest event at or after `from`; `next` leads on. [?]
    Oldest,
}

/// What `next` says on a first page that begins with the newest event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstNext {
    /// Nothing. "often null" [D]
    #[default]
    Null,
    /// A live link: to what is newer by then, mostly an empty page. [?]
    Live,
}

/// How `from` and `to` bound the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bounds {
    /// Both are included. [D]
    #[default]
    Inclusive,
    /// An event exactly at `to` is left out. [?]
    ToExclusive,
    /// An event exactly at `from` is left out. [?]
    FromExclusive,
    /// Both are cut to whole seconds, then included. [?]
    WholeSeconds,
    /// Both are cut to whole milliseconds, then included. [?]
    WholeMillis,
}

/// Events told more than once in one walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeats {
    /// None. [I]
    #[default]
    Never,
    /// One event of each page stands on it twice. [?]
    WithinPage,
    /// The last event of a page is also on the page that follows. [?]
    AcrossPages,
}

/// When an event can be seen. Nothing is published about delays. [?]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// As soon as it is recorded.
    #[default]
    AtOnce,
    /// One event in `every` only that many seconds of the clock after its own time.
    LateBySeconds {
        /// One event in so many.
        every: u16,
        /// Seconds.
        seconds: u32,
    },
    /// One event in `every` only once the stream has been asked for events so often.
    LateByRequests {
        /// One event in so many.
        every: u16,
        /// Requests for events of the stream, from its start.
        requests: u32,
    },
}

/// What a request gets whose `from` lies before what can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TooOld {
    /// Nothing for that time, and no word of it. [?]
    #[default]
    Empty,
    /// Status 400. [?]
    Refused,
}
