//! The binary itself in a world of its own: configured, run, talked to.

use std::{
    path::PathBuf,
    process::{Output, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use object_store::local::LocalFileSystem;
use tokio::process::{Child, Command};

use crate::{place::Place, world::World};

pub const BINARY: &str = env!("CARGO_BIN_EXE_uipath-audit-exporter");

/// A world whose exporter is a process.
pub struct Machine {
    pub world: World,
    pub config: PathBuf,
    /// `[archive]` but for its heading.
    pub archive: String,
    /// Variables of its processes.
    pub variables: Vec<(&'static str, String)>,
}

impl Machine {
    /// Its archive is a directory.
    pub async fn new() -> Self {
        let mut world = World::new().await;
        let root = world.directory.path().join("archive");
        std::fs::create_dir(&root).unwrap();
        world.move_to(Arc::new(LocalFileSystem::new_with_prefix(&root).unwrap()));
        Self::with(world, format!("url = \"file://{}\"", root.display()))
    }

    /// Its archive is at this place, as a user would configure it.
    pub async fn at(place: &Place) -> Self {
        let world = World::on(place.direct(), place.store()).await;
        let toml = place.toml();
        Self::with(world, toml.trim_start_matches("[archive]\n").to_owned())
    }

    fn with(world: World, archive: String) -> Self {
        world.simulator.clock().run();
        let config = world.directory.path().join("exporter.toml");
        let machine = Self {
            world,
            config,
            archive,
            variables: Vec::new(),
        };
        machine.configure("");
        machine
    }

    /// Writes the configuration; `more` goes below `[archive]`.
    pub fn configure(&self, more: &str) {
        std::fs::write(&self.config, self.text(more, "audit-1", "state")).unwrap();
    }

    pub fn text(&self, more: &str, instance: &str, state: &str) -> String {
        let directory = self.world.directory.path().display();
        let archive = &self.archive;
        let (url, id) = (self.world.simulator.url(), self.world.simulator.client_id());
        format!(
            r#"
state_dir = "{directory}/{state}"
instance = "{instance}"
[archive]
{more}
{archive}
[connections.cloud]
url = "{url}"
retry_for = "2s"
[connections.cloud.auth.client_credentials]
client_id = "{id}"
client_secret = {{ file = "{directory}/secret" }}
[[targets]]
name = "acme-production"
organization = "acme"
tenant = "production"
schedule = "* * * * * *"
settle = "0s"
"#
        )
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.arg("--config").arg(&self.config).args(arguments);
        command
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub async fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().await.unwrap()
    }

    /// Runs a command and checks its exit code. Returns what it said on both streams.
    pub async fn expect(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        said
    }

    pub fn checkpoint(&self) -> PathBuf {
        self.world.directory.path().join("state")
    }
}

pub fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

pub async fn wait_for(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done().await {
        assert!(Instant::now() < deadline, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub async fn terminate(child: &Child) {
    signal(child, "-TERM").await;
}

pub async fn signal(child: &Child, name: &str) {
    let id = child.id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args([name, &id])
            .status()
            .await
            .unwrap()
            .success()
    );
}
