//! The sections of the configuration in the order of `config/exporter.toml`: each key, its default, its limits.

use std::{collections::BTreeMap, time::Duration};

use url::Url;

use super::{
    ValueKind, outward,
    reader::{Field, Table, instead, nearest},
    targets::{self, Rhythm},
    values,
};
use crate::{
    archive::{check_options, check_tags, is_secret},
    settings::{
        ArchiveOption, ArchiveSettings, AuthSettings, Compression, ConnectionSettings, Platform, Settings,
    },
    target::{Api, Target},
};

const MIB: usize = 1 << 20;

pub(super) fn settings(t: &mut Table<'_>) -> Option<Settings> {
    let state_dir = t.field("state_dir").file_path();
    let instance = instance(&t.field("instance"));
    let archive = t.field("archive").table(archive);
    t.field("signing").not_yet();
    let list = t.field("connections");
    let connections = list.entries();
    if connections.is_empty() && matches!(list.kind(), None | Some(ValueKind::Table(_))) {
        list.wrong("needs at least one `[connections.NAME]`");
    }
    let names: Vec<&str> = connections.iter().map(|(name, _)| *name).collect();
    let connections: Vec<_> = connections
        .iter()
        .map(|(name, field)| connection(name, field))
        .collect();
    let rhythm = t.field("defaults").table(|t| Some(Rhythm::default().read(t)));
    let connections: BTreeMap<String, ConnectionSettings> = connections
        .into_iter()
        .flatten()
        .map(|one| (one.name.clone(), one))
        .collect();
    let list = t.field("targets");
    let mut targets = targets::targets(&list, &names, &rhythm.unwrap_or_default());
    suit(&list, &mut targets, &connections);
    // A mistake in either is told, and with it nothing here is used.
    let http = outward::http(&t.field("http"));
    let webhook = outward::webhook(&t.field("webhook"));
    Some(Settings {
        state_dir: state_dir.unwrap_or_else(|| "/var/lib/uipath-audit-exporter".into()),
        instance: instance?,
        archive: archive?,
        connections,
        targets,
        http,
        webhook,
    })
}

/// What a target leaves to its platform, and targets of an API that this does not have.
fn suit(list: &Field<'_>, targets: &mut [Target], connections: &BTreeMap<String, ConnectionSettings>) {
    let Some(ValueKind::Array(_)) = list.kind() else {
        return;
    };
    let items = list.items("a list of tables").into_iter().flatten();
    for item in items.filter(|item| matches!(item.kind(), Some(ValueKind::Table(_)))) {
        let fields: BTreeMap<&str, Field<'_>> = item.entries().into_iter().collect();
        let name = fields.get("name").and_then(|name| match name.kind() {
            Some(ValueKind::String(name)) => Some(name.as_str()),
            _ => None,
        });
        let target = targets
            .iter_mut()
            .find(|target| Some(target.name.as_str()) == name);
        let Some(target) = target else { continue };
        let Some(platform) = connections.get(&target.connection).map(|one| one.platform) else {
            continue;
        };
        let instead = match target.api {
            Api::Classic | Api::ClassicCsv => {
                if !fields.contains_key("organization_in_path") {
                    target.classic.organization_in_path = platform.organization_in_path();
                }
                continue;
            }
            Api::Unified | Api::LongTerm => Api::Classic,
            Api::UnifiedCsv => Api::ClassicCsv,
        };
        if !platform.has_unified() {
            fields.get("api").unwrap_or(&item).wrong(format!(
                "asks for the API `{}`, which {} does not have: write `api = \"{}\"`",
                target.api.as_str(),
                platform.title(),
                instead.as_str()
            ));
        }
    }
}

fn instance(field: &Field<'_>) -> Option<String> {
    if field.is_set() {
        return field.parse(|name| {
            let good = name.len() <= 255 && name.chars().all(|c| !c.is_whitespace() && !c.is_control());
            good.then(|| name.to_owned())
                .ok_or("must be 1 to 255 bytes without white space")
        });
    }
    let name = ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .map(|name| name.trim().to_owned())
        .find(|name| !name.is_empty());
    match name.as_deref() {
        None => {
            field.wrong("is missing, and this machine tells no host name: a name that stays over restarts")
        }
        Some("localhost") => {
            field.unwise("is the host name `localhost`: name it, so that two exporters are told apart");
        }
        Some(_) => {}
    }
    name
}

