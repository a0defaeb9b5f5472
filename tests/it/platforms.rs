//! What a person is told by `check` about the usual mistakes of platforms and credentials, and that rotated secrets
//! and federated credentials archive like any others.
//!
//! What makes these tests fail, tried by hand: a second secret that is never tried, hints without the platform's own words.

mod mistakes;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uipath_audit_exporter::{observe::capture, secret::SecretRef, settings::AuthSettings};
use uipath_audit_simulator::{Cloud, NewEvent, Platform, Simulator, WrongPath};

use crate::{
    machine::{Machine, said},
    world::World,
};

#[tokio::test]
async fn check_recognizes_the_usual_mistakes() {
    let machine = Machine::new().await;
    let secret = machine.world.directory.path().join("secret");
    let secret = secret.display().to_string();
    let right = machine
        .text("", "audit-1", "state")
        .replace("retry_for = \"2s\"", "retry_for = \"100ms\"");
    for mistake in mistakes::mistakes() {
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
    let file = world.directory.path().join("assertion");
    for connection in world.settings.connections.values_mut() {
        connection.auth = AuthSettings::ClientAssertion {
            client_id: world.simulator.client_id(),
            assertion: SecretRef::File(file.clone()),
            scope: "PM.Audit.Read".to_owned(),
            token_url: None,
        };
    }
    let mut process = world.start().await;
    for number in 0..4 {
        // Each is good for an hour, as those that platforms renew.
        let assertion = assertion(&number.to_string());
        std::fs::write(&file, &assertion).unwrap();
        world.simulator.add_assertion(&assertion);
        something_happens(&world);
        process.pass().await.unwrap();
        assert!(world.simulator.remove_assertion(&assertion));
    }
    assert_eq!(world.assert_archive_equals_truth().await.lines.len(), 4);
    world.simulator.revoke_tokens();
    world.advance(61);
    let told = process.pass().await.unwrap_err();
    let hint = told.hint().unwrap();
    assert!(hint.contains("`iss`, `aud` and `sub`"), "{hint}");
}

/// What a platform says to a path that it does not have.
const WRONG_PATHS: [WrongPath; 5] = [
    WrongPath::Html,
    WrongPath::Json,
    WrongPath::SignIn,
    WrongPath::Redirect,
    WrongPath::UnsupportedVersion,
];

/// What `check` says to a connection that is configured for another platform than the server's.
async fn told_by(platform: Platform, wrong: WrongPath) -> String {
    let machine = Machine::new().await;
    let (id, secret) = (
        machine.world.simulator.client_id(),
        machine.world.simulator.client_secret(),
    );
    let cloud = Cloud::new()
        .tenant("acme", "production")
        .client(&id, &secret)
        .platform(platform);
    let simulator = Simulator::local(cloud).await.unwrap();
    simulator.turn(|switches| switches.paths.wrong = wrong);
    let text = machine
        .text("", "audit-1", "state")
        .replace(&machine.world.simulator.url(), &simulator.url())
        .replace("retry_for = \"2s\"", "retry_for = \"50ms\"");
    std::fs::write(&machine.config, text).unwrap();
    let output = machine.run(&["check"]).await;
    let told = said(&output);
    assert_ne!(output.status.code(), Some(0), "{wrong:?}: {told}");
    told.replace(&simulator.url(), "URL/").replace("URL//", "URL/")
}

#[tokio::test]
async fn a_suite_without_the_unified_api_is_recognized_whatever_it_answers() {
    for wrong in WRONG_PATHS {
        let told = told_by(Platform::AutomationSuite, wrong).await;
        for word in [
            "tenantaudit_",
            "Automation Suite before 2.2610",
            "try `api = \"classic\"`",
        ] {
            assert!(told.contains(word), "{wrong:?}: `{word}` is not in: {told}");
        }
    }
}

#[tokio::test]
async fn an_orchestrator_taken_for_a_suite_is_recognized_whatever_it_answers() {
    for wrong in WRONG_PATHS {
        let told = told_by(Platform::Orchestrator, wrong).await;
        for word in [
            "ask `URL/acme/identity_/connect/token`",
            "`URL/identity/connect/token` (for that, set `platform = \"orchestrator\"` instead)",
        ] {
            assert!(told.contains(word), "{wrong:?}: `{word}` is not in: {told}");
        }
    }
}

#[tokio::test]
async fn check_tells_beforehand_what_will_be_a_gap() {
    use uipath_audit_simulator::{Fault, When};

    let machine = Machine::new().await;
    let config = machine.text("", "audit-1", "state");
    let older = config.replace(
        "tenant = \"production\"\n",
        "tenant = \"production\"\nstart = \"200d\"\n",
    );
    assert_ne!(older, config);
    std::fs::write(&machine.config, &older).unwrap();
    let told = machine.expect(0, &["check"]).await;
    assert!(told.contains("the long-term store answers"), "{told}");
    let missing = machine
        .world
        .simulator
        .fault(When::long_term(), Fault::status(404));
    let told = machine.expect(0, &["check"]).await;
    assert!(told.contains("becomes a gap") && told.contains("404"), "{told}");
    machine.world.simulator.clear_fault(missing);
    let without = older.replace("start = \"200d\"\n", "start = \"200d\"\nlong_term = false\n");
    std::fs::write(&machine.config, without).unwrap();
    let told = machine.expect(0, &["check"]).await;
    assert!(
        told.contains("becomes a gap") && told.contains("`long_term = false`"),
        "{told}"
    );
}

#[tokio::test]
async fn certificates_that_are_missing_are_told_without_asking_anybody() {
    let machine = Machine::new().await;
    let directory = machine.world.directory.path();
    std::fs::write(directory.join("empty.pem"), "no PEM").unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let files = format!(
        "retry_for = \"2s\"\nca_file = \"/nowhere/connection.pem\"\nclient_certificate = \"{}\"",
        directory.join("empty.pem").display()
    );
    let text = machine.text("", "audit-1", "state");
    let configure = |archive: &str, connection: &str, webhook: &str| {
        let text = text
            .replace(&machine.archive, archive)
            .replace("retry_for = \"2s\"", connection);
        let more = format!(
            "[webhook]\nurl = \"https://127.0.0.1:1/\"\nsecret = {{ file = \"/nowhere/secret\" }}\n{webhook}\n\
             [http]\nlisten = \"127.0.0.1:{port}\"\n"
        );
        std::fs::write(&machine.config, text + &more).unwrap();
    };
    let elsewhere = "url = \"s3://acme-audit/uipath\"\noptions = { aws_region = \"eu-west-1\", \
                     aws_access_key_id = \"acme\", aws_secret_access_key = { file = \"/nowhere/key\" } }";
    let archive = format!("{elsewhere}\nca_file = \"/nowhere/archive.pem\"").replace("/nowhere/key", &{
        let secret = directory.join("secret");
        secret.display().to_string()
    });
    configure(&archive, &files, "ca_file = \"/nowhere/webhook.pem\"");
    let told = machine.expect(3, &["check", "--offline"]).await;
    for part in [
        "/nowhere/connection.pem` of `ca_file`",
        "empty.pem` of `client_certificate`",
        "[connections.cloud]",
        "/nowhere/archive.pem",
        "archive.ca_file",
        "/nowhere/webhook.pem",
        "webhook.ca_file",
        "http.listen",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("all is well"), "{told}");

    // A secret, and a port, may well be there where the exporter runs.
    configure(elsewhere, "retry_for = \"2s\"", "");
    let told = machine.expect(0, &["check", "--offline"]).await;
    assert!(
        told.contains("all is well") && told.contains("/nowhere/key"),
        "{told}"
    );
    assert!(told.contains("another process listens there"), "{told}");
    drop(taken);
    let missing = format!("url = \"file://{}/later\"", directory.display());
    configure(&missing, "retry_for = \"2s\"", "");
    let told = machine.expect(0, &["check", "--offline"]).await;
    assert!(
        told.contains("not there yet") && !told.contains("http.listen"),
        "{told}"
    );
    assert!(!directory.join("later").exists());
}
