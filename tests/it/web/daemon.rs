//! The daemon itself, over HTTP.

use std::{
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener},
    process::Stdio,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{net::TcpStream, process::Child};

use super::get;
use crate::machine::{Machine, said, terminate, wait_for};

/// A daemon, and what it has said.
struct Running {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Running {
    fn of(machine: &Machine) -> Self {
        Self::with(machine, &["run"])
    }

    fn with(machine: &Machine, arguments: &[&str]) -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut command = machine.command(arguments);
        let child = command.stdout(Stdio::null()).stderr(writer).spawn().unwrap();
        drop(command);
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        Self { child, log }
    }

    fn lines(&self, part: &str) -> Vec<String> {
        let log = self.log.lock().unwrap();
        log.iter().filter(|line| line.contains(part)).cloned().collect()
    }

    /// Where it said for the n-th time, from 1, that it serves.
    async fn address(&self, nth: usize) -> SocketAddr {
        wait_for("an address", async || {
            self.lines("are served over HTTP").len() >= nth
        })
        .await;
        let line = self.lines("are served over HTTP")[nth - 1].clone();
        let address = line
            .split("address=")
            .nth(1)
            .unwrap_or_else(|| panic!("no address in {line}"));
        address.split_whitespace().next().unwrap().parse().unwrap()
    }
}

/// Hourly passes, the first at once, and this below `[http]`.
fn configure(machine: &Machine, http: &str) {
    let text = machine
        .text("", "audit-1", "state")
        .replace("* * * * * *", "0 0 * * * *");
    std::fs::write(&machine.config, format!("{text}\n[http]\n{http}\n")).unwrap();
}

async fn json(address: SocketAddr) -> Value {
    serde_json::from_str(&get(address, "/api/status").await.body).unwrap()
}

/// Without what changes while one looks.
fn timeless(mut status: Value) -> Value {
    status["written_at"] = Value::Null;
    for target in status["targets"].as_array_mut().unwrap() {
        target["lag_seconds"] = Value::Null;
    }
    status
}

#[tokio::test]
async fn it_shows_how_it_is_doing_and_says_the_same_as_status() {
    let machine = Machine::new().await;
    machine.world.happen(1, 50, 3);
    configure(&machine, "listen = \"127.0.0.1:0\"");
    let running = Running::of(&machine);
    let address = running.address(1).await;
    wait_for("readiness", async || get(address, "/readyz").await.status == 200).await;
    wait_for("the first pass", async || {
        json(address).await["targets"][0]["last_success"].is_string()
    })
    .await;
    assert_eq!(get(address, "/livez").await.body, "ok\n");
    assert!(
        get(address, "/metrics")
            .await
            .body
            .contains("uipath_audit_exporter_build_info")
    );
    for path in ["/", "/targets/acme-production"] {
        let page = get(address, path).await;
        assert_eq!(page.status, 200);
        assert!(
            page.body.contains("acme-production") && page.body.contains("Idle"),
            "{}",
            page.body
        );
    }
    wait_for("the calendar", async || {
        let page = get(address, "/").await.body;
        page.contains("; 50 events in all") && page.contains("before the archive begins")
    })
    .await;
    wait_for("`status` to say the same", async || {
        let told = machine.run(&["status", "--json"]).await;
        let told: Value = serde_json::from_slice(&told.stdout).unwrap();
        timeless(told) == timeless(json(address).await)
    })
    .await;

    // Connections that stay open do not keep it.
    let idle = TcpStream::connect(address).await.unwrap();
    let began = Instant::now();
    terminate(&running.child).await;
    let output = running.child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    drop(idle);
}

#[tokio::test]
async fn what_is_wrong_is_on_the_page_with_its_hint_and_without_secrets() {
    let machine = Machine::new().await;
    let secret = machine.world.directory.path().join("secret");
    std::fs::write(&secret, "hunter2-is-wrong").unwrap();
    configure(&machine, "listen = \"127.0.0.1:0\"");
    let running = Running::of(&machine);
    let address = running.address(1).await;
    wait_for("the page to tell", async || {
        get(address, "/")
            .await
            .body
            .contains("1 of 1 target needs a person")
    })
    .await;
    for path in ["/", "/targets/acme-production", "/api/status"] {
        let body = get(address, path).await.body;
        assert!(body.contains("invalid_client"), "{body}");
        assert!(!body.contains("hunter2"), "{body}");
    }
    assert!(get(address, "/").await.body.contains("What to do"));
    // That is no reason to be restarted, nor to be taken out of service.
    assert_eq!(get(address, "/livez").await.status, 200);
    assert_eq!(get(address, "/readyz").await.status, 200);
    terminate(&running.child).await;
}

