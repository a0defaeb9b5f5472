//! An event before it is recorded, and its recording: the one place that spells a new event as JSON.

use chrono::{DateTime, Utc};

use crate::classic;
use crate::cloud::Home;
use crate::dice::{Dice, guid_text};
use crate::instant::{self, DAY};
use crate::json::{quote, quoted};
use crate::odd;
use crate::switches::{
    ClientInfo, CreatedOn, Details, Fraction, Ids, Odd, Precision, Records, TenantKeys, Zone,
};

/// An event to push. What is not said is filled in plausibly.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// When it happens; kept to 100 ns.
    pub at: DateTime<Utc>,
    /// Its id; a fresh GUID if not given. Given ids are kept whatever the switches say.
    pub id: Option<String>,
    /// Source, target and type by name.
    pub what: [String; 3],
    /// Id, name and e-mail address of who did it.
    pub by: (String, String, Option<String>),
    /// `eventDetails`: JSON in a string.
    pub details: String,
    /// `eventSummary`.
    pub summary: String,
    /// 0: success, 1: failure.
    pub status: i64,
    /// IP address and country; none for an event the server caused.
    pub client: Option<(String, String)>,
}

impl NewEvent {
    /// A user's login.
    pub fn at(at: DateTime<Utc>) -> Self {
        let ada = (
            "5b1d3f3e-6d7f-4c7b-8a53-1c1a8f2d9e01",
            "Ada Lovelace",
            "ada@example.com",
        );
        Self {
            at,
            id: None,
            what: ["Identity", "Authentication", "User Login"].map(str::to_owned),
            by: (ada.0.to_owned(), ada.1.to_owned(), Some(ada.2.to_owned())),
            details: r#"{"provider":"aad","session":"interactive"}"#.to_owned(),
            summary: "User Ada Lovelace logged in".to_owned(),
            status: 0,
            client: Some(("192.0.2.17".to_owned(), "GB".to_owned())),
        }
    }

    /// Gives it an id.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// Gives it a summary.
    #[must_use]
    pub fn summary(mut self, summary: &str) -> Self {
        summary.clone_into(&mut self.summary);
        self
    }

    /// Gives it details.
    #[must_use]
    pub fn details(mut self, details: &str) -> Self {
        details.clone_into(&mut self.details);
        self
    }

    /// Says what happened.
    #[must_use]
    pub fn what(mut self, source: &str, target: &str, kind: &str) -> Self {
        self.what = [source, target, kind].map(str::to_owned);
        self
    }

    /// 0: success, 1: failure.
    #[must_use]
    pub fn status(mut self, status: i64) -> Self {
        self.status = status;
        self
    }
}

/// Chances of one event under one heading; the same each time it is spelled.
pub(crate) fn dice(rank: u128, heading: u64) -> Dice {
    let [low, high] = [rank, rank >> 64].map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0));
    Dice::of(low ^ heading.rotate_left(32), high)
}

fn odd_created_on(records: &Records, rank: u128) -> CreatedOn {
    if dice(rank, 2).once_in(7) {
        records.created_on
    } else {
        CreatedOn::Present
    }
}

pub(crate) fn fraction(records: &Records, rank: u128) -> Fraction {
    match records.fraction {
        Fraction::Mixed => Fraction::Digits(u8::try_from(dice(rank, 4).below(8)).unwrap_or(7)),
        other => other,
    }
}

pub(crate) fn zone(records: &Records, rank: u128) -> Zone {
    const ZONES: [Zone; 5] = [Zone::Z, Zone::PlusZero, Zone::East, Zone::West, Zone::None];
    match records.zone {
        Zone::Mixed => ZONES
            .get(dice(rank, 5).place(ZONES.len()))
            .copied()
            .unwrap_or_default(),
        other => other,
    }
}

/// The time an event that happens at `ticks` is filed under: what it tells, unless the switches say otherwise.
pub(crate) fn filed_at(records: &Records, ticks: i64, rank: u128) -> i64 {
    let at = match records.precision {
        Precision::AsTold => instant::cut(ticks, fraction(records, rank)),
        Precision::Finer => ticks,
    };
    if odd_created_on(records, rank) == CreatedOn::Future {
        at + DAY
    } else {
        at
    }
}

fn created_on(records: &Records, filed: i64, rank: u128) -> Option<String> {
    let spell = |at| quoted(&instant::spell(at, fraction(records, rank), zone(records, rank)));
    match odd_created_on(records, rank) {
        CreatedOn::Present | CreatedOn::Future => Some(spell(filed)),
        CreatedOn::Missing => None,
        CreatedOn::Null => Some("null".to_owned()),
        CreatedOn::Unreadable => Some("\"24 Smarch 2025, around noon\"".to_owned()),
        CreatedOn::YearOne => Some("\"0001-01-01T00:00:00\"".to_owned()),
        CreatedOn::Ahead => Some(spell(filed + DAY)),
    }
}