fn archive(t: &mut Table<'_>) -> Option<ArchiveSettings> {
    let url = t
        .field("url")
        .required("where events go, such as `file:///srv/audit` or `s3://bucket/prefix`");
    let url = url.parse(values::archive_url);
    let formats = t.field("formats");
    let names = formats.texts().unwrap_or_else(|| vec!["jsonl".to_owned()]);
    for name in &names {
        if !["jsonl", "csv"].contains(&name.as_str()) {
            formats.wrong(format!(
                "`{name}` is not known{}",
                instead(name, &["jsonl", "csv"])
            ));
        }
    }
    if formats.is_set() && !names.iter().any(|name| name == "jsonl") {
        formats.wrong("lacks `jsonl`, the record, which is always there");
    }
    let kinds = [
        ("zstd", Compression::Zstd),
        ("gzip", Compression::Gzip),
        ("none", Compression::None),
    ];
    let compression = t.field("compression").choice(&kinds, &[]);
    let max_events = t.field("max_events").count(1, 1_000_000);
    let max_bytes = t.field("max_bytes").size("1KiB", "1GiB").unwrap_or(16 * MIB);
    let buffered = t.field("max_buffered");
    let max_buffered = buffered.size("1KiB", "64GiB").unwrap_or(64 * MIB);
    if max_buffered < max_bytes {
        buffered.wrong(format!(
            "is less than `max_bytes`: at least {max_bytes} bytes, to hold one slice"
        ));
    }
    let ca_file = t.field("ca_file").file_path();
    let tags = tags(&t.field("tags"), url.as_ref());
    let options = options(&t.field("options"), url.as_ref());
    Some(ArchiveSettings {
        url: url?,
        csv: names.iter().any(|name| name == "csv"),
        compression: compression.unwrap_or_default(),
        max_events: max_events.unwrap_or(10_000),
        max_bytes,
        max_buffered,
        options,
        ca_file,
        tags,
    })
}

