//! `[defaults]` and `[[targets]]`: what is read, when, and how far back.

use std::{collections::BTreeMap, time::Duration};

use super::{
    reader::{Field, Table, instead},
    units,
};
use crate::{
    schedule::Schedule,
    target::{Api, Classic, Filter, LONG_TERM_RETENTION, Pace, Reconcile, Start, Status, Target, TargetName},
};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What `[defaults]` says, and each target may say otherwise.
pub(super) struct Rhythm {
    schedule: String,
    timezone: String,
    pace: Pace,
    reconcile_schedule: Option<String>,
    reconcile_back: Duration,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self {
            schedule: "0 */15 * * * *".to_owned(),
            timezone: "UTC".to_owned(),
            pace: Pace {
                start: Start::Ago(90 * DAY),
                retention: 90 * DAY,
                settle: Duration::from_secs(120),
                lookback: HOUR,
                lookback_daily: 48 * HOUR,
                empty_commit_every: HOUR,
                takeover_after: None,
            },
            reconcile_schedule: None,
            reconcile_back: 7 * DAY,
        }
    }
}

impl Rhythm {
    /// What the table says, and for the rest what this one says.
    pub(super) fn read(&self, t: &mut Table<'_>) -> Self {
        // Each is tried with a good other half, so that both can be wrong.
        let cron = |cron: &str| Schedule::new(cron, "UTC").map(|_| cron.to_owned());
        let schedule = t.field("schedule").parse(cron);
        let reconcile_schedule = t.field("reconcile_schedule").parse(cron);
        let timezone = t
            .field("timezone")
            .parse(|zone| Schedule::new("0 0 0 * * *", zone).map(|_| zone.to_owned()));
        let base = &self.pace;
        let pace = Pace {
            start: t.field("start").parse(units::start).unwrap_or(base.start),
            retention: t
                .field("retention")
                .duration("1h", "3650d")
                .unwrap_or(base.retention),
            settle: t.field("settle").duration("0s", "1d").unwrap_or(base.settle),
            lookback: t.field("lookback").duration("0s", "90d").unwrap_or(base.lookback),
            lookback_daily: t
                .field("lookback_daily")
                .duration("0s", "90d")
                .unwrap_or(base.lookback_daily),
            empty_commit_every: t
                .field("empty_commit_every")
                .duration("0s", "30d")
                .unwrap_or(base.empty_commit_every),
            takeover_after: t
                .field("takeover_after")
                .duration("1s", "30d")
                .or(base.takeover_after),
        };
        Self {
            schedule: schedule.unwrap_or_else(|| self.schedule.clone()),
            timezone: timezone.unwrap_or_else(|| self.timezone.clone()),
            pace,
            reconcile_schedule: reconcile_schedule.or_else(|| self.reconcile_schedule.clone()),
            reconcile_back: t
                .field("reconcile_back")
                .duration("1h", "3650d")
                .unwrap_or(self.reconcile_back),
        }
    }

    /// Comparisons of a target whose API is this one. Nothing can be compared with files, whatever the defaults say.
    fn reconcile(&self, t: &mut Table<'_>, api: Api) -> Option<Reconcile> {
        let own = t.field("reconcile_schedule");
        if api.schema().is_none() {
            if own.is_set() {
                own.wrong(format!(
                    "is set, but `api = \"{}\"` archives files, which are not compared",
                    api.as_str()
                ));
            }
            return None;
        }
        // Checked when it was read; its zone is told as that of `schedule`.
        let schedule = Schedule::new(self.reconcile_schedule.as_ref()?, &self.timezone).ok()?;
        Some(Reconcile {
            schedule,
            back: self.reconcile_back,
        })
    }
}

/// `[[targets]]`. `connections`: the names there are.
pub(super) fn targets(list: &Field<'_>, connections: &[&str], defaults: &Rhythm) -> Vec<Target> {
    const NONE: &str = "at least one `[[targets]]`, with `name` and `organization`";
    let Some(list) = list.written() else {
        list.wrong(format!("is missing: {NONE}"));
        return Vec::new();
    };
    let Some(items) = list.items("a list of tables, written `[[targets]]`, in a file") else {
        return Vec::new();
    };
    if items.is_empty() {
        list.wrong(format!("is empty: {NONE}"));
    }
    let mut names = BTreeMap::new();
    items
        .iter()
        .filter_map(|item| item.table(|t| target(t, item.path(), &mut names, connections, defaults)))
        .collect()
}

