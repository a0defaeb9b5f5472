//! Profiles as people write them, and what is said about those we cannot use.

use super::*;
use crate::error::Chain;

/// The profile of that name in files with these contents.
fn profile(name: &str, credentials: &str, config: &str) -> Result<Option<Profile>, ProfileError> {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    fs::write(home.path().join(".aws/credentials"), credentials).unwrap();
    fs::write(home.path().join(".aws/config"), config).unwrap();
    Profile::find(
        name,
        &[("HOME".to_owned(), home.path().display().to_string())].into(),
    )
}

fn keys(name: &str, credentials: &str, config: &str) -> Result<Option<Keys>, ProfileError> {
    profile(name, credentials, config)?.unwrap().keys()
}

fn pair(id: &str, secret: &str) -> Keys {
    Keys {
        id: id.to_owned(),
        secret: Secret::new(secret.to_owned()),
        token: None,
    }
}

#[test]
fn keys_and_region_are_read_as_people_write_them() {
    let credentials = "\u{FEFF}# mine\n[ default ]\naws_access_key_id=AK0\naws_secret_access_key = s0\n\
        [acme]\r\n  AWS_Access_Key_ID = AK1 ; old\r\n  aws_secret_access_key = a/b+c=#;\r\n  aws_session_token = t==\r\n";
    let config = "[default]\nregion = eu-west-1\n[profile acme]\ns3 =\n  region = wrong\n  aws_access_key_id = wrong\n\
        output = json\nregion = eu-central-1 # here\n[acme]\nregion = not-a-profile\n";
    let acme = profile("acme", credentials, config).unwrap().unwrap();
    assert_eq!(acme.region(), Some("eu-central-1"));
    let token = Some(Secret::new("t==".to_owned()));
    assert_eq!(
        acme.keys().unwrap(),
        Some(Keys {
            token,
            ..pair("AK1", "a/b+c=#;")
        })
    );
    let default = profile("default", credentials, config).unwrap().unwrap();
    assert_eq!(default.region(), Some("eu-west-1"));
    assert_eq!(default.keys().unwrap(), Some(pair("AK0", "s0")));
    assert!(!format!("{acme:?}").contains("a/b"));
}

#[test]
fn keys_come_from_one_file_and_those_of_credentials_win() {
    let config = "[profile \"a b\"]\naws_access_key_id = AK2\naws_secret_access_key = s2\naws_session_token = t2\nregion = r\n";
    let both = "[a b]\naws_access_key_id = AK1\naws_secret_access_key = s1\n";
    assert_eq!(keys("a b", both, config).unwrap(), Some(pair("AK1", "s1")));
    let token = Some(Secret::new("t2".to_owned()));
    assert_eq!(
        keys("a b", "", config).unwrap(),
        Some(Keys {
            token,
            ..pair("AK2", "s2")
        })
    );
    assert_eq!(keys("a b", "", "[profile a b]\nregion = r\n").unwrap(), None);
    assert_eq!(profile("none", both, config).unwrap(), None);
}

#[test]
fn what_is_not_supported_is_named() {
    for (setting, rest) in [
        (
            "role_arn",
            "aws_access_key_id = AK\naws_secret_access_key = canary\n",
        ),
        ("sso_session", ""),
        ("sso_start_url", ""),
        ("credential_process", ""),
    ] {
        let config = format!("[profile x]\n{setting} = canary\n{rest}");
        let told = keys("x", "", &config).unwrap_err().to_string();
        assert_eq!(
            told,
            format!("use the AWS profile `x`: it holds `{setting}`, which is not supported")
        );
    }
    // Temporary keys that a tool has written beside single sign-on are good.
    let sso = "[profile x]\nsso_session = s\n";
    let written = "[x]\naws_access_key_id = AK\naws_secret_access_key = s\n";
    assert_eq!(keys("x", written, sso).unwrap(), Some(pair("AK", "s")));
    let half = keys("x", "[x]\naws_access_key_id = AK\n", "").unwrap_err();
    assert_eq!(
        half.to_string(),
        "use the AWS profile `x`: it lacks `aws_secret_access_key`"
    );
}

#[test]
fn files_are_where_variables_say() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys");
    fs::write(
        &path,
        "[x]\naws_access_key_id = AK\naws_secret_access_key = s\nregion = r\n",
    )
    .unwrap();
    let home = directory.path().display().to_string();
    let mut variables = Variables::from([
        ("HOME".to_owned(), home),
        ("AWS_SHARED_CREDENTIALS_FILE".to_owned(), "~/keys".to_owned()),
    ]);
    let found = Profile::named("x", &variables).unwrap();
    assert_eq!(found.keys().unwrap(), Some(pair("AK", "s")));
    assert_eq!(found.region(), Some("r"));
    let missing = Profile::named("y", &variables).unwrap_err().to_string();
    assert!(
        missing.starts_with("find the AWS profile `y` in `") && missing.contains("/.aws/config`"),
        "{missing}"
    );
    assert_eq!(Profile::default(&variables).unwrap(), None);
    // A directory is no file.
    variables.insert(
        "AWS_CONFIG_FILE".to_owned(),
        directory.path().display().to_string(),
    );
    let told = Profile::named("x", &variables).unwrap_err();
    assert!(Chain(&told).to_string().starts_with("read the shared AWS file `"));
    assert_eq!(Profile::default(&Variables::new()).unwrap(), None);
}
