//! Who we are at a store: which kind of credentials is meant, from the options or else from the environment. Pure.
//!
//! Never a mixture: a session token of the environment would spoil the keys of the options, and the other way round.

use super::{location::Kind, values::Values};

/// A kind of credentials.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// What `object_store` calls it, where it has a name.
    pub(super) name: &'static str,
    /// What people call it.
    pub(super) label: &'static str,
    /// Options of which any one means this kind. None: the kind that is left when nothing else is meant.
    marks: &'static [&'static str],
    /// What it cannot do without.
    needs: &'static [&'static str],
    /// All that belongs to it.
    takes: &'static [&'static str],
}

const S3: &[Identity] = &[
    Identity {
        name: "static",
        label: "an access key",
        marks: &["aws_access_key_id", "aws_secret_access_key"],
        needs: &["aws_access_key_id", "aws_secret_access_key"],
        takes: &["aws_access_key_id", "aws_secret_access_key", "aws_session_token"],
    },
    Identity {
        name: "profile",
        label: "a profile",
        marks: &["aws_profile"],
        needs: &["aws_profile"],
        takes: &["aws_profile"],
    },
    Identity {
        name: "web_identity",
        label: "a web identity",
        marks: &["aws_web_identity_token_file"],
        needs: &["aws_web_identity_token_file", "aws_role_arn"],
        takes: &[
            "aws_web_identity_token_file",
            "aws_role_arn",
            "aws_role_session_name",
        ],
    },
    Identity {
        name: "ecs",
        label: "an ECS task role",
        marks: &["aws_container_credentials_relative_uri"],
        needs: &["aws_container_credentials_relative_uri"],
        takes: &["aws_container_credentials_relative_uri"],
    },
    Identity {
        name: "eks",
        label: "an EKS pod identity",
        marks: &["aws_container_credentials_full_uri"],
        needs: &[
            "aws_container_credentials_full_uri",
            "aws_container_authorization_token_file",
        ],
        takes: &[
            "aws_container_credentials_full_uri",
            "aws_container_authorization_token_file",
        ],
    },
    Identity {
        name: "instance",
        label: "the machine's role",
        marks: &[],
        needs: &[],
        takes: &[],
    },
];

const AZURE: &[Identity] = &[
    Identity {
        name: "access_key",
        label: "an account key",
        marks: &["azure_storage_account_key"],
        needs: &["azure_storage_account_key"],
        takes: &["azure_storage_account_key"],
    },
    Identity {
        name: "sas_token",
        label: "a shared access signature",
        marks: &["azure_storage_sas_key"],
        needs: &["azure_storage_sas_key"],
        takes: &["azure_storage_sas_key"],
    },
    Identity {
        name: "client_secret",
        label: "a client secret",
        marks: &["azure_storage_client_secret"],
        needs: &[
            "azure_storage_client_secret",
            "azure_storage_client_id",
            "azure_storage_tenant_id",
        ],
        takes: &[
            "azure_storage_client_secret",
            "azure_storage_client_id",
            "azure_storage_tenant_id",
        ],
    },
    Identity {
        name: "workload_identity",
        label: "a workload identity",
        marks: &["azure_federated_token_file"],
        needs: &[
            "azure_federated_token_file",
            "azure_storage_client_id",
            "azure_storage_tenant_id",
        ],
        takes: &[
            "azure_federated_token_file",
            "azure_storage_client_id",
            "azure_storage_tenant_id",
        ],
    },
    Identity {
        name: "bearer_token",
        label: "a bearer token",
        marks: &["azure_storage_token"],
        needs: &["azure_storage_token"],
        takes: &["azure_storage_token"],
    },
    Identity {
        name: "azure_cli",
        label: "the Azure CLI",
        marks: &["azure_use_azure_cli"],
        needs: &[],
        takes: &["azure_use_azure_cli"],
    },
    Identity {
        name: "managed_identity",
        label: "a managed identity",
        marks: &[],
        needs: &[],
        takes: &[
            "azure_storage_client_id",
            "azure_object_id",
            "azure_msi_resource_id",
            "azure_msi_endpoint",
        ],
    },
];

const GCS: &[Identity] = &[
    Identity {
        name: "service_account",
        label: "a service account's file",
        marks: &["google_service_account"],
        needs: &["google_service_account"],
        takes: &["google_service_account"],
    },
    Identity {
        name: "service_account_key",
        label: "a service account's key",
        marks: &["google_service_account_key"],
        needs: &["google_service_account_key"],
        takes: &["google_service_account_key"],
    },
    Identity {
        name: "application_credentials",
        label: "application credentials",
        marks: &["google_application_credentials"],
        needs: &["google_application_credentials"],
        takes: &["google_application_credentials"],
    },
    Identity {
        name: "bearer_token",
        label: "a bearer token",
        marks: &["google_bearer_token"],
        needs: &["google_bearer_token"],
        takes: &["google_bearer_token"],
    },
    Identity {
        name: "default",
        label: "application default credentials",
        marks: &[],
        needs: &[],
        takes: &[],
    },
];

