//! The cloud of the day, its configuration and its archive: 200 streams in five organizations, a target for each, and
//! something that happens somewhere all the time.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::TimeDelta;
use object_store::local::LocalFileSystem;
use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uipath_audit_simulator::{Cloud, NewEvent, Simulator, StreamId};

use crate::{
    ledger::Ledger,
    machine::{BINARY, said},
    world::World,
};

const ORGANIZATIONS: [&str; 5] = ["acme", "bolt", "cove", "dune", "ebon"];
const TENANTS: usize = 39;
/// Events of a stream in the hour before the day begins.
const BEFORE: u32 = 20;
const EVERY: Duration = Duration::from_millis(50);

pub struct Town {
    pub world: World,
    places: Arc<Vec<Place>>,
    /// Those that were targets at some time.
    archived: Mutex<BTreeSet<String>>,
    targets: Mutex<BTreeSet<String>>,
    news: Option<(CancellationToken, JoinHandle<()>)>,
}

/// A stream, and the target that is named after it.
struct Place {
    name: String,
    stream: StreamId,
}

impl Place {
    fn toml(&self, more: &str) -> String {
        let tenant = self.stream.tenant_name();
        let tenant = tenant.map_or(String::new(), |tenant| format!("tenant = \"{tenant}\"\n"));
        let (name, organization) = (&self.name, self.stream.organization_name());
        format!("[[targets]]\nname = \"{name}\"\norganization = \"{organization}\"\n{tenant}{more}")
    }
}

impl Town {
    pub async fn found() -> Self {
        let mut cloud = Cloud::new();
        let mut places = Vec::new();
        for organization in ORGANIZATIONS {
            cloud = cloud.organization(organization);
            places.push(Place {
                name: organization.to_owned(),
                stream: StreamId::organization(organization),
            });
            for number in 0..TENANTS {
                let tenant = format!("t{number:02}");
                cloud = cloud.tenant(organization, &tenant);
                places.push(Place {
                    name: format!("{organization}-{tenant}"),
                    stream: StreamId::tenant(organization, &tenant),
                });
            }
        }
        // One more, of which the configuration hears later.
        cloud = cloud.tenant("acme", "late");
        places.push(Place {
            name: "acme-late".to_owned(),
            stream: StreamId::tenant("acme", "late"),
        });

        let mut world = World::new().await;
        world.simulator = Simulator::local(cloud).await.unwrap().into();
        let root = world.directory.path().join("archive");
        std::fs::create_dir(&root).unwrap();
        world.move_to(Arc::new(LocalFileSystem::new_with_prefix(&root).unwrap()));
        let now = world.now();
        for (place, seed) in places.iter().zip(0..) {
            let (simulator, hour) = (&world.simulator, TimeDelta::minutes(50));
            simulator.generate(&place.stream, seed, BEFORE, now - hour, now);
        }
        let mut town = Self {
            world,
            places: Arc::new(places),
            archived: Mutex::default(),
            targets: Mutex::default(),
            news: None,
        };
        town.write_secret(&town.world.simulator.client_secret());
        town.configure(|place| (place.name != "acme-late").then(String::new));
        town.begin_news();
        town
    }

    pub fn directory(&self) -> PathBuf {
        self.world.directory.path().to_owned()
    }

    pub fn config(&self) -> PathBuf {
        self.directory().join("exporter.toml")
    }

    /// The names of all targets.
    pub fn names(&self) -> BTreeSet<String> {
        self.targets.lock().unwrap().clone()
    }

    /// Writes a configuration with a target for each place that something is said of, be it nothing special.
    fn configure(&self, say: impl Fn(&Place) -> Option<String>) {
        let directory = self.directory();
        let directory = directory.display();
        let (url, id) = (self.world.simulator.url(), self.world.simulator.client_id());
        // A pass every three seconds in place of every quarter of an hour.
        let mut text = format!(
            r#"
state_dir = "{directory}/each-has-its-own"
[archive]
url = "file://{directory}/archive"
[http]
listen = "127.0.0.1:0"
[connections.cloud]
url = "{url}"
retry_for = "1s"
[connections.cloud.auth.client_credentials]
client_id = "{id}"
client_secret = {{ file = "{directory}/secret" }}
[defaults]
schedule = "*/3 * * * * *"
settle = "0s"
start = "1h"
lookback = "10m"
lookback_daily = "10m"
empty_commit_every = "9s"
takeover_after = "12s"
"#
        );
        let mut names = BTreeSet::new();
        for place in &*self.places {
            if let Some(more) = say(place) {
                names.insert(place.name.clone());
                text.push_str(&place.toml(&more));
            }
        }
        self.archived.lock().unwrap().extend(names.iter().cloned());
        *self.targets.lock().unwrap() = names;
        replace(&self.config(), &text);
    }

