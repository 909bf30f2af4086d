//! A real connection to one node. The only file that names the `redis` crate.
//!
//! The crate's cluster client is of no use here: it sends `CLUSTER SETSLOT` to
//! the slot's owner, so that `IMPORTING` never reaches the target. One plain
//! connection a node does.

use super::NodeAddr;
use super::login::{Login, Secret};
use super::verb::{NodeLink, Refusal, Reply, Verb};
use crate::error::{Error, ErrorKind, Result};
use redis::{ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisError, Value};
use std::time::Duration;

/// How long a server may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// To accept a connection.
    pub connect_ms: u64,
    /// To answer. `MIGRATE` blocks the node for as long as it takes, so this is
    /// longer than any `MIGRATE` that we send.
    pub answer_ms: u64,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            connect_ms: 5_000,
            answer_ms: 30_000,
        }
    }
}

/// A connection to one node.
pub struct RedisLink {
    connection: redis::Connection,
    addr: NodeAddr,
    login: Option<Login>,
    patience: Patience,
    /// After a failure nobody knows which replies are still on the way: nothing more may be asked.
    is_broken: bool,
}

impl RedisLink {
    /// Connects and logs in.
    ///
    /// # Errors
    /// [`ErrorKind::Connect`] when nobody listens there, [`ErrorKind::Auth`]
    /// when the server refuses the login.
    pub fn connect(
        addr: &NodeAddr,
        login: Option<&Login>,
        patience: Patience,
    ) -> Result<RedisLink> {
        let mut settings = RedisConnectionInfo::default().set_skip_set_lib_name();
        if let Some(login) = login {
            settings = settings.set_password(login.password.reveal());
            if let Some(user) = &login.user {
                settings = settings.set_username(user);
            }
        }
        let connect = || -> redis::RedisResult<redis::Connection> {
            let info = ConnectionAddr::Tcp(addr.host.clone(), addr.port)
                .into_connection_info()?
                // Each write is a whole request: without this the end of a long one waits until
                // the server has acknowledged its start, 40 ms (Nagle's algorithm, delayed ACK).
                .set_tcp_settings(redis::io::tcp::TcpSettings::default().set_nodelay(true));
            let client = redis::Client::open(info.set_redis_settings(settings))?;
            let timeout = Duration::from_millis(patience.connect_ms);
            let connection = client.get_connection_with_timeout(timeout)?;
            let answer = Some(Duration::from_millis(patience.answer_ms));
            connection.set_read_timeout(answer)?;
            connection.set_write_timeout(answer)?;
            Ok(connection)
        };
        let connection = connect().map_err(|error| connect_error(addr, login.is_some(), &error))?;
        Ok(RedisLink {
            connection,
            addr: addr.clone(),
            login: login.cloned(),
            patience,
            is_broken: false,
        })
    }

    /// Where the node listens.
    pub fn addr(&self) -> &NodeAddr {
        &self.addr
    }

    fn exchange(&mut self, verbs: &[Verb]) -> redis::RedisResult<Vec<Reply>> {
        let mut bytes = Vec::new();
        for verb in verbs {
            pack(&verb.words(), &mut bytes);
        }
        self.connection.send_packed_command(&bytes)?;
        verbs
            .iter()
            .map(|_| self.connection.recv_response().map(reply))
            .collect()
    }

    fn broken(&self, verbs: &[Verb], error: &RedisError) -> Error {
        let name = verbs.first().map(Verb::name).unwrap_or_default();
        let what = if error.is_timeout() {
            "did not answer in time"
        } else {
            "broke the link"
        };
        let message = format!("{} {what} during {name} ({})", self.addr, words_of(error));
        Error::new(ErrorKind::Connect, message)
    }
}

impl NodeLink for RedisLink {
    fn another(&self, addr: &NodeAddr) -> Result<RedisLink> {
        RedisLink::connect(addr, self.login.as_ref(), self.patience)
    }

    fn round_trip(&mut self, verbs: &[Verb]) -> Result<Vec<Reply>> {
        if verbs.is_empty() {
            return Ok(Vec::new());
        }
        if self.is_broken {
            let message = format!("the link to {} is broken", self.addr);
            return Err(Error::new(ErrorKind::Connect, message));
        }
        let exchanged = self.exchange(verbs);
        self.is_broken = exchanged.is_err();
        exchanged.map_err(|error| self.broken(verbs, &error))
    }
}

