//! What a person is told by `check` about the usual mistakes of platforms and credentials, and that rotated secrets
//! and federated credentials archive like any others.
//!
//! What makes these tests fail, tried by hand: a second secret that is never tried, hints without the platform's own words.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uipath_audit_exporter::{observe::capture, secret::SecretRef, settings::AuthSettings};
use uipath_audit_simulator::{Cloud, ErrorBody, Fault, NewEvent, RetryAfter, Simulator, When};

use crate::{
    machine::{Machine, said},
    world::World,
};

const UNSUPPORTED: &str = r#"{"error":{"code":"UnsupportedApiVersion","message":"The HTTP resource that matches the request does not support it","innerError":null}}"#;

/// A configuration that is wrong somewhere, or a server that answers as another platform does.
struct Mistake {
    what: &'static str,
    /// What of the configuration is written otherwise.
    instead: (&'static str, &'static str),
    fault: Option<(When, Fault)>,
    /// 4, or 1 where a proxy's page could be over soon.
    exit: i32,
    /// What `check` says.
    words: &'static [&'static str],
}

const AS_IT_IS: (&str, &str) = ("", "");

fn answers(when: When, code: u16, body: ErrorBody) -> Option<(When, Fault)> {
    let retry_after = RetryAfter::Absent;
    Some((
        when,
        Fault::Status {
            code,
            body,
            retry_after,
        },
    ))
}

