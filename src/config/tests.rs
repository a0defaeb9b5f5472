//! What users write, and what they get. What they are told when it is wrong: `mistakes_tests`.

use std::time::Duration;

use super::*;
use crate::{
    secret::SecretRef,
    settings::{AuthSettings, Compression},
    target::{Start, Status},
};

const REFERENCE: &str = include_str!("../../config/exporter.toml");

/// Enough to run.
pub(super) const SMALL: &str = r#"
instance = "audit-1"
[archive]
url = "file:///srv/audit"
[connections.cloud]
url = "https://cloud.uipath.com/"
[connections.cloud.auth.client_credentials]
client_id = "id"
client_secret = { file = "/run/secrets/uipath" }
[[targets]]
name = "acme"
organization = "acme"
"#;

pub(super) type Loaded = Result<(Settings, Vec<Warning>), ConfigError>;

/// Loads files of these names and contents, under these variables.
pub(super) fn load_files(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Loaded {
    let directory = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = files
        .iter()
        .map(|(name, _)| directory.path().join(name))
        .collect();
    for (path, (_, text)) in paths.iter().zip(files) {
        std::fs::write(path, text).unwrap();
    }
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load(&paths, variables)
}

pub(super) fn load_toml(text: &str) -> Loaded {
    load_files(&[("exporter.toml", text)], &[])
}

pub(super) fn mistakes(loaded: Loaded) -> Vec<String> {
    loaded
        .unwrap_err()
        .mistakes
        .iter()
        .map(Mistake::to_string)
        .collect()
}

/// Takes one of the marks of the reference off the settings behind it.
fn unmarked(text: &str, mark: &str) -> String {
    let strip = |line: &str| match line.strip_prefix(mark) {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => rest.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(|line| strip(line) + "\n").collect()
}

#[test]
fn the_reference_shows_the_defaults_of_the_code() {
    let (plain, warnings) = load_toml(REFERENCE).unwrap();
    assert_eq!(warnings, []);
    let defaults = unmarked(REFERENCE, "#");
    assert!(defaults.contains("\nmax_events = 10000") && defaults.contains("\napi = "));
    let (spelled_out, _) = load_toml(&defaults).unwrap();
    assert_eq!(format!("{plain:#?}"), format!("{spelled_out:#?}"));
    // What is optional is for S3: elsewhere it would be a mistake.
    let optional = unmarked(&defaults, "#?").replacen("url = \"file:///srv/uipath-audit\"", "", 1);
    let (settings, _) = load_toml(&optional).unwrap();
    assert_eq!(settings.archive.url.scheme(), "s3");
    // What comes later is refused, each with its path.
    let later = unmarked(REFERENCE, "##");
    let told = mistakes(load_toml(&later));
    let paths: Vec<&str> = told.iter().map(|told| told.split(':').next().unwrap()).collect();
    assert_eq!(paths, ["signing"]);
    assert!(
        told.iter()
            .all(|told| told.contains("not supported by this version")),
        "{told:#?}"
    );
}

#[test]
fn the_reference_names_every_setting() {
    let code = [
        include_str!("sections.rs"),
        include_str!("outward.rs"),
        include_str!("targets.rs"),
        include_str!("values.rs"),
    ];
    let code = code.concat();
    let fields = code.split("field(\"").skip(1);
    let keys: Vec<&str> = fields.filter_map(|rest| rest.split('"').next()).collect();
    for key in &keys {
        let named = [
            format!("{key} = "),
            format!("[{key}"),
            format!(".{key}."),
            format!(".{key}]"),
        ];
        assert!(named.iter().any(|name| REFERENCE.contains(name)), "{key}");
    }
    assert!(keys.len() > 30, "{keys:?}");
}

#[test]
fn the_examples_load() {
    for (text, targets) in [
        (include_str!("../../config/examples/one-organization.toml"), 1),
        (
            include_str!("../../config/examples/organization-and-tenants.toml"),
            3,
        ),
        (include_str!("../../config/examples/automation-suite.toml"), 1),
        (include_str!("../../config/examples/orchestrator.toml"), 1),
        (include_str!("../../config/examples/public-sector.toml"), 2),
        (include_str!("../../config/examples/federated.toml"), 1),
        (include_str!("../../config/examples/simulator.toml"), 4),
        (include_str!("../../config/examples/apis.toml"), 13),
        (include_str!("../../config/examples/s3.toml"), 1),
        (include_str!("../../config/examples/azure.toml"), 1),
        (include_str!("../../config/examples/google-cloud-storage.toml"), 1),
    ] {
        let (settings, warnings) = load_toml(text).unwrap();
        assert_eq!((settings.targets.len(), warnings), (targets, vec![]));
    }
}

#[test]
fn the_platform_says_whether_the_organization_is_in_the_path() {
    let orchestrator = include_str!("../../config/examples/orchestrator.toml");
    let suite = include_str!("../../config/examples/automation-suite.toml");
    let written = orchestrator.replace("# organization_in_path", "organization_in_path");
    for (text, in_path) in [(orchestrator, false), (suite, true), (&*written, true)] {
        let (settings, _) = load_toml(text).unwrap();
        assert_eq!(settings.targets[0].classic.organization_in_path, in_path);
    }
}

#[test]
fn a_relative_archive_begins_at_the_working_directory() {
    let here = std::env::current_dir().unwrap();
    let (settings, _) = load_toml(&SMALL.replace("file:///srv/audit", "file://./archive")).unwrap();
    assert_eq!(settings.archive.url.to_file_path().unwrap(), here.join("archive"));
}

#[test]
fn the_defaults_are_those_of_the_interface() {
    let (settings, _) = load_toml(SMALL).unwrap();
    assert_eq!(
        settings.state_dir,
        PathBuf::from("/var/lib/uipath-audit-exporter")
    );
    let archive = &settings.archive;
    assert_eq!((archive.compression, archive.csv), (Compression::Zstd, false));
    assert_eq!(
        (archive.max_events, archive.max_bytes, archive.max_buffered),
        (10_000, 16 << 20, 64 << 20)
    );
    let cloud = &settings.connections["cloud"];
    assert_eq!(
        (cloud.max_concurrent_requests, cloud.max_requests_per_second),
        (8, 0.0)
    );
    assert_eq!(cloud.retry_for, Duration::from_secs(30));
    let AuthSettings::ClientCredentials {
        scope, client_secret, ..
    } = &cloud.auth
    else {
        panic!("{cloud:?}");
    };
    assert_eq!(scope, "PM.Audit.Read");
    assert_eq!(*client_secret, SecretRef::File("/run/secrets/uipath".into()));
    let acme = &settings.targets[0];
    assert_eq!((acme.name.as_str(), acme.connection.as_str()), ("acme", "cloud"));
    let hour = Duration::from_secs(3600);
    assert_eq!(acme.pace.start, Start::Ago(90 * 24 * hour));
    assert_eq!(
        (acme.pace.retention, acme.pace.settle),
        (90 * 24 * hour, Duration::from_secs(120))
    );
    assert_eq!((acme.pace.lookback, acme.pace.lookback_daily), (hour, 48 * hour));
    assert_eq!(
        (acme.pace.empty_commit_every, acme.pace.takeover_after),
        (hour, None)
    );
}

#[test]
fn a_target_says_otherwise_than_the_defaults() {
    let text = SMALL.replace(
        "[[targets]]",
        "[defaults]\nlookback = \"3d\"\nsettle = \"1m\"\nstart = 2026-01-02\n[[targets]]",
    ) + "settle = \"1h15m\"\ntakeover_after = \"1h\"\nfilter = { sources = [\"Identity\"], status = \"failed\" }\n\
           [[targets]]\nname = \"b\"\norganization = \"b\"\nstart = \"2026-01-02T03:04:05+01:00\"\nfilter = {}\n";
    let (settings, _) = load_toml(&text).unwrap();
    let [acme, b] = &settings.targets[..] else {
        panic!()
    };
    assert_eq!(
        (acme.pace.settle, b.pace.settle),
        (Duration::from_secs(4500), Duration::from_secs(60))
    );
    assert_eq!(acme.pace.takeover_after, Some(Duration::from_secs(3600)));
    assert_eq!(
        acme.pace.start,
        Start::At("2026-01-02T00:00:00Z".parse().unwrap())
    );
    assert_eq!(b.pace.start, Start::At("2026-01-02T02:04:05Z".parse().unwrap()));
    // Never less than every pass reads.
    assert_eq!(acme.pace.lookback_daily, Duration::from_secs(3 * 86_400));
    assert_eq!(acme.filter.as_ref().unwrap().status, Some(Status::Failed));
    assert!(b.filter.is_none());
}

#[test]
fn later_files_override_earlier_ones_and_the_environment_both() {
    let second = "[archive]\nmax_events = 2\ncompression = \"gzip\"\n\
        [connections.cloud.auth.client_credentials]\nclient_secret = { env = \"UIPATH_SECRET\" }\n";
    let files = [("first.toml", SMALL), ("second.toml", second)];
    let (settings, _) = load_files(&files, &[]).unwrap();
    assert_eq!(
        (settings.archive.max_events, settings.archive.compression),
        (2, Compression::Gzip)
    );
    assert_eq!(settings.archive.url.as_str(), "file:///srv/audit");
    let secret = |settings: &Settings| match &settings.connections["cloud"].auth {
        AuthSettings::ClientCredentials {
            client_secret,
            client_id,
            ..
        } => (client_id.clone(), client_secret.clone()),
        AuthSettings::ClientAssertion { .. } | AuthSettings::Bearer { .. } => panic!(),
    };
    assert_eq!(
        secret(&settings),
        ("id".to_owned(), SecretRef::Env("UIPATH_SECRET".to_owned()))
    );
    let (settings, _) = load_files(
        &files,
        &[
            ("UIPATH_AUDIT__INSTANCE", "two"),
            ("UIPATH_AUDIT__ARCHIVE__MAX_EVENTS", "3"),
            ("UIPATH_AUDIT__ARCHIVE__FORMATS", "jsonl, csv"),
            ("UIPATH_AUDIT__ARCHIVE__MAX_BYTES", "65536"),
            ("UIPATH_AUDIT__ARCHIVE__COMPRESSION", ""),
            ("UIPATH_AUDIT__ARCHIVE__URL", "s3://acme-audit/uipath"),
            ("UIPATH_AUDIT__ARCHIVE__OPTIONS__AWS_REGION", "eu-west-1"),
            ("UIPATH_AUDIT__CONNECTIONS__CLOUD__MAX_REQUESTS_PER_SECOND", "2.5"),
            (
                "UIPATH_AUDIT__CONNECTIONS__CLOUD__AUTH__CLIENT_CREDENTIALS__CLIENT_ID",
                "other",
            ),
            (
                "UIPATH_AUDIT__CONNECTIONS__CLOUD__AUTH__CLIENT_CREDENTIALS__CLIENT_SECRET__CREDENTIAL",
                "c",
            ),
            ("UIPATH_AUDIT__DEFAULTS__SETTLE", "500ms"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!(settings.instance, "two");
    assert_eq!(
        (settings.archive.max_events, settings.archive.max_bytes),
        (3, 65_536)
    );
    assert_eq!(
        (settings.archive.csv, settings.archive.compression),
        (true, Compression::Gzip)
    );
    assert_eq!(settings.archive.options.len(), 1);
    assert_eq!(settings.connections["cloud"].max_requests_per_second, 2.5);
    assert_eq!(
        secret(&settings),
        ("other".to_owned(), SecretRef::Credential("c".to_owned()))
    );
    assert_eq!(settings.targets[0].pace.settle, Duration::from_millis(500));
}

#[test]
fn yaml_is_read_by_its_extension() {
    let yaml = "instance: audit-1\nstate_dir: ~\narchive: {url: 'file:///srv/audit', max_bytes: 65536}\n\
        connections:\n  cloud:\n    url: https://cloud.uipath.com/\n    auth: {bearer: {token: {env: TOKEN}}}\n\
        targets:\n  - {name: acme, organization: acme, tenant: production}\n";
    let (settings, _) = load_files(&[("exporter.yaml", yaml)], &[]).unwrap();
    assert_eq!(settings.targets[0].tenant.as_deref(), Some("production"));
    assert_eq!(settings.archive.max_bytes, 65_536);
    let told = mistakes(load_files(
        &[("exporter.yml", "archive: {url: x\ntargets: ]"), ("a.json", "{}")],
        &[],
    ));
    assert!(
        told[0].contains("exporter.yml: is not well-formed: ") && told[0].contains("line 2"),
        "{told:?}"
    );
    assert!(
        told[1].contains("a.json: has none of the known extensions"),
        "{told:?}"
    );
}

#[cfg(unix)]
#[test]
fn a_secret_file_for_everybody_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = SMALL.replace("/run/secrets/uipath", file.path().to_str().unwrap());
    assert_eq!(load_toml(&text).unwrap().1, []);
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o644))
        .unwrap();
    let warnings = load_toml(&text).unwrap().1;
    let [warning] = &warnings[..] else {
        panic!("{warnings:?}")
    };
    assert_eq!(
        warning.path,
        "connections.cloud.auth.client_credentials.client_secret.file"
    );
    assert!(warning.problem.starts_with("everybody can read `"));
}

#[test]
fn the_instance_is_the_host_name_unless_named() {
    let (settings, _) = load_toml(&SMALL.replace("instance = \"audit-1\"", "")).unwrap();
    assert!(!settings.instance.is_empty());
}
