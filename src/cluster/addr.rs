//! Where a node listens.

use std::fmt;
use std::str::FromStr;

/// A host and a port for clients.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeAddr {
    /// A name or an address; an IPv6 address without brackets.
    pub host: String,
    /// The port for clients, not the one of the cluster bus.
    pub port: u16,
}

impl NodeAddr {
    /// This host and this port.
    pub fn new(host: impl Into<String>, port: u16) -> NodeAddr {
        NodeAddr {
            host: host.into(),
            port,
        }
    }
}

impl fmt::Display for NodeAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for NodeAddr {
    type Err = String;

    /// `host:port`; an IPv6 address with brackets or, as the servers print it, without.
    fn from_str(text: &str) -> Result<NodeAddr, String> {
        let parsed = text.rsplit_once(':').and_then(|(host, port)| {
            let host = host
                .strip_prefix('[')
                .and_then(|inner| inner.strip_suffix(']'))
                .unwrap_or(host);
            let port = port.parse().ok()?;
            (!host.is_empty()).then(|| NodeAddr::new(host, port))
        });
        parsed.ok_or_else(|| {
            format!(
                "expected host:port, found `{}`",
                crate::escape::quoted(text)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form() {
        for (text, host, port) in [
            ("10.0.0.1:6379", "10.0.0.1", 6379),
            ("redis-0.example:7000", "redis-0.example", 7000),
            ("[::1]:7000", "::1", 7000),
            ("fe80::1:7000", "fe80::1", 7000),
        ] {
            assert_eq!(text.parse(), Ok(NodeAddr::new(host, port)), "{text}");
        }
        assert_eq!(NodeAddr::new("::1", 1).to_string(), "[::1]:1");
    }

    #[test]
    fn refuses_what_has_no_host_or_no_port() {
        for text in ["", ":7000", "host", "host:", "host:65536", "host:x"] {
            assert!(text.parse::<NodeAddr>().is_err(), "{text}");
        }
    }
}
