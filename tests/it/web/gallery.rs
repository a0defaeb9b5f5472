//! Targets in every state, made up, and the pages that show them: what screenshots are taken of.

use std::{
    net::SocketAddr,
    ops::RangeInclusive,
    sync::{Arc, Mutex},
};

use chrono::{DateTime, Datelike as _, NaiveDate, TimeDelta, Utc};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use uipath_audit_exporter::{
    calendar::{Covered, Day, Gap, Part, Recent},
    clock::Clock,
    commit::{Counts, Kind},
    status::{
        Configuration, LastCommit, LastComparison, LastError, LastPass, Needs, PassResult, Progress, Side,
        State, Status, TargetStatus, WebhookStatus,
    },
    web::{self, Coverage, Sources, Web},
    window::Window,
};

use crate::world::at;

/// The time that its pages show.
pub fn now() -> DateTime<Utc> {
    at("2026-11-22T10:47:03Z")
}

/// What is served, and may be changed meanwhile.
pub struct Gallery {
    pub address: SocketAddr,
    pub status: Arc<Mutex<Status>>,
    pub trouble: Arc<Mutex<Vec<String>>>,
    _stop: DropGuard,
}

impl Gallery {
    pub async fn of(targets: Vec<TargetStatus>) -> Self {
        let mut status = Status {
            version: "0.1.0".to_owned(),
            instance: "audit-1".to_owned(),
            run: Some("9f2c01ab".to_owned()),
            pid: 7,
            started_at: now() - TimeDelta::hours(76),
            written_at: now(),
            shard: None,
            configuration: Configuration::default(),
            targets,
        };
        status.stamp(now());
        let status = Arc::new(Mutex::new(status));
        let trouble = Arc::new(Mutex::new(Vec::new()));
        let (shown, alive, ready) = (Arc::clone(&status), Arc::clone(&trouble), Arc::clone(&trouble));
        let sources = Sources {
            status: Arc::new(move || Some(shown.lock().unwrap().clone())),
            coverage: Arc::new(|name, days| Box::pin(async move { coverage(&name, days) })),
            metrics: Arc::new(|| "uipath_audit_exporter_build_info 1\n".to_owned()),
            alive: Arc::new(move || alive.lock().unwrap().clone()),
            ready: Arc::new(move || ready.lock().unwrap().clone()),
        };
        let listener = web::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let web = Arc::new(Web::new(Clock::from_fn(now), true, Vec::new(), sources));
        // The server's thread is its own: a browser is waited for on the test's.
        TaskTracker::new().spawn(web::serve(listener, web, stop.clone()));
        Self {
            address,
            status,
            trouble,
            _stop: stop.drop_guard(),
        }
    }

    /// As many targets, some of them in trouble.
    pub async fn crowded(count: usize) -> Self {
        let mut targets = few();
        for number in targets.len()..count {
            targets.push(well(
                &format!("tenant-{number:04}"),
                30 + i64::try_from(number % 700).unwrap(),
            ));
        }
        Self::of(targets).await
    }
}

fn before(seconds: i64) -> DateTime<Utc> {
    now() - TimeDelta::seconds(seconds)
}

/// A target that is idle, as far behind as that, in seconds.
pub fn well(name: &str, lag: i64) -> TargetStatus {
    TargetStatus {
        target: name.to_owned(),
        state: State::Idle,
        last_commit: Some(LastCommit {
            number: 2_218,
            instance: "audit-1".to_owned(),
            at: before(lag),
        }),
        coverage_end: Some(before(lag + 120)),
        read_to: Some(before(lag + 120)),
        last_success: Some(before(lag)),
        last_pass: Some(LastPass {
            at: before(lag + 2),
            took_ms: 1_830,
            result: PassResult::Done,
            counts: Counts {
                pulled: 431,
                written: 412,
                duplicate: 19,
                late: 3,
                conflict: 0,
            },
            commits: 1,
            requests: 4,
            pages: 3,
            missed: 0,
            skew_seconds: Some(0),
        }),
        next_run: Some(now() + TimeDelta::seconds(900 - lag % 900)),
        ..TargetStatus::default()
    }
}

fn failed(target: &mut TargetStatus, state: State, failures: u64, message: &str, hint: &str) {
    target.state = state;
    target.failures = failures;
    target.last_error = Some(LastError {
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
        at: before(95),
        action: if state == State::NeedsPerson {
            Needs::Person
        } else {
            Needs::NextPass
        },
    });
    if let Some(pass) = &mut target.last_pass {
        (pass.result, pass.counts, pass.at) = (PassResult::Failed, Counts::default(), before(97));
    }
}

