//! What a request for events asks: reads the query as documented, and the links this simulator wrote itself.

use crate::dice::read_guid;
use crate::instant;
use crate::stream::Key;

/// Fewest and most events a page may be asked to hold; anything else is clamped. [D]
const LEAST: u16 = 10;
const MOST: u16 = 200;

/// From where a page goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Older than that.
    Before(Key),
    /// Newer than that.
    After(Key),
}

/// A request for events, read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    pub(crate) from: Option<i64>,
    pub(crate) to: i64,
    pub(crate) count: u16,
    pub(crate) turn: Option<Turn>,
    /// source, target, type, userIds, status, searchTerm as they came.
    pub(crate) filters: Vec<(String, String)>,
    /// When the link was written, and for which token.
    pub(crate) issued: Option<i64>,
    pub(crate) holder: Option<String>,
    /// How far a made-up chain of links has come.
    pub(crate) hop: u64,
}

/// A parameter that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) name: &'static str,
    pub(crate) value: String,
}

type Pairs = Vec<(String, String)>;

impl Ask {
    pub(crate) fn read(query: &str, now: i64, default_count: u16) -> Result<Self, Unreadable> {
        let mut pairs = pairs(query);
        for packed in ["cursor", "qw"] {
            if let Some(value) = value(&pairs, packed) {
                let text = unpack(value).ok_or_else(|| unreadable(packed, value))?;
                pairs.extend(self::pairs(&text));
            }
        }
        let mut ask = Self {
            to: now,
            count: default_count,
            ..Self::default()
        };
        ask.from = time(&pairs, "from")?;
        ask.to = time(&pairs, "to")?.unwrap_or(now);
        if let Some(count) = value(&pairs, "maxCount") {
            let count: i32 = count.parse().map_err(|_| unreadable("maxCount", count))?;
            ask.count = u16::try_from(count.clamp(0, i32::from(MOST))).unwrap_or(MOST);
        }
        ask.count = ask.count.clamp(LEAST, MOST);
        ask.turn = match (
            turn(&pairs, "before", "beforeId")?,
            turn(&pairs, "after", "afterId")?,
        ) {
            (Some(key), _) => Some(Turn::Before(key)),
            (None, Some(key)) => Some(Turn::After(key)),
            (None, None) => None,
        };
        ask.issued = value(&pairs, "iat").and_then(|text| text.parse().ok());
        ask.holder = value(&pairs, "sub").map(str::to_owned);
        ask.hop = value(&pairs, "hop")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        if let Some(status) = value(&pairs, "status")
            && status.parse::<i32>().is_err()
        {
            return Err(unreadable("status", status));
        }
        ask.filters = pairs.into_iter().filter(|(name, _)| is_filter(name)).collect();
        Ok(ask)
    }
}

fn is_filter(name: &str) -> bool {
    ["source", "target", "type", "userIds", "status", "searchTerm"]
        .iter()
        .any(|filter| filter.eq_ignore_ascii_case(name))
}

fn pairs(query: &str) -> Pairs {
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

fn value<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

fn unreadable(name: &'static str, value: &str) -> Unreadable {
    Unreadable {
        name,
        value: value.to_owned(),
    }
}

fn time(pairs: &Pairs, name: &'static str) -> Result<Option<i64>, Unreadable> {
    let Some(text) = value(pairs, name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    instant::read(text)
        .map(Some)
        .ok_or_else(|| unreadable(name, text))
}

fn turn(pairs: &Pairs, at: &'static str, id: &'static str) -> Result<Option<Key>, Unreadable> {
    let Some(ticks) = time(pairs, at)? else {
        return Ok(None);
    };
    let rank = match value(pairs, id) {
        Some(text) => read_guid(text).ok_or_else(|| unreadable(id, text))?,
        None => 0,
    };
    Ok(Some(Key { ticks, rank }))
}

/// Hides parameters from a reader.
pub(crate) fn pack(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn unpack(text: &str) -> Option<String> {
    let digits = text.as_bytes().chunks(2);
    let bytes = digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_holds_10_to_200() {
        for (asked, held) in [("1", 10), ("10", 10), ("57", 57), ("10000", 200), ("-3", 10)] {
            assert_eq!(
                Ask::read(&format!("maxCount={asked}"), 0, 200).unwrap().count,
                held
            );
        }
        assert_eq!(Ask::read("MAXCOUNT=11", 0, 200).unwrap().count, 11);
        assert!(Ask::read("maxCount=many", 0, 200).is_err());
    }

    #[test]
    fn what_is_packed_is_read_again() {
        let ask = Ask::read(
            &format!("qw={}", pack("from=2025-01-01&source=a&source=b")),
            9,
            200,
        )
        .unwrap();
        assert_eq!(ask.from, instant::read("2025-01-01"));
        assert_eq!(ask.filters.len(), 2);
        assert!(Ask::read("qw=nonsense", 0, 200).is_err());
    }
}
