//! What an archive's store must allow, in the words of the store's own policy language. Pure.

use std::fmt;

/// Something that the commit protocol does with objects.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Permission {
    /// Find objects by their prefix.
    List,
    /// Create an object.
    Put,
    /// Read an object.
    Get,
    /// Delete an object that no commit names.
    Delete,
}

/// Who speaks which policy language.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Store {
    S3,
    Azure,
    Google,
    /// A directory, or a store of a test.
    Other,
}

impl Store {
    /// By the scheme of an archive's URL.
    pub(super) fn of(place: &str) -> Self {
        match place.split("://").next().unwrap_or_default() {
            "s3" => Self::S3,
            "az" | "abfss" => Self::Azure,
            "gs" => Self::Google,
            _ => Self::Other,
        }
    }
}

impl Permission {
    /// What is missing when this fails: the verb of an error.
    pub(super) fn of(verb: &str) -> Option<Self> {
        Some(match verb {
            "list" => Self::List,
            "create" => Self::Put,
            "read" => Self::Get,
            "delete" => Self::Delete,
            _ => return None,
        })
    }

    /// Its name in the store's policy language.
    pub(super) fn name(self, store: Store) -> Option<&'static str> {
        Some(match (store, self) {
            (Store::S3, Self::List) => "s3:ListBucket",
            (Store::S3, Self::Put) => "s3:PutObject",
            (Store::S3, Self::Get) => "s3:GetObject",
            (Store::S3, Self::Delete) => "s3:DeleteObject",
            // Listing is reading there, and creating needs no right to overwrite.
            (Store::Azure, Self::List | Self::Get) => {
                "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
            }
            (Store::Azure, Self::Put) => {
                "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"
            }
            (Store::Azure, Self::Delete) => {
                "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete"
            }
            (Store::Google, Self::List) => "storage.objects.list",
            (Store::Google, Self::Put) => "storage.objects.create",
            (Store::Google, Self::Get) => "storage.objects.get",
            (Store::Google, Self::Delete) => "storage.objects.delete",
            (Store::Other, _) => return None,
        })
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::List => "list",
            Self::Put => "put",
            Self::Get => "get",
            Self::Delete => "delete",
        })
    }
}

/// "put (`s3:PutObject`) and list (`s3:ListBucket`) are missing".
pub(super) fn missing(permissions: &[Permission], place: &str) -> String {
    let store = Store::of(place);
    let named = permissions.iter().map(|permission| match permission.name(store) {
        Some(name) => format!("{permission} (`{name}`)"),
        None => permission.to_string(),
    });
    let named: Vec<String> = named.collect();
    let verb = if named.len() == 1 { "is" } else { "are" };
    match named.split_last() {
        Some((last, [])) => format!("{last} {verb} missing"),
        Some((last, others)) => format!("{} and {last} {verb} missing", others.join(", ")),
        None => "none is missing".to_owned(),
    }
}
