//! The documents speak of what is there: tests, modules, keys, versions, files.

use std::{collections::BTreeSet, fs, process::Command};

use serde_json::Value;

use super::{
    AGAINST_THE_ARROWS, assert_none,
    files::{File, files, modules, read, root},
};
use crate::world::World;

/// Every test of this binary, as `--list` tells them.
fn tests_here() -> BTreeSet<String> {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program)
        .args(["--list", "--format", "terse"])
        .output()
        .unwrap();
    let list = String::from_utf8(output.stdout).unwrap();
    list.lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .map(str::to_owned)
        .collect()
}

/// Whether a unit test is there: the path is that of its function.
fn is_unit_test(path: &str) -> bool {
    let Some((module, name)) = path.rsplit_once("::") else {
        return false;
    };
    let file = |module: &str| root().join(format!("src/{}.rs", module.replace("::", "/")));
    let inline = module.strip_suffix("::tests").map(file);
    [Some(file(module)), inline]
        .into_iter()
        .flatten()
        .filter_map(|path| fs::read_to_string(path).ok())
        .any(|text| is_test_function(&text, name))
}

fn is_test_function(text: &str, name: &str) -> bool {
    let function = format!("fn {name}(");
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    lines
        .windows(2)
        .any(|pair| pair[0].starts_with("#[") && pair[0].contains("test") && pair[1].contains(&function))
}

#[test]
fn every_guarantee_has_its_tests() {
    let here = tests_here();
    assert!(here.contains("tidy::documents::every_guarantee_has_its_tests"));
    let document = read("docs/guarantees.md");
    let promised = document.split("\n## What is not promised").next().unwrap();
    let mut wrong = Vec::new();
    let mut guarantees = 0;
    // One list item, over as many lines as it takes.
    for item in promised.split("\n- ").skip(1) {
        guarantees += 1;
        let item = item.split("\n\n").next().unwrap();
        let title = item.lines().next().unwrap();
        let Some((_, tests)) = item.split_once("Tests:") else {
            wrong.push(format!("no test: {title}"));
            continue;
        };
        for test in tests.split('`').skip(1).step_by(2) {
            if !here.contains(test) && !is_unit_test(test) {
                wrong.push(format!("there is no test `{test}`: {title}"));
            }
        }
        if !tests.contains('`') {
            wrong.push(format!("no test: {title}"));
        }
    }
    assert!(
        guarantees > 15,
        "{guarantees} guarantees found in docs/guarantees.md"
    );
    assert_none(wrong, "a guarantee without a test is none");
}

#[tokio::test]
async fn every_key_of_a_commit_is_described() {
    let mut world = World::new().await;
    world.settings.archive.csv = true;
    world.happen(1, 10, 3);
    world.once().await.unwrap();
    let ledger = world.ledger().await;
    let mut keys = BTreeSet::new();
    keys_of(&ledger.commits[0], "", &mut keys);
    assert!(keys.len() > 30, "{keys:?}");
    let document = read("docs/archive-format.md");
    let wrong = keys
        .into_iter()
        .filter(|key| !document.contains(&format!("`{key}`")));
    assert_none(
        wrong.collect(),
        "describe these keys of a commit in docs/archive-format.md",
    );
}

/// Each key by its path, such as `objects[].key`.
fn keys_of(value: &Value, path: &str, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                keys.insert(path.clone());
                keys_of(value, &path, keys);
            }
        }
        Value::Array(values) => {
            for value in values {
                keys_of(value, &format!("{path}[]"), keys);
            }
        }
        _ => {}
    }
}

#[test]
fn the_architecture_shows_every_module() {
    let picture = read("ARCHITECTURE.md");
    let wrong = modules()
        .into_iter()
        .filter(|module| !picture.contains(&format!("src/{module}.rs")));
    assert_none(wrong.collect(), "ARCHITECTURE.md lists every module");
    for (from, to) in AGAINST_THE_ARROWS {
        assert!(
            picture.contains(&format!("`{from}` → `{to}`")),
            "ARCHITECTURE.md explains {from} → {to}"
        );
    }
}

#[test]
fn the_changelog_knows_the_version() {
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        read("CHANGELOG.md").contains(&format!("[{version}]")),
        "CHANGELOG.md lacks {version}"
    );
}

#[test]
fn links_within_the_documents_lead_somewhere() {
    let mut documents = files("docs", ".md");
    documents.extend(files("simulator", ".md"));
    for path in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        documents.push(File {
            path: path.to_owned(),
            text: read(path),
        });
    }
    let mut wrong = Vec::new();
    for document in documents {
        let from = root().join(&document.path);
        for link in document
            .text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = link.split('#').next().unwrap();
            if !link.contains("://") && !file.is_empty() && !from.parent().unwrap().join(file).exists() {
                wrong.push(format!("{}: {link}", document.path));
            }
        }
    }
    assert_none(wrong, "these links lead nowhere");
}
