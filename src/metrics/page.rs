//! The text that Prometheus reads, version 0.0.4: families, each with its help, its type and its samples. Pure.
//!
//! Written from the format's description at prometheus.io, "Exposition formats". Every name begins with ours.

use std::fmt::Write as _;

use crate::{clock::Time, count::Observed};

/// What every name begins with.
const PREFIX: &str = "uipath_audit_exporter_";

/// Labels: names and values.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

/// What kind of number a family holds.
#[derive(Clone, Copy)]
pub(super) enum Type {
    Counter,
    Gauge,
    Histogram,
}

/// The text as far as it is written.
#[derive(Default)]
pub(super) struct Page {
    text: String,
    family: &'static str,
}

impl Page {
    /// An empty one for about so many bytes.
    pub(super) fn of_bytes(bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes + bytes / 16),
            ..Self::default()
        }
    }

    /// Begins a family: its samples follow. It is told even if it has none.
    pub(super) fn family(&mut self, name: &'static str, kind: Type, help: &str) {
        let kind = match kind {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
            Type::Histogram => "histogram",
        };
        self.family = name;
        // Writing into memory cannot fail, here and below.
        let _ = writeln!(
            self.text,
            "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}"
        );
    }

    /// A sample of the family.
    pub(super) fn sample(&mut self, labels: Labels<'_>, value: f64) {
        self.line("", labels, None, value);
    }

    /// A sample, where there is a value.
    pub(super) fn known(&mut self, labels: Labels<'_>, value: Option<f64>) {
        value.into_iter().for_each(|value| self.sample(labels, value));
    }

    /// The samples of a histogram.
    pub(super) fn histogram(&mut self, labels: Labels<'_>, observed: &Observed) {
        for (bound, count) in &observed.up_to {
            self.line("_bucket", labels, Some(&bound.to_string()), number(*count));
        }
        self.line("_bucket", labels, Some("+Inf"), number(observed.count));
        self.line("_sum", labels, None, observed.sum);
        self.line("_count", labels, None, number(observed.count));
    }

    fn line(&mut self, suffix: &str, labels: Labels<'_>, bound: Option<&str>, value: f64) {
        let Self { text, family } = self;
        let _ = write!(text, "{PREFIX}{family}{suffix}");
        let bound = bound.map(|bound| ("le", bound));
        let mut before = '{';
        for (name, value) in labels.iter().copied().chain(bound) {
            let _ = write!(text, "{before}{name}=\"");
            for letter in value.chars() {
                match letter {
                    '\\' => text.push_str("\\\\"),
                    '"' => text.push_str("\\\""),
                    '\n' => text.push_str("\\n"),
                    letter => text.push(letter),
                }
            }
            text.push('"');
            before = ',';
        }
        let close = if before == ',' { "}" } else { "" };
        let _ = writeln!(text, "{close} {value}");
    }

    /// All of it.
    pub(super) fn text(self) -> String {
        self.text
    }
}

/// Exact up to 2^53, which no count of ours reaches.
pub(super) fn number(count: u64) -> f64 {
    count as f64
}

/// 1 or 0.
pub(super) fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

/// Seconds since 1970.
pub(super) fn seconds(time: Time) -> f64 {
    time.timestamp_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::count::Histogram;

    #[test]
    fn the_text_is_spelled_as_prometheus_reads_it() {
        let mut page = Page::default();
        page.family("odd_total", Type::Counter, "Of a test.");
        page.sample(&[("target", "a\"b\\c\nd"), ("kind", "x")], number(1 << 53));
        page.family("none", Type::Gauge, "Of nothing.");
        page.known(&[], None);
        page.family("took_seconds", Type::Histogram, "Of time.");
        let histogram = Histogram::new(&[0.5, 60.0]);
        histogram.observe(Duration::from_millis(1_250));
        page.histogram(&[("connection", "cloud")], &histogram.read());
        page.family("bare", Type::Gauge, "Without labels.");
        page.sample(&[], -1.5);
        let expected = r#"# HELP uipath_audit_exporter_odd_total Of a test.
# TYPE uipath_audit_exporter_odd_total counter
uipath_audit_exporter_odd_total{target="a\"b\\c\nd",kind="x"} 9007199254740992
# HELP uipath_audit_exporter_none Of nothing.
# TYPE uipath_audit_exporter_none gauge
# HELP uipath_audit_exporter_took_seconds Of time.
# TYPE uipath_audit_exporter_took_seconds histogram
uipath_audit_exporter_took_seconds_bucket{connection="cloud",le="0.5"} 0
uipath_audit_exporter_took_seconds_bucket{connection="cloud",le="60"} 1
uipath_audit_exporter_took_seconds_bucket{connection="cloud",le="+Inf"} 1
uipath_audit_exporter_took_seconds_sum{connection="cloud"} 1.25
uipath_audit_exporter_took_seconds_count{connection="cloud"} 1
# HELP uipath_audit_exporter_bare Without labels.
# TYPE uipath_audit_exporter_bare gauge
uipath_audit_exporter_bare -1.5
"#;
        assert_eq!(page.text(), expected);
    }
}