/// One in each state.
pub fn few() -> Vec<TargetStatus> {
    let mut person = well("acme-finance", 49 * 3_600);
    failed(
        &mut person,
        State::NeedsPerson,
        196,
        "get a token for the connection `cloud`: the server refuses the client's secret (invalid_client)",
        "the secret has expired or is another one: add a new one in UiPath under Admin > External applications and write \
         it to the file; it is read again at the next try",
    );
    let mut failing = well("acme-staging", 2 * 3_600 + 700);
    failed(
        &mut failing,
        State::Failing,
        4,
        "read events of the target acme-staging: the server answers 503 (no healthy upstream) after 6 tries",
        "it is tried again at the next run; look at UiPath's status page if it stays so",
    );
    let mut standby = well("globex", 1_260);
    standby.state = State::Standby;
    if let Some(commit) = &mut standby.last_commit {
        commit.instance = "audit-2".to_owned();
    }
    let mut running = well("acme-production", 1_020);
    running.state = State::Running;
    running.next_run = None;
    running.progress = Some(Progress {
        from: Some(before(60_000)),
        to: Some(before(120)),
        covered: Some(before(21_000)),
        read: Some(before(15_000)),
        pulled: 36_204,
        written: 35_990,
        commits: 4,
    });
    let fresh = TargetStatus {
        target: "initech".to_owned(),
        next_run: Some(now() + TimeDelta::seconds(12)),
        ..TargetStatus::default()
    };
    let mut told = well("acme", 312);
    told.last_error = failing.last_error.clone();
    told.last_comparison = Some(comparison());
    told.next_comparison = Some(now() + TimeDelta::hours(16));
    told.webhook = Some(WebhookStatus {
        pending: Some(12),
        last_delivery: Some(before(9_000)),
        failures: 31,
        last_error: Some(LastError {
            message: "announce commit 2207 to `https://siem.acme.example`: it answered 500".to_owned(),
            hint: Some(
                "look at the receiver's log: it is told again and again until it takes the commit".to_owned(),
            ),
            at: before(40),
            action: Needs::NextPass,
        }),
    });
    vec![
        told,
        running,
        failing,
        person,
        standby,
        well("acme-classic", 47),
        fresh,
    ]
}

fn comparison() -> LastComparison {
    LastComparison {
        at: before(26_000),
        took_ms: 74_000,
        result: PassResult::Done,
        from: Some(before(26_000 + 7 * 86_400)),
        to: Some(before(26_000)),
        live: Side {
            shown: 8_204,
            missing: 2,
            written: 2,
            commits: 1,
        },
        store: Side::default(),
        without_store: Some("the target has a filter, which the long-term store does not know".to_owned()),
        missed: 0,
        error: None,
    }
}

/// Always the same for a name.
fn noise(name: &str, day: NaiveDate) -> u64 {
    let seed = name
        .bytes()
        .fold(17_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let mixed = (seed ^ (day.num_days_from_ce() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed >> 40
}

/// An archive that began in June, with a gap in it, and days of which this process has not read yet.
pub fn coverage(name: &str, days: RangeInclusive<NaiveDate>) -> Option<Coverage> {
    let date = |text: &str| text.parse::<NaiveDate>().unwrap();
    let (begins, today) = (date("2026-06-11"), now().date_naive());
    if name == "initech" {
        return None;
    }
    let unknown_before = (name == "globex").then(|| date("2026-10-05"));
    let gap = |day: NaiveDate| match name {
        "acme-staging" if (date("2026-09-14")..=date("2026-09-16")).contains(&day) => Part::Whole,
        "acme-production" if day == date("2026-08-03") => Part::Some,
        _ => Part::None,
    };
    let reaches = if name == "acme-finance" {
        date("2026-11-20")
    } else {
        today
    };
    let day = |day: NaiveDate| {
        let noise = noise(name, day);
        let weekend = day.weekday().num_days_from_monday() > 4;
        // Busier towards the end of a month.
        let usual = if weekend {
            90
        } else {
            500 + 25 * u64::from(day.day())
        };
        let quiet = noise % 100 < if weekend { 45 } else { 3 };
        let events = if quiet { 0 } else { usual + noise % usual };
        let covered = match day {
            _ if day < begins => Covered::Before,
            _ if day > reaches => Covered::NotYet,
            _ if day == begins || day == reaches => Covered::Partly,
            _ => Covered::Whole,
        };
        let there = matches!(covered, Covered::Whole | Covered::Partly) && gap(day) != Part::Whole;
        Day {
            date: day,
            events: if there { events } else { 0 },
            in_file: name == "acme-classic" && there && day < date("2026-07-02"),
            gap: gap(day),
            covered,
            known: unknown_before.is_none_or(|first| day >= first),
        }
    };
    Some(Coverage {
        begins: unknown_before.is_none().then(|| at("2026-06-11T10:00:00Z")),
        days: days
            .start()
            .iter_days()
            .take_while(|day| day <= days.end())
            .map(day)
            .collect(),
        gaps: gaps(name),
        recent: (0..5).map(|back| recent(name, back)).collect(),
    })
}

fn gaps(name: &str) -> Vec<Gap> {
    let gap = |from: &str, to: &str, reason: &str| Gap {
        window: Window::new(at(from), at(to)),
        reason: Some(reason.to_owned()),
    };
    match name {
        "acme-staging" => vec![gap(
            "2026-09-14T00:00:00Z",
            "2026-09-17T00:00:00Z",
            "older than the server's retention of 90 days, and the long-term store has nothing of these days",
        )],
        "acme-production" => vec![gap(
            "2026-08-03T02:10:00Z",
            "2026-08-03T07:45:00Z",
            "older than the server's retention of 90 days",
        )],
        _ => Vec::new(),
    }
}

fn recent(name: &str, back: u64) -> Recent {
    let written = if back == 2 {
        0
    } else {
        noise(name, now().date_naive()) % 800 + back
    };
    let to = before(140 + i64::try_from(back).unwrap() * 900);
    Recent {
        number: 2_218 - back,
        kind: if written == 0 { Kind::Empty } else { Kind::Events },
        window: Window::new(to - TimeDelta::seconds(900), to),
        written,
        instance: "audit-1".to_owned(),
        at: to + TimeDelta::seconds(122),
    }
}
