//! The usual mistakes, and what a person is told to write instead: it depends on platform, API and credentials.

use super::*;
use crate::{
    secret::SecretRef,
    settings::{AuthSettings, Platform},
};

const PAGE: &str = "<!doctype html><html><head><title>Sign in</title>";
const UNSUPPORTED: &str = r#"{"error":{"code":"UnsupportedApiVersion","message":"The HTTP resource does not support it","innerError":null}}"#;

const UNIFIED: &str = "acme/orgaudit_/api/query/events";
const CLASSIC: &str = "acme/audit_/api/auditlogs";

/// What a person reads: message and hint.
async fn told_of(server: &Server, path: &str, change: impl FnOnce(&mut ConnectionSettings)) -> String {
    let mut settings = server.settings();
    settings.retry_for = MS(50);
    change(&mut settings);
    let connection = open(&settings, Clock::system());
    let url = connection.url().join(path).unwrap();
    let error = connection.get("acme", &url, read).await.unwrap_err();
    format!("{} (hint: {})", Chain(&error), error.hint().unwrap_or_default())
}

/// As [`told_of`], where the token requests go well and everything else is answered so.
async fn told_by_api(
    platform: Platform,
    path: &str,
    (status, headers, body): (u16, &'static str, &'static str),
) -> String {
    let server = Server::with_tokens(move |_| reply(status, headers, body)).await;
    told_of(&server, path, |settings| settings.platform = platform).await
}

