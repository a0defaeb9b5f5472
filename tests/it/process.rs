//! The binary itself, as operators meet it: exit codes, signals, kills, limits of the system.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::process::Command;

use crate::machine::{BINARY, Machine, said, terminate, wait_for};

#[tokio::test]
async fn once_twice_verify_and_cat() {
    let machine = Machine::new().await;
    machine.world.happen(1, 700, 30);
    let first = machine.expect(0, &["once"]).await;
    assert!(first.contains("700 events archived"), "{first}");
    let second = machine.expect(0, &["once"]).await;
    assert!(second.contains("nothing new"), "{second}");
    machine.expect(0, &["verify", "--deep"]).await;
    let output = machine
        .run(&[
            "cat",
            "--target",
            "acme-production",
            "--from",
            "90d",
            "--to",
            "0s",
        ])
        .await;
    assert_eq!(
        output.stdout.iter().filter(|byte| **byte == b'\n').count(),
        700,
        "{}",
        said(&output)
    );
    machine.world.assert_archive_equals_truth().await;

    // One byte of one object.
    let damaged = first_object(&machine.world.directory.path().join("archive/jsonl"));
    let mut bytes = std::fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    machine.expect(10, &["verify"]).await;
    std::fs::remove_file(&damaged).unwrap();
    machine.expect(10, &["verify"]).await;
}

fn first_object(directory: &Path) -> PathBuf {
    let mut path = directory.to_owned();
    while path.is_dir() {
        path = std::fs::read_dir(&path).unwrap().next().unwrap().unwrap().path();
    }
    path
}

#[tokio::test]
async fn killed_again_and_again_the_archive_equals_the_truth() {
    let machine = Machine::new().await;
    machine.configure("max_events = 100\nformats = [\"jsonl\", \"csv\"]");
    machine.world.happen(1, 1_500, 60);
    let mut kills = 0u32;
    for round in 0..60 {
        let mut child = machine.command(&["once"]).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(15 + round * 4)).await;
        if child.try_wait().unwrap().is_none() {
            kills += 1;
        }
        child.kill().await.unwrap();
        if round == 30 {
            std::fs::remove_dir_all(machine.checkpoint()).unwrap();
        }
    }
    machine.expect(0, &["once"]).await;
    machine.world.assert_archive_equals_truth().await;
    machine.expect(0, &["verify", "--deep"]).await;
    eprintln!("killed {kills} times");
    assert!(kills >= 5, "only {kills} of 60 processes died of the kill");
}

