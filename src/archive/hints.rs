//! What a person can do when an archive's store refuses or is silent, in the words of that store. Pure.

use super::{
    AGAIN, Permission, Refusal, RefusalKind, Tried, Unreachable, UnreachableKind, permission::Store,
    wire::METADATA,
};

/// "the bucket `acme`".
pub(super) fn bucket(place: &str) -> String {
    let store = Store::of(place);
    let host = place.split("://").nth(1).unwrap_or_default();
    let host = host.split('/').next().unwrap_or_default();
    // abfss://container@account…
    let name = host.split('@').next().unwrap_or_default();
    let what = if store == Store::Azure {
        "container"
    } else {
        "bucket"
    };
    format!("the {what} `{name}`")
}

pub(super) fn permissions(place: &str) -> String {
    let (_, path) = place.split_once("://").unwrap_or_default();
    let path = path.trim_end_matches('/');
    match Store::of(place) {
        Store::S3 => {
            let bucket = path.split('/').next().unwrap_or_default();
            return format!(
                "allow this to the exporter's identity, `s3:ListBucket` on `arn:aws:s3:::{bucket}`, all else on `arn:aws:s3:::{path}/*`"
            );
        }
        Store::Azure => "give the exporter's identity the role `Storage Blob Data Contributor` on the container; a SAS needs `rcwl`, and `d` to tidy up",
        Store::Google => "give the exporter's identity a role on the bucket that has this, such as `roles/storage.objectUser`",
        Store::Other => "the exporter's identity needs this",
    }
    .to_owned()
}

pub(super) fn refused(tried: &Tried, refusal: &Refusal) -> Option<String> {
    let store = Store::of(&tried.place);
    let hint = match refusal.kind {
        RefusalKind::Credentials => credentials(store).to_owned(),
        RefusalKind::Expired => format!("{}: they are read again, no restart is needed", expired(store)),
        RefusalKind::Clock => {
            "set the clock of this machine right: signatures are good for some minutes".to_owned()
        }
        RefusalKind::Region => match &refusal.region {
            Some(region) => format!("set `aws_region = \"{region}\"` in `archive.options`"),
            None => {
                "set `aws_region` in `archive.options`, and check `aws_endpoint` if there is one".to_owned()
            }
        },
        RefusalKind::NoBucket => format!(
            "is `archive.url` right, and the endpoint, if one is set? The exporter makes no {}",
            if store == Store::Azure {
                "containers"
            } else {
                "buckets"
            }
        ),
        RefusalKind::Permission => permission(tried, store)?,
        RefusalKind::Other if refusal.code.as_deref() == Some("InvalidObjectState") => {
            "it was moved to a class that is not read at once: restore it first".to_owned()
        }
        RefusalKind::Other if (300..400).contains(&refusal.status) || refusal.status == 404 => {
            "is the endpoint in `archive.options` right? What answers there does not speak as a store does"
                .to_owned()
        }
        RefusalKind::NoObject | RefusalKind::Passing | RefusalKind::Other => return None,
    };
    Some(hint)
}

pub(super) fn unreachable(tried: &Tried, error: &Unreachable) -> Option<String> {
    let hint = match error.kind {
        UnreachableKind::Connect | UnreachableKind::Timeout if error.is_metadata() => {
            match Store::of(&tried.place) {
                Store::S3 if error.kind == UnreachableKind::Timeout => {
                    "no credentials are configured, and this machine gave none: in a container on EC2 the hop limit of the metadata service must be 2; elsewhere set `aws_access_key_id` and `aws_secret_access_key` in `archive.options`, or a profile"
                }
                Store::S3 => {
                    "no credentials are configured, and this machine has none to give: set `aws_access_key_id` and `aws_secret_access_key` in `archive.options`, or a profile"
                }
                Store::Azure => {
                    "no credentials are configured, and this machine has no managed identity: set a key, a SAS or a client secret in `archive.options`"
                }
                _ => {
                    "no credentials are configured, and this machine has none to give: set `google_service_account` in `archive.options`"
                }
            }
        }
        UnreachableKind::UnknownHost => {
            "check the endpoint, region or account in `archive.options`, and whether a proxy is needed"
        }
        UnreachableKind::Timeout => {
            "it is tried again; if that goes on, check the endpoint and the way through firewalls and proxies, or allow more than the `timeout` among `archive.options`"
        }
        UnreachableKind::Connect | UnreachableKind::Lost => {
            "it is tried again; if that goes on, check the endpoint, the way through firewalls, and whether a proxy is needed"
        }
        UnreachableKind::Certificate => "if its authority is one of your own, name it in `archive.ca_file`",
        UnreachableKind::PlainHttp => "give the endpoint as `https://…`",
        UnreachableKind::Unsendable => return None,
    };
    Some(hint.to_owned())
}

fn credentials(store: Store) -> &'static str {
    match store {
        Store::S3 => {
            "check `aws_access_key_id` and `aws_secret_access_key`, or the role or profile they come from; they are read again, no restart is needed"
        }
        Store::Azure => {
            "check the account's name and its key, SAS, client secret or identity; they are read again, no restart is needed"
        }
        Store::Google => "check the service account's key, or the machine's identity",
        Store::Other => "check the credentials",
    }
}

fn expired(store: Store) -> &'static str {
    match store {
        Store::S3 => "renew key, secret and `aws_session_token` together",
        Store::Azure => "renew the SAS or the token",
        Store::Google | Store::Other => "renew the credentials",
    }
}

fn permission(tried: &Tried, store: Store) -> Option<String> {
    if tried.verb == AGAIN {
        let hint =
            "the store must be able to answer that the object exists; a SAS needs `w` beside `c` for that";
        return Some(hint.to_owned());
    }
    let permission = Permission::of(tried.verb)?;
    let name = permission.name(store)?;
    Some(match (store, permission) {
        (Store::S3, Permission::Get) => format!(
            "allow `{name}` to the exporter's identity; without `s3:ListBucket` S3 answers so for an object that is not there, too"
        ),
        (Store::S3, Permission::Put) => format!(
            "allow `{name}` to the exporter's identity; a bucket encrypted with a key of KMS needs `kms:GenerateDataKey` too"
        ),
        (Store::Azure, _) => format!(
            "{}; a firewall of the account answers so, too",
            permissions(&tried.place)
        ),
        _ => format!("allow `{name}` to the exporter's identity"),
    })
}

impl Unreachable {
    /// It was to give out credentials of this machine.
    pub(super) fn is_metadata(&self) -> bool {
        let host = self.host.trim_start_matches('[');
        METADATA.iter().any(|metadata| host.starts_with(metadata))
    }
}
