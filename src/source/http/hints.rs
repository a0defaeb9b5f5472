//! What a person can do about a request that failed, in the words of the configuration. Pure: nothing is asked, and the
//! addresses that are named here are not tried.

use url::Url;

use super::{
    error::HttpError,
    scene::{Asked, Scene},
};
use crate::{
    error::Chain,
    settings::{AuthSettings, Platform},
    source::{auth::assertion::BadAssertion, body::BodyError, refusal::Refusal, wire::WireError},
};

/// Which Automation Suite has the unified API is known from a preview of its documents alone.
const CLASSIC_ALONE: &str = "Automation Suite before 2.2610 and a standalone Orchestrator have the classic API alone: try `api = \"classic\"`";

pub(super) fn hint(error: &HttpError) -> Option<String> {
    match error {
        HttpError::Token { source } => hint(source),
        HttpError::WaitTooLong { source, .. } | HttpError::GaveUp { source, .. } => hint(source),
        HttpError::Open { .. }
        | HttpError::Foreign { .. }
        | HttpError::Unavailable { .. }
        | HttpError::Refused { .. } => None,
        HttpError::Secret { source } => Some(source.hint().to_owned()),
        HttpError::UnsendableToken { .. } => {
            Some("the file must hold the token alone, without `Bearer` before it".to_owned())
        }
        HttpError::UnusableAssertion { problem, .. } => Some(assertion(problem).to_owned()),
        HttpError::CredentialsRefused { refusal, scene, .. } => Some(credentials(refusal, scene)),
        HttpError::NoTokensHere { scene, .. } => Some(token_url(scene)),
        HttpError::Broken { source, .. } => broken(source).map(str::to_owned),
        HttpError::Unexpected { scene, page, .. } => Some(match (scene.asked, page) {
            (Asked::Token, _) => token_url(scene),
            (_, true) => page_instead(scene),
            (_, false) => format!(
                "something else than UiPath's audit API answers there: check `url`, and what stands between; {}",
                missing_api(scene)
            ),
        }),
        HttpError::NoFile { scene, .. } => Some(format!(
            "nothing of it is archived; a page or a message instead of a file comes from a sign-in page, a proxy or a wrong `url`; {}",
            missing_api(scene)
        )),
        HttpError::OverLimit { .. } => Some(
            "nothing of it is archived, and nothing is skipped: no page of audit events looks like that, check what answers at `url`"
                .to_owned(),
        ),
        HttpError::Unauthorized { scene, .. } => Some(unauthorized(scene)),
        HttpError::Forbidden { scene, .. } => Some(forbidden(scene)),
        HttpError::NotFound { scene, .. } => Some(not_found(scene)),
        HttpError::Redirected { scene, .. } => Some(page_instead(scene)),
        HttpError::NotUnderstood { refusal, scene, .. } => Some(not_understood(refusal, scene)),
    }
}

fn quoted(urls: &[Url]) -> String {
    let urls: Vec<String> = urls.iter().map(|url| format!("`{url}`")).collect();
    urls.join(" or ")
}

/// The table of a connection's auth, as it is written.
fn table(scene: &Scene) -> String {
    let kind = match scene.settings.auth {
        AuthSettings::ClientCredentials { .. } => "client_credentials",
        AuthSettings::ClientAssertion { .. } => "client_assertion",
        AuthSettings::Bearer { .. } => "bearer",
    };
    format!("connections.{}.auth.{kind}", scene.settings.name)
}

