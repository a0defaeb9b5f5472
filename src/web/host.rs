//! Under which names we may be asked.
//!
//! A web page anywhere may let its own name point to 127.0.0.1, and the browser of somebody on this machine then takes us
//! for that page's server and lets its scripts read us (DNS rebinding). Such a request carries the page's name. So where
//! only this machine can reach us, nobody asks under a strange name; addresses are no names, and `localhost` cannot be
//! pointed anywhere.

use std::net::IpAddr;

pub(super) struct Hosts {
    /// None: any name will do.
    names: Option<Vec<String>>,
}

impl Hosts {
    /// Without names and reachable from elsewhere nobody knows what we are called there: any name will do.
    pub(super) fn new(loopback: bool, names: Vec<String>) -> Self {
        let names = names.into_iter().map(|name| name.to_ascii_lowercase());
        let names: Vec<String> = names.collect();
        Self {
            names: (loopback || !names.is_empty()).then_some(names),
        }
    }

    /// Whether a request may name this host: the header's value, with or without a port. None: it names none, which no
    /// browser does.
    pub(super) fn admit(&self, host: Option<&str>) -> bool {
        let (Some(names), Some(host)) = (&self.names, host) else {
            return true;
        };
        let name = without_port(host).to_ascii_lowercase();
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let local = name == "localhost" || name.ends_with(".localhost");
        local || bare.parse::<IpAddr>().is_ok() || names.contains(&name)
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !host.ends_with(']') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::Hosts;

    const SAFE: [&str; 6] = [
        "127.0.0.1:9464",
        "[::1]:9464",
        "localhost:9464",
        "LOCALHOST",
        "audit.localhost",
        "10.1.2.3:80",
    ];
    const STRANGE: [&str; 5] = [
        "evil.example",
        "evil.example:9464",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "",
    ];

    #[test]
    fn on_loopback_nobody_asks_under_a_strange_name() {
        let hosts = Hosts::new(true, Vec::new());
        assert!(hosts.admit(None));
        for host in SAFE {
            assert!(hosts.admit(Some(host)), "{host}");
        }
        for host in STRANGE {
            assert!(!hosts.admit(Some(host)), "{host}");
        }
    }

    #[test]
    fn a_proxys_name_is_admitted_where_it_is_configured() {
        for loopback in [true, false] {
            let hosts = Hosts::new(loopback, vec!["Audit.acme.example".to_owned()]);
            assert!(hosts.admit(Some("audit.acme.example")));
            assert!(hosts.admit(Some("AUDIT.acme.example:443")));
            assert!(hosts.admit(Some("10.1.2.3:9464")));
            assert!(!hosts.admit(Some("evil.example")));
        }
    }

    #[test]
    fn where_others_may_ask_any_name_will_do() {
        let hosts = Hosts::new(false, Vec::new());
        for host in SAFE.into_iter().chain(STRANGE) {
            assert!(hosts.admit(Some(host)), "{host}");
        }
    }
}
