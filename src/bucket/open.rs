//! How a bucket is found: its endpoint and the credentials, by the environment variables of the SDKs.

use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use object_store::aws::{
    AmazonS3Builder, AmazonS3ConfigKey, AwsAuthorizer, AwsCredential, S3ConditionalPut,
};
use object_store::azure::{
    AzureAuthorizer, AzureConfigKey, AzureCredential, MicrosoftAzureBuilder,
};
use object_store::client::HttpRequest;
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::list::PaginatedListStore;
use object_store::{CredentialProvider, ObjectStore, RetryConfig, StaticCredentialProvider};

use super::address::{Address, Service};
use super::refusal::no_credentials;
use crate::digest::Checksum;
use crate::http::{Connector, Signer};

/// What a bucket is reached by.
pub(super) struct Opened {
    pub(super) store: Arc<dyn ObjectStore>,
    /// The same, for lists.
    pub(super) pages: Arc<dyn PaginatedListStore>,
    pub(super) signing: Signing,
}

/// How requests with bodies from files are signed.
pub(super) enum Signing {
    /// Their signature does not depend on the body, or there is none.
    None,
    S3 {
        /// None for requests without a signature.
        credentials: Option<Arc<dyn CredentialProvider<Credential = AwsCredential>>>,
        region: Arc<str>,
        signs_payload: bool,
    },
    Azure {
        credentials: Arc<dyn CredentialProvider<Credential = AzureCredential>>,
        account: Arc<str>,
    },
}

/// The bucket at `address`. Sends no request. Only if it `asks_machine`, the machine is asked for credentials later.
///
/// # Errors
///
/// When the environment does not say how to reach it.
pub(super) fn open(
    address: &Address,
    connector: &Connector,
    asks_machine: bool,
) -> anyhow::Result<Opened> {
    let opened = match address.service {
        Service::S3 if !asks_machine && !has_s3_credentials() => {
            bail!("{}", no_credentials(address))
        }
        Service::S3 => s3(&address.bucket, connector),
        Service::GoogleCloud => google_cloud(&address.bucket, connector),
        Service::Azure => azure(&address.bucket, connector),
    };
    opened.with_context(|| format!("cannot use `{address}`"))
}

/// What the crate says of a setting that it cannot use, without its own prefix.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn wrong(error: object_store::Error) -> anyhow::Error {
    match &error {
        object_store::Error::Generic { source, .. } => anyhow!("{source}"),
        error => anyhow!("{error}"),
    }
}

/// Requests are repeated by their sender, who knows what it means.
fn no_retries() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    }
}

fn has_scheme(endpoint: &str) -> bool {
    endpoint.starts_with("http://") || endpoint.starts_with("https://")
}

fn is_set(value: Option<String>) -> bool {
    value.is_some_and(|value| {
        ["true", "1", "yes", "y", "on", "t"].contains(&&*value.to_ascii_lowercase())
    })
}

/// Whether the environment has credentials, or says who does.
fn has_s3_credentials() -> bool {
    use AmazonS3ConfigKey::{
        AccessKeyId, ContainerAuthorizationTokenFile, ContainerCredentialsFullUri,
        ContainerCredentialsRelativeUri, RoleArn, SecretAccessKey, SkipSignature,
        WebIdentityTokenFile,
    };
    let builder = AmazonS3Builder::from_env();
    let has = |key| builder.get_config_value(&key).is_some();
    is_set(builder.get_config_value(&SkipSignature))
        || has(AccessKeyId)
        || has(SecretAccessKey)
        || has(WebIdentityTokenFile) && has(RoleArn)
        || has(ContainerCredentialsRelativeUri)
        || has(ContainerCredentialsFullUri) && has(ContainerAuthorizationTokenFile)
}

fn s3(bucket: &str, connector: &Connector) -> anyhow::Result<Opened> {
    let builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // not every compatible store has it
        .with_config(AmazonS3ConfigKey::DisableBulkDelete, "true")
        .with_http_connector(connector.clone())
        .with_retry(no_retries());
    let value = |key| builder.get_config_value(&key);
    let region =
        value(AmazonS3ConfigKey::Region).or_else(|| value(AmazonS3ConfigKey::DefaultRegion));
    let region = region.unwrap_or_else(|| "us-east-1".to_owned());
    let is_anonymous = is_set(value(AmazonS3ConfigKey::SkipSignature));
    let signs_payload = !is_set(value(AmazonS3ConfigKey::UnsignedPayload));
    for key in [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint] {
        let endpoint = value(key).filter(|endpoint| !has_scheme(endpoint));
        if let Some(endpoint) = endpoint {
            bail!("the endpoint `{endpoint}` does not begin with `http://` or `https://`");
        }
    }
    let store = builder.with_region(&region).build().map_err(wrong)?;
    let credentials = (!is_anonymous).then(|| Arc::clone(store.credentials()));
    let store = Arc::new(store);
    Ok(Opened {
        pages: Arc::clone(&store) as _,
        store,
        signing: Signing::S3 {
            credentials,
            region: region.into(),
            signs_payload,
        },
    })
}

