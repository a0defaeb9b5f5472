//! A Prometheus that watches the day with the alerts that users are given.
//!
//! What takes the exporter a quarter of an hour by default takes it six seconds here: so do the alerts.

use std::{
    collections::BTreeSet,
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::{
    net::TcpSocket,
    process::{Child, Command},
};

use super::{
    pod::{Pod, get, reserved_port},
    within,
};
use crate::{emulators, tidy::files::read};

/// So much faster does time go by.
const FACTOR: u64 = 150;
/// Numbers from here on are spans of time too, in seconds: differences of clocks are smaller.
const SPAN: u64 = 300;

pub struct Watch {
    port: TcpSocket,
    directory: PathBuf,
    _child: Child,
}

impl Watch {
    /// Where there is no Prometheus: tells so, and gives nothing.
    pub async fn begin(directory: &Path, pods: &[Pod]) -> Option<Self> {
        let programs = emulators::prometheus()
            .map_err(|missing| emulators::skip("the alerts of a day", &missing))
            .ok()?;
        let directory = directory.join("prometheus");
        std::fs::create_dir(&directory).unwrap();
        let rules = read("deploy/prometheus/alerts.yaml");
        std::fs::write(directory.join("alerts.yaml"), faster(&rules)).unwrap();
        let config = json!({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": ["alerts.yaml"],
            "scrape_configs": [{"job_name": "uipath", "file_sd_configs": [{"files": ["pods.json"]}]}],
        });
        std::fs::write(directory.join("prometheus.yml"), config.to_string()).unwrap();
        let port = reserved_port();
        write_pods(&directory, pods);
        let log = File::create(directory.join("log")).unwrap();
        let child = Command::new(programs.join("prometheus"))
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address={}", port.local_addr().unwrap()))
            .current_dir(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let watch = Self {
            port,
            directory,
            _child: child,
        };
        let address = watch.address();
        within("Prometheus", async || get(address, "/-/ready").await.is_some()).await;
        Some(watch)
    }

    fn address(&self) -> SocketAddr {
        self.port.local_addr().unwrap()
    }

    /// From now on these are all there are.
    pub fn scrape(&self, pods: &[Pod]) {
        write_pods(&self.directory, pods);
    }

    /// The alerts that are raised now.
    pub async fn firing(&self) -> BTreeSet<String> {
        self.alerts("ALERTS{alertstate=\"firing\"}").await
    }

    /// Those that were raised at any time.
    pub async fn raised(&self) -> BTreeSet<String> {
        self.alerts("max_over_time(ALERTS{alertstate=\"firing\"}[1h])")
            .await
    }

    /// Waits until it has seen so many, which are all there are.
    pub async fn sees(&self, pods: usize) {
        let all = async || {
            let up = self.labels("up == 1", "instance").await;
            up.len() == pods && self.labels("up", "instance").await == up
        };
        within("Prometheus to see all", all).await;
    }

    async fn alerts(&self, query: &str) -> BTreeSet<String> {
        self.labels(query, "alertname").await
    }

    async fn labels(&self, query: &str, label: &str) -> BTreeSet<String> {
        let query = utf8_percent_encode(query, NON_ALPHANUMERIC);
        let reply = get(self.address(), &format!("/api/v1/query?query={query}")).await;
        let reply: Value = serde_json::from_str(&reply.unwrap()).unwrap();
        let series = reply["data"]["result"].as_array().unwrap();
        let value = |series: &Value| series["metric"][label].as_str().unwrap().to_owned();
        series.iter().map(value).collect()
    }
}

fn write_pods(directory: &Path, pods: &[Pod]) {
    let addresses: Vec<String> = pods.iter().map(|pod| pod.address().to_string()).collect();
    let draft = directory.join("pods.json.draft");
    std::fs::write(&draft, json!([{"targets": addresses}]).to_string()).unwrap();
    std::fs::rename(&draft, directory.join("pods.json")).unwrap();
}

/// The same rules for a time that goes by faster. What people read stays as it is.
fn faster(rules: &str) -> String {
    let words = ["#", "summary:", "description:", "runbook_url:"];
    let line = |line: &str| {
        let read_by_people = words.iter().any(|word| line.trim_start().starts_with(word));
        let line = if read_by_people {
            line.to_owned()
        } else {
            faster_line(line)
        };
        line + "\n"
    };
    rules.lines().map(line).collect()
}

fn faster_line(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (number, after) = from.split_at(end);
        out.push_str(before);
        let in_a_word = out.ends_with(|c: char| c.is_ascii_alphanumeric() || "._\"".contains(c));
        let value: u64 = number.parse().unwrap();
        let unit = after.chars().next().and_then(seconds);
        let milliseconds = |unit: u64| value * unit * 1000 / FACTOR;
        rest = after;
        if in_a_word || after.starts_with('.') {
            out.push_str(number);
        } else if let Some(unit) = unit {
            out.push_str(&format!("{}ms", milliseconds(unit)));
            rest = &after[1..];
        } else if value >= SPAN {
            let short = milliseconds(1);
            out.push_str(&format!("{}.{:03}", short / 1000, short % 1000));
        } else {
            out.push_str(number);
        }
    }
    out + rest
}

fn seconds(unit: char) -> Option<u64> {
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 604_800)];
    units
        .iter()
        .find(|(known, _)| *known == unit)
        .map(|(_, seconds)| *seconds)
}

#[test]
fn spans_of_time_are_shortened_and_nothing_else() {
    for (rule, expected) in [
        ("        for: 15m", "        for: 6000ms"),
        ("  lag > 3 * period + 300", "  lag > 3 * period + 2.000"),
        (
            "  abs(skew) > 60 and x[7d:30m] offset 1d",
            "  abs(skew) > 60 and x[4032000ms:12000ms] offset 576000ms",
        ),
        ("  > 0.8 * retention_2", "  > 0.8 * retention_2"),
        ("  a - time() < 14 * 86400 > 0", "  a - time() < 14 * 576.000 > 0"),
        (
            "  description: \"for 15m, 3600\"",
            "  description: \"for 15m, 3600\"",
        ),
    ] {
        assert_eq!(faster(rule), format!("{expected}\n"));
    }
}
