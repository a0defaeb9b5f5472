//! What is logged, and what never is.

use tracing::{debug, error, info, info_span, subscriber::with_default, trace, warn};

use super::*;

/// What `log` logs.
fn logged(format: LogFormat, level: &str, log: impl FnOnce()) -> Vec<String> {
    let memory = Memory::default();
    let subscriber = subscriber(format, levels(level).unwrap(), true, memory.clone());
    with_default(subscriber, log);
    memory.0.lock().unwrap().clone()
}

fn json(log: impl FnOnce()) -> Map<String, Value> {
    let lines = logged(LogFormat::Json, "trace", log);
    assert_eq!(lines.len(), 1, "{lines:?}");
    serde_json::from_str(&lines[0]).unwrap()
}

fn clients_talk() {
    trace!(target: "hyper::proto", "authorization: Bearer hunter2");
    debug!(target: "reqwest::connect", "hunter2");
    debug!(target: "h2::codec", "hunter2");
    debug!(target: "rustls::client", "hunter2");
    debug!(target: "sled::pagecache", "hunter2");
    info!(target: "object_store::client::retry", "https://host/?sig=hunter2");
    trace!(target: "some_new_client", "hunter2");
    let span = tracing::trace_span!(target: "hyper::client", "request", token = "hunter2");
    let _entered = span.enter();
    info!("ours");
}

#[test]
fn no_level_makes_clients_tell_secrets() {
    for level in [
        "trace",
        "hyper=trace",
        "object_store::client=trace,info",
        "[request]=trace,info",
        "[{token}]=trace,info",
        "info,hyper[request{token=hunter2}]=trace",
        "5",
    ] {
        for format in [LogFormat::Text, LogFormat::Json] {
            let lines = logged(format, level, clients_talk);
            assert!(
                !lines.iter().any(|line| line.contains("hunter2")),
                "{level}: {lines:?}"
            );
        }
    }
    let captured = capture();
    clients_talk();
    assert_eq!(
        captured.lines(),
        ["INFO uipath_audit_exporter::observe::tests: ours"]
    );
}

#[test]
fn warnings_of_clients_are_heard() {
    let warn = || warn!(target: "object_store::client", "slow");
    assert_eq!(logged(LogFormat::Text, "info", warn).len(), 1);
    assert_eq!(logged(LogFormat::Text, "error", warn).len(), 0);
    assert_eq!(logged(LogFormat::Text, "info,object_store=off", warn).len(), 0);
}

#[test]
fn a_level_or_directives_choose_what_is_logged() {
    let all = || {
        error!("1");
        warn!("2");
        info!("3");
        debug!("4");
        trace!("5");
    };
    let count = |level| logged(LogFormat::Text, level, all).len();
    assert_eq!(count("off"), 0);
    assert_eq!(count("error"), 1);
    assert_eq!(count("INFO"), 3);
    assert_eq!(count("trace"), 5);
    assert_eq!(count("warn, uipath_audit_exporter::observe=debug"), 4);
    assert_eq!(count("trace,uipath_audit_exporter::observe=warn"), 2);
}

#[test]
fn a_misspelled_level_is_refused() {
    for level in ["", "inof", "verbose", "6", "info,", "info,export", "debug info"] {
        assert!(matches!(levels(level), Err(LogError::Level { .. })), "`{level}`");
    }
    for level in ["export=loud", "[a=b", "=="] {
        assert!(
            matches!(levels(level), Err(LogError::Directives { .. })),
            "`{level}`"
        );
    }
    let refused = init(LogFormat::Text, "inof", Stderr::default()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "read the log level `inof` (hint: off, error, warn, info, debug or trace)"
    );
}

#[test]
fn a_json_line_holds_the_fields_of_event_and_spans_side_by_side() {
    let line = json(|| {
        let pass = info_span!("pass", target = "acme", commit = tracing::field::Empty);
        let _pass = pass.enter();
        pass.record("commit", 42);
        let slice = info_span!("slice", number = 1, late = true);
        let _slice = slice.enter();
        let cause = io::Error::other("no \"luck\"\n");
        info!(
            number = 2,
            cause = &cause as &dyn std::error::Error,
            "archived {} events",
            7
        );
    });
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["message"], "archived 7 events");
    assert_eq!(line["target"], "acme");
    assert_eq!(line["commit"], 42);
    assert_eq!(line["number"], 2);
    assert_eq!(line["late"], true);
    assert_eq!(line["cause"], "no \"luck\"\n");
    assert_eq!(line["module"], "uipath_audit_exporter::observe::tests");
    let timestamp: crate::clock::Time = line["timestamp"].as_str().unwrap().parse().unwrap();
    assert!(timestamp.timestamp() > 1_700_000_000);
    assert_eq!(line.len(), 9);
}

#[test]
fn a_field_does_not_hide_the_level() {
    let line = json(|| info!(level = "high", module = 7, timestamp = "never"));
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["level_"], "high");
    assert_eq!(line["module_"], 7);
    assert_eq!(line["timestamp_"], "never");
    let line = json(|| info!("only a message"));
    assert_eq!(line["message"], "only a message");
    let text = logged(LogFormat::Json, "info", || warn!(a = 1, "first things first"));
    assert!(
        text[0].starts_with(r#"{"timestamp":""#) && text[0].contains(r#","level":"WARN","message":"first"#)
    );
}

#[test]
fn an_event_is_one_line_whatever_a_server_says() {
    let evil = "gone\r\n2026-11-21T10:00:00Z  INFO all is well\x1b[2J";
    for format in [LogFormat::Text, LogFormat::Json] {
        let lines = logged(format, "info", || info!(reply = %evil, "refused: {evil}"));
        assert_eq!(lines.len(), 1);
        assert!(!lines[0].contains(['\n', '\r', '\x1b']), "{lines:?}");
        assert!(lines[0].contains(r"gone\r\n2026"));
    }
}

#[test]
fn a_line_goes_above_progress_bars() {
    let bars = MultiProgress::with_draw_target(indicatif::ProgressDrawTarget::hidden());
    let bar = bars.add(indicatif::ProgressBar::new(3));
    let stderr = Stderr::above(bars);
    let subscriber = subscriber(LogFormat::Text, levels("info").unwrap(), true, stderr);
    with_default(subscriber, || info!("written while a bar is shown"));
    bar.inc(1);
    assert_eq!(bar.position(), 1);
}

#[test]
fn captured_problems_are_warnings_and_errors() {
    let captured = capture();
    trace!("quiet");
    assert!(captured.problems().is_empty());
    warn!(number = 7, "odd");
    error!("bad");
    info!("WARN not really");
    assert_eq!(
        captured.problems(),
        [
            "WARN uipath_audit_exporter::observe::tests: odd number=7",
            "ERROR uipath_audit_exporter::observe::tests: bad"
        ]
    );
    assert_eq!(captured.lines().len(), 4);
}
