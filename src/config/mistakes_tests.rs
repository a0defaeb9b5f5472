//! What users are told when something is wrong: each mistake once, with its path, never with a secret.

use super::{
    tests::{SMALL, load_files, load_toml, mistakes},
    *,
};

/// The only mistake in the small configuration with `from` replaced by `to`.
fn mistake(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "{from}");
    let told = mistakes(load_toml(&SMALL.replace(from, to)));
    assert_eq!(told.len(), 1, "{told:#?}");
    told[0].clone()
}

/// The only mistake when `lines` are added to the small configuration, above its first table.
fn mistake_above(lines: &str) -> String {
    mistake("[archive]\n", &format!("{lines}\n[archive]\n"))
}

#[test]
fn ten_mistakes_are_ten_messages_with_their_paths() {
    let told = mistakes(load_toml(
        r#"
instance = "audit-1"
stat_dir = "/tmp"
[archive]
url = "file:///srv/audit"
compression = "zst"
[connections.cloud]
url = "http://cloud.uipath.com/"
retry_for = 30
[connections.cloud.auth]
[connections.suite]
url = "https://suite.example"
auth = { bearer = { token = "canary-5up3r" } }
[defaults]
timezone = "Europe/Atlantis"
[[targets]]
name = "Acme"
organization = "acme"
connection = "clout"
[[targets]]
name = "other"
organization = "acme"
connection = "suite"
schedule = "every day"
"#,
    ));
    let begins = [
        "archive.compression: `zst` is not known, did you mean `zstd`?",
        "connections.cloud.url: is plain `http://`, which is for loopback hosts only",
        "connections.cloud.retry_for: is 30, must be a string with a unit, such as `90s`",
        "connections.cloud.auth: names no way to log in: exactly one of",
        "connections.suite.auth.bearer.token: is written inline, which is refused for secrets: use { file = … } | { env = … } | { credential = … }",
        "defaults.timezone: find the time zone `Europe/Atlantis`",
        "targets[0].name: `Acme` is no target name",
        "targets[0].connection: there is no connection `clout`, did you mean `cloud`?",
        "targets[1].schedule: ",
        "stat_dir: is no setting, did you mean `state_dir`?",
    ];
    assert_eq!((told.len(), begins.len()), (10, 10), "{told:#?}");
    for (told, begin) in told.iter().zip(begins) {
        assert!(told.starts_with(begin), "{told}\n{begin}");
    }
    assert!(!told.concat().contains("canary"));
}

#[test]
fn the_error_counts_and_lists_the_mistakes() {
    let error = load_toml("instance = \"a\"").unwrap_err().to_string();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines[0], "read the configuration: 3 mistakes");
    assert_eq!(
        lines[1],
        "  archive.url: is missing: where events go, such as `file:///srv/audit` or `s3://bucket/prefix`"
    );
    assert_eq!(lines[2], "  connections: needs at least one `[connections.NAME]`");
    assert!(lines[3].starts_with("  targets: is missing: at least one `[[targets]]`"));
    assert!(mistake("[[targets]]", "[targets]").starts_with("targets: is a table, must be a list of tables"));
    assert!(mistake_above("defaults = 1").starts_with("defaults: is 1, must be a table"));
    assert!(
        mistake("[connections.cloud]\n", "[connections.cloud]\ntenant = 1\n").contains("cloud.tenant: is no")
    );
}

