//! What pages say, and that nothing from outside becomes markup.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::Value;
use uipath_audit_exporter::status::{Problem, StandingBy, State};

use super::{
    ask,
    gallery::{Gallery, few, now, well},
    get,
};

const POISON: &str = r#"</p><script>alert(1)</script><img src=x onerror="alert(2)">'&"#;

#[tokio::test]
async fn nothing_from_outside_becomes_markup() {
    let mut targets = few();
    for target in &mut targets {
        if let Some(error) = &mut target.last_error {
            error.message = POISON.to_owned();
            error.hint = Some(POISON.to_owned());
        }
        if let Some(commit) = &mut target.last_commit {
            commit.instance = POISON.to_owned();
        }
    }
    let gallery = Gallery::of(targets).await;
    gallery.status.lock().unwrap().instance = POISON.to_owned();
    let poisoned = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E%3Cimg%20src=x%20onerror=alert(2)%3E";
    for path in [
        "/".to_owned(),
        "/targets/acme-finance".to_owned(),
        "/targets/acme-staging".to_owned(),
        format!("/?name={poisoned}&state={poisoned}&page={poisoned}&refresh={poisoned}"),
        format!("/targets/acme?year={poisoned}&refresh={poisoned}"),
        format!("/targets/{poisoned}"),
        format!("/{poisoned}/../{poisoned}"),
    ] {
        let answer = get(gallery.address, &path).await;
        assert!([200, 404].contains(&answer.status), "{path}: {}", answer.head);
        for markup in ["<script", "<img", "onerror=\""] {
            assert!(!answer.body.contains(markup), "{markup} in {path}");
        }
    }
    let page = get(gallery.address, "/targets/acme-finance").await.body;
    assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
}

