//! A process of the installation, as a pod or a service would be: a share of the targets, a disk and an address of its own.

use std::{
    fs::File,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Stdio,
};

use bytes::Bytes;
use hyper::{Request, header};
use serde_json::Value;
use tokio::{
    net::TcpSocket,
    process::{Child, Command},
    time::Instant,
};

use super::{PATIENCE, targets};
use crate::{machine::BINARY, wire};

pub struct Pod {
    pub name: String,
    directory: PathBuf,
    /// Bound, but not listening: the port belongs to the pod, whether it runs or not.
    port: TcpSocket,
    child: Option<Child>,
}

impl Pod {
    pub fn new(index: usize, directory: &Path) -> Self {
        let name = format!("audit-{index}");
        let directory = directory.join(&name);
        std::fs::create_dir(&directory).unwrap();
        Self {
            name,
            directory,
            port: reserved_port(),
            child: None,
        }
    }

    pub fn state_dir(&self) -> PathBuf {
        self.directory.join("state")
    }

    /// Where it is to be asked.
    pub fn address(&self) -> std::net::SocketAddr {
        self.port.local_addr().unwrap()
    }

    pub fn start(&mut self, config: &Path, shard: &str) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.directory.join("log"))
            .unwrap();
        let child = Command::new(BINARY)
            .arg("--config")
            .arg(config)
            .args(["--log-format", "json", "run", "--shard", shard])
            .env("UIPATH_AUDIT__STATE_DIR", self.state_dir())
            .env("UIPATH_AUDIT__INSTANCE", &self.name)
            .env("UIPATH_AUDIT__HTTP__LISTEN", self.address().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn();
        self.child = Some(child.unwrap());
    }

    /// As when its machine dies.
    pub async fn kill(&mut self) {
        self.child.take().unwrap().kill().await.unwrap();
    }

    pub async fn stop(&mut self) {
        self.signal("-TERM");
        let status = self.child.take().unwrap().wait().await.unwrap();
        assert_eq!(status.code(), Some(0), "{}", self.name);
    }

    /// Whatever befell it, it never was at fault itself.
    pub fn assert_sound(&self) {
        let log = std::fs::read_to_string(self.directory.join("log")).unwrap();
        let at_fault = |line: &&str| line.contains("panicked") || line.contains("the daemon is stuck");
        assert_eq!(log.lines().find(at_fault), None, "{}", self.name);
    }

    /// Has it read its configuration again.
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.as_ref().unwrap().id().unwrap().to_string();
        let sent = std::process::Command::new("kill").args([signal, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// The body of a page; None where nobody answers with one.
    pub async fn get(&self, path: &str) -> Option<String> {
        get(self.address(), path).await
    }

    pub async fn status(&self) -> Option<Value> {
        serde_json::from_str(&self.get("/api/status").await?).ok()
    }

    /// The sum of a metric over all its labels.
    pub async fn sum(&self, metric: &str) -> f64 {
        self.sum_of(metric, "").await
    }

    /// The sum of a metric over those of its series that have that label.
    pub async fn sum_of(&self, metric: &str, label: &str) -> f64 {
        let text = self.get("/metrics").await.unwrap_or_default();
        let name = format!("uipath_audit_exporter_{metric}");
        let values = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(&name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            let its = labels.is_empty() || labels.starts_with('{');
            (its && labels.contains(label)).then(|| value.parse::<f64>().unwrap())
        });
        values.sum()
    }

    /// Waits until some target looks like this.
    pub async fn shows(&self, what: &str, looks: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status().await.unwrap_or_default();
            if targets(&status).any(&looks) {
                return;
            }
            let first = targets(&status).next();
            assert!(
                Instant::now() < deadline,
                "{} does not show {what}: {first:?}",
                self.name
            );
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}

/// A port that nobody else gets as long as this lives, and on which a process may listen meanwhile.
pub fn reserved_port() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    socket
}

/// The body of a reply of 200.
pub async fn get(server: std::net::SocketAddr, path: &str) -> Option<String> {
    let request = Request::get(path).header(header::HOST, server.to_string());
    let reply = wire::ask(server, request.body(Bytes::new()).unwrap())
        .await
        .ok()?;
    let text = String::from_utf8(reply.body().to_vec()).unwrap();
    (reply.status() == 200).then_some(text)
}
