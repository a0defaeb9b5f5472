//! Writes the `next` and `previous` of a page.

use crate::ask::{Ask, Turn, pack};
use crate::cloud::{Home, Place};
use crate::dice::{Dice, guid_text};
use crate::fault::LinkFault;
use crate::instant;
use crate::switches::{Carry, CarryTo, LinkForm, LinkNaming, LinkShape, LinkTime, Links, PathCase};

/// What a link takes from the request whose reply carries it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// The `Host` header.
    pub(crate) host: &'a str,
    /// Path as asked.
    pub(crate) path: &'a str,
    /// Query as asked.
    pub(crate) query: &'a str,
    /// The bearer token.
    pub(crate) token: &'a str,
    /// Now, in ticks.
    pub(crate) now: i64,
}

/// A link to where the walk goes on.
pub(crate) fn write(home: &Home, ask: &Ask, turn: Turn, links: Links, origin: Origin<'_>) -> String {
    let query = query(ask, turn, links, origin);
    let query = match links.shape {
        LinkShape::Keyset => query,
        LinkShape::Opaque => format!("cursor={}", pack(&query)),
    };
    match links.form {
        LinkForm::HostRelative => format!("{}?{query}", path(home, links, origin)),
        LinkForm::Absolute => format!("http://{}{}?{query}", origin.host, path(home, links, origin)),
        LinkForm::PathRelative => format!("events?{query}"),
        LinkForm::QueryOnly => format!("?{query}"),
    }
}

/// The mark of a token, for links that are bound to it.
pub(crate) fn holder(token: &str) -> String {
    guid_text(Dice::of_text(token).guid())
}

fn path(home: &Home, links: Links, origin: Origin<'_>) -> String {
    let mut asked = origin.path.split('/').skip(1);
    let mut segment = |place: &Place| {
        let asked = asked.next().unwrap_or_default();
        match links.naming {
            LinkNaming::AsAsked => asked.to_owned(),
            LinkNaming::Name => place.name.clone(),
            LinkNaming::Guid => place.id.clone(),
        }
    };
    let mut path = format!("/{}", segment(&home.organization));
    if let Some(tenant) = &home.tenant {
        path = format!("{path}/{}", segment(tenant));
    }
    let query = match links.path_case {
        PathCase::Lower => "query",
        PathCase::Upper => "Query",
    };
    format!("{path}/{}/api/{query}/events", home.service())
}

fn query(ask: &Ask, turn: Turn, links: Links, origin: Origin<'_>) -> String {
    let mut open = Pairs(String::new());
    let mut packed = Pairs("v=1".to_owned());
    let time = |at| instant::spell_for_link(at, links.times);
    let plain = links.times == LinkTime::Plain;
    if let Some(from) = ask.from {
        match links.from {
            Carry::Packed => packed.add("from", &time(from), false),
            Carry::Spelled => open.add("from", &time(from), plain),
            Carry::Forgotten => {}
        }
    }
    match links.to {
        CarryTo::Spelled => open.add("to", &time(ask.to), plain),
        CarryTo::Packed => packed.add("to", &time(ask.to), false),
        CarryTo::Forgotten => {}
    }
    let (at, id, key) = match turn {
        Turn::Before(key) => ("before", "beforeId", key),
        Turn::After(key) => ("after", "afterId", key),
    };
    open.add(at, &time(key.ticks), plain);
    open.add(id, &guid_text(key.rank), false);
    open.add("maxCount", &ask.count.to_string(), false);
    for (name, value) in &ask.filters {
        match links.filters {
            Carry::Packed => packed.add(name, value, false),
            Carry::Spelled => open.add(name, value, false),
            Carry::Forgotten => {}
        }
    }
    if links.life.is_some() {
        packed.add("iat", &origin.now.to_string(), false);
    }
    if links.bound_to_token {
        packed.add("sub", &holder(origin.token), false);
    }
    open.add("qw", &pack(&packed.0), false);
    open.0
}

struct Pairs(String);

impl Pairs {
    fn add(&mut self, name: &str, value: &str, as_is: bool) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        if as_is {
            self.0.push_str(value);
        } else {
            self.0
                .extend(url::form_urlencoded::byte_serialize(value.as_bytes()));
        }
    }
}

/// The JSON in place of a link, spoiled. `link` is the true one, or what it would be.
pub(crate) fn spoil(link: &str, fault: &LinkFault, home: &Home, ask: &Ask, origin: Origin<'_>) -> String {
    let Origin { host, path, .. } = origin;
    let query = link.split_once('?').map_or("", |(_, query)| query);
    let text = match fault {
        LinkFault::Host(base) => format!("{}{path}?{query}", base.trim_end_matches('/')),
        LinkFault::UserInfo => format!("http://someone:secret@{host}{path}?{query}"),
        LinkFault::Fragment => format!("{path}?{query}#older"),
        LinkFault::Scheme(scheme) => format!("{scheme}://{host}{path}?{query}"),
        LinkFault::Path(other) => format!("{other}?{query}"),
        LinkFault::Tenant(other) => {
            let other = format!(
                "/{}/{other}/tenantaudit_/api/query/events",
                home.organization.name
            );
            format!("{other}?{query}")
        }
        LinkFault::MoreSegments => format!("{path}/more/../more?{query}"),
        LinkFault::Long(bytes) => format!("{path}?{query}&pad={}", "x".repeat(*bytes)),
        LinkFault::Itself => asked(origin, None),
        LinkFault::Pair => asked(origin, Some(1 - ask.hop.min(1))),
        LinkFault::EmptyChain | LinkFault::RepeatingChain => asked(origin, Some(ask.hop + 1)),
        LinkFault::Garbage => "http://[".to_owned(),
        LinkFault::Number => return "42".to_owned(),
        LinkFault::Object => return r#"{"href":"/next"}"#.to_owned(),
    };
    crate::json::quoted(&text)
}

/// The request's own address, with another `hop`.
fn asked(origin: Origin<'_>, hop: Option<u64>) -> String {
    let rest = origin
        .query
        .split('&')
        .filter(|pair| hop.is_none() || !pair.starts_with("hop="));
    let hop = hop.map(|hop| format!("hop={hop}"));
    let pairs: Vec<&str> = rest
        .chain(hop.as_deref())
        .filter(|pair| !pair.is_empty())
        .collect();
    format!("{}?{}", origin.path, pairs.join("&"))
}
