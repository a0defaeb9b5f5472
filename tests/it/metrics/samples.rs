//! What Prometheus would read from the exporter.

use std::collections::BTreeMap;

use crate::world::TARGET;

/// Values by name and labels, without the prefix.
#[derive(Debug)]
pub(super) struct Samples(BTreeMap<String, f64>);

impl Samples {
    pub(super) fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let name = name.strip_prefix("uipath_audit_exporter_").unwrap();
            (name.to_owned(), value.parse().unwrap())
        });
        let all: Vec<(String, f64)> = samples.collect();
        let count = all.len();
        let map = BTreeMap::from_iter(all);
        assert_eq!(map.len(), count, "a sample is there twice");
        Self(map)
    }

    pub(super) fn get(&self, sample: &str) -> Option<f64> {
        self.0.get(sample).copied()
    }

    /// Of the one target.
    pub(super) fn of(&self, name: &str) -> f64 {
        self.of_target(name, TARGET)
            .unwrap_or_else(|| panic!("{name} is there"))
    }

    pub(super) fn of_target(&self, name: &str, target: &str) -> Option<f64> {
        self.get(&format!("{name}{{target=\"{target}\"}}"))
    }

    pub(super) fn kind(&self, kind: &str) -> f64 {
        self.get(&format!("commits_total{{target=\"{TARGET}\",kind=\"{kind}\"}}"))
            .unwrap()
    }

    pub(super) fn passes(&self, result: &str) -> f64 {
        self.get(&passes(result)).unwrap()
    }

    pub(super) fn requests(&self, status: &str) -> f64 {
        self.get(&format!(
            "requests_total{{connection=\"cloud\",status=\"{status}\"}}"
        ))
        .unwrap()
    }

    pub(super) fn cloud(&self, name: &str) -> f64 {
        self.get(&format!("{name}{{connection=\"cloud\"}}")).unwrap()
    }

    pub(super) fn sum(&self, beginning: &str) -> f64 {
        let all = self.0.iter().filter(|(name, _)| name.starts_with(beginning));
        all.map(|(_, value)| value).sum()
    }
}

pub(super) fn passes(result: &str) -> String {
    format!("passes_total{{target=\"{TARGET}\",result=\"{result}\"}}")
}