#[tokio::test]
async fn a_configuration_with_mistakes_is_told_wherever_one_looks_until_it_is_mended() {
    let mut machine = Machine::new().await;
    configure(&machine, "listen = \"127.0.0.1:0\"");
    let good = std::fs::read_to_string(&machine.config).unwrap();
    let running = Running::with(&machine, &["run", "--shard", "0/1"]);
    let address = running.address(1).await;
    let mistake =
        format!("{good}\nlistens = \"everywhere\"\n").replace("retry_for = \"2s\"", "retry_for = \"soon\"");
    std::fs::write(&machine.config, mistake).unwrap();
    wait_for("the page to tell", async || {
        let page = get(address, "/").await.body;
        page.contains("The configuration on disk cannot be used") && page.contains("shard <b>0/1</b>")
    })
    .await;
    let problem = json(address).await["configuration"]["problem"]["message"].clone();
    let problem = problem.as_str().unwrap().to_owned();
    assert!(problem.contains("listens"), "{problem}");

    // `status` reads a configuration, too: here the one that was good.
    let broken = machine.config.clone();
    machine.config = broken.with_file_name("good.toml");
    std::fs::write(&machine.config, &good).unwrap();
    wait_for("`status` to tell", async || {
        let status = said(&machine.run(&["status"]).await);
        status.contains("the configuration on disk cannot be used: the one of ")
            && status.contains("listens")
            && status.contains("shard 0/1: its targets alone")
    })
    .await;

    std::fs::write(&broken, &good).unwrap();
    wait_for("the page to forget", async || {
        !get(address, "/").await.body.contains("cannot be used")
    })
    .await;
    assert!(json(address).await["configuration"]["problem"].is_null());
    terminate(&running.child).await;
}

#[tokio::test]
async fn an_address_that_is_taken_ends_the_start_with_exit_3_and_a_hint() {
    let machine = Machine::new().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for (listen, hint) in [
        (address.to_string(), "another process listens there"),
        ("192.0.2.1:9464".to_owned(), "this machine has no such address"),
    ] {
        configure(&machine, &format!("listen = \"{listen}\""));
        let output = machine.run(&["run"]).await;
        let said = said(&output);
        assert_eq!(output.status.code(), Some(3), "{said}");
        for part in [&*listen, "http.listen", "hint:", hint] {
            assert!(said.contains(part), "`{part}` is not in {said}");
        }
    }
}

#[tokio::test]
async fn another_address_and_other_names_are_taken_over_without_a_restart() {
    let machine = Machine::new().await;
    configure(&machine, "listen = \"127.0.0.1:0\"");
    let running = Running::of(&machine);
    let first = running.address(1).await;
    let named = async |address| {
        super::ask(address, "GET", "/livez", "Host: audit.acme.example\r\n")
            .await
            .status
    };
    assert_eq!(named(first).await, 421);

    configure(
        &machine,
        "listen = \"127.0.0.1:0\"\nhosts = [\"audit.acme.example\"]",
    );
    wait_for("the other name", async || named(first).await == 200).await;

    configure(&machine, "listen = \"127.0.0.2:0\"");
    let second = running.address(2).await;
    assert_eq!(get(second, "/livez").await.status, 200);
    wait_for("the first address to be left", async || {
        TcpStream::connect(first).await.is_err()
    })
    .await;

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    configure(&machine, &format!("listen = \"{}\"", taken.local_addr().unwrap()));
    wait_for("a word about it", async || {
        !running.lines("the old one stays").is_empty()
    })
    .await;
    assert_eq!(get(second, "/livez").await.status, 200);

    std::fs::write(&machine.config, machine.text("", "audit-1", "state")).unwrap();
    wait_for("silence", async || TcpStream::connect(second).await.is_err()).await;
    terminate(&running.child).await;
}

#[tokio::test]
async fn the_same_port_on_another_address_is_taken_over_without_a_restart() {
    let machine = Machine::new().await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    configure(&machine, &format!("listen = \"127.0.0.1:{port}\""));
    let running = Running::of(&machine);
    let here = running.address(1).await;

    // Somebody else is in the way: it stays where it was.
    let taken = TcpListener::bind(("127.0.0.2", port)).unwrap();
    configure(&machine, &format!("listen = \"0.0.0.0:{port}\""));
    wait_for("a word about it", async || {
        !running.lines("the old one stays").is_empty()
    })
    .await;
    assert_eq!(get(here, "/livez").await.status, 200);
    assert!(running.lines("the old one stays")[0].contains("another process listens there"));

    // Only it itself is.
    drop(taken);
    configure(&machine, &format!("listen = \"0.0.0.0:{port}\"\n"));
    wait_for("all addresses", async || {
        !running.lines(&format!("address=0.0.0.0:{port}")).is_empty()
    })
    .await;
    assert_eq!(get(here, "/livez").await.status, 200);
    let elsewhere = SocketAddr::from(([127, 0, 0, 3], port));
    assert_eq!(get(elsewhere, "/livez").await.status, 200);
    terminate(&running.child).await;
}