/// Nothing gives tokens at the token URL.
fn token_url(scene: &Scene) -> String {
    let (platform, base) = (scene.platform(), &scene.settings.url);
    let others = quoted(&platform.other_token_urls(base, &scene.organization));
    if scene.settings.auth.token_url().is_some() {
        let derived = platform.token_url(base, &scene.organization);
        return format!(
            "check `token_url`: on {} it is `{derived}`, which is asked when `token_url` is left out; else try {others}",
            platform.title()
        );
    }
    if let Some(mistake) = scene.mistake_in_url() {
        return mistake;
    }
    let (organization, table) = (&scene.organization, table(scene));
    match platform {
        Platform::AutomationCloud | Platform::PublicSector | Platform::Dedicated => format!(
            "is `organization = \"{organization}\"` spelled as in the browser's address, behind `{}`? If so, set `token_url` in `[{table}]` to {others}",
            scene.root()
        ),
        Platform::AutomationSuite => {
            let root = scene.root();
            format!(
                "check `url` and `organization = \"{organization}\"`; where they are right, set `token_url` in `[{table}]`: other Automation Suites have `{root}identity_/connect/token`, a standalone Orchestrator has `{root}identity/connect/token` (for that, set `platform = \"orchestrator\"` instead)"
            )
        }
        Platform::Orchestrator => format!(
            "is it a standalone Orchestrator? Automation Suite gives tokens at `{}`: leave `platform` out for it; else set `token_url` in `[{table}]`, such as {others}",
            Platform::AutomationSuite.token_url(base, organization)
        ),
    }
}

fn credentials(refusal: &Refusal, scene: &Scene) -> String {
    let organization = &scene.organization;
    match (&scene.settings.auth, refusal.code.as_deref()) {
        (_, Some("invalid_scope")) => invalid_scope(scene),
        (_, Some("unauthorized_client" | "unsupported_grant_type")) => {
            "the application may not use client credentials: it must be a confidential external application with application scopes".to_owned()
        }
        _ if refusal.status == 403 => format!(
            "something before the identity server, or an IP restriction of the organization `{organization}`, may keep this machine's address out; else check `client_id` and `token_url`"
        ),
        (AuthSettings::ClientAssertion { client_id, .. }, _) => format!(
            "the application `{client_id}` must have a federated credential whose issuer, audience and subject are exactly the assertion's `iss`, `aud` and `sub`; the assertion must be signed with RS256 and not have expired (it is read again at each token request); and the application must belong to the organization `{organization}`"
        ),
        (AuthSettings::ClientCredentials { client_id, second_client_secret, .. }, Some("invalid_client"))  => {
            let secrets = match second_client_secret {
                Some(_) => "both client secrets: is one of them this application's, and not expired?",
                None => "the client secret: is it this application's, and not expired?",
            };
            format!(
                "check `client_id` and {secrets} It must be the secret's value, not its id; the application `{client_id}` must be a confidential one, and belong to the organization `{organization}`"
            )
        }
        _ => format!(
            "check `client_id`, the client secret, `scope` and `token_url`, and that the application belongs to the organization `{organization}`"
        ),
    }
}

fn invalid_scope(scene: &Scene) -> String {
    let scope = scope(scene).unwrap_or_default();
    format!(
        "`scope` is `{scope}`: request exactly what the application is registered with, such as `PM.Audit.Read` (`PM.Audit` is another one), and as an application scope of the resource Audit, not as a user scope"
    )
}

fn scope(scene: &Scene) -> Option<&str> {
    match &scene.settings.auth {
        AuthSettings::ClientCredentials { scope, .. } | AuthSettings::ClientAssertion { scope, .. } => {
            Some(scope)
        }
        AuthSettings::Bearer { .. } => None,
    }
}

/// 401 with a fresh token.
fn unauthorized(scene: &Scene) -> String {
    let organization = &scene.organization;
    let Some(scope) = scope(scene) else {
        return format!(
            "UiPath does not say which: the personal access token has expired (they live 1 to 360 days), was revoked, lacks the scope `PM.Audit.Read` of the resource Audit, or is not of the organization `{organization}`. Make a new one and put it where `token` points: it is read again by itself"
        );
    };
    let reads = |scope: &str| matches!(scope, "PM.Audit" | "PM.Audit.Read");
    if !scope.split_whitespace().any(reads) {
        return format!(
            "`scope` is `{scope}`, which does not let audit logs be read: request `PM.Audit.Read`, an application scope of the resource Audit"
        );
    }
    format!(
        "a missing scope shows as 401 too: the application must have `PM.Audit.Read` as an application scope of the resource Audit, and belong to the organization `{organization}`; newly granted scopes need a new token, which the next try asks for by itself"
    )
}

