//! Prometheus's own tool reads what the daemon tells, and tries the alerts.

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use super::{Watched, passes, world};
use crate::tidy::files::{read, root};

/// Whether the tool is there. Where it is not, that is said, and under CI it is an error.
fn is_there(suite: &str) -> bool {
    if Command::new("promtool").arg("--version").output().is_ok() {
        return true;
    }
    let told = format!("skipped: {suite}: there is no promtool (Debian has it in the package prometheus)");
    eprintln!("{told}");
    assert!(std::env::var_os("CI").is_none(), "{told}");
    false
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(&[out.as_slice(), err].concat()).into_owned()
}

fn rules(arguments: &[&str]) {
    let output = Command::new("promtool")
        .args(arguments)
        .current_dir(root().join("deploy/prometheus"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
}

#[test]
fn the_alerts_fire_when_they_should_and_not_otherwise() {
    if !is_there("alerts") {
        return;
    }
    rules(&["check", "rules", "alerts.yaml"]);
    rules(&["test", "rules", "alerts_test.yaml"]);
    rules(&["test", "rules", "alerts_long_test.yaml"]);
}

/// Prometheus understands every query of the dashboard.
#[test]
fn the_dashboards_queries_are_understood() {
    if !is_there("dashboard") {
        return;
    }
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    let queries = targets.enumerate().map(|(number, target)| {
        let expression = target["expr"].as_str().unwrap();
        let expression = expression.replace("$__rate_interval", "5m").replace("$job", ".*");
        json!({"record": format!("dashboard:query{number}"), "expr": expression.replace("$target", ".*")})
    });
    let queries: Vec<Value> = queries.collect();
    assert!(queries.len() > 30, "{}", queries.len());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("rules.yaml");
    let groups = json!({"groups": [{"name": "dashboard", "rules": queries}]});
    std::fs::write(&file, groups.to_string()).unwrap();
    rules(&["check", "rules", file.to_str().unwrap()]);
}

#[tokio::test]
async fn prometheus_finds_nothing_wrong_with_the_text() {
    if !is_there("metrics") {
        return;
    }
    let mut world = world().await;
    world.happen(1, 20, 3);
    // All of it: a webhook, a comparison, something that ends.
    let target = &mut world.settings.targets[0];
    target.reconcile = Some(uipath_audit_exporter::target::Reconcile {
        schedule: target.schedule.clone(),
        back: std::time::Duration::from_secs(86_400),
    });
    let daemon = Watched::start(&world, &world.settings);
    daemon.reaches(&world, &passes("done"), 1.0).await;
    let text = daemon.text(&world);
    daemon.end(&world).await;
    let file = world.directory.path().join("metrics.txt");
    std::fs::write(&file, text).unwrap();
    let output = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::from(std::fs::File::open(&file).unwrap()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(said(&output), "");
}