#[tokio::test]
async fn every_answer_is_kept_from_other_pages_and_from_stores() {
    let gallery = Gallery::of(few()).await;
    for path in [
        "/",
        "/targets/acme",
        "/style.css",
        "/icon-well.svg",
        "/api/status",
        "/metrics",
        "/livez",
        "/readyz",
        "/nowhere",
    ] {
        let answer = get(gallery.address, path).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self';"),
            "{path}: {policy}"
        );
        assert!(
            policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
        assert_eq!(answer.header("refresh"), None, "{path}");
        let kept = path.ends_with(".css") || path.ends_with(".svg");
        let cache = answer.header("cache-control").unwrap();
        assert_eq!(cache == "no-store", !kept, "{path}: {cache}");
        assert!(!answer.body.contains("style="), "{path}");
    }
    let metrics = get(gallery.address, "/metrics").await;
    assert_eq!(
        metrics.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
}

#[tokio::test]
async fn health_says_ok_or_why_not() {
    let gallery = Gallery::of(few()).await;
    for path in ["/livez", "/readyz"] {
        let answer = get(gallery.address, path).await;
        assert_eq!((answer.status, &*answer.body), (200, "ok\n"));
    }
    *gallery.trouble.lock().unwrap() = vec!["nothing moves".to_owned(), "two\r\nlines".to_owned()];
    for path in ["/livez", "/readyz"] {
        let answer = get(gallery.address, path).await;
        assert_eq!(
            (answer.status, &*answer.body),
            (503, "nothing moves\ntwo  lines\n")
        );
    }
}

#[tokio::test]
async fn each_day_is_told_in_words_and_they_add_up() {
    let gallery = Gallery::of(few()).await;
    let page = get(gallery.address, "/targets/acme-staging?year=2026").await.body;
    for said in [
        "2026-09-15: a gap, all day",
        "2026-11-22, today: ",
        ", so far",
        "2026-06-11: ",
        ", in a part of the day",
        ": no events, proven",
        "2026-01-01: before the archive begins",
        "3 with a gap",
        "older than the server&#39;s retention",
    ] {
        let said = said.replace("&#39;", "'");
        assert!(page.contains(&said), "`{said}` is not there");
    }
    // One cell for each day up to today, and none for later ones.
    assert_eq!(
        page.matches("<td class=").count()
            - page.matches("<td class=\"number").count()
            - page.matches("<td class=\"long").count(),
        326
    );
    assert!(!page.contains("2026-11-23:"));
    let sentence = page
        .split("326 days: ")
        .nth(1)
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    let counts = sentence
        .split(", ")
        .map(|part| part.split(' ').next().unwrap().parse::<u32>().unwrap());
    assert_eq!(counts.sum::<u32>(), 326, "{sentence}");

    let unknown = get(gallery.address, "/targets/globex").await.body;
    assert!(unknown.contains("2026-10-04: not known here yet"));
    let later = get(gallery.address, "/targets/acme-finance").await.body;
    assert!(later.contains("2026-11-21: not archived yet"));
    let earlier = get(gallery.address, "/targets/acme?year=2024").await.body;
    assert!(earlier.contains("366 days: 366 before the archive begins"));
    assert_eq!(get(gallery.address, "/targets/nobody").await.status, 404);
}

#[tokio::test]
async fn trouble_comes_first_with_what_to_do_until_it_is_over() {
    let gallery = Gallery::of(few()).await;
    let page = get(gallery.address, "/").await.body;
    let place = |name: &str| page.find(&format!("id=\"target-{name}\"")).unwrap();
    assert!(place("acme-finance") < place("acme-staging") && place("acme-staging") < place("globex"));
    assert!(page.contains("What to do: </b>the secret has expired"));
    assert!(page.contains("<title>1 target needs a person, 1 failing"));
    assert!(page.contains("icon-person.svg"));
    {
        let mut status = gallery.status.lock().unwrap();
        for target in &mut status.targets {
            let error = target.last_error.take();
            *target = well(&target.target, 60);
            target.last_error = error;
        }
    }
    let page = get(gallery.address, "/").await.body;
    assert!(page.contains("All 7 targets are well") && page.contains("icon-well.svg"));
    assert!(!page.contains("What to do"));
    let page = get(gallery.address, "/targets/acme-finance").await.body;
    assert!(page.contains("The last failure, which is over"));
}

#[tokio::test]
async fn comparisons_announcements_and_past_failures_are_told() {
    let gallery = Gallery::of(few()).await;
    let page = get(gallery.address, "/targets/acme").await.body;
    for said in [
        "The last failure, which is over",
        "8,204",
        "The long-term store was left out: the target has a filter",
        "12 commits are still to be taken. The receiver last took one ",
        "announce commit 2207",
        "What to do: </b>look at the receiver's log",
        "#2,218",
    ] {
        assert!(page.contains(said), "`{said}` is not there");
    }
    let page = get(gallery.address, "/").await.body;
    assert!(page.contains("failing, 12 commits not announced"));
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_on_each_page_and_not_all_is_well() {
    let gallery = Gallery::of(vec![well("acme", 60), well("globex", 60)]).await;
    let page = get(gallery.address, "/").await.body;
    assert!(page.contains("<h1>All 2 targets are well</h1>") && !page.contains("shard"));
    {
        let mut status = gallery.status.lock().unwrap();
        status.shard = Some("0/2".to_owned());
        status.configuration.read_at = Some(now() - TimeDelta::hours(2));
        let message = format!("read the configuration: 1 mistake\n{POISON}");
        status.configuration.problem = Some(Problem::new(&message, now() - TimeDelta::seconds(40)));
    }
    for path in ["/", "/targets/acme"] {
        let page = get(gallery.address, path).await.body;
        for said in [
            "The configuration on disk cannot be used: the one of ",
            ">2h 0m ago</time> stays in force",
            "read the configuration: 1 mistake\n&lt;/p&gt;&lt;script&gt;",
            ">40s ago</time>",
            "shard <b>0/2</b>",
        ] {
            assert!(page.contains(said), "`{said}` is not in {path}");
        }
    }
    let page = get(gallery.address, "/").await.body;
    assert!(page.contains("<h1>All 2 targets are well, but the configuration on disk cannot be used</h1>"));
    assert!(page.contains("icon-failing.svg"));
    gallery.status.lock().unwrap().configuration.problem = None;
    let page = get(gallery.address, "/").await.body;
    assert!(page.contains("<h1>All 2 targets are well</h1>") && !page.contains("on disk"));
}

#[tokio::test]
async fn a_standby_tells_how_far_the_owners_are_and_until_when_it_waits_for_them() {
    let mut targets = vec![well("acme", 60), well("globex", 18)];
    for (target, instance) in targets.iter_mut().zip(["audit-2", "audit-1"]) {
        target.state = State::Standby;
        target.standing_by = Some(StandingBy {
            instance: instance.to_owned(),
            until: now() + TimeDelta::minutes(14),
        });
    }
    let gallery = Gallery::of(targets).await;
    let page = get(gallery.address, "/").await.body;
    assert!(page.contains("<h1>All 2 targets stand by</h1>"));
    assert!(page.contains("Furthest behind: <a href=\"targets/acme\">acme</a>, by <b>3m 0s</b>"));
    assert!(!page.contains("Nothing was read yet"));
    assert!(page.contains("<dd>audit-2; takes over <time"));
    assert!(page.contains(">in 14m 0s</time> unless that one commits again"));
    let page = get(gallery.address, "/targets/globex").await.body;
    assert!(page.contains("<dd>audit-1, another process with this very instance name; takes over "));
    let status: Value = serde_json::from_str(&get(gallery.address, "/api/status").await.body).unwrap();
    let owner = &status["targets"][0]["standing_by"];
    assert_eq!(
        (&owner["instance"], &owner["until"]),
        (&"audit-2".into(), &"2026-11-22T11:01:03.000Z".into())
    );
}

#[tokio::test]
async fn announcements_that_fail_are_in_the_headline() {
    let mut targets = few();
    targets.truncate(1);
    let gallery = Gallery::of(targets).await;
    let page = get(gallery.address, "/").await.body;
    assert!(page.contains("<h1>The target is well, but announcements fail</h1>"));
    gallery.status.lock().unwrap().targets[0].webhook = None;
    let page = get(gallery.address, "/").await.body;
    assert!(page.contains("<h1>The target is well</h1>") && page.contains("icon-well.svg"));
}

#[tokio::test]
async fn the_style_is_sent_once_and_head_sends_no_body() {
    let gallery = Gallery::of(few()).await;
    let first = get(gallery.address, "/style.css").await;
    let tag = first.header("etag").unwrap();
    let again = ask(
        gallery.address,
        "GET",
        "/style.css",
        &format!("if-none-match: \"x\", {tag}\r\n"),
    )
    .await;
    assert_eq!((again.status, &*again.body), (304, ""));
    let head = ask(gallery.address, "HEAD", "/api/status", "").await;
    assert_eq!((head.status, &*head.body), (200, ""));
    let status = get(gallery.address, "/api/status").await;
    assert_eq!(head.header("content-length"), status.header("content-length"));
    let json: Value = serde_json::from_str(&status.body).unwrap();
    assert_eq!(
        (&json["source"], json["targets"].as_array().unwrap().len()),
        (&"daemon".into(), 7)
    );
}

#[tokio::test]
async fn a_thousand_targets_are_shown_page_by_page_in_less_than_a_second() {
    let gallery = Gallery::crowded(1_000).await;
    for path in [
        "/",
        "/?page=40",
        "/?name=tenant-09&state=idle",
        "/targets/tenant-0999",
        "/api/status",
    ] {
        let mut best = Duration::MAX;
        for _ in 0..3 {
            let began = Instant::now();
            let answer = get(gallery.address, path).await;
            best = best.min(began.elapsed());
            assert_eq!(answer.status, 200);
            assert!(
                answer.body.len() < 1_000_000,
                "{path}: {} bytes",
                answer.body.len()
            );
        }
        assert!(best < Duration::from_secs(1), "{path}: {best:?}");
    }
    let page = get(gallery.address, "/").await.body;
    assert_eq!(page.matches("<article").count(), 25);
    assert!(page.contains("1,000 targets, page 1 of 40"));
    let found = get(gallery.address, "/?name=TENANT-09").await.body;
    assert!(found.contains("100 targets of 1,000, page 1 of 4"));
    let none = get(gallery.address, "/?name=nobody").await.body;
    assert!(none.contains("No target is like that"));
    let refreshed = get(gallery.address, "/?refresh=30").await;
    assert_eq!(refreshed.header("refresh"), Some("30"));
}