    /// A configuration with a mistake.
    pub fn misconfigure(&self) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        replace(
            &self.config(),
            &text.replace("\"*/3 * * * * *\"", "\"every now and then\""),
        );
    }

    /// Another configuration: the names of the target that is new, of the one that is gone, and of the one whose
    /// schedule has another period: six seconds.
    pub fn reconfigure(&self) -> (String, String, String) {
        let (added, removed, changed) = ("acme-late", "ebon-t38", "cove-t07");
        self.configure(|place| {
            let more = if place.name == changed {
                "schedule = \"*/6 * * * * *\"\n"
            } else {
                ""
            };
            (place.name != removed).then(|| more.to_owned())
        });
        (added.to_owned(), removed.to_owned(), changed.to_owned())
    }

    pub fn write_secret(&self, secret: &str) {
        replace(&self.directory().join("secret"), secret);
    }

    /// No other secret is good any more, nor any token.
    pub fn refuse_secrets_but(&self, secret: &str) {
        self.world.simulator.set_secret(secret);
        self.world.simulator.revoke_tokens();
    }

    /// Where the archive was there is no directory any more.
    pub fn take_store_away(&self) {
        let archive = self.directory().join("archive");
        std::fs::rename(&archive, archive.with_extension("away")).unwrap();
        std::fs::write(&archive, "not a directory").unwrap();
    }

    pub fn bring_store_back(&self) {
        let archive = self.directory().join("archive");
        std::fs::remove_file(&archive).unwrap();
        std::fs::rename(archive.with_extension("away"), &archive).unwrap();
    }

    fn begin_news(&mut self) {
        let stop = CancellationToken::new();
        let news = tell(
            Arc::clone(&self.world.simulator),
            Arc::clone(&self.places),
            stop.clone(),
        );
        self.news = Some((stop, TaskTracker::new().spawn(news)));
    }

    /// From now on nothing happens.
    pub async fn end_of_news(&mut self) {
        let (stop, task) = self.news.take().unwrap();
        stop.cancel();
        task.await.unwrap();
    }

    /// Each event is archived, and once. Returns how many there are.
    pub async fn assert_archive_equals_truth(&self) -> usize {
        let names = self.archived.lock().unwrap().clone();
        let mut events = 0;
        let mut keys = BTreeSet::new();
        for place in self.places.iter().filter(|place| names.contains(&place.name)) {
            let ledger = Ledger::read(&*self.world.store, &place.name).await;
            self.world.assert_holds_all_of(&ledger, &place.stream);
            events += ledger.lines.len();
            keys.extend(ledger.keys(&place.name));
        }
        let lying_about = self.world.lying_about(&keys).await;
        assert!(
            lying_about.is_empty(),
            "objects that no commit names: {lying_about:?}"
        );
        let before = names.len() * BEFORE as usize;
        assert!(events > before + 200, "hardly anything happened: {events} events");
        events
    }

    /// The exporter's own auditor.
    pub async fn verify(&self) {
        let mut verify = tokio::process::Command::new(BINARY);
        verify
            .arg("--config")
            .arg(self.config())
            .args(["verify", "--deep"]);
        let output = verify.output().await.unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }
}

/// Something happens somewhere, again and again.
async fn tell(simulator: Arc<Simulator>, places: Arc<Vec<Place>>, stop: CancellationToken) {
    // All places, each many times, in no order that anything else has.
    let mut index = 0;
    while stop
        .run_until_cancelled(tokio::time::sleep(EVERY))
        .await
        .is_some()
    {
        index = (index + 73) % places.len();
        simulator.push(&places[index].stream, NewEvent::at(simulator.clock().now()));
    }
}

/// Nobody sees half of it.
fn replace(file: &Path, text: &str) {
    let draft = file.with_extension("draft");
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(&draft, file).unwrap();
}
