//! What is typed after `reconcile`.

use clap::Args;

use super::moment;
use crate::{clock::Time, target::TargetName};

/// Compare a span of the archive with the server, and archive what is missing
///
/// Reads the span again, as far as the archive covers it and the server still shows it, and compares it with the
/// archive, event by event. What the archive lacks (an event that came later than any lookback, say) is archived as a
/// commit of kind `backfill`; what is archived is not archived twice, and nothing archived is changed. A target of the
/// unified API is compared with the long-term store as well, where its ids are those of the live API: what only that
/// store has is archived as it spells it.
///
/// Prints a line for each target: what was compared, how many events were shown, how many of them were missing and are
/// archived now. Exits as `once`: with 0 also when something was missing and is archived.
///
/// A daemon holds the state directory: have it compare by itself, with `reconcile_schedule` in the configuration.
#[derive(Args, Debug)]
#[command(
    after_help = "Example: uipath-audit-exporter --config exporter.toml reconcile --target acme --from 30d"
)]
pub(in crate::cli) struct Reconcile {
    /// Only this target; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) target: Vec<TargetName>,
    /// The span's begin, inclusive: a time, a date, or an age such as 30d
    #[arg(long, value_name = "T", value_parser = moment)]
    pub(in crate::cli) from: Time,
    /// The span's end, exclusive [default: now]
    #[arg(long, value_name = "T", value_parser = moment, default_value = "0s", hide_default_value = true)]
    pub(in crate::cli) to: Time,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::Cli;

    #[test]
    fn a_span_has_a_begin_and_may_have_an_end() {
        let reads = |line: &str| Cli::try_parse_from(line.split(' ')).is_ok();
        assert!(reads(
            "x reconcile --target acme --target acme-test --from 30d --to 2026-11-21"
        ));
        assert!(reads("x reconcile --from 2026-11-20T10:00:00Z"));
        assert!(!reads("x reconcile --to 1d"));
        assert!(!reads("x reconcile --from soon"));
    }
}
