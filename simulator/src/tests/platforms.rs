//! What is where on each platform, and what a wrong path gets.

use super::client::{Got, get, send};
use super::{LIST, noon};
use crate::*;

const TOKEN: [&str; 3] = [
    "/acme/identity_/connect/token",
    "/identity_/connect/token",
    "/identity/connect/token",
];
const AUDIT: [&str; 4] = [
    "/acme/orgaudit_/api/query/events",
    "/acme/production/tenantaudit_/api/query/sources",
    LIST,
    "/audit_/api/auditlogs",
];

async fn acme_on(platform: Platform) -> Simulator {
    let cloud = Cloud::new().tenant("acme", "production").classic("acme");
    let cloud = cloud.static_token("pat").platform(platform);
    let simulator = Simulator::local(cloud).await.unwrap();
    simulator.clock().fix(noon());
    simulator
}

async fn ask(simulator: &Simulator, path: &str, form: &str) -> Got {
    let head = format!("POST {path} HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded");
    let form = format!("grant_type=client_credentials&{form}");
    send(simulator, &head, &form).await.unwrap()
}

fn with_secret(simulator: &Simulator, secret: &str) -> String {
    format!("client_id={}&client_secret={secret}", simulator.client_id())
}

#[tokio::test]
async fn each_platform_has_paths_of_its_own() {
    for (platform, tokens, audit) in [
        (Platform::AutomationCloud, [200, 200, 404], [200, 200, 200, 200]),
        (Platform::AutomationSuite, [200, 200, 404], [404, 404, 200, 200]),
        (Platform::Orchestrator, [404, 404, 200], [404, 404, 404, 200]),
    ] {
        let simulator = acme_on(platform).await;
        let form = with_secret(&simulator, &simulator.client_secret());
        for (path, status) in TOKEN.into_iter().zip(tokens) {
            assert_eq!(
                ask(&simulator, path, &form).await.status,
                status,
                "{platform:?} {path}"
            );
        }
        for (path, status) in AUDIT.into_iter().zip(audit) {
            assert_eq!(
                get(&simulator, path).await.unwrap().status,
                status,
                "{platform:?} {path}"
            );
        }
    }
}

#[tokio::test]
async fn each_path_can_be_turned_off() {
    let simulator = acme_on(Platform::AutomationCloud).await;
    let form = with_secret(&simulator, &simulator.client_secret());
    type Turn = fn(&mut Paths);
    let turns: [(Turn, &str); 5] = [
        (|paths| paths.organization_token = false, TOKEN[0]),
        (|paths| paths.token = false, TOKEN[1]),
        (|paths| paths.unified = false, AUDIT[0]),
        (|paths| paths.organization_classic = false, AUDIT[2]),
        (|paths| paths.classic = false, AUDIT[3]),
    ];
    for (turn, off) in turns {
        simulator.turn(|switches| {
            switches.paths = Paths::default();
            turn(&mut switches.paths);
        });
        for path in [TOKEN[0], TOKEN[1], AUDIT[0], AUDIT[2], AUDIT[3]] {
            let got = if path.ends_with("token") {
                ask(&simulator, path, &form).await
            } else {
                get(&simulator, path).await.unwrap()
            };
            assert_eq!(
                got.status,
                if path == off { 404 } else { 200 },
                "{path} without {off}"
            );
        }
    }
}

#[tokio::test]
async fn a_wrong_path_gets_what_the_switch_says() {
    let simulator = acme_on(Platform::Orchestrator).await;
    for (wrong, status, content_type, text) in [
        (WrongPath::Html, 404, "text/html", "<h1>404</h1>"),
        (WrongPath::Json, 404, "application/json", "errorCode"),
        (WrongPath::SignIn, 200, "text/html; charset=utf-8", "Sign in"),
        (WrongPath::Redirect, 302, "", ""),
        (
            WrongPath::UnsupportedVersion,
            405,
            "application/json",
            "\"code\":\"UnsupportedApiVersion\"",
        ),
    ] {
        simulator.turn(|switches| switches.paths.wrong = wrong);
        for got in [
            get(&simulator, AUDIT[0]).await.unwrap(),
            get(&simulator, "/acme/nothing/here").await.unwrap(),
            ask(&simulator, TOKEN[1], "").await,
        ] {
            assert_eq!(got.status, status, "{wrong:?}");
            assert_eq!(
                got.headers.get("content-type").map_or("", String::as_str),
                content_type
            );
            assert!(String::from_utf8(got.body).unwrap().contains(text));
            let location = got.headers.get("location");
            assert_eq!(
                location.is_some_and(|to| to.contains("/Account/Login?")),
                status == 302
            );
        }
    }
}