fn id(records: &Records, rank: u128, earlier: Option<u128>) -> Option<String> {
    let guid = guid_text(rank);
    let ids = if dice(rank, 1).once_in(7) {
        records.ids
    } else {
        Ids::Guid
    };
    match ids {
        Ids::Guid => Some(quoted(&guid)),
        Ids::Upper => Some(quoted(&guid.to_uppercase())),
        Ids::Opaque => Some(format!("\"evt_{}/{}\"", rank >> 96, rank & 0xffff_ffff)),
        Ids::Missing => None,
        Ids::Null => Some("null".to_owned()),
        Ids::Empty => Some("\"\"".to_owned()),
        Ids::Number => Some((rank >> 70).to_string()),
        Ids::Duplicate => Some(quoted(&guid_text(earlier.unwrap_or(rank)))),
    }
}

fn client_info(records: &Records, client: Option<&(String, String)>) -> Option<String> {
    let (ip, country) = client?;
    let object = format!(
        r#"{{"ipAddress":{},"ipCountry":{}}}"#,
        quoted(ip),
        quoted(country)
    );
    match records.client_info {
        ClientInfo::Object => Some(object),
        ClientInfo::Text => Some(quoted(&object)),
        ClientInfo::Null => Some("null".to_owned()),
        ClientInfo::Absent => None,
    }
}

pub(crate) fn details(records: &Records, details: &str) -> Option<String> {
    match records.details {
        Details::Text => Some(quoted(details)),
        Details::Empty => Some("\"\"".to_owned()),
        Details::Unparsable => Some(quoted(details.get(..details.len() / 2).unwrap_or("{"))),
        Details::Null => Some("null".to_owned()),
        Details::Absent => None,
        Details::Object => Some(details.to_owned()),
    }
}

/// What is odd about an event, if anything.
pub(crate) fn odd_of(records: &Records, rank: u128) -> Option<Odd> {
    let mut odds = dice(rank, 3);
    if !odds.once_in(3) {
        return None;
    }
    let kinds: Vec<Odd> = records.odd.iter().copied().collect();
    kinds.get(odds.place(kinds.len())).copied()
}

/// Spells an event: documented members in documented order, as the switches of its recording want them.
/// `earlier` is the rank of an event whose id may be used again.
pub(crate) fn record(
    home: &Home,
    records: &Records,
    event: &NewEvent,
    filed: i64,
    rank: u128,
    earlier: Option<u128>,
) -> Vec<u8> {
    if home.stream.is_classic() {
        return classic::record::record(records, event, filed, rank);
    }
    let odd = odd_of(records, rank);
    let id = event
        .id
        .as_deref()
        .map(quoted)
        .or_else(|| id(records, rank, earlier));
    let mut members = Members(String::with_capacity(1024));
    members.add("id", id);
    members.add("createdOn", created_on(records, filed, rank));
    members.text("organizationId", &home.organization.id);
    members.text("organizationName", &home.organization.name);
    match (&home.tenant, records.tenant_keys) {
        (Some(tenant), _) => {
            members.text("tenantId", &tenant.id);
            members.text("tenantName", &tenant.name);
        }
        (None, TenantKeys::Null) => {
            members.add("tenantId", Some("null".to_owned()));
            members.add("tenantName", Some("null".to_owned()));
        }
        (None, TenantKeys::Absent) => {}
    }
    members.text("actorId", &event.by.0);
    members.add("actorName", Some(odd::actor_name(odd, &event.by.1)));
    let email = event.by.2.as_deref().map_or_else(|| "null".to_owned(), quoted);
    members.add("actorEmail", (odd != Some(Odd::Nulls)).then_some(email));
    let [source, target, kind] = &event.what;
    members.text("eventType", kind);
    members.text("eventSource", source);
    members.add(
        "eventTarget",
        Some(if odd == Some(Odd::Nulls) {
            "null".to_owned()
        } else {
            quoted(target)
        }),
    );
    members.add("eventDetails", details(records, &event.details));
    members.add("eventSummary", Some(odd::summary(odd, &event.summary)));
    members.add("status", Some(odd::status(odd, event.status)));
    members.add("clientInfo", client_info(records, event.client.as_ref()));
    for (key, value) in odd::more_members(odd) {
        members.add(key, Some(value));
    }
    members.0.push('}');
    members.0.into_bytes()
}

/// The members of an object, as they are spelled one after the other.
pub(crate) struct Members(pub(crate) String);

impl Members {
    pub(crate) fn add(&mut self, key: &str, value: Option<String>) {
        let Some(value) = value else { return };
        self.key(key);
        self.0.push_str(&value);
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        quote(&mut self.0, value);
    }

    fn key(&mut self, key: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        quote(&mut self.0, key);
        self.0.push(':');
    }
}
