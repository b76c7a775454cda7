//! TLS: which servers are trusted, and the client certificate.
//!
//! Reading the certificates of the system takes longer than everything else at startup, so it is put off until the first
//! encrypted connection.

use std::sync::{Arc, LazyLock};

use anyhow::Context;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::{HttpOptions, HttpVersion};

/// The TLS configuration of the client.
///
/// # Errors
///
/// If a certificate of the options cannot be used.
pub(super) fn config(options: &HttpOptions) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions()?;
    let builder = if options.insecure {
        let verifier = Arc::new(NoVerification(provider));
        let builder = builder.dangerous();
        builder.with_custom_certificate_verifier(verifier)
    } else if let Some(pem) = &options.trusted {
        builder.with_root_certificates(roots(pem)?)
    } else {
        let verifier = Arc::new(SystemRoots(LazyLock::new(system_roots)));
        let builder = builder.dangerous();
        builder.with_custom_certificate_verifier(verifier)
    };
    let mut config = match &options.identity {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let unusable = "cannot use `--cert` and `--key`: both a certificate and its key are required, in PEM";
            let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
            let key = PrivateKeyDer::from_pem_slice(pem).context(unusable)?;
            let config = builder.with_client_auth_cert(chain.context(unusable)?, key);
            config.context(unusable)?
        }
    };
    config.alpn_protocols = match options.version {
        None => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Some(HttpVersion::Http1) => vec![b"http/1.1".to_vec()],
        Some(HttpVersion::Http2) => vec![b"h2".to_vec()],
    };
    Ok(config)
}

/// The certificates of `--cacert`.
fn roots(pem: &[u8]) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.context("cannot read the certificates of `--cacert`")?;
        let added = roots.add(certificate);
        added.context("cannot trust a certificate of `--cacert`")?;
    }
    anyhow::ensure!(
        !roots.is_empty(),
        "no PEM certificate in the file of `--cacert`"
    );
    Ok(roots)
}

/// Trusts the certificates that the system trusts.
#[derive(Debug)]
struct SystemRoots(LazyLock<Arc<dyn ServerCertVerifier>>);

fn system_roots() -> Arc<dyn ServerCertVerifier> {
    let provider = Arc::new(ring::default_provider());
    if let Ok(verifier) = Verifier::new(Arc::clone(&provider)) {
        return Arc::new(verifier);
    }
    // a system without a single CA certificate: use the built-in ones
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    WebPkiServerVerifier::builder_with_provider(roots.into(), provider)
        .build()
        .expect("the built-in roots are not empty")
}

impl ServerCertVerifier for SystemRoots {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.0
            .verify_server_cert(end_entity, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Accepts any certificate: for `--insecure`.
#[derive(Debug)]
struct NoVerification(Arc<CryptoProvider>);

impl ServerCertVerifier for NoVerification {
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