fn target(
    t: &mut Table<'_>,
    path: &str,
    names: &mut BTreeMap<TargetName, String>,
    connections: &[&str],
    defaults: &Rhythm,
) -> Option<Target> {
    let name = t
        .field("name")
        .required("what its stream is called in the archive, for ever");
    let name = name.parse(|text| {
        let name: TargetName = text.parse().map_err(|error| format!("{error}"))?;
        match names.insert(name.clone(), path.to_owned()) {
            Some(first) => Err(format!("`{name}` is the name of {first} already")),
            None => Ok(name),
        }
    });
    let connection = connection(&t.field("connection"), connections);
    let organization = t
        .field("organization")
        .required("its name or GUID, as in the URL")
        .segment();
    let tenant = t.field("tenant").segment();
    let apis = Api::ALL.map(|api| (api.as_str(), api));
    let api = t.field("api").choice(&apis, &[]).unwrap_or(Api::Unified);
    let classic = classic(t, api);
    let long_term = t.field("long_term").flag().unwrap_or(true);
    let field = t.field("filter");
    let filter = filter_of(&field, api);
    let retention = t.field("retention").is_set();
    let rhythm = defaults.read(t);
    let reconcile = rhythm.reconcile(t, api);
    let Rhythm {
        schedule,
        timezone,
        mut pace,
        ..
    } = rhythm;
    let schedule = Schedule::new(&schedule, &timezone)
        .map_err(|error| t.field("schedule").wrong(error))
        .ok()?;
    pace.lookback_daily = pace.lookback_daily.max(pace.lookback);
    if api == Api::LongTerm && !retention {
        pace.retention = LONG_TERM_RETENTION;
    }
    Some(Target {
        name: name?,
        connection: connection?,
        organization: organization?,
        tenant,
        api,
        filter,
        classic,
        long_term,
        pace,
        schedule,
        reconcile,
    })
}

fn connection(field: &Field<'_>, connections: &[&str]) -> Option<String> {
    match (field.written(), connections) {
        (_, []) => None,
        (None, [only]) => Some((*only).to_owned()),
        (None, several) => {
            field.wrong(format!("is missing: one of `{}`", several.join("`, `")));
            None
        }
        (Some(field), some) => field.parse(|name| {
            let known = some.contains(&name).then(|| name.to_owned());
            known.ok_or_else(|| format!("there is no connection `{name}`{}", instead(name, some)))
        }),
    }
}

/// How the classic API is asked; for no other API has it any effect.
fn classic(t: &mut Table<'_>, api: Api) -> Classic {
    let usual = Classic::default();
    let names = [
        "language",
        "api_version",
        "partition_global_id",
        "organization_in_path",
    ];
    if !matches!(api, Api::Classic | Api::ClassicCsv) {
        for field in names.map(|name| t.field(name)).iter().filter_map(Field::written) {
            field.wrong("has an effect on `api = \"classic\"` and `\"classic_csv\"` alone");
        }
        return usual;
    }
    Classic {
        language: t.field("language").segment().or(usual.language),
        api_version: t.field("api_version").segment(),
        organization_in_path: t
            .field("organization_in_path")
            .flag()
            .unwrap_or(usual.organization_in_path),
        partition_global_id: t.field("partition_global_id").segment(),
    }
}

fn filter_of(field: &Field<'_>, api: Api) -> Option<Filter> {
    let filter = field.table(filter)?;
    match api {
        Api::Unified => {}
        Api::UnifiedCsv if filter.search.is_some() => {
            field.wrong("holds `search`, which the server's CSV does not know");
        }
        Api::UnifiedCsv => {}
        Api::Classic | Api::ClassicCsv | Api::LongTerm => {
            field.wrong(format!(
                "is set, but `api = \"{}\"` knows no filter",
                api.as_str()
            ));
        }
    }
    Some(filter)
}

/// `None` when it lets everything through.
fn filter(t: &mut Table<'_>) -> Option<Filter> {
    let [sources, targets, types, users] =
        ["sources", "targets", "types", "users"].map(|kind| t.field(kind).texts().unwrap_or_default());
    let search = t.field("search").text().map(str::to_owned);
    let outcomes = [("succeeded", Status::Succeeded), ("failed", Status::Failed)];
    let status = t.field("status").choice(&outcomes, &[]);
    let filter = Filter {
        sources,
        targets,
        types,
        users,
        status,
        search,
    };
    (filter != Filter::default()).then_some(filter)
}
