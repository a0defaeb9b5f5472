//! The house rules that no compiler knows: what a file may be called and how long it may be, which file names which
//! library, which way arrows point. Below: that the documents speak of what is there.

use std::collections::BTreeSet;

mod documents;
pub mod files;

use files::{all_rust, files, modules, program};

/// Lines a file may have.
const LONGEST: usize = 400;

/// Each outside library, and where alone in `src/` it may be named.
const LIBRARIES: [(&str, &[&str]); 25] = [
    (
        "base64",
        &[
            "src/source/digest.rs",
            "src/source/auth/assertion.rs",
            "src/webhook/signature.rs",
        ],
    ),
    ("chrono_tz", &["src/schedule"]),
    ("clap", &["src/cli"]),
    ("clap_complete", &["src/cli"]),
    ("clap_mangen", &["src/cli"]),
    ("config", &["src/config.rs"]),
    ("croner", &["src/schedule"]),
    (
        "flate2",
        &["src/encode/compress.rs", "src/source/body.rs", "src/source/zip"],
    ),
    ("hmac", &["src/webhook/signature.rs"]),
    ("http_body_util", &["src/archive/wire", "src/web/server.rs"]),
    ("httpdate", &["src/retry.rs"]),
    ("hyper", &["src/web/server.rs"]),
    ("hyper_util", &["src/web/server.rs"]),
    ("indicatif", &["src/cli", "src/observe.rs"]),
    ("maud", &["src/web"]),
    ("md5", &["src/source/digest.rs"]),
    ("object_store", &["src/archive"]),
    ("rawzip", &["src/source/zip"]),
    (
        "reqwest",
        &[
            "src/client.rs",
            "src/source/wire",
            "src/archive/wire",
            "src/webhook",
        ],
    ),
    ("rustls_pki_types", &["src/metrics/certificate.rs"]),
    ("sd_notify", &["src/daemon/systemd.rs"]),
    ("sled", &["src/checkpoint"]),
    ("tokio_cron_scheduler", &["src/daemon/heartbeat.rs"]),
    ("tracing_subscriber", &["src/observe.rs"]),
    ("zstd", &["src/encode/compress.rs", "src/source/packed.rs"]),
];

/// Uses of a module further down the list in `src/lib.rs`, each explained in ARCHITECTURE.md.
const AGAINST_THE_ARROWS: [(&str, &str); 3] = [
    ("catalog", "source"),
    ("schedule", "target"),
    ("source", "checkpoint"),
];

/// Whether code names a library: `name::`, not as a part of a longer path or word, nor within a string.
fn names(code: &str, library: &str) -> bool {
    let path = format!("{library}::");
    code.match_indices(&path).any(|(at, _)| {
        let before = &code[..at];
        if library == "config" {
            // The program has a module of that name.
            let absolute = before
                .strip_suffix("::")
                .is_some_and(|rest| rest.ends_with([' ', '(', '<', '&']));
            return absolute || before.ends_with("\nuse ");
        }
        let absolute = before.strip_suffix("::").unwrap_or(before);
        let part = |last: char| last.is_alphanumeric() || ['_', ':', '"', '`', '.'].contains(&last);
        !absolute.ends_with(part)
    })
}

fn assert_none(wrong: Vec<String>, rule: &str) {
    assert!(wrong.is_empty(), "{rule}:\n  {}", wrong.join("\n  "));
}

#[test]
fn files_are_short() {
    let program = files("src", ".rs")
        .into_iter()
        .chain(files("simulator/src", ".rs"));
    let lines = program.map(|file| (file.text.lines().count(), file.path));
    let too_long = lines.filter(|(lines, _)| *lines > LONGEST);
    let too_long = too_long.map(|(lines, path)| format!("{path}: {lines} lines"));
    assert_none(too_long.collect(), "split a file that passes 400 lines");
}

#[test]
fn each_outside_library_is_named_in_one_place() {
    let mut wrong = Vec::new();
    for file in program() {
        let code = file.code();
        for (library, places) in LIBRARIES {
            if names(&code, library) && !places.iter().any(|place| file.is_below(place)) {
                wrong.push(format!("{} names {library}: that is for {places:?}", file.path));
            }
        }
    }
    assert_none(wrong, "each outside library is named in one place");
}

