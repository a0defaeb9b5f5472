//! What is typed after `simulate`.

use std::{net::SocketAddr, num::NonZeroU32, time::Duration};

use clap::Args;

use super::moment;
use crate::{clock::Time, config::parse_duration};

/// The simulator alone, to try a whole deployment without a UiPath account
///
/// Prints its URL, credentials and a configuration for it, then serves 30 days of events and a new one each second
/// until a signal ends it: an organization, two tenants, the classic log, through every audit API
/// (config/examples/apis.toml has a target for each).
///
/// It can be as large, slow and strict as the platform it stands for. What it was asked and answered, in numbers, is at
/// /_simulator/requests (GET; DELETE begins anew). It keeps up to 2 GiB of each log as it was sent.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  uipath-audit-exporter simulate --listen 127.0.0.1:8787
  uipath-audit-exporter simulate --latency 100ms --requests-per-second 10 --burst 5
  uipath-audit-exporter simulate --events 200000 --tenant production --since 30d --until 1h --news 0 --json")]
pub(in crate::cli) struct Simulate {
    /// Where to listen; port 0 takes any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787")]
    pub(in crate::cli) listen: SocketAddr,
    /// How many events there are at the start
    #[arg(long, value_name = "N", default_value = "20000", value_parser = clap::value_parser!(u32).range(1..=5_000_000))]
    pub(in crate::cli) events: u32,
    /// Have them all in the log of this tenant, instead of sharing them out
    #[arg(long, value_name = "NAME", value_parser = ["production", "test"])]
    pub(in crate::cli) tenant: Option<String>,
    /// When the events begin: a time, a date, or an age [default: 30 days before they end]
    #[arg(long, value_name = "T", value_parser = moment)]
    pub(in crate::cli) since: Option<Time>,
    /// When they end, but for the news [default: now]
    #[arg(long, value_name = "T", value_parser = moment)]
    pub(in crate::cli) until: Option<Time>,
    /// New events each second; 0 for none
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(..=1000))]
    pub(in crate::cli) news: u16,
    /// Fill events up to so many bytes of JSON [default: some 860 by themselves]
    #[arg(long, value_name = "BYTES", default_value = "0", hide_default_value = true, value_parser = clap::value_parser!(u16).range(..=32_768))]
    pub(in crate::cli) event_bytes: u16,
    /// Let each reply wait so long, such as 100ms
    #[arg(long, value_name = "DURATION", default_value = "0s", hide_default_value = true, value_parser = parse_duration)]
    pub(in crate::cli) latency: Duration,
    /// Answer no more requests than that, and the others with 429 [default: no limit]
    #[arg(long, value_name = "N")]
    pub(in crate::cli) requests_per_second: Option<NonZeroU32>,
    /// So many requests may come at once [default: those of a second]
    #[arg(long, value_name = "N", requires = "requests_per_second")]
    pub(in crate::cli) burst: Option<NonZeroU32>,
    /// Tell URL and credentials as a JSON object in one line
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

impl Simulate {
    /// Requests for each second, and at once.
    pub(in crate::cli) fn limit(&self) -> Option<(f64, u32)> {
        let per_second = self.requests_per_second?;
        Some((per_second.get().into(), self.burst.unwrap_or(per_second).get()))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::Cli;

    #[test]
    fn a_simulator_is_as_large_slow_and_strict_as_it_is_told_to_be() {
        let reads = |line: &str| Cli::try_parse_from(line.split(' ')).is_ok();
        assert!(reads("x simulate"));
        assert!(reads(
            "x simulate --events 5 --tenant test --since 90d --until 2026-11-01 --news 0 --json"
        ));
        assert!(reads(
            "x simulate --latency 1s500ms --requests-per-second 10 --burst 1 --event-bytes 4000"
        ));
        for wrong in [
            "--tenant nobody",
            "--burst 5",
            "--requests-per-second 0",
            "--latency 100",
            "--event-bytes 40000",
            "--news -1",
        ] {
            assert!(!reads(&format!("x simulate {wrong}")), "{wrong}");
        }
    }
}
