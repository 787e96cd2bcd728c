//! Which requests are granted: by host, port and method.

use std::net::IpAddr;

use http::{Method, Uri};

/// A host that a guest may send requests to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostGrant {
    host: HostPattern,
    port: u16,
    /// Empty for every method.
    methods: Vec<Method>,
    /// Whether the name may lead to addresses that are not public: this machine, its owner's networks.
    allows_private: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostPattern {
    /// This address. Whoever writes an address means it, public or not.
    Address(IpAddr),
    /// This name, in lower case.
    Name(String),
    /// Every name that ends in this, dot included.
    Below(String),
}

/// Why a grant makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostGrantError {
    /// What is given as host is none.
    #[error("`{0}` is no host: it is a name, an address, or `*.` and a name")]
    Host(String),
    /// What is given as port is none.
    #[error("`{0}` is no port: it is a number from 1 to 65535")]
    Port(String),
    /// What is given as method is none.
    #[error("`{0}` is no method, such as `GET`")]
    Method(String),
}

/// Where a granted request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) host: Host,
    pub(super) port: u16,
    /// Whether an address may be one that is not public.
    pub(super) allows_private: bool,
}

/// A host as a request names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    Address(IpAddr),
    Name(String),
}

/// The port of a grant that names none: that of HTTPS.
const DEFAULT_PORT: u16 = 443;

impl HostGrant {
    /// A grant of requests to a host: a name, an address, or `*.` and a name for every name below it.
    pub fn new(
        host: &str,
        port: Option<u16>,
        methods: &[&str],
        allows_private: bool,
    ) -> Result<Self, HostGrantError> {
        let method = |name: &&str| {
            let is_upper = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase());
            let method = is_upper.then(|| Method::from_bytes(name.as_bytes()).ok()).flatten();
            method.ok_or_else(|| HostGrantError::Method((*name).to_owned()))
        };
        let methods = methods.iter().map(method).collect::<Result<_, _>>()?;
        let port = port.unwrap_or(DEFAULT_PORT);
        if port == 0 {
            return Err(HostGrantError::Port("0".to_owned()));
        }
        Ok(Self { host: HostPattern::parse(host)?, port, methods, allows_private })
    }

    /// The grant of `HOST` or `HOST:PORT`, of every method.
    pub fn parse(text: &str) -> Result<Self, HostGrantError> {
        // An address of IPv6 has brackets where a port follows it.
        let is_bare = text.parse::<IpAddr>().is_ok();
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !is_bare && !text.ends_with(']') => (host, Some(port)),
            _ => (text, None),
        };
        let number = |port: &str| port.parse::<u16>().map_err(|_| HostGrantError::Port(port.to_owned()));
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Self::new(host, port.map(number).transpose()?, &[], false)
    }

    /// Whether every request that `other` admits is admitted by this one too.
    pub(crate) fn includes(&self, other: &Self) -> bool {
        let is_host = match (&self.host, &other.host) {
            (HostPattern::Below(mine), HostPattern::Below(others) | HostPattern::Name(others)) => {
                others.ends_with(mine.as_str())
            }
            (mine, others) => mine == others,
        };
        let is_method = self.methods.is_empty()
            || (!other.methods.is_empty() && other.methods.iter().all(|it| self.methods.contains(it)));
        let is_private = self.allows_private || !other.allows_private;
        is_host && self.port == other.port && is_method && is_private
    }

    fn admits(&self, host: &Host, port: u16, method: &Method) -> bool {
        let is_host = match (&self.host, host) {
            (HostPattern::Address(granted), Host::Address(asked)) => granted == asked,
            (HostPattern::Name(granted), Host::Name(asked)) => granted == asked,
            (HostPattern::Below(granted), Host::Name(asked)) => {
                asked.len() > granted.len() && asked.ends_with(granted.as_str())
            }
            _ => false,
        };
        is_host && port == self.port && (self.methods.is_empty() || self.methods.contains(method))
    }
}

impl std::fmt::Display for HostGrant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for method in &self.methods {
            write!(f, "{method} ")?;
        }
        match &self.host {
            HostPattern::Address(address @ IpAddr::V6(_)) => write!(f, "[{address}]")?,
            HostPattern::Address(address) => write!(f, "{address}")?,
            HostPattern::Name(name) => f.write_str(name)?,
            HostPattern::Below(name) => write!(f, "*{name}")?,
        }
        write!(f, ":{}", self.port)?;
        if self.allows_private { f.write_str(" (private addresses too)") } else { Ok(()) }
    }
}

impl HostPattern {
    fn parse(text: &str) -> Result<Self, HostGrantError> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let (name, is_below) = text.strip_prefix("*.").map_or((text, false), |name| (name, true));
        let Some(name) = host_name(name) else { return Err(HostGrantError::Host(text.to_owned())) };
        Ok(if is_below { Self::Below(format!(".{name}")) } else { Self::Name(name) })
    }
}

/// A name of the domain system in its one form: lower case, no dot at the end, and no address without it.
fn host_name(text: &str) -> Option<String> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_name = name.len() <= 253 && name.split('.').all(is_label) && name.parse::<IpAddr>().is_err();
    is_name.then(|| name.to_ascii_lowercase())
}

