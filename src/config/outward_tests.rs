//! `[http]` and `[webhook]`: what they say, and mistakes in them.

use std::time::Duration;

use super::tests::{SMALL, load_toml, mistakes};

#[test]
fn neither_is_there_unless_written() {
    let (settings, _) = load_toml(SMALL).unwrap();
    assert_eq!((settings.http, settings.webhook), (None, None));
}

#[test]
fn they_say_where_to_listen_and_whom_to_tell() {
    let more = r#"
        [http]
        listen = "[::]:9464"
        hosts = ["Audit.acme.example"]
        [webhook]
        url = "https://siem.acme.example/uipath"
        secret = { env = "HOOK" }
    "#;
    let (settings, warnings) = load_toml(&format!("{SMALL}{more}")).unwrap();
    assert_eq!(warnings, []);
    let http = settings.http.unwrap();
    assert_eq!(
        (http.listen.port(), http.hosts),
        (9464, vec!["Audit.acme.example".to_owned()])
    );
    let webhook = settings.webhook.unwrap();
    assert_eq!(webhook.url.as_str(), "https://siem.acme.example/uipath");
    assert_eq!(webhook.timeout, Duration::from_secs(15));
    assert_eq!(webhook.since, Duration::from_secs(86_400));
}

#[test]
fn mistakes_in_them_are_told_with_their_paths() {
    let more = r#"
        [http]
        listen = "localhost:9464"
        hosts = ["acme.example:443", 7]
        port = 1
        [webhook]
        url = "http://siem.acme.example/uipath"
        secret = "hunter2"
        timeout = "0s"
    "#;
    let told = mistakes(load_toml(&format!("{SMALL}{more}")));
    for path in [
        "http.listen: ",
        "http.hosts: `acme.example:443`",
        "http.hosts[1]: ",
        "http.port: ",
        "webhook.url: ",
        "webhook.secret: ",
        "webhook.timeout: ",
    ] {
        assert!(told.iter().any(|told| told.starts_with(path)), "{path} {told:#?}");
    }
    assert!(!format!("{told:?}").contains("hunter2"));
    let empty = mistakes(load_toml(&format!("{SMALL}[http]\n[webhook]\n")));
    assert!(
        empty
            .iter()
            .any(|told| told.starts_with("http.listen: is missing"))
            || empty.iter().any(|told| told.starts_with("http: ")),
        "{empty:#?}"
    );
}

#[test]
fn a_receiver_that_wants_a_key_in_its_url_is_told_of_a_forwarder() {
    let more = r#"
        [webhook]
        url = "https://siem.acme.example/uipath?code=hunter2"
        secret = { file = "/run/secrets/webhook" }
        proxy = "https://proxy.acme.example/?code=hunter2"
    "#;
    let told = mistakes(load_toml(&format!("{SMALL}{more}")));
    assert_eq!(told.len(), 2, "{told:#?}");
    let of = |path: &str| told.iter().find(|told| told.starts_with(path)).unwrap();
    assert!(
        of("webhook.url: must not have a query").ends_with("put a small forwarder before such a receiver")
    );
    assert!(!of("webhook.proxy: must not have a query").contains("forwarder"));
    assert!(!format!("{told:?}").contains("hunter2"));
}
