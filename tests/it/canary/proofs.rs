//! The same for the other proofs that are shown for a token: a second secret, and the token of another identity provider.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::*;

/// As much of a token as an identity server could verify, with claims that nobody else need know.
fn assertion() -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let claims = r#"{"iss":"https://issuer.example","sub":"canary-subject","exp":1700000000}"#;
    format!(
        "{}.{}.{}",
        part(r#"{"alg":"ES256"}"#),
        part(claims),
        part("canary-signature")
    )
}

/// A world whose connection shows `proof`, kept in the file of that name, and may show the secret, too.
async fn showing(name: &str, proof: &str, auth: impl Fn(AuthSettings, SecretRef) -> AuthSettings) -> World {
    let mut world = world().await;
    let file = world.directory.path().join(name);
    std::fs::write(&file, proof).unwrap();
    for connection in world.settings.connections.values_mut() {
        connection.auth = auth(connection.auth.clone(), SecretRef::File(file.clone()));
    }
    world
}

fn federated(_: AuthSettings, assertion: SecretRef) -> AuthSettings {
    AuthSettings::ClientAssertion {
        client_id: "app".to_owned(),
        assertion,
        scope: "PM.Audit.Read".to_owned(),
        token_url: None,
    }
}

fn two_secrets(auth: AuthSettings, second: SecretRef) -> AuthSettings {
    let AuthSettings::ClientCredentials {
        client_id,
        client_secret,
        scope,
        token_url,
        ..
    } = auth
    else {
        panic!("{auth:?}");
    };
    AuthSettings::ClientCredentials {
        client_id,
        client_secret,
        second_client_secret: Some(second),
        scope,
        token_url,
    }
}

#[tokio::test]
async fn an_assertion_appears_nowhere() {
    let assertion = assertion();
    let log = capture();
    let world = showing("assertion", &assertion, federated).await;
    let mut search = Search::default();
    search.canary("the assertion", &assertion);
    for part in assertion.split('.').skip(1) {
        search.canary("a part of the assertion", part);
    }
    for claim in ["canary-subject", "canary-signature"] {
        search.canary("what the assertion says", claim);
    }
    let mut bodies = echoes(&assertion);
    bodies.push(ErrorBody::Text(format!(
        r#"{{"error":"invalid_client","error_description":"{}"}}"#,
        &assertion[..60]
    )));
    for (number, body) in bodies.into_iter().enumerate() {
        world.simulator.fault(When::token(), status(400, body));
        pass(&world, &mut search, &format!("echo {number} of the assertion")).await;
        world.simulator.clear_faults();
    }
    for content in [
        format!("Bearer {assertion}"),
        format!(r#"{{"value":"{assertion}"}}"#),
        assertion.repeat(100),
        format!("{assertion}\n{assertion}"),
    ] {
        std::fs::write(world.directory.path().join("assertion"), content).unwrap();
        pass(&world, &mut search, "an unusable assertion").await;
    }
    // For the log to hold a good pass, too.
    std::fs::write(world.directory.path().join("assertion"), &assertion).unwrap();
    world.simulator.set_static_tokens(&["granted"]);
    let reply = br#"{"access_token":"granted","expires_in":"3600"}"#.to_vec();
    world
        .simulator
        .fault(When::token(), Fault::Reply("application/json".to_owned(), reply));
    world.once().await.unwrap();
    search_all(&world, &mut search, &log);
    search.archive(&world).await;
    assert_eq!(search.found(), Vec::<String>::new());
}

#[tokio::test]
async fn neither_of_two_secrets_appears_anywhere() {
    let second = "canary-tw0/+=&<\"%é";
    let log = capture();
    let world = showing("second", second, two_secrets).await;
    let mut search = Search::default();
    search.canary("the first secret", SECRET);
    search.canary("the second secret", second);
    // Refused both, each in turn sent back in whatever is said about the other one.
    for body in echoes(second) {
        world.simulator.fault(When::token(), status(401, body));
        pass(&world, &mut search, "an echo of the second secret").await;
        world.simulator.clear_faults();
    }
    world.simulator.set_secret(second);
    world.once().await.unwrap();
    std::fs::write(
        world.directory.path().join("secret"),
        [second.as_bytes(), b"\xff"].concat(),
    )
    .unwrap();
    world.advance(61);
    world.once().await.unwrap();
    search_all(&world, &mut search, &log);
    search.archive(&world).await;
    assert_eq!(search.found(), Vec::<String>::new());
}