fn mistake(what: &'static str, words: &'static [&'static str]) -> Mistake {
    Mistake {
        what,
        instead: AS_IT_IS,
        fault: None,
        exit: 4,
        words,
    }
}

fn mistakes_of_credentials() -> Vec<Mistake> {
    vec![
        Mistake {
            instead: ("client_id = \"", "scope = \"PM.Audit\"\nclient_id = \""),
            ..mistake(
                "a scope that is not registered",
                &[
                    "invalid_scope",
                    "`scope` is `PM.Audit`: request exactly what",
                    "not as a user scope",
                ],
            )
        },
        Mistake {
            instead: ("client_id = \"", "client_id = \"another-"),
            ..mistake(
                "another application's id",
                &[
                    "invalid_client",
                    "check `client_id` and the client secret",
                    "organization `acme`",
                ],
            )
        },
        Mistake {
            fault: answers(When::events(), 401, ErrorBody::Empty),
            ..mistake(
                "a token without the audit scope",
                &[
                    "status 401",
                    "a missing scope shows as 401 too",
                    "newly granted scopes need a new token",
                ],
            )
        },
        Mistake {
            fault: answers(When::events(), 403, ErrorBody::Empty),
            ..mistake(
                "an address that is not on the list",
                &["status 403", "IP restriction", "permission"],
            )
        },
        Mistake {
            instead: (
                "[connections.cloud.auth.client_credentials]",
                "[connections.cloud.auth.bearer]\ntoken = { file = \"SECRET\" }\n[ignored]",
            ),
            ..mistake(
                "a personal access token that has expired",
                &[
                    "status 401",
                    "personal access token has expired (they live 1 to 360 days)",
                    "`token` points",
                ],
            )
        },
        Mistake {
            instead: ("{ file = \"SECRET\" }", "{ env = \"UIPATH_NOT_SET_ANYWHERE\" }"),
            ..mistake(
                "a variable that is not set",
                &[
                    "`UIPATH_NOT_SET_ANYWHERE` is not set",
                    "set the variable where the exporter is started",
                ],
            )
        },
    ]
}

fn mistakes_of_places() -> Vec<Mistake> {
    let page = |when| Some((when, Fault::SignInPage));
    let unsupported = || ErrorBody::Text(UNSUPPORTED.to_owned());
    vec![
        Mistake {
            instead: ("organization = \"acme\"", "organization = \"acmee\""),
            ..mistake(
                "an organization that is not there",
                &[
                    "status 404",
                    "`organization = \"acmee\"`",
                    "/identity_/connect/token`",
                ],
            )
        },
        Mistake {
            instead: ("tenant = \"production\"", "tenant = \"prodction\""),
            ..mistake(
                "a tenant that is not there",
                &[
                    "status 404",
                    "check the spelling of `organization` and `tenant`",
                    "try `api = \"classic\"`",
                ],
            )
        },
        Mistake {
            fault: page(When::events()),
            exit: 1,
            ..mistake(
                "a sign-in page",
                &[
                    "a page of HTML",
                    "a sign-in page",
                    "without organization and service: `http://127.0.0.1:",
                ],
            )
        },
        Mistake {
            fault: page(When::token()),
            exit: 1,
            ..mistake(
                "a sign-in page for a token",
                &[
                    "a page of HTML",
                    "set `token_url`",
                    "a standalone Orchestrator has `http://127.0.0.1:",
                ],
            )
        },
        Mistake {
            fault: answers(When::events(), 405, unsupported()),
            ..mistake(
                "an API that another platform has",
                &[
                    "`UnsupportedApiVersion`",
                    "another service answers at that path",
                    "try `api = \"classic\"`",
                ],
            )
        },
        Mistake {
            fault: answers(When::token(), 405, unsupported()),
            ..mistake(
                "an identity server elsewhere",
                &[
                    "no tokens are given here",
                    "`UnsupportedApiVersion`",
                    "identity/connect/token` (for that, set `platform = \"orchestrator\"` instead)",
                ],
            )
        },
        Mistake {
            instead: ("retry_for = ", "platform = \"automation_cloud\"\nretry_for = "),
            fault: page(When::events()),
            exit: 1,
            ..mistake(
                "a sign-in page of the cloud",
                &[
                    "as Automation Cloud, tokens from",
                    "on Automation Cloud `url` is `https://cloud.uipath.com/`",
                ],
            )
        },
    ]
}

#[tokio::test]
async fn check_recognizes_the_usual_mistakes() {
    let machine = Machine::new().await;
    let secret = machine.world.directory.path().join("secret");
    let secret = secret.display().to_string();
    let right = machine
        .text("", "audit-1", "state")
        .replace("retry_for = \"2s\"", "retry_for = \"100ms\"");
    for mistake in mistakes_of_credentials().into_iter().chain(mistakes_of_places()) {
        let (from, to) = mistake.instead;
        let [from, to] = [from, to].map(|text| text.replace("SECRET", &secret));
        assert!(right.contains(&from), "{}: {from}", mistake.what);
        let mut wrong = right.replacen(&from, &to, usize::from(!from.is_empty()));
        // A table that was put in the place of another one.
        if let Some((before, rest)) = wrong.split_once("[ignored]\n") {
            let after = rest.split_once("[[targets]]").unwrap().1;
            wrong = format!("{before}[[targets]]{after}");
        }
        std::fs::write(&machine.config, wrong).unwrap();
        if let Some((when, fault)) = mistake.fault {
            machine.world.simulator.fault(when, fault);
        }
        let output = machine.run(&["check"]).await;
        let told = said(&output);
        assert_eq!(
            output.status.code(),
            Some(mistake.exit),
            "{}: {told}",
            mistake.what
        );
        for word in mistake.words {
            assert!(
                told.contains(word),
                "{}: `{word}` is not in: {told}",
                mistake.what
            );
        }
        assert!(told.contains("hint: "), "{}: {told}", mistake.what);
        machine.world.simulator.clear_faults();
    }
    std::fs::write(&machine.config, right).unwrap();
    machine.expect(0, &["check"]).await;
}

#[tokio::test]
async fn a_standalone_orchestrator_is_told_to_use_the_classic_api() {
    let machine = Machine::new().await;
    let text = machine
        .text("", "audit-1", "state")
        .replace("retry_for = ", "platform = \"orchestrator\"\nretry_for = ");
    std::fs::write(&machine.config, text).unwrap();
    let told = machine.expect(3, &["check", "--offline"]).await;
    assert!(
        told.contains("targets[0]: asks for the API `unified`") && told.contains("write `api = \"classic\"`"),
        "{told}"
    );
}

/// The world's credentials, with another secret beside the first.
fn with_second(world: &mut World) {
    let file = SecretRef::File(world.directory.path().join("second"));
    for connection in world.settings.connections.values_mut() {
        let AuthSettings::ClientCredentials {
            second_client_secret, ..
        } = &mut connection.auth
        else {
            panic!();
        };
        *second_client_secret = Some(file.clone());
    }
}

/// After an hour, in which a token expires.
fn something_happens(world: &World) {
    world.advance(61);
    let recently = world.now() - chrono::TimeDelta::minutes(10);
    world.simulator.push(&world.stream, NewEvent::at(recently));
}

#[tokio::test]
async fn secrets_are_rotated_without_a_pass_that_fails() {
    let log = capture();
    let mut world = World::new().await;
    with_second(&mut world);
    let write = |name: &str, secret: &str| std::fs::write(world.directory.path().join(name), secret).unwrap();
    write("second", "not-yet");
    let mut process = world.start().await;
    for (secret, place) in [("new", "second"), ("newer", "secret"), ("newest", "second")] {
        process.pass().await.unwrap();
        // The new one is put where the other one was, then the old one ends; no order of the two is wrong for long.
        world.simulator.add_secret(secret);
        write(place, secret);
        something_happens(&world);
        process.pass().await.unwrap();
        world.simulator.set_secret(secret);
        world.simulator.revoke_tokens();
        something_happens(&world);
        process.pass().await.unwrap();
    }
    assert_eq!(world.assert_archive_equals_truth().await.lines.len(), 6);
    let lines = log.lines();
    let switched = lines.iter().filter(|line| line.contains("_secret` works"));
    assert_eq!(switched.count(), 3, "{lines:#?}");
}

/// Another provider's token, as far as an identity server looks before it verifies.
fn assertion(id: &str) -> String {
    let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let claims = format!(r#"{{"iss":"https://issuer.example","sub":"exporter","jti":"{id}"}}"#);
    format!(
        "{}.{}.{}",
        part(r#"{"alg":"RS256"}"#),
        part(&claims),
        part("signature")
    )
}

#[tokio::test]
async fn federated_credentials_archive_like_any_others() {
    let mut world = World::new().await;
    world.simulator = Simulator::local(Cloud::new().tenant("acme", "production").static_token("granted"))
        .await
        .unwrap();
    world
        .simulator
        .clock()
        .fix(crate::world::at("2026-11-20T12:00:00Z"));
    let file = world.directory.path().join("assertion");
    std::fs::write(&file, assertion("1")).unwrap();
    for connection in world.settings.connections.values_mut() {
        connection.url = world.simulator.url().parse().unwrap();
        connection.auth = AuthSettings::ClientAssertion {
            client_id: "app".to_owned(),
            assertion: SecretRef::File(file.clone()),
            scope: "PM.Audit.Read".to_owned(),
            token_url: None,
        };
    }
    let reply = br#"{"access_token":"granted","expires_in":3600.0}"#.to_vec();
    let granted = Fault::Reply("application/json".to_owned(), reply);
    world.simulator.fault(When::token(), granted);
    world.happen(1, 50, 3);
    world.once().await.unwrap();
    world.assert_archive_equals_truth().await;
}
