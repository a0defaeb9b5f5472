//! What an option takes: its kinds of values, each read as `object_store` wants it. Pure. Quotes no value.

use std::{collections::BTreeMap, time::Duration};

use url::{Host, Url};

/// Options by their one name. Values may be secrets: never print one.
pub(super) type Values = BTreeMap<String, String>;

/// What an option takes.
#[derive(Clone, Copy)]
pub(super) enum Takes {
    /// Printable ASCII: most of it ends up in a header.
    Text,
    /// The path of a file.
    Path,
    /// A whole JSON document.
    Json,
    Switch,
    /// Such as `90s`.
    Duration,
    /// `https`, or `http` on a loopback host.
    Address,
    /// As an address, or `http` where clouds keep the credentials of machines: link-local addresses alone.
    Metadata,
    /// One of these.
    Choice(&'static [&'static str]),
    /// Nothing: it contradicts us. Why.
    Refused(&'static str),
}

impl Takes {
    /// Why it takes nothing.
    pub(super) fn refusal(self) -> Option<String> {
        match self {
            Self::Refused(reason) => Some(reason.to_owned()),
            _ => None,
        }
    }

    /// The value as `object_store` wants it. What is said about a wrong one quotes it nowhere: it may be a secret.
    pub(super) fn read(self, value: &str) -> Result<String, String> {
        let good = match self {
            Self::Text if value.chars().all(|c| c.is_ascii_graphic() || c == ' ') => value,
            Self::Text => {
                return Err("holds a line break or something else that is not printable ASCII".into());
            }
            Self::Path if is_path(value) => value,
            Self::Path => return Err("is no path of a file".into()),
            Self::Json => value,
            Self::Switch => match parse_switch(value) {
                Some(true) => "true",
                Some(false) => "false",
                None => return Err("must be `true` or `false`".into()),
            },
            Self::Duration if parse_duration(value).is_some() => value,
            Self::Duration => return Err("must be a duration such as `90s`, more than 0".into()),
            Self::Address => {
                parse_address(value, is_loopback)?;
                value.trim_end_matches('/')
            }
            Self::Metadata => {
                parse_address(value, |host| is_loopback(host) || is_metadata(host))?;
                value
            }
            Self::Choice(["etag"]) if value == "disabled" => {
                return Err("is refused: without conditional puts two exporters overwrite each other".into());
            }
            Self::Choice(options) => {
                let same = |option: &&&str| option.eq_ignore_ascii_case(value);
                match options.iter().find(same) {
                    Some(option) => option,
                    None => return Err(format!("must be one of `{}`", options.join("`, `"))),
                }
            }
            Self::Refused(reason) => return Err(reason.into()),
        };
        Ok(good.to_owned())
    }
}

/// Paths are shown in messages: a key or a token that was put in the place of its file is none.
fn is_path(value: &str) -> bool {
    let is_secret = value.trim_start().starts_with('{') || value.starts_with("eyJ");
    !is_secret && value.chars().all(|c| !c.is_control())
}

/// As `object_store` reads one.
pub(super) fn parse_switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "on" | "yes" | "y" => Some(true),
        "0" | "false" | "off" | "no" | "n" => Some(false),
        _ => None,
    }
}

/// Whole numbers with units: `90s`, `1m 30s`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, behind) = rest.split_at_checked(digits)?;
        let behind = behind.trim_start();
        let end = behind
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(end)?;
        let number: u32 = number.parse().ok()?;
        let unit = match unit {
            "ms" | "msec" | "millis" => Duration::from_millis(1),
            "s" | "sec" | "secs" | "second" | "seconds" => Duration::from_secs(1),
            "m" | "min" | "mins" | "minute" | "minutes" => Duration::from_secs(60),
            "h" | "hr" | "hour" | "hours" => Duration::from_secs(3600),
            _ => return None,
        };
        total = total.checked_add(unit.checked_mul(number)?)?;
        rest = behind.trim_start();
    }
    (!total.is_zero()).then_some(total)
}

/// `https`, or `http` where `plain` accepts the host; no user, query or fragment. Never quotes the text.
pub(super) fn parse_address(text: &str, plain: fn(&Host<&str>) -> bool) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is no URL such as `https://host/`: {error}"))?;
    let problem = if !matches!(url.scheme(), "https" | "http") {
        "must begin with `https://`"
    } else if !url.username().is_empty() || url.password().is_some() {
        "must not hold a user name or password"
    } else if url.query().is_some() || url.fragment().is_some() {
        "must not have a query (`?`) or fragment (`#`)"
    } else if url.scheme() == "http" && !url.host().is_some_and(|host| plain(&host)) {
        "is plain `http://`, which is for loopback hosts only: use `https://`"
    } else {
        return Ok(url);
    };
    Err(problem.to_owned())
}

pub(super) fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Where clouds keep the credentials of a machine: on its own link, or AWS's two names for it in IPv6.
fn is_metadata(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(_) => false,
        Host::Ipv4(address) => address.is_link_local(),
        Host::Ipv6(address) => ["fd00:ec2::254", "fd00:ec2::23"].contains(&address.to_string().as_str()),
    }
}