#[tokio::test]
async fn run_archives_on_schedule_and_ends_on_sigterm() {
    let machine = Machine::new().await;
    machine.world.happen(1, 50, 3);
    let child = machine.command(&["run"]).spawn().unwrap();
    wait_for("the first pass", async || {
        machine.world.ledger().await.lines.len() == 50
    })
    .await;
    let in_use = machine.expect(5, &["once"]).await;
    assert!(in_use.contains("another exporter"), "{in_use}");
    let status = machine.expect(0, &["status"]).await;
    assert!(status.contains("acme-production"), "{status}");
    let news = machine.world.now() - chrono::TimeDelta::seconds(1);
    machine
        .world
        .simulator
        .push(&machine.world.stream, uipath_audit_simulator::NewEvent::at(news));
    wait_for("the news", async || {
        machine.world.ledger().await.lines.len() == 51
    })
    .await;
    terminate(&child).await;
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    machine.world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn another_instance_stands_by_with_exit_6_and_takes_over_when_told() {
    let machine = Machine::new().await;
    machine.world.happen(1, 50, 3);
    machine.expect(0, &["once"]).await;
    std::fs::write(&machine.config, machine.text("", "audit-2", "other-state")).unwrap();
    let refused = machine.expect(6, &["once"]).await;
    assert!(
        refused.contains("audit-1") && refused.contains("hint:"),
        "{refused}"
    );
    machine.expect(0, &["once", "--take-over"]).await;
    machine.world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn mistakes_and_missing_things_have_their_exit_codes_and_hints() {
    let machine = Machine::new().await;
    machine.world.happen(1, 20, 3);
    machine.expect(2, &["once", "--target", "nobody"]).await;
    machine.expect(2, &["frobnicate"]).await;

    let secret = machine.world.directory.path().join("secret");
    std::fs::rename(&secret, secret.with_extension("gone")).unwrap();
    let missing = machine.expect(4, &["once"]).await;
    assert!(
        missing.contains(&secret.display().to_string()) && missing.contains("hint:"),
        "{missing}"
    );
    std::fs::write(&secret, "wrong").unwrap();
    let wrong = machine.expect(4, &["once"]).await;
    assert!(
        wrong.contains("invalid_client") && wrong.contains("hint:"),
        "{wrong}"
    );
    std::fs::rename(secret.with_extension("gone"), &secret).unwrap();

    machine.configure("max_evnts = 3\nmax_bytes = \"16 bananas\"");
    let mistakes = machine.expect(3, &["check", "--offline"]).await;
    assert!(
        mistakes.contains("archive.max_evnts") && mistakes.contains("archive.max_bytes"),
        "{mistakes}"
    );

    machine.configure("");
    let state = machine.checkpoint();
    std::fs::remove_dir_all(&state).ok();
    std::fs::write(&state, "not a directory").unwrap();
    let unusable = machine.expect(4, &["once"]).await;
    assert!(unusable.contains("state directory"), "{unusable}");
    std::fs::remove_file(&state).unwrap();
    machine.expect(0, &["check"]).await;
    machine.expect(0, &["once"]).await;
    machine.world.assert_archive_equals_truth().await;

    // The same name for another stream: said before anything is read, and by `once` too.
    let other = machine
        .text("", "audit-1", "state")
        .replace("tenant = \"production\"\n", "");
    std::fs::write(&machine.config, other).unwrap();
    let told = machine.expect(4, &["check"]).await;
    assert!(
        told.contains("new name") && told.contains("`acme/orgaudit_`"),
        "{told}"
    );
    machine.expect(4, &["once"]).await;
}

#[tokio::test]
async fn recover_tells_what_it_gives_up() {
    let machine = Machine::new().await;
    machine.world.happen(1, 50, 30);
    machine.expect(0, &["once"]).await;
    let told = machine.expect(0, &["recover"]).await;
    assert!(
        told.contains("rebuilt up to commit") && !told.contains("gave up"),
        "{told}"
    );
    // As with a wrong URL.
    let commits = machine.world.directory.path().join("archive/commits");
    std::fs::remove_dir_all(commits).unwrap();
    let told = machine.expect(0, &["recover"]).await;
    for part in ["gave up commits", "known=", "archive.url", "holds no commit"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

/// Files may not grow beyond a few kilobytes: what a full disk looks like to a program, without filling one.
#[tokio::test]
async fn a_full_disk_is_an_error_and_nothing_is_lost() {
    let machine = Machine::new().await;
    machine.world.happen(1, 2_000, 30);
    for blocks in [1, 8, 64, 256] {
        let script = format!("ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("bash");
        command
            .args(["-c", &script, BINARY, "--config"])
            .arg(&machine.config)
            .arg("once");
        let output = command.stdin(Stdio::null()).output().await.unwrap();
        let code = output.status.code();
        assert!(
            matches!(code, Some(0 | 1 | 4)),
            "{blocks} blocks: {code:?} {}",
            said(&output)
        );
        if code != Some(0) {
            assert!(
                !said(&output).contains("panicked"),
                "{blocks} blocks: {}",
                said(&output)
            );
        }
    }
    machine.expect(0, &["once"]).await;
    machine.world.assert_archive_equals_truth().await;
}

/// The same memory for a backlog of 100,000 events as for one of 400,000, and less than 100 MiB.
#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded_by_settings_not_by_the_backlog() {
    // How many slices meet in memory depends on what else the machine does: single peaks vary by a seventh. A backlog that
    // cost memory would keep the two apart however often they are measured.
    let (mut small, mut large) = (0, u32::MAX);
    for _ in 0..6 {
        let (of_small, of_large) = tokio::join!(peak_of_once(100_000), peak_of_once(400_000));
        eprintln!("peak memory: {of_small} KiB for 100,000 events, {of_large} KiB for 400,000");
        assert!(
            of_small.max(of_large) < 100 * 1024,
            "{of_small} KiB, {of_large} KiB"
        );
        (small, large) = (small.max(of_small), large.min(of_large));
        if f64::from(large) < f64::from(small) * 1.1 {
            return;
        }
    }
    panic!("never more than {small} KiB for 100,000 events, never less than {large} KiB for 400,000");
}

async fn peak_of_once(events: u32) -> u32 {
    let machine = Machine::new().await;
    // The same density, a backlog four times as long.
    machine.world.happen(1, events, i64::from(events / 5_000));
    let mut child = machine
        .command(&["once"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status_file = format!("/proc/{}/status", child.id().unwrap());
    let mut peak = 0;
    let status = loop {
        let status = std::fs::read_to_string(&status_file).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line
            .and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
            .unwrap_or(peak);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(status.code(), Some(0));
    let ledger = machine.world.ledger().await;
    assert_eq!(ledger.sum("written"), u64::from(events));
    peak
}