#[test]
fn names_are_recognized() {
    assert!(names("use sled::Db;", "sled"));
    assert!(names("    sled::open(path)", "sled"));
    assert!(names("fn f(db: &::sled::Db)", "sled"));
    assert!(!names("use crate::sled::Db;", "sled"));
    assert!(!names("let text = \"sled::pagecache\";", "sled"));
    assert!(!names("bobsled::ride()", "sled"));
    assert!(names("\nuse ::config::{Config};", "config"));
    assert!(!names("    config::load(files)", "config"));
    assert!(!names("use crate::config::load;", "config"));
}

/// The modules that a file uses by `crate::`.
fn used(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, path) in code.match_indices("crate::") {
        let rest = &code[at + path.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let (mut depth, mut begins) = (0, true);
        for (index, letter) in list.char_indices() {
            match letter {
                '}' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                letter if begins && letter.is_alphabetic() => {
                    begins = false;
                    found.insert(word(&list[index..]));
                }
                _ => {}
            }
        }
    }
    found
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
        .collect()
}

#[test]
fn arrows_point_up_the_list_of_modules() {
    let modules = modules();
    let place = |name: &str| modules.iter().position(|module| module == name);
    let mut against = BTreeSet::new();
    for file in program() {
        let Some(module) = file.module() else { continue };
        for other in used(&file.code()) {
            if place(&other) > place(module) {
                against.insert((module.to_owned(), other));
            }
        }
    }
    let allowed = AGAINST_THE_ARROWS.map(|(from, to)| (from.to_owned(), to.to_owned()));
    assert_eq!(
        against,
        BTreeSet::from(allowed),
        "a module uses only those above it in src/lib.rs, but for these"
    );
}

#[test]
fn only_the_command_line_sees_configuration_and_simulator() {
    let mut wrong = Vec::new();
    for file in program() {
        let code = file.code();
        if file.is_below("src/cli") || file.is_below("src/config") {
            continue;
        }
        if used(&code).contains("config") {
            wrong.push(format!("{} uses the configuration", file.path));
        }
        if names(&code, "uipath_audit_simulator") {
            wrong.push(format!("{} uses the simulator", file.path));
        }
    }
    assert_none(wrong, "only `cli` sees these");
}

#[test]
fn the_simulator_shares_nothing_with_the_exporter() {
    let mut wrong = Vec::new();
    for file in files("simulator", ".rs")
        .into_iter()
        .chain(files("simulator", "Cargo.toml"))
    {
        for name in ["uipath_audit_exporter", "uipath-audit-exporter"] {
            if file.text.contains(name) {
                wrong.push(format!("{} names {name}", file.path));
            }
        }
    }
    assert_none(wrong, "the simulator is written from UiPath's documents alone");
}

#[test]
fn names_say_what_a_file_is_for() {
    let vague = [
        "mod", "utils", "util", "common", "helpers", "helper", "manager", "types", "misc",
    ];
    let wrong = all_rust().into_iter().map(|file| file.path);
    let wrong = wrong.filter(|path| vague.iter().any(|name| path.ends_with(&format!("/{name}.rs"))));
    assert_none(wrong.collect(), "find a name that says what it is for");
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    let wrong = all_rust()
        .into_iter()
        .filter(|file| !file.text.starts_with("//! "));
    assert_none(
        wrong.map(|file| file.path).collect(),
        "begin with `//! ` and what the file is for",
    );
}

#[test]
fn no_test_is_ignored_and_no_lint_allowed() {
    let forbidden = [
        (concat!("#[", "ignore"), "a test that is not run is no test"),
        (concat!("#[", "allow"), "write `#[expect(…, reason = \"…\")]`"),
        (concat!("#![", "allow"), "write `#![expect(…, reason = \"…\")]`"),
    ];
    let mut wrong = Vec::new();
    for file in all_rust() {
        for (text, instead) in forbidden {
            if file.text.contains(text) {
                wrong.push(format!("{}: `{text}`: {instead}", file.path));
            }
        }
    }
    assert_none(wrong, "nothing is waved through");
}
