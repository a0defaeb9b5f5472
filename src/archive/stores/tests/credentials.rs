//! Whose credentials are taken: those of the options or those of the environment, and which of them.

use super::*;

/// The kind of credentials, and what is handed on of them.
fn chosen(url: &str, options: &[(&str, &str)], all: &[(&str, &str)]) -> (&'static str, String) {
    let plan = planned(&settings(url, options), all).unwrap();
    let values: Vec<String> = plan
        .values
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    (plan.identity.name, values.join(" "))
}

/// The key id and the token that an archive signs with.
async fn signed(options: &[(&str, &str)], all: &[(&str, &str)]) -> (String, Option<String>) {
    let server = Server::start(|_| object("x")).await;
    let url = server.url();
    let options = [options, &[("aws_endpoint", url.as_str())]].concat();
    let archive = opened(&settings("s3://acme-audit", &options), all).unwrap();
    archive.read("a").await.unwrap();
    let seen = server.seen().remove(0);
    let token = header(&seen, "x-amz-security-token").map(str::to_owned);
    (signer(&seen).to_owned(), token)
}

#[test]
fn s3_takes_the_first_kind_that_the_environment_has() {
    let all = [
        ("AWS_ACCESS_KEY_ID", "AK"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_SESSION_TOKEN", "t"),
        ("AWS_PROFILE", "p"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/w"),
        ("AWS_ROLE_ARN", "r"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/u"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/a"),
    ];
    let kinds: Vec<(&str, String)> = [0, 3, 4, 6, 7, 9]
        .map(|from| chosen("s3://acme-audit", &[], &all[from..]))
        .into();
    let expected = [
        (
            "static",
            "aws_access_key_id=AK aws_secret_access_key=s aws_session_token=t",
        ),
        ("profile", "aws_profile=p"),
        ("web_identity", "aws_role_arn=r aws_web_identity_token_file=/w"),
        ("ecs", "aws_container_credentials_relative_uri=/u"),
        (
            "eks",
            "aws_container_authorization_token_file=/a aws_container_credentials_full_uri=http://169.254.170.23/v1",
        ),
        ("instance", ""),
    ];
    assert_eq!(kinds, expected.map(|(kind, values)| (kind, values.to_owned())));
    // What the options name is all there is.
    let options = [("aws_role_arn", "mine"), ("aws_web_identity_token_file", "/mine")];
    assert_eq!(
        chosen("s3://acme-audit", &options, &all),
        (
            "web_identity",
            "aws_role_arn=mine aws_web_identity_token_file=/mine".to_owned()
        )
    );
}

#[test]
fn half_of_a_pair_is_an_error_not_another_kind() {
    let s3 = settings("s3://acme-audit", &[]);
    assert_eq!(
        told(&s3, &[("AWS_ACCESS_KEY_ID", "AK")]),
        "choose credentials: the environment lacks `AWS_SECRET_ACCESS_KEY`, which an access key needs"
    );
    assert_eq!(
        told(&s3, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1")]),
        "choose credentials: the environment lacks `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`, which an EKS pod identity needs"
    );
    let pinned = settings("az://audit", &[("azure_credential_type", "workload_identity")]);
    assert!(told(&pinned, &[("AZURE_CLIENT_ID", "x")]).contains("lacks `AZURE_FEDERATED_TOKEN_FILE`"));
    assert!(
        told(&settings("az://audit", &[]), &[]).starts_with("use `archive.url`: it names no storage account")
    );
}

#[test]
fn azure_is_pinned_to_one_kind() {
    let pod = [
        ("AZURE_CLIENT_ID", "c"),
        ("AZURE_TENANT_ID", "t"),
        ("AZURE_FEDERATED_TOKEN_FILE", "/f"),
        ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/"),
    ];
    let authority =
        "azure_storage_authority_host=https://login.microsoftonline.com azure_storage_client_id=c";
    assert_eq!(
        chosen("az://audit", &[], &pod),
        (
            "workload_identity",
            format!("azure_federated_token_file=/f {authority} azure_storage_tenant_id=t")
        )
    );
    let pin = [("azure_credential_type", "managed_identity")];
    assert_eq!(
        chosen("az://audit", &pin, &pod),
        (
            "managed_identity",
            format!("azure_credential_type=managed_identity {authority}")
        )
    );
    let own = [("azure_client_id", "mine")];
    let (kind, values) = chosen("az://audit", &own, &pod);
    assert_eq!(kind, "managed_identity");
    assert!(values.ends_with("azure_storage_client_id=mine"), "{values}");
    let app_service = [("IDENTITY_ENDPOINT", "http://169.254.129.2:8081/msi/token")];
    assert_eq!(
        chosen("az://audit", &[], &app_service),
        (
            "managed_identity",
            "azure_msi_endpoint=http://169.254.129.2:8081/msi/token".to_owned()
        )
    );
    assert_eq!(
        chosen("az://audit", &[("use_azure_cli", "true")], &pod).0,
        "azure_cli"
    );
    assert_eq!(
        chosen(
            "gs://acme-audit",
            &[],
            &[("GOOGLE_APPLICATION_CREDENTIALS", "/x")]
        )
        .0,
        "application_credentials"
    );
}

#[tokio::test]
async fn a_profile_signs_and_the_default_one_only_if_nothing_else_is_set() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join(".aws");
    std::fs::create_dir(&directory).unwrap();
    let keys = |id: &str| format!("aws_access_key_id = {id}\naws_secret_access_key = s\n");
    let text = format!(
        "[default]\n{}[audit]\n{}aws_session_token = t0ken\n",
        keys("AKDEFAULT"),
        keys("AKAUDIT")
    );
    std::fs::write(directory.join("credentials"), text).unwrap();
    std::fs::write(
        directory.join("config"),
        "[profile sso]\nsso_session = x\n[profile empty]\nregion = r\n",
    )
    .unwrap();
    let home = ("HOME", home.path().to_str().unwrap());
    let is = |id: &str, token: Option<&str>| (id.to_owned(), token.map(str::to_owned));
    assert_eq!(signed(&[], &[home]).await, is("AKDEFAULT", None));
    assert_eq!(
        signed(&[], &[home, ("AWS_PROFILE", "audit")]).await,
        is("AKAUDIT", Some("t0ken"))
    );
    // The options' profile, whatever keys the environment holds.
    let env = [
        home,
        ("AWS_ACCESS_KEY_ID", "AKENV"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_SESSION_TOKEN", "foreign"),
    ];
    assert_eq!(signed(&[], &env).await, is("AKENV", Some("foreign")));
    assert_eq!(
        signed(&[("aws_profile", "audit")], &env).await,
        is("AKAUDIT", Some("t0ken"))
    );
    for (profile, problem) in [
        (
            "sso",
            "use the AWS profile `sso`: it holds `sso_session`, which is not supported",
        ),
        (
            "empty",
            "use the AWS profile `empty`: it lacks `aws_access_key_id`",
        ),
        ("none", "find the AWS profile `none` in `"),
    ] {
        let told = told(&settings("s3://acme-audit", &[("profile", profile)]), &[home]);
        assert!(told.starts_with(problem), "{told}");
    }
}

#[tokio::test]
async fn the_region_of_a_profile_counts_where_no_other_is_named() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config");
    std::fs::write(&config, "[default]\nregion = eu-north-1\nsso_session = x\n").unwrap();
    let mut all = vec![
        ("AWS_CONFIG_FILE", config.to_str().unwrap()),
        ("AWS_ACCESS_KEY_ID", "AK"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
    ];
    for (variable, region) in [
        (None, "eu-north-1"),
        (Some(("AWS_DEFAULT_REGION", "eu-west-2")), "eu-west-2"),
        (Some(("AWS_REGION", "eu-west-1")), "eu-west-1"),
    ] {
        all.extend(variable);
        let server = Server::start(|_| object("x")).await;
        let url = server.url();
        let settings = settings("s3://acme-audit", &[("aws_endpoint", &url)]);
        let archive = opened(&settings, &all).unwrap();
        archive.read("a").await.unwrap();
        let request = server.seen().remove(0);
        assert!(
            request.contains(&format!("/{region}/s3/aws4_request")),
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_machine_without_anything_else_is_asked_for_its_role() {
    let server = Server::start(|seen| {
        let path = seen.text.split(' ').nth(1).unwrap_or_default().to_owned();
        match path.as_str() {
            "/latest/api/token" => reply(200, "", "t"),
            "/latest/meta-data/iam/security-credentials/" => reply(200, "", "role"),
            "/latest/meta-data/iam/security-credentials/role" | "/pod" => reply(
                200,
                "",
                r#"{"AccessKeyId":"AKROLE","SecretAccessKey":"s","Token":"t0ken","Expiration":"2099-01-01T00:00:00Z"}"#,
            ),
            _ => object("x"),
        }
    })
    .await;
    let url = server.url();
    let options = [("aws_endpoint", url.as_str()), ("aws_metadata_endpoint", &url)];
    let archive = opened(&settings("s3://acme-audit", &options), &[]).unwrap();
    archive.read("a").await.unwrap();
    let seen = server.seen();
    let last = seen.last().unwrap();
    assert_eq!(
        (signer(last), header(last, "x-amz-security-token")),
        ("AKROLE", Some("t0ken"))
    );

    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "pod-token").unwrap();
    let pod = format!("{url}/pod");
    let all = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", pod.as_str()),
        (
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            token.path().to_str().unwrap(),
        ),
    ];
    let archive = opened(&settings("s3://acme-audit", &options[..1]), &all).unwrap();
    archive.read("a").await.unwrap();
    let seen = server.seen();
    assert_eq!(header(&seen[seen.len() - 2], "authorization"), Some("pod-token"));
    assert_eq!(signer(&seen[seen.len() - 1]), "AKROLE");
}

#[test]
fn a_secret_that_no_header_can_hold_is_refused_and_not_shown() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let secret = format!("file:{}", file.path().display());
    for text in ["can\nary", "canary\u{7}", "canäry"] {
        std::fs::write(file.path(), text).unwrap();
        for (url, options) in [
            (
                "s3://acme-audit",
                vec![
                    ("aws_access_key_id", "AK"),
                    ("aws_secret_access_key", secret.as_str()),
                ],
            ),
            (
                "s3://acme-audit",
                vec![
                    ("access_key_id", "AK"),
                    ("secret_access_key", "s"),
                    ("token", &secret),
                ],
            ),
            ("az://audit", vec![("azure_storage_token", &secret)]),
            ("gs://acme-audit", vec![("google_bearer_token", &secret)]),
        ] {
            let told = told(&settings(url, &options), &[]);
            assert!(
                told.starts_with("use `") && told.contains("holds a line break") && !told.contains("can"),
                "{told}"
            );
        }
    }
    std::fs::remove_file(file.path()).unwrap();
    let gone = told(&settings("az://audit", &[("azure_storage_token", &secret)]), &[]);
    assert!(
        gone.starts_with("read the option `azure_storage_token`: read the secret file `"),
        "{gone}"
    );
}

#[test]
fn a_secret_in_the_place_of_its_file_is_not_shown() {
    let key = r#"{"type":"service_account","client_email":"a@b","private_key":"canary\n"}"#;
    let token = "eyJhbGciOiJSUzI1NiJ9.canary.c2ln";
    let named = |url, name, value| told(&settings(url, &[(name, value)]), &[]);
    for told in [
        named("gs://acme-audit", "google_service_account", key),
        named("gs://acme-audit", "google_application_credentials", key),
        told(
            &settings("gs://acme-audit", &[]),
            &[("GOOGLE_APPLICATION_CREDENTIALS", key)],
        ),
        told(
            &settings("s3://acme-audit", &[]),
            &[
                ("AWS_WEB_IDENTITY_TOKEN_FILE", token),
                ("AWS_ROLE_ARN", "arn:aws:iam::1:role/a"),
            ],
        ),
    ] {
        assert!(
            !told.contains("canary") && told.contains("is no path of a file"),
            "{told}"
        );
    }
}
