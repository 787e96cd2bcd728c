//! Sends one request over a connection of its own, to an address that has been checked.

use std::future::Future;
use std::net::SocketAddr;

use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::{Error, WasiBody};

use super::grant::{Destination, Host};
use super::is_public;
use super::tls::{Unsecured, secured};

/// What keeps a connection going: to be driven until the response has been read.
pub(super) type Driver = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// A response, or none because of what the destination turned out to be: a sentence, and what the guest learns.
pub(super) enum Sent {
    Response(Response<Incoming>, Driver),
    Denied(String, Error),
}

/// Sends a request to its destination.
pub(super) async fn send(mut request: Request<WasiBody>, to: &Destination) -> Result<Sent, Error> {
    let is_secure = request.uri().scheme_str() != Some("http");
    let addresses = addresses(to).await?;
    let allowed: Vec<_> =
        addresses.iter().filter(|it| to.allows_private || is_public(it.ip())).copied().collect();
    if allowed.is_empty() {
        return match addresses.first() {
            Some(address) => {
                let problem = format!("it leads to {}, which is not public", address.ip());
                Ok(Sent::Denied(problem, Error::DestinationIpProhibited))
            }
            None => Err(Error::DestinationNotFound),
        };
    }
    let stream = TcpStream::connect(&allowed[..]).await.map_err(Error::Connect)?;
    // A server is asked for a path; only a proxy is asked for more.
    let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    *request.uri_mut() = path.parse::<Uri>().map_err(|_| Error::HttpRequestUriInvalid)?;
    if !is_secure {
        return exchange(request, stream).await;
    }
    match secured(stream, &to.host).await {
        Ok(stream) => exchange(request, stream).await,
        Err(Unsecured::Certificate(problem)) => {
            Ok(Sent::Denied(problem.to_owned(), Error::TlsCertificateError))
        }
        Err(Unsecured::Failed(error)) => Err(error),
    }
}

/// The destination's addresses: a name is resolved here, and only here.
async fn addresses(to: &Destination) -> Result<Vec<SocketAddr>, Error> {
    match &to.host {
        Host::Address(address) => Ok(vec![SocketAddr::new(*address, to.port)]),
        Host::Name(name) => {
            let found = tokio::net::lookup_host((name.as_str(), to.port)).await;
            let found =
                found.map_err(|error| Error::DnsError { rcode: Some(error.to_string()), info_code: None })?;
            Ok(found.collect())
        }
    }
}

async fn exchange(
    request: Request<WasiBody>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<Sent, Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut connection = Box::pin(connection);
    let response = sender.send_request(request);
    // The connection moves only while it is polled, and may end before the response is taken.
    let response = tokio::select! {
        biased;
        response = response => response?,
        ended = &mut connection => return Err(ended.err().map_or(Error::ConnectionTerminated, Error::from)),
    };
    let driver = async move { connection.await.map_err(Error::from) };
    Ok(Sent::Response(response, Box::new(driver)))
}
