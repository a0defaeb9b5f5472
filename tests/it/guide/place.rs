//! Where the examples run: the service of `simulate`, a directory with the examples' configuration, a shell.

use std::{
    io::{Cursor, Read as _},
    path::Path,
    process::Stdio,
    sync::Arc,
};

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Client;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use uipath_audit_exporter::{
    settings::Settings,
    target::{Filter, Target},
};
use uipath_audit_simulator::{ServeOptions, Service, Simulator, StreamId};
use url::Url;

use super::CONFIG;
use crate::machine::{BINARY, said};

/// The address that the configuration of the examples names.
const ADDRESS: &str = "http://127.0.0.1:8787/";
/// The one of UiPath's lines.
const CLOUD: &str = "https://cloud.uipath.com/";

pub struct Place {
    pub simulator: Arc<Simulator>,
    pub settings: Settings,
    pub directory: TempDir,
    service: Service,
}

/// What one of UiPath's lines got.
pub struct Reply {
    pub path: String,
    pub body: Vec<u8>,
    kind: String,
}

impl Reply {
    pub fn is_json(&self) -> bool {
        self.kind.starts_with("application/json")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// The records of a day of the long-term store.
pub fn zipped_records(archive: &[u8]) -> Vec<Value> {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
    let mut records = Vec::new();
    for index in 0..archive.len() {
        let mut text = Vec::new();
        archive.by_index(index).unwrap().read_to_end(&mut text).unwrap();
        let Value::Array(more) = serde_json::from_slice(&text).unwrap() else {
            panic!("an entry is no list");
        };
        records.extend(more);
    }
    records
}

impl Place {
    /// 30 days of events as `simulate` has them; those of one tenant go back further.
    pub async fn new() -> Self {
        let options = ServeOptions {
            events: 3000,
            ..ServeOptions::default()
        };
        let service = Service::start(options).await.unwrap();
        let simulator = service.simulator();
        let now = simulator.clock().now();
        let (from, to) = (now - TimeDelta::days(190), now - TimeDelta::days(100));
        simulator.generate(&StreamId::tenant("acme", "test"), 9, 400, from, to);

        let directory = tempfile::tempdir().unwrap();
        assert!(CONFIG.contains(ADDRESS));
        let config = CONFIG.replace(ADDRESS, &service.description.url);
        let path = directory.path().join("apis.toml");
        std::fs::write(&path, config).unwrap();
        let (settings, _) = uipath_audit_exporter::config::load(&[path], std::iter::empty())
            .unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        Self {
            simulator,
            settings,
            directory,
            service,
        }
    }

    pub fn target(&self, name: &str) -> &Target {
        let found = self
            .settings
            .targets
            .iter()
            .find(|target| target.name.as_str() == name);
        found.unwrap_or_else(|| panic!("there is no target `{name}`"))
    }

    /// Runs a line of the document. Returns what it wrote to stdout, or else into a file that it names.
    pub async fn run(&self, line: &str) -> Vec<u8> {
        let output = Command::new("sh")
            .args(["-euc", &format!("PATH=\"$PROGRAMS:$PATH\"\n{line}")])
            .current_dir(self.directory.path())
            .env("PROGRAMS", Path::new(BINARY).parent().unwrap())
            .env("SIMULATOR_SECRET", &self.service.description.client_secret)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{line}: {}", said(&output));
        let file = line.split_once("--output ").or_else(|| line.split_once(" > "));
        match file {
            Some((_, file)) => std::fs::read(self.directory.path().join(file.trim())).unwrap(),
            None => output.stdout,
        }
    }

    /// Sends one of UiPath's lines.
    pub async fn ask(&self, line: &str, target: &str) -> Reply {
        let client = Client::new();
        let url = self.address(line, self.target(target)).await;
        let (before, _) = line.split_once('\'').unwrap();
        assert!(before.starts_with("curl "), "{line}");
        assert!(line.contains("'Authorization: Bearer "), "{line}");
        let reply = client
            .get(url.clone())
            .bearer_auth(self.token(&client).await)
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status(), 200, "{url}");
        let kind = reply.headers()["content-type"].to_str().unwrap().to_owned();
        Reply {
            path: url.path().to_owned(),
            body: reply.bytes().await.unwrap().to_vec(),
            kind,
        }
    }

    async fn token(&self, client: &Client) -> String {
        let told = &self.service.description;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &told.client_id),
            ("client_secret", &told.client_secret),
            ("scope", &told.scope),
        ];
        let reply = client.post(&told.token_url).form(&form).send().await.unwrap();
        let token: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
        token["access_token"].as_str().unwrap().to_owned()
    }

    /// The address that a line asks, with what is ours in place of what is yours.
    async fn address(&self, line: &str, target: &Target) -> Url {
        let quoted = line.split('\'').nth(1).unwrap();
        let mut text = quoted.replacen(CLOUD, &self.service.description.url, 1);
        assert_ne!(text, quoted, "{line}");
        let tenant = target.tenant.as_deref().unwrap_or_default();
        for (place, ours) in [
            ("{org-name}", target.organization.as_str()),
            ("{organizationName}", &target.organization),
            ("{tenant-name}", tenant),
            ("{tenantName}", tenant),
            ("{partitionGlobalId}", &self.service.description.organization_id),
        ] {
            text = text.replace(place, ours);
        }
        if let Some(filter) = &target.filter {
            text = self.with_ids(text, target, filter).await;
        }
        assert!(!text.contains('{'), "{text}");
        let mut url: Url = text.parse().unwrap();
        self.set_span(&mut url, target);
        url
    }

    /// The ids that the filter's names stand for.
    async fn with_ids(&self, mut text: String, target: &Target, filter: &Filter) -> String {
        if !text.contains("={") {
            return text;
        }
        let name = &target.name;
        let sources = self
            .run(&format!(
                "uipath-audit-exporter --config apis.toml sources --target {name}"
            ))
            .await;
        let tree = String::from_utf8(sources).unwrap();
        let id = |depth: usize, name: &String| {
            let wanted = format!("{}{name}  ", "  ".repeat(depth));
            let line = tree.lines().find(|line| line.starts_with(&wanted)).unwrap();
            line.split_whitespace().last().unwrap().to_owned()
        };
        let of = |depth: usize, names: &[String]| names.iter().map(|name| id(depth, name)).collect();
        let lists: [(&str, Vec<String>); 4] = [
            ("source={sources}", of(0, &filter.sources)),
            ("target={targets}", of(1, &filter.targets)),
            ("type={types}", of(2, &filter.types)),
            ("userIds={users}", filter.users.clone()),
        ];
        for (place, ids) in lists {
            let (parameter, _) = place.split_once('=').unwrap();
            let ours: Vec<String> = ids.iter().map(|id| format!("{parameter}={id}")).collect();
            text = text.replace(place, &ours.join("&"));
        }
        text
    }

    /// The span of our commands in place of the guide's.
    fn set_span(&self, url: &mut Url, target: &Target) {
        let now = self.simulator.clock().now();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        if pairs.is_empty() {
            return;
        }
        let (from, to) = if url.path().ends_with("longtermstore") {
            let day = truncated(
                now - TimeDelta::days(if target.filter.is_none() && is_old(target) {
                    150
                } else {
                    10
                }),
            );
            (day, day + TimeDelta::seconds(86_399))
        } else {
            (now - TimeDelta::days(60), now)
        };
        let spelled = |time: DateTime<Utc>| time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        let ours = pairs.into_iter().map(|(name, value)| match name.as_str() {
            "from" => (name, spelled(from)),
            "to" => (name, spelled(to)),
            _ => (name, value),
        });
        let ours: Vec<(String, String)> = ours.collect();
        url.query_pairs_mut().clear().extend_pairs(ours);
    }
}

/// Whether it begins before what the live API shows.
fn is_old(target: &Target) -> bool {
    target.pace.start
        == uipath_audit_exporter::target::Start::Ago(std::time::Duration::from_secs(200 * 86_400))
}

fn truncated(time: DateTime<Utc>) -> DateTime<Utc> {
    time.date_naive().and_time(chrono::NaiveTime::MIN).and_utc()
}
