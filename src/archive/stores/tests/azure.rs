//! What Azure and Google see of us.

use super::*;

/// An Azure and a Google that take everything.
fn script(_: &Seen) -> Vec<u8> {
    let times = "Last-Modified: Sat, 21 Nov 2026 10:00:00 GMT\r\nETag: \"1\"\r\n";
    reply(201, &format!("{times}x-goog-generation: 1\r\n"), "")
}

/// The request of one create.
async fn put(
    url: &str,
    endpoint: &str,
    options: &[(&str, &str)],
    tags: &[(&str, &str)],
    all: &[(&str, &str)],
) -> String {
    let server = Server::start(script).await;
    let address = server.url();
    let options = [options, &[(endpoint, address.as_str())]].concat();
    let mut settings = settings(url, &options);
    settings.tags = variables(tags);
    let created = opened(&settings, all)
        .unwrap()
        .create("csv/1-a.csv", Bytes::from_static(b"a,b\r\n"))
        .await;
    assert_eq!(created.unwrap(), Created::Ours);
    server.seen().remove(0)
}

#[tokio::test]
async fn azure_gets_one_conditional_put_with_type_tags_and_key() {
    let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let put = put(
        "abfss://audit@acme.dfs.core.windows.net/uipath",
        "azure_storage_endpoint",
        &[("azure_storage_account_key", "c2VjcmV0"), ("encryption_key", key)],
        &[("cost-center", "audit 42")],
        // Neither the token nor the account are meant.
        &[
            ("AZURE_STORAGE_TOKEN", "foreign"),
            ("AZURE_STORAGE_ACCOUNT_NAME", "other"),
        ],
    )
    .await;
    assert!(put.starts_with("PUT /audit/uipath/csv/1-a.csv HTTP"), "{put}");
    assert_eq!(header(&put, "if-none-match"), Some("*"));
    assert_eq!(header(&put, "x-ms-blob-type"), Some("BlockBlob"));
    assert_eq!(header(&put, "x-ms-tags"), Some("cost-center=audit+42"));
    assert_eq!(header(&put, "x-ms-encryption-key"), Some(key));
    assert_eq!(header(&put, "x-ms-encryption-algorithm"), Some("AES256"));
    let content_type = header(&put, "x-ms-blob-content-type").or(header(&put, "content-type"));
    assert_eq!(content_type, Some("text/csv; charset=utf-8"));
    assert!(
        header(&put, "authorization")
            .unwrap()
            .starts_with("SharedKey acme:"),
        "{put}"
    );
}

