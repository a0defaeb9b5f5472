//! The list of all values that are not defaults. Values of one switch stand together.

use super::*;

/// Turns one switch.
pub(super) type Turn = fn(&mut Switches);

/// A value of a switch: name and action.
pub(super) type Knob = (&'static str, Turn);

/// All of them. Lists are added at the end, so that a seed keeps what it means for the switches before.
pub(super) fn all() -> impl Iterator<Item = Knob> {
    [KNOBS, CSV, CLASSIC, PATHS, LONG_TERM, DOWNLOADS]
        .into_iter()
        .flatten()
        .copied()
}

macro_rules! knobs {
    ($($group:ident . $field:ident : $($name:literal => $value:expr),+ ;)+) => {
        &[$($((
            concat!(stringify!($group), ".", stringify!($field), "=", $name),
            (|s: &mut Switches| s.$group.$field = $value) as Turn,
        )),+),+]
    };
}

/// Pages, bodies, records, access.
const KNOBS: &[Knob] = knobs! {
    links.form: "absolute" => LinkForm::Absolute, "path_relative" => LinkForm::PathRelative,
        "query_only" => LinkForm::QueryOnly;
    links.naming: "name" => LinkNaming::Name, "guid" => LinkNaming::Guid;
    links.path_case: "upper" => PathCase::Upper;
    links.shape: "opaque" => LinkShape::Opaque;
    links.from: "spelled" => Carry::Spelled, "forgotten" => Carry::Forgotten;
    links.to: "packed" => CarryTo::Packed, "forgotten" => CarryTo::Forgotten;
    links.filters: "spelled" => Carry::Spelled, "forgotten" => Carry::Forgotten;
    links.times: "plain" => LinkTime::Plain, "offset" => LinkTime::Offset, "ticks" => LinkTime::Ticks;
    links.end: "absent" => EndMarker::Absent, "empty" => EndMarker::Empty;
    links.life: "300" => Some(300);
    links.bound_to_token: "true" => true;
    pages.order: "oldest_first" => PageOrder::OldestFirst, "shuffled" => PageOrder::Shuffled;
    pages.next_order: "reversed" => NextOrder::Reversed;
    pages.fill: "short" => Fill::Short, "empty_between" => Fill::EmptyBetween,
        "empty_first" => Fill::EmptyFirst, "empty_last" => Fill::EmptyLast;
    pages.anchor: "oldest" => Anchor::Oldest;
    pages.first_next: "live" => FirstNext::Live;
    pages.bounds: "to_exclusive" => Bounds::ToExclusive, "from_exclusive" => Bounds::FromExclusive,
        "whole_seconds" => Bounds::WholeSeconds, "whole_millis" => Bounds::WholeMillis;
    pages.repeats: "within_page" => Repeats::WithinPage, "across_pages" => Repeats::AcrossPages;
    pages.arrival: "late_by_seconds" => Arrival::LateBySeconds { every: 7, seconds: 120 },
        "late_by_requests" => Arrival::LateByRequests { every: 7, requests: 3 };
    pages.default_count: "50" => 50;
    bodies.layout: "spaced" => Layout::Spaced, "two_spaces" => Layout::TwoSpaces,
        "four_spaces" => Layout::FourSpaces, "cr_lf" => Layout::CrLf, "tabs" => Layout::Tabs;
    bodies.casing: "pascal" => Casing::Pascal;
    bodies.members: "events_last" => MemberOrder::EventsLast, "events_between" => MemberOrder::EventsBetween;
    bodies.extra_members: "true" => true;
    bodies.bom: "true" => true;
    bodies.gzip: "true" => true;
    bodies.framing: "chunked" => Framing::Chunked;
    bodies.content_type: "json" => ContentType::Json, "text_json" => ContentType::TextJson,
        "vendor" => ContentType::Vendor, "missing" => ContentType::Missing;
    bodies.respell: "members" => Respell::Members, "white_space" => Respell::WhiteSpace,
        "both" => Respell::Both;
    bodies.edits: "volatile" => Edits::Volatile, "once_after_3_requests" => Edits::OnceAfterRequests(3);
    records.fraction: "0" => Fraction::Digits(0), "1" => Fraction::Digits(1), "2" => Fraction::Digits(2),
        "4" => Fraction::Digits(4), "5" => Fraction::Digits(5), "6" => Fraction::Digits(6),
        "7" => Fraction::Digits(7), "trimmed" => Fraction::Trimmed, "mixed" => Fraction::Mixed;
    records.zone: "plus_zero" => Zone::PlusZero, "east" => Zone::East, "west" => Zone::West,
        "none" => Zone::None, "mixed" => Zone::Mixed;
    records.precision: "finer" => Precision::Finer;
    records.times: "ties" => Times::Ties, "one_instant" => Times::OneInstant;
    records.tenant_keys: "null" => TenantKeys::Null;
    records.client_info: "text" => ClientInfo::Text, "null" => ClientInfo::Null,
        "absent" => ClientInfo::Absent;
    records.details: "empty" => Details::Empty, "unparsable" => Details::Unparsable,
        "null" => Details::Null, "absent" => Details::Absent, "object" => Details::Object;
    records.ids: "upper" => Ids::Upper, "opaque" => Ids::Opaque, "missing" => Ids::Missing,
        "null" => Ids::Null, "empty" => Ids::Empty, "number" => Ids::Number, "duplicate" => Ids::Duplicate;
    records.created_on: "missing" => CreatedOn::Missing, "null" => CreatedOn::Null,
        "unreadable" => CreatedOn::Unreadable, "year_one" => CreatedOn::YearOne,
        "ahead" => CreatedOn::Ahead, "future" => CreatedOn::Future;
    records.odd: "escapes" => [Odd::Escapes].into(), "lone_surrogates" => [Odd::LoneSurrogates].into(),
        "huge_numbers" => [Odd::HugeNumbers].into(), "extra_members" => [Odd::ExtraMembers].into(),
        "nulls" => [Odd::Nulls].into(), "doubled_keys" => [Odd::DoubledKeys].into(),
        "formulas" => [Odd::Formulas].into(), "line_breaks" => [Odd::LineBreaks].into(),
        "long_text" => [Odd::LongText].into(), "emoji" => [Odd::Emoji].into(),
        "nesting" => [Odd::Nesting].into(), "status" => [Odd::Status].into(),
        "all" => Odd::ALL.into();
    access.expires_in: "text" => ExpiresIn::Text, "float" => ExpiresIn::Float, "null" => ExpiresIn::Null,
        "missing" => ExpiresIn::Missing;
    access.token_life: "30" => 30;
    access.wrong_scope: "403" => 403;
    access.unknown_place: "403" => 403, "401" => 401;
    access.invalid_client: "401" => 401;
    access.one_token_at_a_time: "true" => true;
};

/// CSV downloads.
const CSV: &[Knob] = knobs! {
    csv.delimiter: "semicolon" => Delimiter::Semicolon, "tab" => Delimiter::Tab;
    csv.line_end: "lf" => LineEnd::Lf;
    csv.last_line_end: "false" => false;
    csv.bom: "true" => true;
    csv.quoting: "all" => Quoting::All;
    csv.header: "camel" => Header::Camel, "words" => Header::Words, "absent" => Header::Absent;
    csv.disposition: "false" => false;
    csv.content_type: "text_csv_utf8" => CsvType::TextCsvUtf8, "octet_stream" => CsvType::OctetStream;
    csv.framing: "chunked" => Framing::Chunked, "until_close" => Framing::UntilClose;
};

/// The classic API. `classic.api_version` is in no list: under one of its values some requests get nothing.
const CLASSIC: &[Knob] = knobs! {
    classic.fraction: "0" => Fraction::Digits(0), "3" => Fraction::Digits(3), "6" => Fraction::Digits(6),
        "trimmed" => Fraction::Trimmed, "mixed" => Fraction::Mixed;
    classic.zone: "z" => Zone::Z, "east" => Zone::East, "west" => Zone::West, "none" => Zone::None,
        "mixed" => Zone::Mixed;
    classic.twins: "never" => Twins::Never, "often" => Twins::Often;
    classic.page_cap: "50" => Some(50), "200" => Some(200), "1000" => Some(1000);
    classic.default_top: "10" => 10, "1000" => 1000;
    classic.ties: "insertion" => Ties::Insertion, "reversed" => Ties::Reversed, "shuffled" => Ties::Shuffled;
    classic.precision: "milliseconds" => SortPrecision::Milliseconds, "seconds" => SortPrecision::Seconds;
    classic.sort_case_matters: "true" => true;
    classic.unknown_sort: "refused" => UnknownSort::Refused;
    classic.total: "stale" => TotalCount::Stale, "absent" => TotalCount::Absent, "null" => TotalCount::Null,
        "capped_at_10000" => TotalCount::Capped(10_000);
    classic.no_results: "null" => NoResults::Null;
    classic.short_pages: "true" => true;
    classic.beyond: "last_page" => Beyond::LastPage;
    classic.retention_days: "30" => Some(30);
    classic.content_type_required: "true" => true;
    classic.download_cap: "50" => 50;
};

/// Paths. Those that turn a path off are in no list, nor is `access.assertions_once`: nothing could be read.
const PATHS: &[Knob] = knobs! {
    paths.wrong: "json" => WrongPath::Json, "sign_in" => WrongPath::SignIn, "redirect" => WrongPath::Redirect,
        "unsupported_version" => WrongPath::UnsupportedVersion;
};

/// The long-term store, and how far back the live endpoints go.
const LONG_TERM: &[Knob] = knobs! {
    long_term.lag_hours: "0" => 0, "24" => 24;
    long_term.lag_from: "event" => LagFrom::Event;
    long_term.retention_days: "5_years" => 5 * 365;
    long_term.entries: "zip_per_hour" => Entries::ZipPerHour, "zip_per_hour_one_name" => Entries::ZipPerHourOneName,
        "numbered" => Entries::Numbered, "folders" => Entries::Folders, "one_name" => Entries::OneName;
    long_term.names: "climbing" => EntryNames::Climbing, "absolute" => EntryNames::Absolute,
        "backslashes" => EntryNames::Backslashes;
    long_term.packing: "stored" => Packing::Stored;
    long_term.streamed: "true" => true;
    long_term.zip64: "true" => true;
    long_term.bom: "true" => true;
    long_term.layout: "spaced" => Layout::Spaced, "two_spaces" => Layout::TwoSpaces, "cr_lf" => Layout::CrLf,
        "tabs" => Layout::Tabs;
    long_term.casing: "camel" => Casing::Camel;
    long_term.order: "newest_first" => RecordOrder::NewestFirst, "shuffled" => RecordOrder::Shuffled;
    long_term.identifier: "other" => Identifier::Other;
    long_term.date: "no_zone" => DateSpelling::NoZone, "millis" => DateSpelling::Millis,
        "offset" => DateSpelling::Offset;
    long_term.extra_members: "true" => true;
    long_term.empty: "empty_array" => EmptyDay::EmptyArray, "empty_body" => EmptyDay::EmptyBody,
        "no_content" => EmptyDay::NoContent;
    long_term.heavy: "1" => 1;
    long_term.strays: "only_live" => Strays::OnlyLive(7), "only_long_term" => Strays::OnlyLongTerm(7);
    long_term.content_type: "octet_stream" => ZipType::OctetStream;
    long_term.framing: "chunked" => Framing::Chunked, "until_close" => Framing::UntilClose;
    pages.look_back: "90" => Some(90);
    pages.too_old: "refused" => TooOld::Refused;
};

/// The unified CSV download and the exclusion rules.
const DOWNLOADS: &[Knob] = knobs! {
    downloads.window: "none" => None;
    downloads.too_old: "empty" => TooOld::Empty;
    downloads.most_rows: "100" => 100;
    downloads.over: "oldest" => Over::Oldest, "refused" => Over::Refused;
    downloads.order: "oldest_first" => RowOrder::OldestFirst;
    downloads.wrapping: "zip" => Wrapping::Zip;
    rules.rolled_out: "false" => false;
    rules.wrapped: "true" => true;
};