#[tokio::test]
async fn an_organization_with_the_classic_api_alone_gets_tokens() {
    let cloud = Cloud::new().classic("acme").static_token("pat");
    let simulator = Simulator::local(cloud).await.unwrap();
    let form = with_secret(&simulator, &simulator.client_secret());
    let reply: serde_json::Value =
        serde_json::from_slice(&ask(&simulator, TOKEN[0], &form).await.body).unwrap();
    let token = reply["access_token"].as_str().unwrap();
    let head = format!("GET {LIST} HTTP/1.1\r\nAuthorization: Bearer {token}");
    assert_eq!(send(&simulator, &head, "").await.unwrap().status, 200);
    assert_eq!(get(&simulator, AUDIT[0]).await.unwrap().status, 404);
}

#[tokio::test]
async fn secrets_go_one_by_one() {
    let simulator = acme_on(Platform::AutomationCloud).await;
    let old = simulator.client_secret();
    simulator.add_secret("second");
    simulator.add_secret("third");
    let status = async |secret: &str| {
        let form = with_secret(&simulator, secret);
        ask(&simulator, TOKEN[0], &form).await.status
    };
    assert!(simulator.remove_secret(&old) && !simulator.remove_secret(&old));
    let told = [status(&old).await, status("second").await, status("third").await];
    assert_eq!(told, [400, 200, 200]);
    assert_eq!(simulator.client_secret(), "third");
    assert!(simulator.remove_secret("third"));
    let told = [status("third").await, status("second").await];
    assert_eq!(told, [400, 200]);
}

#[tokio::test]
async fn the_life_of_a_token_is_told_in_five_ways() {
    let simulator = acme_on(Platform::AutomationCloud).await;
    let form = with_secret(&simulator, &simulator.client_secret());
    for (told, spelled) in [
        (ExpiresIn::Integer, Some("3600")),
        (ExpiresIn::Float, Some("3600.0")),
        (ExpiresIn::Text, Some("\"3600\"")),
        (ExpiresIn::Null, Some("null")),
        (ExpiresIn::Missing, None),
    ] {
        simulator.turn(|switches| switches.access.expires_in = told);
        let body = ask(&simulator, TOKEN[0], &form).await.body;
        let found = crate::json::member(&body, "expires_in");
        assert_eq!(found, spelled.map(str::as_bytes), "{told:?}");
    }
}

#[tokio::test]
async fn a_missing_scope_is_refused_as_the_switch_says() {
    let simulator = acme_on(Platform::AutomationCloud).await;
    simulator.set_scopes(&["OR.Jobs"]);
    let form = with_secret(&simulator, &simulator.client_secret());
    let body = ask(&simulator, TOKEN[0], &form).await.body;
    let token = crate::json::member(&body, "access_token")
        .and_then(crate::json::text)
        .unwrap();
    for status in [401, 403] {
        simulator.turn(|switches| switches.access.wrong_scope = status);
        for path in [AUDIT[0], LIST, "/audit_/api/auditlogs/download"] {
            let head = format!("GET {path} HTTP/1.1\r\nAuthorization: Bearer {token}");
            assert_eq!(
                send(&simulator, &head, "").await.unwrap().status,
                status,
                "{path}"
            );
        }
    }
}

/// Header `{"alg":"RS256","typ":"JWT"}`.
const ASSERTION: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl";
const JWT_BEARER: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

#[tokio::test]
async fn an_assertion_stands_for_a_secret() {
    let simulator = acme_on(Platform::AutomationCloud).await;
    simulator.add_assertion(ASSERTION);
    let id = simulator.client_id();
    let status = async |form: String| ask(&simulator, TOKEN[0], &form).await.status;
    let good = format!("client_id={id}&client_assertion_type={JWT_BEARER}&client_assertion={ASSERTION}");
    assert_eq!(status(good.clone()).await, 200);
    assert_eq!(status(good.replace(&format!("client_id={id}&"), "")).await, 200);
    for bad in [
        good.replace(&id, "someone-else"),
        good.replace(JWT_BEARER, "jwt-bearer"),
        good.replace(ASSERTION, &ASSERTION.replace("c2ln", "b3Ro")),
        format!("{good}&client_secret={}", simulator.client_secret()),
        format!("client_id={id}&client_assertion={ASSERTION}"),
    ] {
        assert_eq!(status(bad.clone()).await, 400, "{bad}");
    }
    simulator.turn(|switches| switches.access.assertions_once = true);
    assert_eq!(status(good.clone()).await, 400);
    let fresh = ASSERTION.replace("c2ln", "b3Ro");
    simulator.add_assertion(&fresh);
    assert_eq!(status(good.replace(ASSERTION, &fresh)).await, 200);
    assert_eq!(status(good.replace(ASSERTION, &fresh)).await, 400);
    simulator.turn(|switches| switches.access.assertions_once = false);
    assert!(simulator.remove_assertion(ASSERTION));
    assert_eq!(status(good).await, 400);
}