#[test]
fn a_secret_is_named_and_never_written_or_shown() {
    let by = |how: &str| mistake("{ file = \"/run/secrets/uipath\" }", how);
    for inline in ["\"canary\"", "[\"canary\"]", "17171717"] {
        let told = by(inline);
        assert!(told.contains("client_secret: is written inline"), "{told}");
        assert!(!told.contains("canary") && !told.contains("1717"), "{told}");
    }
    assert!(
        by("{ file = \"a\", env = \"B\" }")
            .ends_with("must be exactly one of { file = … } | { env = … } | { credential = … }")
    );
    assert!(by("{ file = 1 }").ends_with("client_secret.file: is 1, must be a string"));
    assert!(by("{ credential = \"../x\" }").contains("client_secret.credential: must be one part"));
    assert!(by("{ env = \"canary+/=\" }").ends_with("client_secret.env: must be the name of a variable"));
    // Nor by a parser that quotes the line.
    for inline in ["\"canary", "canary", "\"canary\" \"canary\"", "'canary\n'"] {
        let broken = SMALL.replace("{ file = \"/run/secrets/uipath\" }", inline);
        let told = mistakes(load_toml(&broken)).concat();
        assert!(
            told.contains("exporter.toml: is not well-formed: line "),
            "{told}"
        );
        assert!(!told.contains("canary"), "{told}");
    }
    for inline in [
        "\"canary",
        "canary: x",
        "{canary",
        "*canary",
        "\"\\canary\"",
        "|canary",
    ] {
        let yaml = format!("a:\n  client_secret: {inline}\n");
        let told = mistakes(load_files(&[("exporter.yaml", &yaml)], &[])).concat();
        assert!(told.contains("exporter.yaml: is not well-formed: "), "{told}");
        assert!(!told.contains("canary"), "{told}");
    }
    let url = mistake("https://cloud.uipath.com/", "https://me:canary@cloud.uipath.com/");
    assert_eq!(
        url,
        "connections.cloud.url: must not hold a user name or password"
    );
}

#[test]
fn urls_are_https_or_loopback_and_plain() {
    for good in [
        "http://127.8.8.8:1",
        "http://[::1]:1/",
        "http://localhost/x",
        "https://a.example/orchestrator",
    ] {
        let (settings, _) = load_toml(&SMALL.replace("https://cloud.uipath.com/", good)).unwrap();
        assert!(
            settings.connections["cloud"].url.as_str().ends_with('/'),
            "{good}"
        );
    }
    for (bad, problem) in [
        ("http://128.0.0.1/", "plain `http://`"),
        ("http://localhost.evil.example/", "plain `http://`"),
        ("ftp://cloud.uipath.com/", "must begin with `https://`"),
        ("cloud.uipath.com", "no URL such as"),
        ("https://cloud.uipath.com/?a=b", "query"),
        ("https://cloud.uipath.com/#a", "fragment"),
    ] {
        let told = mistake("https://cloud.uipath.com/", bad);
        assert!(
            told.starts_with("connections.cloud.url: ") && told.contains(problem),
            "{told}"
        );
    }
    for (bad, problem) in [
        ("s3://bucket/../prefix", "has a prefix that is not plain"),
        ("az://container?sig=canary", "must not have a query"),
        ("file://host/path", "must be `file:///path`"),
        ("memory:///", "must be `file:///path`"),
        ("/srv/audit", "must be `file:///path`"),
    ] {
        let told = mistake("file:///srv/audit", bad);
        assert!(
            told.starts_with("archive.url: ") && told.contains(problem),
            "{told}"
        );
    }
}

#[test]
fn each_kind_of_value_has_its_limits() {
    let slice = |lines: &str| mistake("[connections.cloud]", &format!("{lines}\n[connections.cloud]"));
    assert!(slice("max_bytes = \"2GiB\"").ends_with("max_bytes: `2GiB` is out of range: 1KiB to 1GiB"));
    assert!(slice("max_bytes = \"65MiB\"").contains("max_buffered: is less than `max_bytes`"));
    assert!(slice("max_bytes = \"many\"").contains("max_bytes: `many` is no size"));
    assert!(slice("max_events = 0").ends_with("is 0, must be a whole number from 1 to 1000000"));
    assert!(slice("max_events = \"8\"").contains("is a string, must be a whole number"));
    assert!(slice("formats = [\"csv\"]").contains("archive.formats: lacks `jsonl`"));
    assert!(slice("formats = [\"jsonl\", \"cvs\"]").contains("`cvs` is not known, there is `jsonl`, `csv`"));
    assert!(mistake("\"audit-1\"", "\"audit 1\"").starts_with("instance: must be 1 to 255 bytes"));
    let target = |line: &str| mistake("name = \"acme\"", &format!("name = \"acme\"\n{line}"));
    assert!(target("settle = \"2x\"").starts_with("targets[0].settle: `2x` is no duration"));
    assert!(target("start = \"soon\"").starts_with("targets[0].start: `soon` is neither a time"));
    assert!(target("tenant = \"a/b\"").starts_with("targets[0].tenant: must be one part of a URL"));
    assert!(target("api = \"clasic\"").contains("`clasic` is not known"));
    assert!(target("language = \"en\"").contains("has an effect on `api = \"classic\"`"));
    assert!(target("api = \"classic\"\nfilter = { status = \"failed\" }").contains("knows no filter"));
    assert!(target("api = \"unified_csv\"\nfilter = { search = \"x\" }").contains("does not know"));
    assert!(target("long_term = 7").contains("must be `true` or `false`"));
    assert!(
        target("filter = { status = \"fail\" }")
            .contains("filter.status: `fail` is not known, did you mean `failed`?")
    );
}