/// Options that are right one by one are checked together, where it is known for which store.
fn options(table: &Field<'_>, url: Option<&Url>) -> BTreeMap<String, ArchiveOption> {
    let fields: BTreeMap<&str, Field<'_>> = table.entries().into_iter().collect();
    let read = |(name, field): (&&str, &Field<'_>)| Some(((*name).to_owned(), option(name, field)?));
    let options = fields.iter().filter_map(read).collect();
    for mistake in url.map_or_else(Vec::new, |url| check_options(url, &options)) {
        let field = mistake.option.as_deref().and_then(|name| fields.get(name));
        let meant = mistake
            .option
            .as_deref()
            .and_then(|name| nearest(name, &mistake.instead));
        let meant = meant.map(|name| format!(", did you mean `{name}`?"));
        let problem = format!("{}{}", mistake.problem, meant.unwrap_or_default());
        field.unwrap_or(table).wrong(problem);
    }
    options
}

fn tags(table: &Field<'_>, url: Option<&Url>) -> BTreeMap<String, String> {
    let fields: BTreeMap<&str, Field<'_>> = table.entries().into_iter().collect();
    let read = |(name, field): (&&str, &Field<'_>)| Some(((*name).to_owned(), field.text()?.to_owned()));
    let tags = fields.iter().filter_map(read).collect();
    for (tag, problem) in url.map_or_else(Vec::new, |url| check_tags(url, &tags)) {
        let field = tag.as_deref().and_then(|name| fields.get(name));
        field.unwrap_or(table).wrong(problem);
    }
    tags
}

fn option(name: &str, field: &Field<'_>) -> Option<ArchiveOption> {
    let plain = match field.kind()? {
        ValueKind::Table(_) => return field.secret().map(ArchiveOption::Secret),
        _ if is_secret(name) => return field.secret().map(ArchiveOption::Secret),
        ValueKind::Boolean(value) => value.to_string(),
        ValueKind::I64(value) => value.to_string(),
        ValueKind::Float(value) => value.to_string(),
        _ => field.text()?.to_owned(),
    };
    Some(ArchiveOption::Plain(plain))
}

fn connection(name: &str, field: &Field<'_>) -> Option<ConnectionSettings> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) {
        field.wrong("is no name of a connection: a-z 0-9 _ -, first a letter");
    }
    field.table(|t| {
        let url = t
            .field("url")
            .required("its address, such as `https://cloud.uipath.com/`");
        let url = base(&url);
        let platform = platform(&t.field("platform"), url.as_ref());
        let ca_file = t.field("ca_file").file_path();
        let client_certificate = t.field("client_certificate").file_path();
        let proxy = t.field("proxy").url();
        let requests = t.field("max_concurrent_requests").count(1, 256);
        let rate = t.field("max_requests_per_second").number(0.0, 10_000.0);
        let retry_for = t.field("retry_for").duration("0s", "15m");
        let auth = auth(&t.field("auth"));
        Some(ConnectionSettings {
            name: name.to_owned(),
            platform: platform?,
            url: url?,
            ca_file,
            client_certificate,
            proxy,
            max_concurrent_requests: requests.unwrap_or(8),
            max_requests_per_second: rate.unwrap_or(0.0),
            retry_for: retry_for.unwrap_or(Duration::from_secs(30)),
            auth: auth?,
        })
    })
}

/// As written, or else as the host tells.
fn platform(field: &Field<'_>, url: Option<&Url>) -> Option<Platform> {
    let kinds = Platform::ALL.map(|platform| (platform.as_str(), platform));
    let told = url.map(Platform::of);
    if !field.is_set() {
        return told;
    }
    let written = field.choice(&kinds, &[]);
    if let (Some(written), Some(told)) = (written, told)
        && told.is_hosted()
        && written != told
    {
        field.unwise(format!(
            "is not what the host tells, which is `{}`",
            told.as_str()
        ));
    }
    written
}

/// The base URL as it is used. UiPath's own hosts have nothing behind them.
fn base(field: &Field<'_>) -> Option<Url> {
    let mut url = field.url()?;
    if Platform::of(&url).is_hosted() && url.path() != "/" {
        field.unwise(format!(
            "goes on after the host: UiPath's own end there, and the organization is written in the target: `{}/`",
            url.origin().ascii_serialization()
        ));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Some(url)
}

fn auth(field: &Field<'_>) -> Option<AuthSettings> {
    const KINDS: [&str; 3] = ["client_credentials", "client_assertion", "bearer"];
    let kinds = field.table(|t| Some(KINDS.map(|kind| t.field(kind))))?;
    let written: Vec<&str> = KINDS
        .into_iter()
        .zip(&kinds)
        .filter_map(|(kind, field)| field.written().map(|_| kind))
        .collect();
    let [credentials, assertion, bearer] = kinds;
    let credentials = credentials
        .written()
        .and_then(|field| field.table(client_credentials));
    let assertion = assertion
        .written()
        .and_then(|field| field.table(client_assertion));
    let bearer = bearer.written().and_then(|field| field.table(bearer_token));
    let all = KINDS.join("`, `");
    match written.as_slice() {
        [] => field.wrong(format!("names no way to log in: exactly one of `{all}`")),
        [_] => {}
        several => field.wrong(format!("holds `{}`: keep one", several.join("` and `"))),
    }
    credentials.or(assertion).or(bearer)
}

fn bearer_token(t: &mut Table<'_>) -> Option<AuthSettings> {
    let token = t.field("token").required("a reference to the token").secret()?;
    Some(AuthSettings::Bearer { token })
}

/// What both kinds of applications have: id, scope, token URL.
fn application(t: &mut Table<'_>) -> (Option<String>, String, Option<Url>) {
    let client_id = t
        .field("client_id")
        .required("the id of the external application");
    let client_id = client_id.text().map(str::to_owned);
    let scope = t.field("scope").text().unwrap_or("PM.Audit.Read").to_owned();
    (client_id, scope, t.field("token_url").url())
}

fn client_credentials(t: &mut Table<'_>) -> Option<AuthSettings> {
    let (client_id, scope, token_url) = application(t);
    let client_secret = t
        .field("client_secret")
        .required("a reference to its secret")
        .secret();
    let second = t.field("second_client_secret");
    let second_client_secret = second.secret();
    if client_secret.is_some() && client_secret == second_client_secret {
        second.wrong("is the same as `client_secret`: name the other secret, or leave it out");
    }
    Some(AuthSettings::ClientCredentials {
        client_id: client_id?,
        client_secret: client_secret?,
        second_client_secret,
        scope,
        token_url,
    })
}

fn client_assertion(t: &mut Table<'_>) -> Option<AuthSettings> {
    let (client_id, scope, token_url) = application(t);
    let assertion = t
        .field("assertion")
        .required("a reference to the other identity provider's token")
        .secret();
    Some(AuthSettings::ClientAssertion {
        client_id: client_id?,
        assertion: assertion?,
        scope,
        token_url,
    })
}
