//! What the documents, the alerts and the dashboard speak of is what is exposed, and all that is exposed is described.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uipath_audit_exporter::metrics::Metrics;

use super::many;
use crate::tidy::files::read;

const PREFIX: &str = "uipath_audit_exporter_";
const ALERTS: &str = "deploy/prometheus/alerts.yaml";
const DASHBOARD: &str = "deploy/grafana/dashboard.json";

/// Every family that is exposed, without the prefix, with its type. A family is told even where it has no sample.
fn exposed() -> BTreeMap<String, String> {
    let text = Metrics::default().text(&many::status(&[]), crate::world::at("2026-11-20T12:00:00Z"));
    let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let families = families.map(|family| {
        let (name, kind) = family.split_once(' ').unwrap();
        (name.strip_prefix(PREFIX).unwrap().to_owned(), kind.to_owned())
    });
    families.collect()
}

/// The families that a text names; samples of histograms by the histogram's name.
fn named(text: &str) -> BTreeSet<String> {
    let exposed = exposed();
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let names = words.filter_map(|word| word.strip_prefix(PREFIX));
    let family = |name: &str| {
        let parts = ["_bucket", "_sum", "_count"];
        let base = parts.iter().find_map(|part| name.strip_suffix(part));
        let base = base.filter(|base| exposed.get(*base).is_some_and(|kind| kind == "histogram"));
        base.unwrap_or(name).to_owned()
    };
    names.map(family).collect()
}

fn assert_all_exposed(path: &str, text: &str) {
    let exposed = exposed();
    let names = named(text);
    assert!(names.len() > 15, "{path} names {names:?}");
    let wrong: Vec<_> = names.iter().filter(|name| !exposed.contains_key(*name)).collect();
    assert!(
        wrong.is_empty(),
        "{path} speaks of what is not exposed: {wrong:?}"
    );
}

#[test]
fn every_metric_is_described_with_its_type_and_no_other() {
    let document = read("docs/metrics.md");
    let mut described = BTreeMap::new();
    for row in document.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let name = cells[0].trim_matches('`').to_owned();
        assert!(cells.len() == 4 && cells[3].len() > 10, "{row}");
        assert!(
            described.insert(name, cells[1].to_owned()).is_none(),
            "twice: {row}"
        );
    }
    assert_eq!(described, exposed());
}

#[test]
fn alerts_and_dashboard_ask_for_metrics_that_are_exposed() {
    assert_all_exposed(ALERTS, &read(ALERTS));
    assert_all_exposed(DASHBOARD, &read(DASHBOARD));
}

/// Names of alerts, in order.
fn alerts(text: &str) -> Vec<String> {
    let names = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    names.map(str::to_owned).collect()
}

#[test]
fn each_alert_has_a_severity_a_test_and_a_place_in_the_runbook() {
    let text = read(ALERTS);
    let names = alerts(&text);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    assert!(names.len() > 15, "{names:?}");
    let tests = read("deploy/prometheus/alerts_test.yaml") + &read("deploy/prometheus/alerts_long_test.yaml");
    let runbook = read("docs/operations.md");
    let (_, runbook) = runbook.split_once("\n## Alerts\n").unwrap();
    let runbook = runbook.split("\n## ").next().unwrap();
    for rule in text.split("- alert: ").skip(1) {
        let name = rule.lines().next().unwrap();
        for part in ["severity: ", "summary: ", "description: "] {
            assert!(rule.contains(part), "{name} has a {part}");
        }
        let anchor = name.to_lowercase();
        let url = format!("runbook_url: docs/operations.md#{anchor}\n");
        assert!(rule.contains(&url), "{name}: {url}");
        assert!(
            runbook.contains(&format!("\n### {name}\n")),
            "{name} is in the runbook"
        );
        let fires = tests.split("alertname: ").any(|test| {
            let test = test.strip_prefix(name).unwrap_or_default();
            test.starts_with('\n') && test.contains("exp_labels")
        });
        assert!(fires, "a test sets {name} off");
    }
    let told: Vec<&str> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    assert_eq!(
        told, names,
        "the runbook has the alerts in their order, and no other"
    );
}

#[test]
fn the_dashboard_is_whole() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let mut ids = BTreeSet::new();
    let mut places = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(
            ids.insert(panel["id"].as_u64().unwrap()),
            "{title}: the id is there twice"
        );
        let at = &panel["gridPos"];
        let [x, y, w] = ["x", "y", "w"].map(|name| at[name].as_u64().unwrap());
        assert!(x + w <= 24, "{title} is too wide");
        assert!(places.insert((x, y)), "{title} lies upon another");
        if panel["type"] == "row" {
            continue;
        }
        assert!(
            !panel["description"].as_str().unwrap().is_empty(),
            "{title} says what it shows"
        );
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            assert!(expression.contains(PREFIX), "{title}: {expression}");
            assert!(
                expression.contains("job=~\"$job\""),
                "{title} keeps to the job: {expression}"
            );
        }
    }
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let names: Vec<_> = variables
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["datasource", "job", "target"]);
}
