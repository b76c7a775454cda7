//! Encryption: whom we trust, and what we show.

use std::sync::{Arc, OnceLock};

use anyhow::Context;
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::connect::{BoxError, Stream};
use crate::fetch::access::{Access, Version};

/// How connections are encrypted. The certificates of the system are read for the first one that is.
pub(super) struct Tls {
    access: Access,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Tls {
    /// What `access` says of certificates.
    ///
    /// # Errors
    ///
    /// When it names some that cannot be used.
    pub(super) fn new(access: &Access) -> anyhow::Result<Self> {
        let this = Self {
            access: access.clone(),
            config: OnceLock::new(),
        };
        if access.trusted.is_some() || access.identity.is_some() {
            let _ = this.config.set(Arc::new(this.build()?));
        }
        Ok(this)
    }

    /// Encrypts `stream` to the host of `url`, and tells whether HTTP/2 is spoken over it; with a proxy, it never is.
    pub(super) async fn over(
        &self,
        stream: Stream,
        url: &Url,
        is_proxy: bool,
    ) -> Result<(Stream, bool), BoxError> {
        let name = match url.host() {
            Some(Host::Ipv4(address)) => ServerName::from(std::net::IpAddr::from(address)),
            Some(Host::Ipv6(address)) => ServerName::from(std::net::IpAddr::from(address)),
            Some(Host::Domain(name)) => ServerName::try_from(name.to_owned())?,
            None => return Err("there is no host".into()),
        };
        let config = if let Some(config) = self.config.get() {
            config
        } else {
            // several may build it at once, and one of them is the first
            let built = Arc::new(self.build()?);
            self.config.get_or_init(|| built)
        };
        let mut config = Arc::clone(config);
        if is_proxy {
            Arc::make_mut(&mut config).alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        let stream = TlsConnector::from(config)
            .connect(name, TokioIo::new(stream))
            .await?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((Box::new(TokioIo::new(stream)), http2))
    }

    fn build(&self) -> anyhow::Result<ClientConfig> {
        let provider = Arc::new(ring::default_provider());
        let versions = || {
            ClientConfig::builder_with_provider(Arc::clone(&provider))
                .with_safe_default_protocol_versions()
        };
        let builder = if self.access.insecure {
            let anybody = Arc::new(Anybody(Arc::clone(&provider)));
            versions()?
                .dangerous()
                .with_custom_certificate_verifier(anybody)
        } else if let Some(pem) = &self.access.trusted {
            versions()?.with_root_certificates(roots(pem)?)
        } else if let Ok(builder) = versions()?.with_platform_verifier() {
            builder
        } else {
            // a machine without a single CA certificate: the ones that are built in
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(
                webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned(),
            );
            versions()?.with_root_certificates(roots)
        };
        let mut config = match &self.access.identity {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let wrong =
                    "cannot use the certificate of `--cert` and its key: both are needed, in PEM";
                let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
                let key = PrivateKeyDer::from_pem_slice(pem).context(wrong)?;
                builder
                    .with_client_auth_cert(chain.context(wrong)?, key)
                    .context(wrong)?
            }
        };
        config.alpn_protocols = match self.access.version {
            None => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Some(Version::Http1) => vec![b"http/1.1".to_vec()],
            Some(Version::Http2) => vec![b"h2".to_vec()],
        };
        Ok(config)
    }
}

/// The certificates of `--cacert`.
fn roots(pem: &[u8]) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let added = certificate.map(|certificate| roots.add(certificate));
        added
            .context("cannot read the certificates of `--cacert`")?
            .context("cannot trust a certificate of `--cacert`")?;
    }
    anyhow::ensure!(
        !roots.is_empty(),
        "no certificate in PEM in the file of `--cacert`"
    );
    Ok(roots)
}

/// Takes any certificate: for `--insecure`.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