fn forbidden(scene: &Scene) -> String {
    let restriction = match scene.platform() {
        Platform::Orchestrator => "and whether something before the server lets only some addresses through",
        _ => {
            "and whether the organization has an IP restriction: the address from which this machine reaches UiPath must then be on its list"
        }
    };
    format!(
        "the credentials may not do that: check the application's permission in the organization `{}` and the tenant, {restriction}",
        scene.organization
    )
}

/// What may be missing on this platform.
fn missing_api(scene: &Scene) -> String {
    match (scene.asked, scene.platform()) {
        (Asked::Unified, Platform::AutomationSuite | Platform::Orchestrator) => CLASSIC_ALONE.to_owned(),
        (Asked::Classic, platform) => {
            let other = !platform.organization_in_path();
            format!(
                "the classic API has its path in several forms: try `organization_in_path = {other}`, or `partition_global_id`"
            )
        }
        _ => "check the spelling of `organization` and `tenant`".to_owned(),
    }
}

fn not_found(scene: &Scene) -> String {
    if let Some(mistake) = scene.mistake_in_url() {
        return mistake;
    }
    let spelling = format!(
        "check the spelling of `organization` and `tenant`: they stand in the browser's address, behind `{}`",
        scene.settings.url
    );
    match (scene.asked, scene.platform().is_hosted()) {
        (Asked::Unified, true) | (Asked::Other | Asked::Token, _) => spelling,
        (Asked::Unified, false) | (Asked::Classic, _) => format!("{spelling}; {}", missing_api(scene)),
    }
}

/// A page for people, or the way to one.
fn page_instead(scene: &Scene) -> String {
    if let Some(mistake) = scene.mistake_in_url() {
        return mistake;
    }
    let platform = scene.platform();
    let place = if platform.is_hosted() {
        format!("on {} `url` is `{}`", platform.title(), platform.usual_url())
    } else {
        format!(
            "on {} `url` is that of its front page, without organization and service: `{}`",
            platform.title(),
            scene.root()
        )
    };
    format!(
        "a sign-in page, or a proxy's, answers where no API is: {place}; {}",
        not_found_there(scene)
    )
}

fn not_found_there(scene: &Scene) -> String {
    match scene.platform().is_hosted() && scene.asked == Asked::Unified {
        true => "check the spelling of `organization` and `tenant`".to_owned(),
        false => format!(
            "check the spelling of `organization` and `tenant`; {}",
            missing_api(scene)
        ),
    }
}

/// 400, 405, 415.
fn not_understood(refusal: &Refusal, scene: &Scene) -> String {
    let unsupported = refusal.code.as_deref() == Some("UnsupportedApiVersion");
    match scene.asked {
        Asked::Classic if unsupported || refusal.status == 400 => format!(
            "set `api_version` of the target to one that the server has, or leave it out; {}",
            missing_api(scene)
        ),
        _ if refusal.status == 400 => "check the target's `filter`, `organization` and `tenant`".to_owned(),
        _ => match scene.mistake_in_url() {
            Some(mistake) => mistake,
            None => format!(
                "another service answers at that path, this one is not there: {}",
                missing_api(scene)
            ),
        },
    }
}

fn assertion(problem: &BadAssertion) -> &'static str {
    match problem {
        BadAssertion::TooLong { .. } => {
            "have its issuer leave claims out; is it the right file, with one token in it?"
        }
        BadAssertion::NoJwt => {
            "the file must hold the token alone: no `Bearer`, no quotes, no JSON around it"
        }
    }
}

fn broken(source: &WireError) -> Option<&'static str> {
    match source {
        WireError::Connect { source } => {
            let chain = Chain(source).to_string();
            if chain.contains("certificate") {
                Some(
                    "the server's certificate is not trusted: name its authority in `ca_file`, and check the host of `url`",
                )
            } else if chain.contains("dns error") {
                Some("the host has no address here: check `url`, and whether a `proxy` is needed")
            } else {
                Some("check `url`, the way through firewalls, and whether a `proxy` is needed")
            }
        }
        WireError::Lost { source } if Chain(source).to_string().contains("Certificate") => {
            Some("the server does not take our certificate, or wants one: check `client_certificate`")
        }
        WireError::Body(BodyError::TooLarge { .. } | BodyError::TooDense { .. }) => {
            Some("no page of audit events is that large: check what answers at `url`")
        }
        _ => None,
    }
}
