//! The forms of the address, and what a person is told when one is wrong.

use std::time::Duration;

use crate::{
    clock::Clock,
    source::{
        classic::Classic,
        scripted::{Server, open, reply},
    },
    target::{self, Api, Target},
};

fn target(tenant: Option<&str>, classic: target::Classic) -> Target {
    Target {
        tenant: tenant.map(str::to_owned),
        classic,
        ..target::test_target(Api::Classic)
    }
}

fn form() -> target::Classic {
    target::Classic::default()
}

#[tokio::test]
async fn each_form_of_the_guide_is_asked_for() {
    let server = Server::with_tokens(|_| reply(200, "", r#"{"totalCount":0,"results":null}"#)).await;
    let guid = "8b9c1f53-6a3c-4b12-9d1e-0a4f6e7d2c11";
    let usual = "?language=en&top=1&skip=0&sortBy=createdOn&sortOrder=asc";
    let cases = [
        (None, form(), format!("/acme/audit_/api/auditlogs{usual}")),
        (
            Some("production"),
            form(),
            format!("/acme/production/audit_/api/auditlogs{usual}"),
        ),
        (
            None,
            target::Classic {
                organization_in_path: false,
                ..form()
            },
            format!("/audit_/api/auditlogs{usual}"),
        ),
        (
            None,
            target::Classic {
                organization_in_path: false,
                partition_global_id: Some(guid.to_owned()),
                ..form()
            },
            format!("/audit_/api/auditlogs/{guid}{usual}"),
        ),
        (
            None,
            target::Classic {
                language: None,
                api_version: Some("1.0".to_owned()),
                ..form()
            },
            "/acme/audit_/api/auditlogs?api-version=1.0&top=1&skip=0&sortBy=createdOn&sortOrder=asc"
                .to_owned(),
        ),
    ];
    for (tenant, form, expected) in cases {
        let connection = open(&server.settings(), Clock::system());
        let classic = Classic::new(&target(tenant, form), connection);
        classic.open().await.unwrap();
        let seen = server.seen(false);
        let line = seen.last().unwrap().lines().next().unwrap().to_owned();
        assert_eq!(line, format!("GET {expected} HTTP/1.1"));
    }
}

#[tokio::test]
async fn a_wrong_address_is_explained_by_the_keys_to_change() {
    let version =
        r#"{"error":{"code":"UnsupportedApiVersion","message":"The HTTP resource does not support it."}}"#;
    let with_version = target::Classic {
        api_version: Some("9".to_owned()),
        ..form()
    };
    let without = target::Classic {
        organization_in_path: false,
        ..form()
    };
    let cases = [
        (404, "", form(), "`organization_in_path = false`"),
        (404, "", without, "`organization_in_path = true`"),
        (404, "", form(), "`partition_global_id`"),
        (200, "<html>Sign in</html>", form(), "`partition_global_id`"),
        (405, "", form(), "`organization_in_path = false`"),
        (400, version, form(), "set `api_version`"),
        (400, version, with_version, "does not know this `api_version`"),
        (415, "", form(), "`Content-Type: application/json`"),
    ];
    for (status, body, form, expected) in cases {
        let server = Server::with_tokens(move |_| reply(status, "", body)).await;
        let mut settings = server.settings();
        settings.retry_for = Duration::from_millis(50);
        let classic = Classic::new(&target(None, form), open(&settings, Clock::system()));
        let error = classic.open().await.err().unwrap();
        let hint = error.hint().unwrap();
        assert!(hint.contains(expected), "{status}: {hint}");
        assert_eq!(error.to_string(), "read classic records");
    }
}
