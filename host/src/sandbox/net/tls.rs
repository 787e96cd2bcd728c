//! Connections over TLS: who answers proves to be the host that was asked for.
//!
//! Invariant: the proof is a certificate for that very name or address, signed by an authority that browsers trust, as
//! these were when this program was built. Deliberately absent: authorities of this machine or of a project, certificates
//! of clients, and any way to go on without proof.

use std::io;
use std::sync::{Arc, LazyLock};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error as TlsError, RootCertStore};
use wasmtime_wasi_http::Error;

use super::grant::Host;

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Unsecured {
    /// The certificate proves nothing: a sentence.
    Certificate(&'static str),
    Failed(Error),
}

/// Makes a connection to a host a secure one.
pub(super) async fn secured(stream: TcpStream, host: &Host) -> Result<TlsStream<TcpStream>, Unsecured> {
    static CONFIG: LazyLock<Result<Arc<ClientConfig>, TlsError>> =
        LazyLock::new(|| trusting(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() }));
    let config = CONFIG.clone().map_err(|error| Unsecured::Failed(Error::Tls(io::Error::other(error))))?;
    connect(stream, host, config).await
}

fn trusting(authorities: RootCertStore) -> Result<Arc<ClientConfig>, TlsError> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_root_certificates(authorities).with_no_client_auth()))
}

async fn connect(
    stream: TcpStream,
    host: &Host,
    config: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, Unsecured> {
    let server = match host {
        Host::Address(address) => ServerName::from(*address),
        Host::Name(name) => {
            ServerName::try_from(name.clone()).map_err(|_| Unsecured::Failed(Error::HttpRequestUriInvalid))?
        }
    };
    TlsConnector::from(config).connect(server, stream).await.map_err(unsecured)
}

/// What a certificate itself says is a stranger's text, and is not repeated.
fn unsecured(error: io::Error) -> Unsecured {
    let Some(TlsError::InvalidCertificate(problem)) = error.get_ref().and_then(|it| it.downcast_ref()) else {
        return Unsecured::Failed(Error::Tls(error));
    };
    Unsecured::Certificate(match problem {
        CertificateError::UnknownIssuer => "no authority that browsers trust has signed its certificate",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another host"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate has expired",
        _ => "its certificate is not valid",
    })
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};

    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio_rustls::rustls::{ServerConfig, ServerConnection, Stream};
    use wasmtime_wasi::runtime::in_tokio;

    use super::*;

    /// An authority that nobody trusts unless told to.
    pub(in super::super) struct Authority {
        certificate: CertificateDer<'static>,
        issuer: Issuer<'static, KeyPair>,
    }

    impl Authority {
        pub(in super::super) fn new() -> Self {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().unwrap();
            let certificate = params.self_signed(&key).unwrap().into();
            Self { certificate, issuer: Issuer::new(params, key) }
        }

        /// A server that answers each request with these bytes. Its certificate, for `localhost` and 127.0.0.1, holds
        /// from 2000 to a year.
        pub(in super::super) fn server(&self, until: i32, answer: &'static [u8]) -> SocketAddr {
            let mut params =
                CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
            (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(until, 1, 1));
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &self.issuer).unwrap();
            let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth();
            let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            let config = Arc::new(config.with_single_cert(vec![certificate.into()], key).unwrap());
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let (mut socket, mut tls) =
                        (stream.unwrap(), ServerConnection::new(config.clone()).unwrap());
                    let mut stream = Stream::new(&mut tls, &mut socket);
                    // A client that does not like the certificate goes away.
                    _ = stream.read(&mut [0; 4096]);
                    _ = stream.write_all(answer);
                }
            });
            address
        }
    }

    #[test]
    fn only_the_host_that_was_asked_for_can_prove_to_be_it() {
        const VALID: i32 = 2100;
        const EXPIRED: i32 = 2001;
        let authority = Authority::new();
        let mut trusted = RootCertStore::empty();
        trusted.add(authority.certificate.clone()).unwrap();
        let outcome = |until, host: &Host, trusted: &RootCertStore| {
            let address = authority.server(until, b"");
            in_tokio(async {
                let stream = TcpStream::connect(address).await.unwrap();
                connect(stream, host, trusting(trusted.clone()).unwrap()).await.map(drop)
            })
        };
        let name = |text: &str| Host::Name(text.to_owned());
        let address = |text: &str| Host::Address(text.parse().unwrap());
        for host in [name("localhost"), address("127.0.0.1")] {
            outcome(VALID, &host, &trusted).unwrap();
        }
        let nobody = &RootCertStore::empty();
        for (until, host, trusted, told) in [
            (VALID, name("localhost"), nobody, "no authority that browsers trust has signed its certificate"),
            (VALID, name("example.com"), &trusted, "its certificate is for another host"),
            (VALID, name("localhost.example.com"), &trusted, "its certificate is for another host"),
            (VALID, name("127.0.0.1.example"), &trusted, "its certificate is for another host"),
            (VALID, address("127.0.0.2"), &trusted, "its certificate is for another host"),
            (VALID, address("::1"), &trusted, "its certificate is for another host"),
            (EXPIRED, name("localhost"), &trusted, "its certificate has expired"),
        ] {
            match outcome(until, &host, trusted) {
                Err(Unsecured::Certificate(found)) => assert_eq!(found, told, "{host:?}"),
                other => panic!("{host:?}: {other:?}"),
            }
        }
    }
}
