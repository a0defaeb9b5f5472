//! The usual mistakes of who configures a connection, and the words that tell what to write instead.

use uipath_audit_simulator::{ErrorBody, Fault, RetryAfter, When};

const UNSUPPORTED: &str = r#"{"error":{"code":"UnsupportedApiVersion","message":"The HTTP resource that matches the request does not support it","innerError":null}}"#;

/// A configuration that is wrong somewhere, or a server that answers as another platform does.
pub struct Mistake {
    pub what: &'static str,
    /// What of the configuration is written otherwise.
    pub instead: (&'static str, &'static str),
    pub fault: Option<(When, Fault)>,
    /// 4, or 1 where a proxy's page could be over soon.
    pub exit: i32,
    /// What `check` says.
    pub words: &'static [&'static str],
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

/// All of them.
pub fn mistakes() -> Vec<Mistake> {
    [
        mistakes_of_credentials(),
        mistakes_of_places(),
        mistakes_of_platforms(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn mistakes_of_places() -> Vec<Mistake> {
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
    ]
}

fn mistakes_of_platforms() -> Vec<Mistake> {
    let page = |when| Some((when, Fault::SignInPage));
    let unsupported = || ErrorBody::Text(UNSUPPORTED.to_owned());
    vec![
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
