//! The binary announces what it archives: killed at any moment, with receivers that fail, for each target by itself.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use tokio::process::Child;
use uipath_audit_simulator::NewEvent;

use crate::{
    machine::{Machine, said, terminate, wait_for},
    receiver::{Answer, Receiver, SECRET},
    world::TARGET,
};

/// A machine whose daemon announces its commits, and what it is configured with.
async fn machine() -> (Machine, Receiver) {
    let machine = Machine::new().await;
    let receiver = Receiver::new().await;
    let directory = machine.world.directory.path();
    receiver.look_into(directory.join("archive"));
    std::fs::write(directory.join("webhook-secret"), SECRET).unwrap();
    configure(&machine, &receiver, "audit-1", "state", "");
    (machine, receiver)
}

fn configure(machine: &Machine, receiver: &Receiver, instance: &str, state: &str, more: &str) {
    let (directory, url) = (machine.world.directory.path().display(), receiver.url());
    let text = machine.text("", instance, state);
    // A gap or two seconds without events are no news here: every pass makes a commit.
    let text = text.replace("settle = \"0s\"", "settle = \"0s\"\nempty_commit_every = \"1s\"");
    let webhook = format!(
        "[webhook]\nurl = \"{url}\"\nsecret = {{ file = \"{directory}/webhook-secret\" }}\ntimeout = \"2s\"\n"
    );
    std::fs::write(&machine.config, format!("{text}{more}{webhook}")).unwrap();
}

fn commits(machine: &Machine, target: &str) -> u64 {
    let directory = machine
        .world
        .directory
        .path()
        .join("archive/commits")
        .join(target);
    let Ok(entries) = std::fs::read_dir(directory) else {
        return 0;
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    names
        .filter(|name| name.to_str().is_some_and(|name| name.ends_with(".json")))
        .count() as u64
}

fn push(machine: &Machine) {
    let at = machine.world.now() - chrono::TimeDelta::milliseconds(10);
    machine
        .world
        .simulator
        .push(&machine.world.stream, NewEvent::at(at));
}

fn status(machine: &Machine, target: &str) -> Option<Value> {
    let text = std::fs::read(machine.checkpoint().join("status.json")).ok()?;
    let status: Value = serde_json::from_slice(&text).ok()?;
    let targets = status["targets"].as_array()?;
    targets.iter().find(|of| of["target"] == target).cloned()
}

async fn end(child: Child) -> String {
    terminate(&child).await;
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    said(&output)
}

#[tokio::test]
async fn killed_again_and_again_it_announces_each_commit_in_order() {
    let (machine, receiver) = machine().await;
    machine.world.happen(1, 50, 3);
    let mut random = StdRng::seed_from_u64(7);
    for round in 0..25 {
        push(&machine);
        let turn = round % 5;
        let count = std::sync::Mutex::new(0u32);
        receiver.answer(move |_| {
            let mut count = count.lock().unwrap();
            *count += 1;
            match (turn, *count % 3) {
                (1, 1) => Answer::Status(500),
                (2, 1) => Answer::CutOff,
                (3, 1) => Answer::Header(429, "retry-after", "0".to_owned()),
                (4, 2) => Answer::Hang,
                _ => Answer::Take,
            }
        });
        let mut child = machine.command(&["run"]).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(random.random_range(20..700))).await;
        child.kill().await.unwrap();
    }
    receiver.answer(|_| Answer::Take);
    push(&machine);
    let child = machine.command(&["run"]).spawn().unwrap();
    wait_for("nothing pending", async || {
        let status = status(&machine, TARGET);
        status.is_some_and(|status| {
            status["webhook"]["pending"] == 0 && status["last_pass"]["result"] == "done"
        })
    })
    .await;
    end(child).await;
    let taken = receiver.taken(TARGET);
    let last = taken.iter().max().unwrap() + 1;
    assert!(last > 5, "{taken:?}");
    receiver.assert_taken(TARGET, 0..last);
    // What was committed while it stopped is announced after the next start.
    assert!(commits(&machine, TARGET) - last <= 2);
}

#[tokio::test]
async fn a_target_that_is_stuck_holds_up_no_other() {
    let (machine, receiver) = machine().await;
    machine.world.happen(1, 20, 3);
    let neighbour = "[[targets]]\nname = \"acme-staging\"\norganization = \"acme\"\ntenant = \"staging\"\n\
                     schedule = \"* * * * * *\"\nsettle = \"0s\"\nempty_commit_every = \"1s\"\n";
    configure(&machine, &receiver, "audit-1", "state", neighbour);
    receiver.answer(|told| {
        if told.target() == TARGET {
            Answer::Status(500)
        } else {
            Answer::Take
        }
    });
    let child = machine.command(&["run"]).spawn().unwrap();
    wait_for("the other one's commits", async || {
        receiver.taken("acme-staging").len() >= 4
    })
    .await;
    wait_for("its own passes", async || commits(&machine, TARGET) >= 4).await;
    wait_for("its trouble to show", async || {
        status(&machine, TARGET).is_some_and(|status| {
            status["webhook"]["failures"].as_u64() >= Some(1)
                && status["webhook"]["pending"].as_u64() >= Some(3)
        })
    })
    .await;
    let status = status(&machine, TARGET).unwrap();
    assert_eq!(status["failures"], 0, "no pass fails by it");
    assert_eq!(status["webhook"]["last_error"]["action"], "next_pass", "{status}");
    receiver.answer(|_| Answer::Take);
    wait_for("all to be taken", async || receiver.taken(TARGET).len() >= 4).await;
    let said = end(child).await;
    for target in [TARGET, "acme-staging"] {
        let last = receiver.taken(target).iter().max().unwrap() + 1;
        receiver.assert_taken(target, 0..last);
    }
    assert_eq!(said.matches("announcing a commit failed").count(), 1, "{said}");
    for canary in ["canary-path", SECRET, SECRET.trim_start_matches("whsec_")] {
        assert!(!said.contains(canary), "{said}");
    }
}

#[tokio::test]
async fn what_a_person_must_mend_is_told_once_with_what_to_do() {
    let (machine, receiver) = machine().await;
    machine.world.happen(1, 20, 3);
    receiver.answer(|_| Answer::Status(410));
    let child = machine.command(&["run"]).spawn().unwrap();
    wait_for("several passes", async || commits(&machine, TARGET) >= 4).await;
    wait_for("a word of it", async || {
        status(&machine, TARGET).is_some_and(|status| status["webhook"]["last_error"]["action"] == "person")
    })
    .await;
    let said = end(child).await;
    assert_eq!(said.matches("announcing a commit failed").count(), 1, "{said}");
    assert!(said.contains("the receiver wants no messages any more"), "{said}");
    assert_eq!(receiver.told().len(), 1, "and tried on slowly");
}

#[tokio::test]
async fn check_tells_whether_the_receiver_takes_messages() {
    let (machine, receiver) = machine().await;
    let said = machine.expect(0, &["check"]).await;
    assert!(said.contains("webhook"), "{said}");
    let told = receiver.told();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].body["type"], "ping");
    assert_eq!(told[0].body["data"]["instance"], "audit-1");
    receiver.answer(|_| Answer::Status(403));
    let said = machine.expect(4, &["check"]).await;
    assert!(
        said.contains("status 403") && said.contains("webhook.secret"),
        "{said}"
    );
    assert!(!said.contains("canary-path"), "{said}");
    machine.expect(0, &["check", "--offline"]).await;
    assert_eq!(receiver.told().len(), 2);
}
