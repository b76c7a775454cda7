//! Why a TLS handshake failed, in words.
//!
//! rustls speaks TLS 1.2 and 1.3 with forward secrecy and authenticated encryption, and nothing older: no TLS 1.0 or 1.1, no
//! RC4, 3DES or CBC, no key exchange by RSA alone, no SHA-1 or MD5 in certificates, no RSA keys below 2048 bits. To
//! trust the certificate of a server that has only those is of no use, so that these failures are kept apart.

use rustls::{
    AlertDescription, CertificateError, InvalidMessage, PeerIncompatible, PeerMisbehaved,
};

use super::ErrorKind;

/// The kind of a failed handshake, and what happened.
pub(super) fn explain(error: &rustls::Error) -> (ErrorKind, String) {
    use ErrorKind::{NotTls, OldTls, Tls};
    use rustls::Error::{
        AlertReceived, InvalidCertificate, InvalidMessage as Invalid,
        PeerIncompatible as Incompatible, PeerMisbehaved as Misbehaved,
    };
    let (kind, what) = match error {
        AlertReceived(AlertDescription::ProtocolVersion) => (
            OldTls,
            "the server refuses TLS 1.2 and 1.3, so that it speaks only older versions",
        ),
        Incompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13)
        | Invalid(InvalidMessage::UnknownProtocolVersion) => {
            (OldTls, "the server speaks only TLS versions older than 1.2")
        }
        AlertReceived(
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity,
        ) => (
            OldTls,
            "no cipher in common: the server accepts none with ECDHE and AES-GCM or ChaCha20 (or requires a client certificate, `--cert`)",
        ),
        Misbehaved(
            PeerMisbehaved::SelectedUnofferedCipherSuite
            | PeerMisbehaved::SelectedUnusableCipherSuiteForVersion
            | PeerMisbehaved::SelectedUnofferedCompression
            | PeerMisbehaved::SelectedUnofferedKxGroup,
        ) => (
            OldTls,
            "no cipher in common: the server chose one without ECDHE and AES-GCM or ChaCha20",
        ),
        Misbehaved(
            PeerMisbehaved::SignedKxWithWrongAlgorithm
            | PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme,
        ) => (
            OldTls,
            "the server signs with an obsolete algorithm, such as SHA-1",
        ),
        AlertReceived(AlertDescription::CertificateRequired) => {
            (Tls, "the server requires a client certificate (`--cert`)")
        }
        AlertReceived(AlertDescription::UnrecognisedName) => {
            (Tls, "the server has no certificate for this host name")
        }
        Invalid(InvalidMessage::InvalidContentType) => {
            (NotTls, "the server does not speak TLS on this port")
        }
        InvalidCertificate(certificate) => return of_certificate(certificate),
        _ => return (Tls, error.to_string()),
    };
    (kind, what.to_owned())
}

fn of_certificate(certificate: &CertificateError) -> (ErrorKind, String) {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidYet, NotValidYetContext, Other,
        UnknownIssuer, UnsupportedSignatureAlgorithmContext,
        UnsupportedSignatureAlgorithmForPublicKeyContext,
    };
    let what = match certificate {
        UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: id,
            ..
        }
        | UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: id,
            ..
        } => {
            let name = obsolete_algorithm(id).unwrap_or("an algorithm that is not supported");
            format!("it is signed with {name}")
        }
        BadSignature => {
            "a signature is not valid, or made with an RSA key of less than 2048 bits, or by another authority of the same name".to_owned()
        }
        // the only one of the errors that rustls has no name for which servers cause
        Other(other) if other.to_string() == "CaUsedAsEndEntity" => {
            "it is the self-signed one of an authority".to_owned()
        }
        Expired | ExpiredContext { .. } => {
            "it has expired, by the clock of this machine".to_owned()
        }
        NotValidYet | NotValidYetContext { .. } => {
            "it is not valid yet, by the clock of this machine".to_owned()
        }
        UnknownIssuer => "its issuer is not trusted".to_owned(),
        certificate => certificate.to_string(),
    };
    let kind = match certificate {
        UnknownIssuer => ErrorKind::UnknownIssuer,
        _ => ErrorKind::Certificate,
    };
    (kind, format!("invalid peer certificate: {what}"))
}

/// The name of an algorithm that was used to sign certificates, by its identifier in DER.
fn obsolete_algorithm(id: &[u8]) -> Option<&'static str> {
    const NAMES: [(&[u8], &str); 4] = [
        (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x02", "MD2"),
        (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04", "MD5"),
        (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", "SHA-1"),
        (b"\x2a\x86\x48\xce\x3d\x04\x01", "SHA-1"),
    ];
    let has = |oid: &[u8]| id.windows(oid.len()).any(|part| part == oid);
    NAMES
        .iter()
        .find_map(|(oid, name)| has(oid).then_some(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_unknown_issuer_is_a_matter_of_trust() {
        let explain = |certificate| explain(&rustls::Error::InvalidCertificate(certificate));
        let signed = |oid: &[u8]| CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: [&[6, 9], oid, &[5, 0]].concat(),
            supported_algorithms: Vec::new(),
        };
        for (certificate, words) in [
            (
                signed(b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"),
                "it is signed with SHA-1",
            ),
            (
                signed(b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04"),
                "it is signed with MD5",
            ),
            (
                signed(b"\x2b\x65\x71"),
                "it is signed with an algorithm that is not supported",
            ),
            (
                CertificateError::BadSignature,
                "an RSA key of less than 2048 bits",
            ),
            (CertificateError::Expired, "expired"),
        ] {
            let (kind, message) = explain(certificate);
            assert!(message.contains(words), "{message}");
            assert_eq!(kind, ErrorKind::Certificate, "{message}");
        }
        assert_eq!(
            explain(CertificateError::UnknownIssuer).0,
            ErrorKind::UnknownIssuer
        );
    }
}