/// Where a request goes, if one of the grants admits it; else what is wrong with it.
pub(super) fn admit(grants: &[HostGrant], method: &Method, uri: &Uri) -> Result<Destination, &'static str> {
    let authority = uri.authority().ok_or("it names no host")?;
    if authority.as_str().contains('@') {
        return Err("it names a user before its host");
    }
    let host = parse_host(authority.host()).ok_or("its host is no name or address")?;
    let default_port = if uri.scheme_str() == Some("http") { 80 } else { DEFAULT_PORT };
    let port = match authority.port() {
        Some(port) => port.as_u16(),
        // What follows the host may be no port at all.
        None if authority.as_str().len() == authority.host().len() => default_port,
        None => return Err("its port is none"),
    };
    let grant = grants.iter().find(|grant| grant.admits(&host, port, method)).ok_or("it is not granted")?;
    let allows_private = grant.allows_private || matches!(grant.host, HostPattern::Address(_));
    Ok(Destination { host, port, allows_private })
}

fn parse_host(text: &str) -> Option<Host> {
    if let Some(address) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return address.parse().ok().map(|address| Host::Address(IpAddr::V6(address)));
    }
    if let Ok(address) = text.parse() {
        return Some(Host::Address(IpAddr::V4(address)));
    }
    host_name(text).map(Host::Name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(grants: &[&str], method: &str, uri: &str) -> Result<(String, u16), &'static str> {
        let grants: Vec<_> = grants.iter().map(|text| HostGrant::parse(text).unwrap()).collect();
        let destination =
            admit(&grants, &Method::from_bytes(method.as_bytes()).unwrap(), &uri.parse().unwrap())?;
        let host = match destination.host {
            Host::Address(address) => address.to_string(),
            Host::Name(name) => name,
        };
        Ok((host, destination.port))
    }

    #[test]
    fn only_granted_hosts_ports_and_methods_pass() {
        let grants = ["api.example.com", "*.data.example:8080", "10.0.0.7:80", "[::1]:81"];
        for (uri, host, port) in [
            ("https://api.example.com/x", "api.example.com", 443),
            ("https://API.Example.COM./x", "api.example.com", 443),
            ("http://api.example.com:443/x", "api.example.com", 443),
            ("https://a.b.data.example:8080/", "a.b.data.example", 8080),
            ("http://10.0.0.7/", "10.0.0.7", 80),
            ("http://[::1]:81/", "::1", 81),
            ("http://[0:0::1]:81/", "::1", 81),
        ] {
            assert_eq!(told(&grants, "GET", uri), Ok((host.to_owned(), port)), "{uri}");
        }
        for uri in [
            "http://api.example.com/",
            "https://api.example.com:8443/",
            "https://example.com/",
            "https://api.example.com.evil.org/",
            "https://evil-api.example.com/",
            "https://data.example:8080/",
            "https://xdata.example:8080/",
            "http://10.0.0.8/",
            "http://127.0.0.1/",
            "http://0.0.0.0/",
            "http://[::]:81/",
            "http://[::ffff:10.0.0.7]/",
            "http://167772167/",
            "http://0x0a.0.0.7/",
            "http://10.7/",
        ] {
            assert_eq!(told(&grants, "GET", uri), Err("it is not granted"), "{uri}");
        }
        assert_eq!(
            told(&grants, "GET", "https://api.example.com@evil.org/"),
            Err("it names a user before its host")
        );
        assert_eq!(
            told(&grants, "GET", "https://u:p@api.example.com/"),
            Err("it names a user before its host")
        );
        assert_eq!(told(&grants, "GET", "/path"), Err("it names no host"));
        assert_eq!(told(&grants, "GET", "http://10.0.0.7./"), Err("its host is no name or address"));
        let reading = HostGrant::new("a.b", None, &["GET", "HEAD"], false).unwrap();
        let method = |name: &str| {
            admit(
                std::slice::from_ref(&reading),
                &Method::from_bytes(name.as_bytes()).unwrap(),
                &"https://a.b/".parse().unwrap(),
            )
        };
        assert!(method("HEAD").is_ok());
        assert_eq!(method("POST"), Err("it is not granted"));
        assert_eq!(method("get"), Err("it is not granted"));
    }

    #[test]
    fn private_addresses_need_to_be_meant() {
        let allows = |grant: HostGrant, uri: &str| {
            admit(&[grant], &Method::GET, &uri.parse().unwrap()).unwrap().allows_private
        };
        assert!(allows(HostGrant::parse("127.0.0.1:80").unwrap(), "http://127.0.0.1/"));
        assert!(!allows(HostGrant::parse("localhost:80").unwrap(), "http://localhost/"));
        assert!(allows(HostGrant::new("localhost", Some(80), &[], true).unwrap(), "http://localhost/"));
    }

    #[test]
    fn what_is_no_grant_says_why() {
        for bad in [
            "",
            "*",
            "*.",
            "a b",
            "a/b",
            "http://a",
            "a..b",
            "-/",
            "u@a",
            "[::1",
            "a:b:c",
            "1.2.3.4.",
            "*.1.2.3.4",
        ] {
            assert!(HostGrant::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(HostGrant::parse("a:0"), Err(HostGrantError::Port("0".to_owned())));
        assert_eq!(HostGrant::parse("a:65536"), Err(HostGrantError::Port("65536".to_owned())));
        assert_eq!(HostGrant::new("a", None, &["get"], false), Err(HostGrantError::Method("get".to_owned())));
        for (good, shown) in
            [("A.b.:8", "a.b:8"), ("*.x", "*.x:443"), ("::1", "[::1]:443"), ("1.2.3.4", "1.2.3.4:443")]
        {
            assert_eq!(HostGrant::parse(good).unwrap().to_string(), shown);
        }
    }
}