#[test]
fn no_variable_leads_to_another_account_than_the_url_names() {
    let all = [
        ("AZURE_STORAGE_ENDPOINT", "https://other.blob.core.windows.net"),
        ("AZURE_STORAGE_USE_EMULATOR", "true"),
        ("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0"),
    ];
    let asked = |url| {
        let mut values = planned(&settings(url, &[]), &all).unwrap().values;
        values.remove("azure_storage_account_key");
        values.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(
        asked("abfss://audit@acme.dfs.core.windows.net"),
        Vec::<String>::new()
    );
    assert_eq!(
        asked("az://audit"),
        ["azure_storage_endpoint", "azure_storage_use_emulator"]
    );
}

#[tokio::test]
async fn azure_is_asked_with_what_is_configured_and_nothing_else() {
    let all = [
        ("AZURE_STORAGE_ACCOUNT_NAME", "acme"),
        ("AZURE_STORAGE_ACCOUNT_KEY", "Zm9yZWlnbg=="),
        ("AZURE_CLIENT_ID", "foreign"),
        ("AZURE_TENANT_ID", "foreign"),
        ("AZURE_FEDERATED_TOKEN_FILE", "/foreign"),
    ];
    let sas = [("azure_storage_sas_token", "?sv=2024-11-04&sig=a%2Bb%3D")];
    let put_by_sas = put("az://audit", "azure_endpoint", &sas, &[], &all).await;
    assert!(
        put_by_sas.starts_with("PUT /audit/csv/1-a.csv?sv=2024-11-04&sig=a%2Bb%3D HTTP"),
        "{put_by_sas}"
    );
    assert_eq!(header(&put_by_sas, "authorization"), None);
    let token = [("azure_storage_token", "t0ken")];
    let put_by_token = put("az://audit", "azure_endpoint", &token, &[], &all).await;
    assert_eq!(header(&put_by_token, "authorization"), Some("Bearer t0ken"));
    // The environment's own: a key comes before an identity.
    let put_by_key = put("az://audit", "azure_endpoint", &[], &[], &all).await;
    assert!(
        header(&put_by_key, "authorization")
            .unwrap()
            .starts_with("SharedKey acme:")
    );
}

#[tokio::test]
async fn google_gets_one_conditional_put_with_its_type() {
    let put = put(
        "gs://acme-audit/uipath",
        "google_base_url",
        &[("google_bearer_token", "t0ken")],
        &[],
        &[
            ("GOOGLE_SERVICE_ACCOUNT", "/nowhere"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere"),
        ],
    )
    .await;
    assert!(
        put.starts_with("PUT /acme%2Daudit/uipath%2Fcsv%2F1%2Da%2Ecsv HTTP"),
        "{put}"
    );
    assert_eq!(header(&put, "x-goog-if-generation-match"), Some("0"));
    assert_eq!(header(&put, "authorization"), Some("Bearer t0ken"));
    assert_eq!(header(&put, "content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(header(&put, "content-encoding"), None);
}

#[test]
fn default_credentials_of_google_that_are_none_are_refused_without_a_word_of_them() {
    let home = tempfile::tempdir().unwrap();
    let path = home
        .path()
        .join(".config/gcloud/application_default_credentials.json");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = path.to_str().unwrap();
    let by_option = settings("gs://acme-audit", &[("google_application_credentials", file)]);
    let by_nothing = settings("gs://acme-audit", &[]);
    for (text, problem) in [
        ("canary", "no application default credentials"),
        ("\"canary\"", "no application default credentials"),
        ("{\"type\": \"canary\"}", "no application default credentials"),
        (
            "{\"type\": \"authorized_user\", \"client_id\": \"canary\"}",
            "no application default credentials",
        ),
        (
            "{\"type\": \"external_account\", \"audience\": \"canary\"}",
            "which are not supported",
        ),
    ] {
        std::fs::write(&path, text).unwrap();
        let home = home.path().to_str().unwrap();
        for told in [
            told(&by_option, &[]),
            told(&by_nothing, &[("GOOGLE_APPLICATION_CREDENTIALS", file)]),
            told(&by_nothing, &[("HOME", home)]),
        ] {
            assert!(!told.contains("canary") && told.contains(problem), "{told}");
        }
    }
    let user = "{\"type\": \"authorized_user\", \"client_id\": \"a\", \"client_secret\": \"b\", \"refresh_token\": \"c\"}";
    std::fs::write(&path, user).unwrap();
    assert!(opened(&by_option, &[]).is_ok());
}

#[test]
fn a_google_key_that_is_none_is_refused_without_a_word_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key.json");
    let option = format!("file:{}", path.display());
    for text in [
        "canary",
        "\"canary\"",
        "{\"private_key\": \"canary\"}",
        "{\"private_key\": \"canary\", \"client_email\": 1}",
        "{\"private_key\": \"canary\", \"client_email\": \"a@b\", \"private_key_id\": \"c\"}",
    ] {
        std::fs::write(&path, text).unwrap();
        for (name, value) in [
            ("google_service_account_key", option.as_str()),
            ("google_service_account", path.to_str().unwrap()),
        ] {
            let told = told(&settings("gs://acme-audit", &[(name, value)]), &[]);
            assert!(!told.contains("canary") && told.len() > 20, "{told}");
        }
    }
}
