//! What a step sees of the network: requests over HTTP to the hosts that it is granted, and nothing else.
//!
//! Every request is checked by itself ([`HostGrant`]), so a redirect that a guest follows gets no further than any other
//! request. A name is resolved once, each address is checked ([`is_public`]), and the connection goes to an address that
//! passed: a name cannot change its mind in between.
//!
//! Deliberately absent: sockets, proxies, connections that are kept, and following redirects.

mod address;
mod client;
mod gate;
mod grant;
mod tls;

pub(super) use gate::Gate;
pub use grant::{HostGrant, HostGrantError};

use address::is_public;

#[cfg(test)]
mod tests;
