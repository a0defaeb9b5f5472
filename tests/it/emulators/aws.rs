//! Amazon S3 and its users, made as an administrator makes them: by signed requests to its own API.

use std::net::SocketAddr;

use bytes::Bytes;
use hyper::{Request, Response, header};
use object_store::{
    aws::{AwsAuthorizer, AwsCredential},
    client::{HttpRequest, HttpRequestBody},
};
use serde_json::json;
use tokio::sync::OnceCell;
use url::form_urlencoded::Serializer;

use super::running::Running;
use crate::{store::Kind, wire};

/// Where users are made; they are valid in all regions.
const REGION: &str = "us-east-1";
const IAM: &str = "2010-05-08";
const STS: &str = "2011-06-15";

/// A running server.
pub struct S3 {
    pub running: Running,
    administrator: OnceCell<AwsCredential>,
}

/// What a user may do in one bucket.
#[derive(Clone)]
pub struct Grant<'a> {
    pub bucket: &'a str,
    /// What he may not; he may all else that an archive needs.
    pub lacks: &'a [Kind],
}

impl Grant<'_> {
    fn policy(&self) -> String {
        let bucket = format!("arn:aws:s3:::{}", self.bucket);
        let objects = format!("{bucket}/*");
        let actions = [
            (Kind::List, "s3:ListBucket"),
            (Kind::Put, "s3:PutObject"),
            (Kind::Get, "s3:GetObject"),
            // Moto looks for this one on the bucket, where several objects are deleted at once.
            (Kind::Delete, "s3:DeleteObject"),
        ];
        let granted = actions.iter().filter(|(kind, _)| !self.lacks.contains(kind));
        let granted: Vec<&str> = granted.map(|(_, action)| *action).collect();
        let statement = json!({ "Effect": "Allow", "Action": granted, "Resource": [bucket, objects] });
        json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
    }
}

impl S3 {
    pub fn new(running: Running) -> Self {
        Self {
            running,
            administrator: OnceCell::new(),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// A bucket; one with a lock keeps all versions of each object for a day, whatever anybody does.
    pub async fn create_bucket(&self, name: &str, region: &str, locked: bool) {
        let admin = self.administrator().await;
        let location = format!(
            "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        );
        let request = Request::put(format!("http://{}/{name}", self.address()))
            .header("x-amz-bucket-object-lock-enabled", locked.to_string());
        let request = request.body(location.into()).unwrap();
        self.send(admin, "s3", region, request).await;
        if locked {
            let lock = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>\
                        <DefaultRetention><Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule>\
                        </ObjectLockConfiguration>";
            let request = Request::put(format!("http://{}/{name}?object-lock", self.address()));
            self.send(admin, "s3", region, request.body(lock.to_owned().into()).unwrap())
                .await;
        }
    }

    /// A user of that name with a key.
    pub async fn create_user(&self, name: &str, grant: &Grant<'_>) -> AwsCredential {
        self.make_user(Some(self.administrator().await), name, &grant.policy())
            .await
    }

    /// Credentials with a session token.
    pub async fn assume_role(&self, name: &str, grant: &Grant<'_>) -> AwsCredential {
        let admin = Some(self.administrator().await);
        let anybody = json!({ "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "sts:AssumeRole" });
        let trust = json!({ "Version": "2012-10-17", "Statement": [anybody] }).to_string();
        let role = [("RoleName", name), ("AssumeRolePolicyDocument", &trust)];
        let made = self.call(admin, "iam", IAM, "CreateRole", &role).await;
        let policy = [
            ("RoleName", name),
            ("PolicyName", "archive"),
            ("PolicyDocument", &grant.policy()),
        ];
        self.call(admin, "iam", IAM, "PutRolePolicy", &policy).await;
        let session = [("RoleArn", &*inside(&made, "Arn")), ("RoleSessionName", "tests")];
        let session = self.call(admin, "sts", STS, "AssumeRole", &session).await;
        AwsCredential {
            key_id: inside(&session, "AccessKeyId"),
            secret_key: inside(&session, "SecretAccessKey"),
            token: Some(inside(&session, "SessionToken")),
        }
    }

    /// The user who makes all others, himself made by the three requests that are not checked.
    pub async fn administrator(&self) -> &AwsCredential {
        let make = || {
            let anything = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
            let policy = json!({ "Version": "2012-10-17", "Statement": [anything] }).to_string();
            async move { self.make_user(None, "administrator", &policy).await }
        };
        self.administrator.get_or_init(make).await
    }

    async fn make_user(&self, by: Option<&AwsCredential>, name: &str, policy: &str) -> AwsCredential {
        let user = [("UserName", name)];
        self.call(by, "iam", IAM, "CreateUser", &user).await;
        self.put_policy(by, name, policy).await;
        let key = self.call(by, "iam", IAM, "CreateAccessKey", &user).await;
        AwsCredential {
            key_id: inside(&key, "AccessKeyId"),
            secret_key: inside(&key, "SecretAccessKey"),
            token: None,
        }
    }

    async fn put_policy(&self, by: Option<&AwsCredential>, user: &str, policy: &str) {
        let parameters = [
            ("UserName", user),
            ("PolicyName", "archive"),
            ("PolicyDocument", policy),
        ];
        self.call(by, "iam", IAM, "PutUserPolicy", &parameters).await;
    }

    async fn call(
        &self,
        by: Option<&AwsCredential>,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> String {
        let body = Serializer::new(String::new())
            .extend_pairs([("Action", action), ("Version", version)])
            .extend_pairs(parameters)
            .finish();
        let nobody = AwsCredential {
            key_id: "nobody".to_owned(),
            secret_key: "nothing".to_owned(),
            token: None,
        };
        let request = Request::post(format!("http://{}/", self.address())).header(
            header::CONTENT_TYPE,
            "application/x-www-form-urlencoded; charset=utf-8",
        );
        let request = request.body(body.into()).unwrap();
        let reply = self.send(by.unwrap_or(&nobody), service, REGION, request).await;
        String::from_utf8(reply.into_body().to_vec()).unwrap()
    }

    /// Signs and sends a request that must succeed.
    async fn send(
        &self,
        by: &AwsCredential,
        service: &str,
        region: &str,
        mut request: HttpRequest,
    ) -> Response<Bytes> {
        AwsAuthorizer::new(by, service, region)
            .try_authorize(&mut request, None)
            .unwrap();
        send(self.address(), request).await
    }
}

/// Sends a signed request that must succeed.
pub async fn send(server: SocketAddr, mut request: HttpRequest) -> Response<Bytes> {
    let host = request.uri().authority().unwrap().as_str().parse().unwrap();
    request.headers_mut().insert(header::HOST, host);
    let path = request.uri().path_and_query().unwrap().clone();
    *request.uri_mut() = path.into();
    let about = format!("{} {}", request.method(), request.uri());
    let body = |body: HttpRequestBody| body.as_bytes().cloned().unwrap_or_default();
    let reply = wire::ask(server, request.map(body)).await.unwrap();
    assert!(reply.status().is_success(), "{about}: {reply:?}");
    reply
}

fn inside(xml: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let found = xml
        .split_once(&*open)
        .and_then(|(_, from)| from.split_once(&*close));
    found
        .unwrap_or_else(|| panic!("no {element} in {xml}"))
        .0
        .to_owned()
}
