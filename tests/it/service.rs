//! The daemon as a service: what it tells the manager that started it, by sd_notify(3).

use std::{path::PathBuf, time::Duration};

use tokio::{net::UnixDatagram, process::Child, time::timeout};

use crate::machine::{BINARY, Machine, said, signal, terminate};

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Listens where systemd would.
struct Manager {
    socket: UnixDatagram,
    place: PathBuf,
    heard: Vec<String>,
}

impl Manager {
    fn beside(machine: &Machine) -> Self {
        let place = machine.world.directory.path().join("notify");
        Self {
            socket: UnixDatagram::bind(&place).unwrap(),
            place,
            heard: Vec::new(),
        }
    }

    /// Starts the daemon as systemd does: told where to report, and that the watchdog is meant for it.
    fn start(&self, machine: &Machine, watchdog: &str) -> Child {
        // The process id is that of the shell, which the program replaces.
        let script = format!("{watchdog} exec \"$0\" \"$@\"");
        tokio::process::Command::new("sh")
            .args(["-c", &script, BINARY, "--config"])
            .arg(&machine.config)
            .arg("run")
            .env("NOTIFY_SOCKET", &self.place)
            .env_remove("MALLOC_ARENA_MAX")
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    /// Waits for a line that begins so.
    async fn hear(&mut self, begin: &str) -> String {
        let mut message = [0; 4096];
        let waiting = async {
            loop {
                let length = self.socket.recv(&mut message).await.unwrap();
                let said = String::from_utf8_lossy(&message[..length]);
                self.heard.extend(said.lines().map(str::to_owned));
                if let Some(line) = said.lines().find(|line| line.starts_with(begin)) {
                    return line.to_owned();
                }
            }
        };
        let heard = timeout(PATIENCE, waiting).await;
        heard.unwrap_or_else(|_| panic!("no {begin} among {:?}", self.heard))
    }
}

#[tokio::test]
async fn systemd_hears_that_it_is_ready_alive_and_stopping() {
    let machine = Machine::new().await;
    machine.world.happen(1, 50, 3);
    let mut manager = Manager::beside(&machine);
    let child = manager.start(&machine, "export WATCHDOG_USEC=600000 WATCHDOG_PID=$$;");
    manager.hear("READY=1").await;
    // The memory setting came with a new start of the program: in the same process, and before anything was said.
    let environment = std::fs::read(format!("/proc/{}/environ", child.id().unwrap())).unwrap();
    assert!(String::from_utf8_lossy(&environment).contains("MALLOC_ARENA_MAX=1"));
    for _ in 0..3 {
        manager.hear("WATCHDOG=1").await;
    }
    manager.hear("STATUS=1 target: 1 idle; lag at most 1 min").await;
    terminate(&child).await;
    manager.hear("STOPPING=1").await;
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    machine.world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn systemd_hears_of_each_reload_and_of_its_end_be_it_well_or_not() {
    let machine = Machine::new().await;
    machine.world.happen(1, 50, 3);
    let mut manager = Manager::beside(&machine);
    let child = manager.start(&machine, "");
    manager.hear("READY=1").await;
    manager.hear("STATUS=1 target: 1 idle; lag").await;
    for settings in ["max_events = 3", "max_evnts = 3", "max_events = 5"] {
        machine.configure(settings);
        signal(&child, "-HUP").await;
        manager.hear("RELOADING=1").await;
        let last = manager.heard.last();
        assert!(
            last.is_some_and(|line| line.starts_with("MONOTONIC_USEC=")),
            "{last:?}"
        );
        manager.hear("READY=1").await;
    }
    terminate(&child).await;
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let told = said(&output);
    assert!(
        told.contains("archive.max_evnts: is no setting") && told.contains("the old one stays"),
        "{told}"
    );
    assert_eq!(
        told.matches("the configuration was read again").count(),
        2,
        "{told}"
    );
    machine.world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn a_daemon_whose_archive_cannot_be_opened_is_ready_all_the_same() {
    let mut machine = Machine::new().await;
    machine.archive = "url = \"file:///proc/none/here\"".to_owned();
    machine.configure("");
    let mut manager = Manager::beside(&machine);
    let child = manager.start(&machine, "");
    manager.hear("READY=1").await;
    manager.hear("STATUS=1 target: 1 ").await;
    terminate(&child).await;
    manager.hear("STOPPING=1").await;
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("cannot begin"), "{}", said(&output));
    assert!(!manager.heard.iter().any(|line| line.starts_with("WATCHDOG")));
}

#[tokio::test]
async fn a_watchdog_of_another_process_is_not_fed() {
    let machine = Machine::new().await;
    let mut manager = Manager::beside(&machine);
    let child = manager.start(&machine, "export WATCHDOG_USEC=3000 WATCHDOG_PID=1;");
    manager.hear("READY=1").await;
    manager.hear("STATUS=1 target: 1 idle; lag at most 1 min").await;
    terminate(&child).await;
    manager.hear("STOPPING=1").await;
    assert!(
        !manager.heard.iter().any(|line| line.starts_with("WATCHDOG")),
        "{:?}",
        manager.heard
    );
    assert!(child.wait_with_output().await.unwrap().status.success());
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_never_called_ready() {
    let machine = Machine::new().await;
    machine.configure("max_evnts = 3");
    let manager = Manager::beside(&machine);
    let output = manager.start(&machine, "").wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let mut message = [0; 64];
    let nothing = manager.socket.try_recv(&mut message).unwrap_err();
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
}