#[test]
fn names_of_targets_and_connections_fit_together() {
    let twice = format!("{SMALL}[[targets]]\nname = \"acme\"\norganization = \"b\"\n");
    assert_eq!(
        mistakes(load_toml(&twice)),
        ["targets[1].name: `acme` is the name of targets[0] already"]
    );
    let suite = "\n[connections.suite]\nurl = \"https://s.example\"\nauth.bearer.token = { env = \"T\" }\n[[targets]]";
    let several = mistake("[[targets]]", suite.trim_start());
    assert_eq!(
        several,
        "targets[0].connection: is missing: one of `cloud`, `suite`"
    );
    let both = mistake(
        "[[targets]]",
        "[connections.cloud.auth.bearer]\ntoken = { env = \"T\" }\n[[targets]]",
    );
    assert_eq!(
        both,
        "connections.cloud.auth: holds `client_credentials` and `bearer`: keep one"
    );
    let capital = mistakes(load_toml(
        &SMALL.replace("connections.cloud", "connections.Cloud"),
    ));
    assert_eq!(
        capital,
        ["connections.Cloud: is no name of a connection: a-z 0-9 _ -, first a letter"]
    );
}

#[test]
fn mistakes_of_the_environment_say_so() {
    let told = mistakes(load_files(
        &[("exporter.toml", SMALL)],
        &[
            ("UIPATH_AUDIT__ARCHIVE", "canary"),
            ("UIPATH_AUDIT__ARCHIVE__MAX_EVENTS", "8"),
            (
                "UIPATH_AUDIT__CONNECTIONS__CLOUD__AUTH__CLIENT_CREDENTIALS__CLIENT_SECRET",
                "canary",
            ),
            ("UIPATH_AUDIT__TARGETS__0__NAME", "canary"),
        ],
    ));
    assert!(
        told[0].starts_with("archive: is a string, must be a table (from the environment)"),
        "{told:#?}"
    );
    assert!(told[1].contains("client_secret: is written inline"), "{told:#?}");
    assert!(
        told[2]
            .starts_with("targets: is a table, must be a list of tables, written `[[targets]]`, in a file")
    );
    assert!(told.len() == 3 && !told.concat().contains("canary"), "{told:#?}");
    let told = mistakes(load_files(
        &[("exporter.toml", SMALL)],
        &[("UIPATH_AUDIT__TARGETS[9]__NAME", "x")],
    ));
    assert!(
        told[0].starts_with("UIPATH_AUDIT__TARGETS[9]__NAME: is no setting: entries of lists"),
        "{told:?}"
    );
    let told = mistakes(load_files(
        &[("exporter.toml", SMALL)],
        &[("UIPATH_AUDIT__ARCHIV__URL", "x")],
    ));
    assert_eq!(told, ["archiv: is no setting, did you mean `archive`?"]);
}

#[test]
fn a_missing_file_is_named() {
    let told = load(&["/nowhere/exporter.toml".into()], std::iter::empty())
        .unwrap_err()
        .to_string();
    let line = "  /nowhere/exporter.toml: there is no such file: name yours with `--config FILE`";
    assert_eq!(told, format!("read the configuration: 1 mistake\n{line}"));
}

#[test]
fn a_standalone_orchestrator_has_no_unified_api() {
    let platform = "[connections.cloud]\nplatform = \"orchestrator\"";
    let told = mistake("[connections.cloud]", platform);
    assert_eq!(
        told,
        "targets[0]: asks for the API `unified`, which a standalone Orchestrator does not have: write `api = \"classic\"`"
    );
    let written = SMALL
        .replace("[connections.cloud]", platform)
        .replace("https://cloud.uipath.com/", "https://o.example/")
        + "api = \"unified\"\n";
    let told = mistakes(load_toml(&written));
    assert!(
        told[0].starts_with("targets[0].api: asks for") && told.len() == 1,
        "{told:?}"
    );
    let unknown = mistake(
        "[connections.cloud]",
        "[connections.cloud]\nplatform = \"orchestrater\"",
    );
    assert!(
        unknown.ends_with("platform: `orchestrater` is not known, did you mean `orchestrator`?"),
        "{unknown}"
    );
}

