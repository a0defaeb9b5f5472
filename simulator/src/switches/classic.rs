//! What the guide leaves open about the classic audit API.

use serde::{Deserialize, Serialize};

use super::{Fraction, Zone};

/// Switches of the classic API. `fraction`, `zone` and `twins` are fixed into what is recorded, as `records` is; the
/// others act on each reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Classic {
    /// Fraction digits of `createdOn`, in place of `records.fraction`. Seven [D]
    pub fraction: Fraction,
    /// Offset of `createdOn`, in place of `records.zone`. `+00:00` [D]
    pub zone: Zone,
    /// Records of generated history that are byte for byte the same.
    pub twins: Twins,
    /// Most rows of a page; a larger `top` is clamped. None: no limit, as the contract has it [D]; others [?]
    pub page_cap: Option<u32>,
    /// Rows of a page when `top` is not given. [?]
    pub default_top: u32,
    /// Order of rows that sort equal.
    pub ties: Ties,
    /// How exactly `createdOn` is sorted by.
    pub precision: SortPrecision,
    /// Whether the case of `sortBy` matters. [?]
    pub sort_case_matters: bool,
    /// What an unknown `sortBy` does.
    pub unknown_sort: UnknownSort,
    /// `totalCount`.
    pub total: TotalCount,
    /// `results` of a page without rows.
    pub no_results: NoResults,
    /// Whether a page in the middle holds any number of rows from 1 to what was asked for, although more follow.
    /// Seen on other lists of the portal [C], here [?]
    pub short_pages: bool,
    /// What a `skip` beyond the end gets.
    pub beyond: Beyond,
    /// Days after which rows are gone, by the clock; none: never. 30 or 730 [D]
    pub retention_days: Option<u32>,
    /// What `api-version` does.
    pub api_version: ApiVersion,
    /// Whether a GET without `Content-Type: application/json` gets 415, as on other lists of the portal. [C]
    pub content_type_required: bool,
    /// Most rows of a download. 5,000 [D]
    pub download_cap: u32,
}

impl Default for Classic {
    fn default() -> Self {
        Self {
            fraction: Fraction::Digits(7),
            zone: Zone::PlusZero,
            twins: Twins::NowAndThen,
            page_cap: None,
            default_top: 100,
            ties: Ties::Stable,
            precision: SortPrecision::Full,
            sort_case_matters: false,
            unknown_sort: UnknownSort::NewestFirst,
            total: TotalCount::Exact,
            no_results: NoResults::Empty,
            short_pages: false,
            beyond: Beyond::Nothing,
            retention_days: None,
            api_version: ApiVersion::Ignored,
            content_type_required: false,
            download_cap: 5000,
        }
    }
}

/// Records that are byte for byte the same: nothing but their number tells them apart. [I]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Twins {
    /// In one group of four out of eight, two or three.
    #[default]
    NowAndThen,
    /// None.
    Never,
    /// In every group of four, two or three.
    Often,
}

/// Order of rows that sort equal. [?]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// Always the same; `desc` is `asc` turned round.
    #[default]
    Stable,
    /// As they were recorded, in both directions.
    Insertion,
    /// The last recorded first, in both directions.
    Reversed,
    /// Another one on each call. Pages that end within a tie lose and repeat rows.
    Shuffled,
}

/// How exactly `createdOn` is sorted by. What sorts equal stands in an order that no member tells: pages are not
/// ascending then. [?]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SortPrecision {
    /// By 100 ns.
    #[default]
    Full,
    /// By the millisecond.
    Milliseconds,
    /// By the second.
    Seconds,
}

/// What a `sortBy` that names no member does. [?]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownSort {
    /// It is passed over, and `sortOrder` with it: newest first.
    #[default]
    NewestFirst,
    /// 400.
    Refused,
}

/// `totalCount`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TotalCount {
    /// How many rows there are. [D]
    #[default]
    Exact,
    /// How many there were at the last count; counted at every 20th request. [?]
    Stale,
    /// No such member. [?]
    Absent,
    /// Null. [?]
    Null,
    /// At most so many. [?]
    Capped(u32),
}

/// `results` of a page without rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoResults {
    /// `[]` [I]
    #[default]
    Empty,
    /// `null` [D]
    Null,
}

/// What a `skip` beyond the end gets. [?]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Beyond {
    /// A page without rows.
    #[default]
    Nothing,
    /// The last page once more.
    LastPage,
}

/// What `api-version` does. [?]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiVersion {
    /// Nothing.
    #[default]
    Ignored,
    /// It must be there, else 400.
    Required,
    /// It must not be there, else 400 `UnsupportedApiVersion`.
    Refused,
}
