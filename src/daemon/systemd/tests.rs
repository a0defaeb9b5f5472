//! Messages as a supervisor receives them.

use std::{
    ffi::OsStr,
    os::unix::net::UnixDatagram,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tempfile::TempDir;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Supervisor, address, headline};
use crate::{
    clock::Time,
    observe::capture,
    status::{Configuration, State, Status, TargetStatus},
};

/// A socket as systemd has one.
struct Manager {
    directory: TempDir,
    socket: UnixDatagram,
}

impl Manager {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { directory, socket }
    }

    fn supervisor(&self, watchdog: Option<Duration>) -> Supervisor {
        Supervisor {
            address: Some(address(self.directory.path().join("notify").as_os_str()).unwrap()),
            watchdog,
            lost: Arc::default(),
        }
    }

    fn heard(&self) -> String {
        let mut message = [0; 4096];
        let length = self.socket.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    /// What has come so far.
    fn all_heard(&self) -> Vec<String> {
        self.socket.set_nonblocking(true).unwrap();
        let mut all = Vec::new();
        let mut message = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut message) {
            all.push(String::from_utf8(message[..length].to_vec()).unwrap());
        }
        all
    }
}

#[test]
fn a_reload_begins_with_the_time_and_ends_with_ready() {
    let manager = Manager::new();
    let supervisor = manager.supervisor(None);
    let mut last = 0u64;
    for _ in 0..2 {
        supervisor.reloading();
        let begun = manager.heard();
        let time = begun.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        let time: u64 = time.strip_suffix('\n').unwrap().parse().unwrap();
        // `/proc/uptime` counts from the same moment, but for the time a machine was suspended.
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        assert!(
            time > last && Duration::from_micros(time).as_secs_f64() < uptime + 1.0,
            "{time} {uptime}"
        );
        last = time;
        supervisor.ready();
        assert_eq!(manager.heard(), "READY=1\n");
    }
    supervisor.stopping();
    assert_eq!(manager.heard(), "STOPPING=1\n");
}

#[test]
fn a_status_is_one_line_whatever_is_in_it() {
    let manager = Manager::new();
    manager.supervisor(None).status("12 targets\nREADY=1");
    assert_eq!(manager.heard(), "STATUS=12 targets READY=1\n");
}

#[cfg(target_os = "linux")]
#[test]
fn an_abstract_name_is_an_address_too() {
    use std::os::{linux::net::SocketAddrExt as _, unix::net::SocketAddr};
    let name = format!("uipath-audit-exporter-test-{}", std::process::id());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let supervisor = Supervisor {
        address: Some(address(OsStr::new(&format!("@{name}"))).unwrap()),
        ..Supervisor::default()
    };
    supervisor.ready();
    let mut message = [0; 64];
    assert_eq!(socket.recv(&mut message).unwrap(), "READY=1\n".len());
}

#[tokio::test(start_paused = true)]
async fn the_watchdog_hears_three_times_in_its_time_while_alive_and_the_status_when_it_changes() {
    let (manager, log) = (Manager::new(), capture());
    let supervisor = manager.supervisor(Some(Duration::from_secs(30)));
    let (alive, looks) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let is_alive = {
        let alive = Arc::clone(&alive);
        move || alive.load(Ordering::Relaxed)
    };
    // The same for the first minute.
    let status = {
        let looks = Arc::clone(&looks);
        move || (looks.fetch_add(1, Ordering::Relaxed) / 12).to_string()
    };
    tasks.spawn(supervisor.watch(is_alive, status, stop.clone()));

    tokio::time::sleep(Duration::from_millis(59_500)).await;
    let heard = manager.all_heard();
    let pings = heard.iter().filter(|message| *message == "WATCHDOG=1\n").count();
    assert_eq!((pings, heard.len()), (6, 7), "{heard:?}");
    assert!(heard.contains(&"STATUS=0\n".to_owned()), "{heard:?}");

    alive.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(manager.all_heard(), ["STATUS=1\n"]);
    assert_eq!(log.problems().len(), 1, "{:?}", log.problems());

    alive.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(manager.all_heard(), ["WATCHDOG=1\n"]);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_watchdog_only_the_status_is_told_and_without_anybody_nothing() {
    let manager = Manager::new();
    let never = || -> bool { panic!("nobody asks") };
    let watching = manager
        .supervisor(None)
        .watch(never, || "fine".to_owned(), CancellationToken::new());
    assert!(
        tokio::time::timeout(Duration::from_secs(100), watching)
            .await
            .is_err()
    );
    assert_eq!(manager.all_heard(), ["STATUS=fine\n"]);

    let nobody = Supervisor::default();
    nobody.ready();
    nobody
        .watch(never, || panic!("nobody asks"), CancellationToken::new())
        .await;
}

#[test]
fn a_manager_that_is_gone_is_complained_about_once() {
    let (manager, log) = (Manager::new(), capture());
    let supervisor = manager.supervisor(None);
    drop(manager);
    for _ in 0..3 {
        supervisor.ready();
    }
    let problems = log.problems();
    assert!(
        matches!(&problems[..], [one] if one.contains("lost")),
        "{problems:?}"
    );
}

#[test]
fn the_status_line_counts_targets_and_tells_the_longest_lag() {
    for (targets, expected) in [
        (vec![], "no targets"),
        (vec![(State::Idle, None)], "1 target: 1 idle; 1 not read yet"),
        (
            vec![(State::Idle, Some(0))],
            "1 target: 1 idle; lag at most 1 min",
        ),
        (
            vec![
                (State::Idle, Some(60)),
                (State::Failing, Some(121)),
                (State::Idle, Some(3)),
            ],
            "3 targets: 2 idle, 1 failing; lag at most 3 min",
        ),
        (
            vec![
                (State::NeedsPerson, None),
                (State::Standby, Some(7_201)),
                (State::Running, Some(1)),
            ],
            "3 targets: 1 running, 1 standing by, 1 waiting for a person; lag at most 3 h; 1 not read yet",
        ),
        (
            vec![(State::Idle, Some(172_801))],
            "1 target: 1 idle; lag at most 3 d",
        ),
    ] {
        assert_eq!(headline(&status(&targets)), expected);
    }
}

fn status(targets: &[(State, Option<i64>)]) -> Status {
    let now: Time = "2026-11-21T10:00:00Z".parse().unwrap();
    let targets = targets.iter().map(|(state, lag_seconds)| TargetStatus {
        state: *state,
        lag_seconds: *lag_seconds,
        ..TargetStatus::default()
    });
    Status {
        version: "0.1.0".to_owned(),
        instance: "audit-1".to_owned(),
        run: None,
        pid: 7,
        started_at: now,
        written_at: now,
        shard: None,
        configuration: Configuration::default(),
        targets: targets.collect(),
    }
}