async fn told_by_identity(
    platform: Platform,
    (status, body): (u16, &'static str),
    change: impl FnOnce(&mut ConnectionSettings, &Server),
) -> (String, Server) {
    let server = Server::start(move |_| reply(status, "", body)).await;
    let told = told_of(&server, UNIFIED, |settings| {
        settings.platform = platform;
        change(settings, &server);
    })
    .await;
    (told, server)
}

fn assert_says(told: &str, words: &[&str]) {
    for word in words {
        assert!(told.contains(word), "`{word}` is not in: {told}");
    }
    assert!(!told.contains("tok-0") && !told.contains("  "), "{told}");
}

#[tokio::test]
async fn a_sign_in_page_is_recognized() {
    let page = (200, "Content-Type: text/html\r\n", PAGE);
    for (platform, path, words) in [
        (
            Platform::AutomationCloud,
            UNIFIED,
            [
                "on Automation Cloud `url` is `https://cloud.uipath.com/`",
                "spelling of `organization`",
            ],
        ),
        (
            Platform::PublicSector,
            UNIFIED,
            [
                "Public Sector `url` is `https://govcloud.uipath.us/`",
                "spelling of `organization`",
            ],
        ),
        (
            Platform::Dedicated,
            UNIFIED,
            [
                "`https://NAME.dedicated.uipath.com/`",
                "spelling of `organization`",
            ],
        ),
        (
            Platform::AutomationSuite,
            UNIFIED,
            [
                "that of its front page, without organization and service: `http://127.0.0.1:",
                "try `api = \"classic\"`",
            ],
        ),
        (
            Platform::AutomationSuite,
            CLASSIC,
            [
                "without organization and service",
                "try `organization_in_path = false`",
            ],
        ),
        (
            Platform::Orchestrator,
            CLASSIC,
            [
                "on a standalone Orchestrator",
                "try `organization_in_path = true`",
            ],
        ),
    ] {
        let told = told_by_api(platform, path, page).await;
        assert_says(
            &told,
            &["it is a page of HTML or XML, titled `Sign in` (hint: a sign-in page"],
        );
        assert_says(&told, &words);
        // A redirect is the way to such a page.
        let told = told_by_api(platform, path, (302, "Location: https://h.example/login\r\n", "")).await;
        assert_says(&told, &["sends us on to `https://h.example`", "a sign-in page"]);
        assert_says(&told, &words);
    }
}

#[tokio::test]
async fn an_organization_in_the_base_url_is_recognized() {
    for (status, body) in [(404, ""), (200, PAGE), (405, UNSUPPORTED)] {
        let server = Server::with_tokens(move |_| reply(status, "", body)).await;
        let told = told_of(&server, UNIFIED, |settings| settings.url = server.url("Acme/")).await;
        let right = format!("write `url = \"{}\"`", server.url(""));
        assert_says(&told, &["`url` holds the organization", &right]);
    }
    let (told, server) = told_by_identity(Platform::AutomationCloud, (404, ""), |settings, server| {
        settings.url = server.url("portal_/");
    })
    .await;
    let right = format!("wrong on Automation Cloud: write `url = \"{}\"`", server.url(""));
    assert_says(&told, &["`url` goes on after the host", &right]);
}

#[tokio::test]
async fn an_api_that_is_not_there_is_recognized() {
    let classic = "try `api = \"classic\"`";
    for (status, body) in [(405, UNSUPPORTED), (404, ""), (415, "")] {
        let told = told_by_api(Platform::AutomationSuite, UNIFIED, (status, "", body)).await;
        assert_says(&told, &["Automation Suite before 2.2610", classic]);
        let told = told_by_api(Platform::AutomationCloud, UNIFIED, (status, "", body)).await;
        assert_says(&told, &["check the spelling of `organization` and `tenant`"]);
        assert!(!told.contains(classic), "{told}");
    }
    let told = told_by_api(Platform::AutomationSuite, CLASSIC, (405, "", UNSUPPORTED)).await;
    assert_says(
        &told,
        &[
            "`UnsupportedApiVersion`",
            "`api_version`",
            "`organization_in_path = false`",
        ],
    );
    let told = told_by_api(Platform::Orchestrator, CLASSIC, (404, "", "")).await;
    assert_says(&told, &["`organization_in_path = true`", "`partition_global_id`"]);
    let told = told_by_api(Platform::AutomationCloud, UNIFIED, (400, "", "")).await;
    assert_says(&told, &["check the target's `filter`"]);
    let tenant = "acme/prodction/tenantaudit_/api/query/events";
    let told = told_by_api(Platform::AutomationCloud, tenant, (404, "", "")).await;
    assert_says(
        &told,
        &["`organization` and `tenant`: they stand in the browser's address, behind `http://127"],
    );
}

#[tokio::test]
async fn a_token_url_that_gives_none_is_recognized() {
    for (status, body) in [(404, ""), (405, UNSUPPORTED), (405, ""), (200, PAGE), (302, "")] {
        let answer = (status, body);
        let (told, server) = told_by_identity(Platform::AutomationSuite, answer, |_, _| {}).await;
        let (older, standalone) = (
            format!("`{}`", server.url("identity_/connect/token")),
            format!(
                "`{}` (for that, set `platform = \"orchestrator\"`",
                server.url("identity/connect/token")
            ),
        );
        let table = "set `token_url` in `[connections.cloud.auth.client_credentials]`";
        assert_says(&told, &[&older, &standalone, table, "`organization = \"acme\"`"]);
        // Named, never tried: the secret goes to the one place.
        let asked = server.seen(true);
        assert!(
            asked
                .iter()
                .all(|seen| seen.starts_with("POST /acme/identity_/connect/token ")),
            "{asked:?}"
        );

        let (told, server) = told_by_identity(Platform::AutomationCloud, answer, |_, _| {}).await;
        let older = server.url("identity_/connect/token").to_string();
        assert_says(
            &told,
            &[
                &older,
                "`organization = \"acme\"` spelled as in the browser's address",
            ],
        );

        let (told, server) = told_by_identity(Platform::Orchestrator, answer, |_, _| {}).await;
        let suite = format!("`{}`", server.url("acme/identity_/connect/token"));
        assert_says(
            &told,
            &["is it a standalone Orchestrator?", &suite, "leave `platform` out"],
        );

        let (told, server) = told_by_identity(Platform::AutomationSuite, answer, |settings, server| {
            if let AuthSettings::ClientCredentials { token_url, .. } = &mut settings.auth {
                *token_url = Some(server.url("tokens"));
            }
        })
        .await;
        let derived = format!(
            "`{}`, which is asked when `token_url` is left out",
            server.url("acme/identity_/connect/token")
        );
        assert_says(&told, &["check `token_url`", &derived]);
    }
}

#[tokio::test]
async fn refused_credentials_are_told_apart() {
    let cases = [
        (
            (400, r#"{"error":"invalid_scope"}"#),
            vec![
                "`scope` is `PM.Audit.Read`: request exactly what the application is registered with",
                "not as a user scope",
            ],
        ),
        (
            (400, r#"{"error":"invalid_client"}"#),
            vec![
                "check `client_id` and the client secret",
                "not expired?",
                "`app` must be a confidential one",
                "organization `acme`",
            ],
        ),
        (
            (400, r#"{"error":"unauthorized_client"}"#),
            vec!["confidential external application with application scopes"],
        ),
        ((403, ""), vec!["IP restriction"]),
        ((401, ""), vec!["`scope` and `token_url`"]),
    ];
    for (answer, words) in cases {
        let (told, _) = told_by_identity(Platform::AutomationCloud, answer, |_, _| {}).await;
        assert_says(&told, &words);
    }
}

#[tokio::test]
async fn a_401_is_explained_by_what_was_shown() {
    let refused = (401, "WWW-Authenticate: Bearer\r\n", "");
    let told = told_by_api(Platform::AutomationCloud, UNIFIED, refused).await;
    assert_says(
        &told,
        &[
            "a missing scope shows as 401 too",
            "`PM.Audit.Read` as an application scope of the resource Audit",
            "newly granted scopes need a new token, which the next try asks for by itself",
            "organization `acme`",
        ],
    );
    let server = Server::with_tokens(move |_| reply(401, "", "")).await;
    let wrong = told_of(&server, UNIFIED, |settings| {
        if let AuthSettings::ClientCredentials { scope, .. } = &mut settings.auth {
            "OR.Audit.Read".clone_into(scope);
        }
    });
    assert_says(
        &wrong.await,
        &["`scope` is `OR.Audit.Read`, which does not let audit logs be read"],
    );
    let personal = told_of(&server, UNIFIED, |settings| {
        settings.auth = AuthSettings::Bearer {
            token: SecretRef::Env("CARGO_PKG_NAME".to_owned()),
        };
    });
    assert_says(
        &personal.await,
        &[
            "personal access token has expired (they live 1 to 360 days), was revoked, lacks the scope",
            "read again by itself",
        ],
    );
}

#[tokio::test]
async fn a_403_speaks_of_permission_and_of_addresses() {
    for platform in Platform::ALL {
        let told = told_by_api(platform, UNIFIED, (403, "", r#"{"message":"Forbidden"}"#)).await;
        assert_says(
            &told,
            &[
                "status 403: Forbidden",
                "permission in the organization `acme`",
                "address",
            ],
        );
        assert_eq!(
            told.contains("IP restriction"),
            platform != Platform::Orchestrator,
            "{told}"
        );
    }
}

#[tokio::test]
async fn what_is_neither_page_nor_json_is_told() {
    let told = told_by_api(Platform::AutomationSuite, UNIFIED, (200, "", "hello")).await;
    assert_says(
        &told,
        &[
            "is not the expected JSON: ",
            "something else than UiPath's audit API answers there",
        ],
    );
    // A title that quotes the token is not quoted.
    let server = Server::with_tokens(|_| reply(200, "", "<title>no tok-0 here</title>")).await;
    let told = told_of(&server, UNIFIED, |_| {}).await;
    assert!(
        told.contains("it is ***") || told.contains("titled `no *** here`"),
        "{told}"
    );
}
