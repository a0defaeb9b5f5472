//! What docs/webhook.md tells a receiver to do works on what is really sent.

use std::process::Stdio;

use serde_json::json;
use tokio::{io::AsyncWriteExt as _, process::Command};

use super::{announce_all, follower, world};
use crate::receiver::{SECRET, Told};

/// The first block of code in that language.
fn example(language: &str) -> String {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/webhook.md");
    let document = std::fs::read_to_string(document).unwrap();
    let (_, rest) = document.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

async fn one_message() -> Told {
    let (world, receiver) = world().await;
    world.happen(1, 20, 3);
    let mut process = world.start().await;
    process.pass().await.unwrap();
    announce_all(&follower(&world, &process)).await;
    receiver.told().remove(0)
}

#[tokio::test]
async fn the_example_in_python_verifies_a_message() {
    let told = one_message().await;
    let script = format!(
        "{}\nimport json, sys\nfor secret, headers, body, tolerance in json.load(sys.stdin):\n    print(verify(secret, headers, body.encode(), tolerance))\n",
        example("python")
    );
    let body = String::from_utf8(told.raw.to_vec()).unwrap();
    let headers = json!({
        "webhook-id": told.id,
        "webhook-timestamp": told.timestamp.to_string(),
        "webhook-signature": format!("v1,anything {}", told.signature),
    });
    let long = 1e12;
    let cases = json!([
        [SECRET, headers, body, long],
        ["whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", headers, body, long],
        [SECRET, headers, format!("{body} "), long],
        // Sent long ago, as far as this machine can tell.
        [SECRET, headers, body, -1],
    ]);
    let mut child = Command::new("python3")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(cases.to_string().as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        said.split_whitespace().collect::<Vec<_>>(),
        ["True", "False", "False", "False"]
    );
}

#[tokio::test]
async fn the_example_with_openssl_makes_the_signature() {
    let told = one_message().await;
    let directory = tempfile::tempdir().unwrap();
    let body = directory.path().join("body");
    std::fs::write(&body, &told.raw).unwrap();
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &example("sh")])
        .env("secret", SECRET)
        .env("id", &told.id)
        .env("timestamp", told.timestamp.to_string())
        .env("body", &body)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(format!("v1,{}", said.trim()), told.signature);
}

#[tokio::test]
async fn the_parts_of_a_message_are_those_described() {
    let told = one_message().await;
    let parts =
        |value: &serde_json::Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    let mut names = parts(&told.body);
    names.extend(
        parts(&told.body["data"])
            .into_iter()
            .map(|name| format!("data.{name}")),
    );
    names.retain(|name| name != "data");
    names.sort();
    assert_eq!(
        names,
        [
            "data.archive",
            "data.commit",
            "data.key",
            "data.sha256",
            "timestamp",
            "type"
        ]
    );
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/webhook.md");
    let document = std::fs::read_to_string(document).unwrap();
    for name in names {
        assert!(document.contains(&format!("| `{name}` |")), "{name}");
    }
}