fn google_cloud(bucket: &str, connector: &Connector) -> anyhow::Result<Opened> {
    let builder = GoogleCloudStorageBuilder::from_env()
        .with_bucket_name(bucket)
        .with_http_connector(connector.clone())
        .with_retry(no_retries());
    let is_anonymous = is_set(builder.get_config_value(&GoogleConfigKey::SkipSignature));
    let builder = if is_anonymous {
        // uploads ask for them in any case
        let bearer = String::new();
        builder.with_credentials(Arc::new(StaticCredentialProvider::new(GcpCredential {
            bearer,
        })))
    } else {
        builder
    };
    let store = Arc::new(builder.build().map_err(wrong)?);
    Ok(Opened {
        pages: Arc::clone(&store) as _,
        store,
        signing: Signing::None,
    })
}

fn azure(container: &str, connector: &Connector) -> anyhow::Result<Opened> {
    let builder = MicrosoftAzureBuilder::from_env()
        .with_container_name(container)
        .with_http_connector(connector.clone())
        .with_retry(no_retries());
    let value = |key| builder.get_config_value(&key);
    let emulated =
        || is_set(value(AzureConfigKey::UseEmulator)).then(|| "devstoreaccount1".to_owned());
    let account = value(AzureConfigKey::AccountName).or_else(emulated);
    let account = account.context("no account: set `AZURE_STORAGE_ACCOUNT_NAME`")?;
    let is_anonymous = is_set(value(AzureConfigKey::SkipSignature));
    let store = builder.build().map_err(wrong)?;
    let credentials = Arc::clone(store.credentials());
    let store = Arc::new(store);
    Ok(Opened {
        pages: Arc::clone(&store) as _,
        store,
        signing: if is_anonymous {
            Signing::None
        } else {
            Signing::Azure {
                credentials,
                account: account.into(),
            }
        },
    })
}

impl Signing {
    /// What signs a request whose body has this checksum, once its length is known.
    ///
    /// # Errors
    ///
    /// When there are no credentials.
    pub(super) async fn signer(&self, sha256: Checksum) -> object_store::Result<Arc<dyn Signer>> {
        Ok(match self {
            Self::None => Arc::new(Unsigned),
            Self::S3 {
                credentials,
                region,
                signs_payload,
            } => Arc::new(S3Signer {
                credential: match credentials {
                    Some(credentials) => Some(credentials.get_credential().await?),
                    None => None,
                },
                region: Arc::clone(region),
                signs_payload: *signs_payload,
                sha256,
            }),
            Self::Azure {
                credentials,
                account,
            } => Arc::new(AzureSigner {
                credential: credentials.get_credential().await?,
                account: Arc::clone(account),
            }),
        })
    }
}

struct Unsigned;

impl Signer for Unsigned {
    fn sign(&self, _: &mut HttpRequest) -> object_store::Result<()> {
        Ok(())
    }
}

struct S3Signer {
    credential: Option<Arc<AwsCredential>>,
    region: Arc<str>,
    signs_payload: bool,
    sha256: Checksum,
}

impl Signer for S3Signer {
    fn sign(&self, request: &mut HttpRequest) -> object_store::Result<()> {
        let digest = self.sha256.digest();
        let headers = request.headers_mut();
        // that of the empty body
        headers.remove("x-amz-checksum-crc64nvme");
        let checksum = HeaderValue::try_from(BASE64_STANDARD.encode(digest));
        headers.insert("x-amz-checksum-sha256", checksum.expect("it is ASCII"));
        let Some(credential) = &self.credential else {
            return Ok(());
        };
        let authorizer = AwsAuthorizer::new(credential, "s3", &self.region);
        let authorizer = authorizer.with_sign_payload(self.signs_payload);
        authorizer.try_authorize(request, Some(digest))
    }
}

struct AzureSigner {
    credential: Arc<AzureCredential>,
    account: Arc<str>,
}

impl Signer for AzureSigner {
    fn sign(&self, request: &mut HttpRequest) -> object_store::Result<()> {
        // others do not sign the length
        if matches!(*self.credential, AzureCredential::AccessKey(_)) {
            request.headers_mut().remove(AUTHORIZATION);
            AzureAuthorizer::new(&self.credential, &self.account).try_authorize(request)?;
        }
        Ok(())
    }
}