#[test]
fn a_url_or_platform_that_hardly_can_be_is_warned_of() {
    let warnings = |text: &str| {
        let (_, warnings) = load_toml(text).unwrap();
        warnings.iter().map(Warning::to_string).collect::<Vec<_>>()
    };
    let url = |url: &str| SMALL.replace("https://cloud.uipath.com/", url);
    assert_eq!(
        warnings(&url("https://cloud.uipath.com/acme")),
        [
            "connections.cloud.url: goes on after the host: UiPath's own end there, and the organization is written in the target: `https://cloud.uipath.com/`"
        ]
    );
    let as_suite = "[connections.cloud]\nplatform = \"automation_suite\"";
    assert_eq!(
        warnings(&SMALL.replace("[connections.cloud]", as_suite)),
        ["connections.cloud.platform: is not what the host tells, which is `automation_cloud`"]
    );
    for fine in [
        "https://suite.example/uipath/",
        "https://a.dedicated.uipath.com",
        "https://govcloud.uipath.us/",
    ] {
        assert!(warnings(&url(fine)).is_empty(), "{fine}");
    }
    let elsewhere = url("https://suite.example/").replace("[connections.cloud]", as_suite);
    assert!(warnings(&elsewhere).is_empty());
}

#[test]
fn each_way_to_log_in_has_its_settings() {
    let federated = "client_assertion]\nclient_id = \"id\"\nassertion = { file = \"/run/token\" }";
    let text = SMALL.replace(
        "client_credentials]\nclient_id = \"id\"\nclient_secret = { file = \"/run/secrets/uipath\" }",
        federated,
    );
    assert!(load_toml(&text).is_ok(), "{text}");
    let told = mistakes(load_toml(
        &text.replace("assertion = { file = \"/run/token\" }", "assertion = \"eyJ\""),
    ));
    assert!(
        told[0].contains("client_assertion.assertion: is written inline"),
        "{told:?}"
    );
    let told = mistakes(load_toml(
        &text.replace("assertion = { file", "client_secret = { file"),
    ));
    assert!(
        told[0].contains("client_assertion.assertion: is missing")
            && told[1].contains("client_assertion.client_secret: is no setting"),
        "{told:?}"
    );
    let twice = mistake(
        "[[targets]]",
        "second_client_secret = { file = \"/run/secrets/uipath\" }\n[[targets]]",
    );
    assert!(
        twice.contains("second_client_secret: is the same as `client_secret`"),
        "{twice}"
    );
}

#[test]
fn files_are_never_compared_and_asking_for_it_is_a_mistake() {
    let told = mistake(
        "organization = \"acme\"",
        "organization = \"acme\"\napi = \"unified_csv\"\nreconcile_schedule = \"@daily\"",
    );
    assert_eq!(
        told,
        "targets[0].reconcile_schedule: is set, but `api = \"unified_csv\"` archives files, which are not compared"
    );
    let told = mistake_above("[defaults]\nreconcile_schedule = \"daily\"");
    assert!(
        told.starts_with("defaults.reconcile_schedule: read the schedule"),
        "{told}"
    );
    let told = mistake_above("[defaults]\nreconcile_back = \"1m\"");
    assert!(told.starts_with("defaults.reconcile_back: "), "{told}");
    let text = SMALL.replace(
        "[[targets]]",
        "[defaults]\nreconcile_schedule = \"@daily\"\n[[targets]]",
    );
    let text = text + "[[targets]]\nname = \"files\"\norganization = \"acme\"\napi = \"classic_csv\"\n";
    let (settings, _) = load_toml(&text).unwrap();
    let [compared, files] = &settings.targets[..] else {
        panic!("two targets")
    };
    let back = compared
        .reconcile
        .as_ref()
        .map(|reconcile| reconcile.back.as_secs());
    assert_eq!(back, Some(7 * 86_400));
    assert_eq!(files.reconcile, None);
}