impl Identity {
    /// The kinds that a store knows, in the order in which the environment is searched for them.
    pub(super) fn all(store: Kind) -> &'static [Self] {
        match store {
            Kind::S3 => S3,
            Kind::Azure => AZURE,
            Kind::Gcs => GCS,
        }
    }

    fn is_meant_by(&self, values: &Values) -> bool {
        self.marks.iter().any(|name| values.contains_key(*name))
    }

    fn missing(&self, values: &Values) -> Option<&'static str> {
        self.needs
            .iter()
            .find(|name| !values.contains_key(**name))
            .copied()
    }
}

/// A switch that is off means no kind of credentials.
pub(super) fn forget_unused(values: &mut Values) {
    values.retain(|name, value| name != "azure_use_azure_cli" || value != "false");
}

/// The kind that `values` mean, the last one where they mean none; an error where they mean two, or half of one.
pub(super) fn check(all: &'static [Identity], values: &Values) -> Result<&'static Identity, String> {
    let mut meant: Vec<&Identity> = all.iter().filter(|kind| kind.is_meant_by(values)).collect();
    if let Some(pinned) = pinned(all, values)
        && !meant.contains(&pinned)
    {
        meant.push(pinned);
    }
    let kind = match meant.as_slice() {
        [first, second, ..] => {
            return Err(format!(
                "name both {} and {}: keep one",
                first.label, second.label
            ));
        }
        [kind] => kind,
        [] => last(all)?,
    };
    let stray = values.keys().find(|name| {
        let known = all.iter().any(|kind| kind.takes.contains(&name.as_str()));
        known && !kind.takes.contains(&name.as_str())
    });
    if let Some(name) = stray {
        let home = all.iter().find(|kind| kind.takes.contains(&name.as_str()));
        let home = home.map_or(kind, |home| home);
        return Err(match home.missing(values) {
            Some(missing) => format!("hold `{name}`, but not `{missing}`, which it goes with"),
            None => format!("hold `{name}`, which does not go with {}", kind.label),
        });
    }
    // A kind that is pinned and no more is left to the environment.
    if values.keys().any(|name| kind.takes.contains(&name.as_str()))
        && let Some(missing) = kind.missing(values)
    {
        return Err(format!("lack `{missing}`, which {} needs", kind.label));
    }
    Ok(kind)
}

fn pinned(all: &'static [Identity], values: &Values) -> Option<&'static Identity> {
    let name = values.get("azure_credential_type")?;
    all.iter().find(|kind| kind.name == name)
}

fn last(all: &'static [Identity]) -> Result<&'static Identity, String> {
    // The tables above are not empty.
    all.last().ok_or_else(|| "know no credentials".to_owned())
}

/// Options that only have a meaning together: one of them among the options, and those of the environment are left out.
const TOGETHER: &[&[&str]] = &[
    &["aws_region", "aws_default_region"],
    &["aws_endpoint", "aws_endpoint_url_s3"],
    &[
        "aws_server_side_encryption",
        "aws_sse_kms_key_id",
        "aws_sse_bucket_key_enabled",
        "aws_sse_customer_key_base64",
    ],
    &["azure_storage_endpoint", "azure_storage_use_emulator"],
    &["proxy_url", "proxy_excludes"],
];

/// Chooses the kind of credentials: from `options` if they name any, else from `environment`. Returns it with what is
/// left of both: the credentials of that kind from one of the two, and everything that is no credential.
///
/// # Errors
/// As a sentence: two kinds at once, or half of one.
pub(super) fn choose(
    all: &'static [Identity],
    options: &Values,
    environment: &Values,
) -> Result<(&'static Identity, Values), String> {
    let is_credential = |name: &str| all.iter().any(|kind| kind.takes.contains(&name));
    let named = check(all, options).map_err(|problem| format!("`archive.options` {problem}"))?;
    let (kind, source) = if options.keys().any(|name| is_credential(name)) {
        (named, options)
    } else {
        let pinned = pinned(all, options).or_else(|| pinned(all, environment));
        let found = all.iter().find(|kind| kind.is_meant_by(environment));
        let kind = pinned.or(found).unwrap_or(named);
        if let Some(missing) = kind.missing(environment) {
            let variable = missing.to_ascii_uppercase();
            return Err(format!(
                "the environment lacks `{variable}`, which {} needs",
                kind.label
            ));
        }
        (kind, environment)
    };
    let is_ruled_out = |name: &str| {
        let group = TOGETHER.iter().find(|group| group.contains(&name));
        group.is_some_and(|group| group.iter().any(|name| options.contains_key(*name)))
    };
    let mut chosen = environment.clone();
    chosen.retain(|name, _| !is_credential(name) && !is_ruled_out(name));
    let plain = options.iter().filter(|(name, _)| !is_credential(name));
    let credentials = source
        .iter()
        .filter(|(name, _)| kind.takes.contains(&name.as_str()));
    chosen.extend(
        plain
            .chain(credentials)
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    Ok((kind, chosen))
}
