//! Tokens: how to get one, and how it ends.

use chrono::TimeDelta;

use super::client::{Got, send};
use super::{EVENTS, acme};
use crate::{Simulator, Switches};

async fn ask(simulator: &Simulator, secret: &str, scope: &str) -> Got {
    let id = simulator.client_id();
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}&scope={scope}");
    let head =
        "POST /acme/identity_/connect/token HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded";
    send(simulator, head, &form).await.unwrap()
}

async fn token(simulator: &Simulator) -> String {
    let got = ask(simulator, &simulator.client_secret(), "PM.Audit.Read").await;
    let reply: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!((got.status, &reply["expires_in"]), (200, &3600.into()));
    reply["access_token"].as_str().unwrap().to_owned()
}

async fn status_with(simulator: &Simulator, token: &str) -> u16 {
    let got = send(
        simulator,
        &format!("GET {EVENTS} HTTP/1.1\r\nAuthorization: Bearer {token}"),
        "",
    )
    .await
    .unwrap();
    assert_eq!(got.headers.contains_key("www-authenticate"), got.status == 401);
    got.status
}

#[tokio::test]
async fn a_token_opens_the_audit_api_for_an_hour() {
    let simulator = acme(Switches::default(), 1).await;
    let token = token(&simulator).await;
    assert_eq!(status_with(&simulator, &token).await, 200);
    simulator.clock().advance(TimeDelta::seconds(3599));
    assert_eq!(status_with(&simulator, &token).await, 200);
    simulator.clock().advance(TimeDelta::seconds(1));
    assert_eq!(status_with(&simulator, &token).await, 401);
    assert_eq!(status_with(&simulator, "nonsense").await, 401);
}

#[tokio::test]
async fn a_wrong_secret_or_scope_gets_no_token() {
    let simulator = acme(Switches::default(), 1).await;
    let refused = ask(&simulator, "wrong", "PM.Audit.Read").await;
    assert_eq!(
        (refused.status, refused.body.as_slice()),
        (400, &br#"{"error":"invalid_client"}"#[..])
    );
    let refused = ask(&simulator, &simulator.client_secret(), "PM.Audit").await;
    assert_eq!(
        (refused.status, refused.body.as_slice()),
        (400, &br#"{"error":"invalid_scope"}"#[..])
    );
}

#[tokio::test]
async fn a_scope_beside_audit_opens_nothing() {
    let simulator = acme(Switches::default(), 1).await;
    simulator.set_scopes(&["OR.Jobs"]);
    let got = ask(&simulator, &simulator.client_secret(), "OR.Jobs").await;
    let reply: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(
        status_with(&simulator, reply["access_token"].as_str().unwrap()).await,
        401
    );
}

#[tokio::test]
async fn a_rotated_secret_ends_the_old_one() {
    let simulator = acme(Switches::default(), 1).await;
    let old = simulator.client_secret();
    simulator.add_secret("new");
    assert_eq!(ask(&simulator, &old, "").await.status, 200);
    simulator.set_secret("new");
    assert_eq!(ask(&simulator, &old, "").await.status, 400);
    assert_eq!(ask(&simulator, "new", "").await.status, 200);
}

#[tokio::test]
async fn revoked_tokens_are_refused() {
    let simulator = acme(Switches::default(), 1).await;
    let token = token(&simulator).await;
    simulator.revoke_tokens();
    assert_eq!(status_with(&simulator, &token).await, 401);
}

#[tokio::test]
async fn tokens_of_an_unknown_organization_are_not_to_be_had() {
    let simulator = acme(Switches::default(), 1).await;
    for (path, status) in [
        ("/nobody/identity_/connect/token", 404),
        ("/identity_/connect/token", 400),
    ] {
        assert_eq!(
            send(&simulator, &format!("POST {path} HTTP/1.1"), "")
                .await
                .unwrap()
                .status,
            status
        );
    }
}