fn pack(words: &[Vec<u8>], bytes: &mut Vec<u8>) {
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(word.as_slice());
    }
    bytes.extend_from_slice(&command.get_packed_command());
}

fn reply(value: Value) -> Reply {
    match value {
        Value::Nil => Reply::Nil,
        Value::Int(number) => Reply::Int(number),
        Value::BulkString(bytes) => Reply::Text(bytes),
        Value::SimpleString(text) => Reply::Text(text.into_bytes()),
        Value::Okay => Reply::Text(b"OK".to_vec()),
        Value::Array(list) => Reply::List(list.into_iter().map(reply).collect()),
        Value::ServerError(error) => Reply::Refused(Refusal {
            code: error.code().to_owned(),
            detail: error.details().unwrap_or_default().to_owned(),
        }),
        // RESP3 only, which is never asked for.
        other => Reply::Refused(Refusal {
            code: "ERR".to_owned(),
            detail: format!("a reply that RESP2 doesn't have: {other:?}"),
        }),
    }
}

fn connect_error(addr: &NodeAddr, has_login: bool, error: &RedisError) -> Error {
    let refused = error.kind() == redis::ErrorKind::AuthenticationFailed
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"));
    if refused {
        let message = format!("{addr} refuses the login ({})", words_of(error));
        let mend = if has_login {
            "check the user and the password"
        } else {
            "give the password with REDISCLI_AUTH, --askpass or -a"
        };
        return Error::new(ErrorKind::Auth, message).mend(mend);
    }
    let message = format!("can't connect to {addr} ({})", words_of(error));
    Error::new(ErrorKind::Connect, message).mend("check host and port, and that the server runs")
}

/// The server's or the system's own words.
fn words_of(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

/// What a URI says; user and password may each come from elsewhere.
#[derive(Debug, PartialEq, Eq)]
pub struct UriParts {
    /// Where.
    pub addr: NodeAddr,
    /// Who.
    pub user: Option<String>,
    /// With which password.
    pub password: Option<Secret>,
}

/// Reads `redis://user:password@host:port`.
///
/// # Errors
/// [`ErrorKind::Usage`]; the message never repeats the URI, which may hold a password.
pub fn parse_uri(uri: &str) -> Result<UriParts> {
    let refuse = |why: &str| {
        Error::new(ErrorKind::Usage, format!("the URI can't be used: {why}"))
            .mend("write redis://host:port or redis://user:password@host:port")
    };
    let info = uri
        .into_connection_info()
        .map_err(|error| refuse(error.category()))?;
    let addr = match info.addr() {
        ConnectionAddr::Tcp(host, port) => NodeAddr::new(host.clone(), *port),
        ConnectionAddr::TcpTls { .. } => return Err(refuse("TLS isn't supported yet")),
        _ => return Err(refuse("expected a TCP address")),
    };
    let settings = info.redis_settings();
    Ok(UriParts {
        addr,
        user: settings.username().map(str::to_owned),
        password: settings.password().map(Secret::new),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_says_where_and_who() {
        let parts = parse_uri("redis://op:p%40ss@10.0.0.1:7000").expect("a URI");
        assert_eq!(parts.addr, NodeAddr::new("10.0.0.1", 7000));
        assert_eq!(parts.user.as_deref(), Some("op"));
        assert_eq!(parts.password, Some(Secret::new("p@ss")));
        let parts = parse_uri("redis://op@host").expect("a URI");
        assert_eq!(parts.addr, NodeAddr::new("host", 6379));
        assert_eq!((parts.user.as_deref(), parts.password), (Some("op"), None));
    }

    #[test]
    fn a_bad_uri_is_refused_without_its_password() {
        for uri in [
            "http://u:hunter2@h",
            "hunter2",
            "rediss://u:hunter2@h:1",
            "redis://:hunter2@",
        ] {
            if let Err(error) = parse_uri(uri) {
                assert!(!error.one_line().contains("hunter2"), "{error:?}");
            } else {
                assert_eq!(uri, "redis://:hunter2@", "only this one has a default host");
            }
        }
    }
}
