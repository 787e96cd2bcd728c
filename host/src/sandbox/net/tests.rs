//! Requests to a server of the test's own, on this machine.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt, Empty};
use wasmtime_wasi::runtime::in_tokio;
use wasmtime_wasi_http::{Error, WasiHttpHooks};

use super::gate::Gate;
use super::grant::HostGrant;
use super::tls::tests::Authority;
use crate::sandbox::failure::FailureKind;
use crate::sandbox::interrupt::{Interrupt, Watch};

/// A server that answers each request with these bytes, and then says nothing more.
fn server(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            _ = stream.read(&mut [0; 4096]);
            _ = stream.write_all(answer);
            held.push(stream);
        }
    });
    address
}

fn gate(grants: &[HostGrant], interrupt: &Interrupt, limit: u64) -> Gate {
    Gate::new(grants.to_vec(), Watch::start(interrupt.clone(), Duration::from_mins(1)), limit)
}

/// Sends a request and reads the response to its end.
fn get(gate: &mut Gate, uri: &str) -> Result<(u16, Vec<u8>), Error> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let request = Request::get(uri).body(body).unwrap();
    let sending = gate.send_request(request, None, Box::new(async { Ok(()) }));
    in_tokio(async {
        let (response, driver) = Box::into_pin(sending).await?;
        let driver = tokio::spawn(Box::into_pin(driver));
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes().to_vec();
        driver.abort();
        Ok((status, body))
    })
}

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

#[test]
fn a_granted_request_is_answered() {
    let address = server(HELLO);
    let grant = HostGrant::parse(&address.to_string()).unwrap();
    let mut gate = gate(&[grant], &Interrupt::default(), 5);
    assert_eq!(get(&mut gate, &format!("http://{address}/x")).unwrap(), (200, b"hello".to_vec()));
    assert!(gate.take_denials().is_empty() && gate.refused().is_none());
}

#[test]
fn a_redirect_is_a_request_of_its_own() {
    let elsewhere = server(HELLO);
    let address = server(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n");
    let mut gate = gate(&[HostGrant::parse(&address.to_string()).unwrap()], &Interrupt::default(), 1000);
    assert_eq!(get(&mut gate, &format!("http://{address}/")).unwrap().0, 302, "nobody follows it");
    assert!(matches!(get(&mut gate, &format!("http://{elsewhere}/")), Err(Error::HttpRequestDenied)));
    let denied = format!("denied GET http://{elsewhere}: it is not granted");
    assert_eq!(gate.take_denials().into_iter().collect::<Vec<_>>(), [denied]);
}

#[test]
fn a_name_that_leads_to_this_machine_is_denied_unless_that_is_granted() {
    let port = server(HELLO).port();
    let uri = format!("http://localhost:{port}/");
    let grant = |allows_private| HostGrant::new("localhost", Some(port), &[], allows_private).unwrap();
    let mut closed = gate(&[grant(false)], &Interrupt::default(), 1000);
    assert!(matches!(get(&mut closed, &uri), Err(Error::DestinationIpProhibited)));
    let told = closed.take_denials().pop_first().unwrap();
    assert!(told.starts_with(&format!("denied GET http://localhost:{port}: it leads to ")), "{told}");
    let mut open = gate(&[grant(true)], &Interrupt::default(), 1000);
    assert_eq!(get(&mut open, &uri).unwrap().0, 200);
}

#[test]
fn a_granted_name_that_is_read_as_an_address_is_judged_as_that() {
    let port = server(HELLO).port();
    for name in ["127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "0", "ip6-localhost"] {
        let grant = HostGrant::new(name, Some(port), &[], false).unwrap();
        let mut gate = gate(&[grant], &Interrupt::default(), 1000);
        // Where the system's resolver does not read it so, it leads nowhere.
        let error = get(&mut gate, &format!("http://{name}:{port}/")).unwrap_err();
        assert!(
            matches!(error, Error::DestinationIpProhibited | Error::DnsError { .. }),
            "{name}: {error:?}"
        );
    }
}

#[test]
fn a_redirect_to_this_machine_is_denied_like_any_other_request() {
    let near = server(HELLO).port();
    let grants = [HostGrant::new("localhost", Some(near), &[], false).unwrap()];
    let mut gate = gate(&grants, &Interrupt::default(), 1000);
    // What a redirect could name: none of it is what was granted, or it leads to where nothing may.
    for host in ["127.0.0.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "u:p@localhost", "localhost"] {
        let error = get(&mut gate, &format!("http://{host}:{near}/")).unwrap_err();
        assert!(matches!(error, Error::HttpRequestDenied | Error::DestinationIpProhibited), "{host}");
    }
    assert_eq!(gate.take_denials().len(), 6);
}

#[test]
fn a_server_that_cannot_prove_who_it_is_is_not_talked_to() {
    let port = Authority::new().server(2100, HELLO).port();
    let grant = |host| HostGrant::new(host, Some(port), &[], true).unwrap();
    let mut gate = gate(&[grant("localhost"), grant("127.0.0.1")], &Interrupt::default(), 1000);
    for host in ["localhost", "127.0.0.1"] {
        let error = get(&mut gate, &format!("https://{host}:{port}/")).unwrap_err();
        assert!(matches!(error, Error::TlsCertificateError), "{host}: {error:?}");
        let told = gate.take_denials().pop_first().unwrap();
        let problem = "no authority that browsers trust has signed its certificate";
        assert_eq!(told, format!("denied GET https://{host}:{port}: {problem}"));
    }
    // Nor is one that speaks no TLS at all, and nobody tries again without it.
    let plain = server(HELLO);
    let mut gate = self::gate(&[HostGrant::parse(&plain.to_string()).unwrap()], &Interrupt::default(), 1000);
    let error = get(&mut gate, &format!("https://{plain}/")).unwrap_err();
    assert!(matches!(error, Error::Tls(_)), "{error:?}");
}

#[test]
fn responses_are_limited_together() {
    let address = server(HELLO);
    let uri = format!("http://{address}/");
    let mut gate = gate(&[HostGrant::parse(&address.to_string()).unwrap()], &Interrupt::default(), 9);
    get(&mut gate, &uri).unwrap();
    assert!(gate.refused().is_none());
    assert!(matches!(get(&mut gate, &uri), Err(Error::HttpResponseBodySize(Some(9)))));
    let failure = gate.refused().unwrap();
    assert_eq!(failure.kind, FailureKind::ResponsesTooLarge);
    assert_eq!(failure.message, "the responses to the step's requests exceed 9 bytes");
}

#[test]
fn a_server_that_says_nothing_does_not_hold_a_canceled_step() {
    let silent = server(b"");
    let half = server(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello");
    for address in [silent, half] {
        let interrupt = Interrupt::default();
        let mut gate = gate(&[HostGrant::parse(&address.to_string()).unwrap()], &interrupt, 1000);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| get(&mut gate, &format!("http://{address}/")).unwrap_err());
            interrupt.cancel();
            let error = waiting.join().unwrap();
            assert!(matches!(error, Error::ConnectionTimeout | Error::ConnectionReadTimeout), "{error:?}");
        });
    }
}

#[test]
fn denials_that_are_told_are_bounded() {
    let mut gate = gate(&[], &Interrupt::default(), 1000);
    for number in 0..1000 {
        let host = format!("{number}.{}", "x".repeat(500));
        assert!(get(&mut gate, &format!("http://{host}/")).is_err());
    }
    let denials = gate.take_denials();
    assert_eq!(denials.len(), 100);
    assert!(denials.iter().all(|told| told.len() < 400));
}
