//! A real connection to one node. The only file that names the `redis` crate.
//!
//! The crate's cluster client is of no use here: it sends `CLUSTER SETSLOT` to
//! the slot's owner, so that `IMPORTING` never reaches the target. One plain
//! connection a node does.

use super::NodeAddr;
use super::login::{Login, Secret};
use super::stream::Stream;
use super::verb::{NodeLink, Refusal, Reply, Verb};
use crate::error::{Error, ErrorKind, Result};
use redis::{ConnectionAddr, IntoConnectionInfo, RedisError, Value};
use std::io::Write;

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
    stream: Stream,
    parser: redis::Parser,
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
        let stream = Stream::connect(addr, patience.connect_ms);
        let mut link = RedisLink {
            stream: stream.map_err(|error| connect_error(addr, &error.to_string()))?,
            parser: redis::Parser::new(),
            addr: addr.clone(),
            login: login.cloned(),
            patience,
            is_broken: false,
        };
        if let Some(login) = login {
            link.log_in(login)?;
        }
        Ok(link)
    }

    /// Where the node listens.
    pub fn addr(&self) -> &NodeAddr {
        &self.addr
    }

    fn log_in(&mut self, login: &Login) -> Result<()> {
        let password = login.password.reveal();
        let mut reply = match &login.user {
            Some(user) => self.authenticate(&["AUTH", user, password])?,
            None => self.authenticate(&["AUTH", password])?,
        };
        // Before 6.0 there are no users.
        let has_no_users = |refusal: &Refusal| refusal.detail.contains("wrong number of arguments");
        if login.user.is_some()
            && matches!(&reply, Reply::Refused(refusal) if has_no_users(refusal))
        {
            reply = self.authenticate(&["AUTH", password])?;
        }
        match reply {
            Reply::Refused(refusal) => Err(refused_login(&self.addr, &refusal)),
            _ => Ok(()),
        }
    }

    fn authenticate(&mut self, words: &[&str]) -> Result<Reply> {
        let replies = self.exchange(&packed(words), 1, self.patience.connect_ms);
        let replies = replies.map_err(|error| connect_error(&self.addr, &words_of(&error)))?;
        Ok(replies.into_iter().next().unwrap_or(Reply::Nil))
    }

    /// Sends commands, and reads so many replies, each of which may take so long.
    fn exchange(
        &mut self,
        commands: &[u8],
        count: usize,
        timeout_ms: u64,
    ) -> redis::RedisResult<Vec<Reply>> {
        self.stream.allow(timeout_ms);
        self.stream.write_all(commands)?;
        let replies = (0..count).map(|_| {
            self.stream.allow(timeout_ms);
            self.parser.parse_value(&mut self.stream).map(reply)
        });
        replies.collect()
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
        let commands = verbs.iter().map(|verb| packed(&verb.words()));
        let commands = commands.collect::<Vec<_>>().concat();
        let exchanged = self.exchange(&commands, verbs.len(), self.patience.answer_ms);
        self.is_broken = exchanged.is_err();
        exchanged.map_err(|error| self.broken(verbs, &error))
    }
}

fn packed(words: &[impl redis::ToRedisArgs]) -> Vec<u8> {
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(word);
    }
    command.get_packed_command()
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

fn refused_login(addr: &NodeAddr, refusal: &Refusal) -> Error {
    let message = format!("{addr} refuses the login ({refusal})");
    Error::new(ErrorKind::Auth, message).mend("check the user and the password")
}

fn connect_error(addr: &NodeAddr, why: &str) -> Error {
    let message = format!("can't connect to {addr} ({why})");
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
    use std::io::Read;
    use std::net::{Shutdown, TcpListener};
    use std::time::Duration;

    /// Somebody who answers the first request with these bytes, one at a time with a pause
    /// between, as often as told; then hangs up.
    fn answering(bytes: &'static [u8], times: usize, pause_ms: u64) -> NodeAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().expect("a client");
            let mut request = [0; 64];
            let _ = socket.read(&mut request);
            for byte in bytes.iter().cycle().take(bytes.len() * times) {
                std::thread::sleep(Duration::from_millis(pause_ms));
                // The client may have gone.
                if socket.write_all(&[*byte]).is_err() {
                    return;
                }
            }
            // With a request unread, what was answered would be thrown away.
            let _ = socket.shutdown(Shutdown::Write);
            while socket.read(&mut request).is_ok_and(|count| count > 0) {}
        });
        NodeAddr::new("127.0.0.1", port)
    }

    fn answer_of(addr: &NodeAddr, login: Option<&Login>, answer_ms: u64) -> Result<Reply> {
        let patience = Patience {
            connect_ms: 5_000,
            answer_ms,
        };
        let mut link = RedisLink::connect(addr, login, patience)?;
        let mut replies = link.round_trip(&[Verb::MyId])?;
        replies.pop().ok_or_else(|| unreachable!("one verb"))
    }

    #[test]
    fn a_server_that_trickles_its_answer_is_given_up() {
        let slow = answering(b"$9\r\nabcdefghi\r\n", 1, 100);
        let error = answer_of(&slow, None, 400).expect_err("it takes 1.5 s");
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert!(
            error.message().contains("did not answer in time"),
            "{error:?}"
        );
        let patient = answering(b"$9\r\nabcdefghi\r\n", 1, 1);
        let reply = answer_of(&patient, None, 60_000).expect("an answer");
        assert_eq!(reply, Reply::Text(b"abcdefghi".to_vec()));
    }

    #[test]
    fn an_answer_that_is_none_breaks_the_link() {
        for bytes in [&b"HTTP/1.1 200 OK\r\n"[..], b"$9\r\nabc", b""] {
            let addr = answering(bytes, 1, 0);
            let error = answer_of(&addr, None, 60_000).expect_err("no answer");
            assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
            assert!(error.message().contains("broke the link"), "{error:?}");
        }
    }

    #[test]
    fn before_6_0_a_login_has_no_user() {
        let refused = b"-ERR wrong number of arguments for 'auth' command\r\n";
        let old = answering(refused, 2, 0);
        let login = Login {
            user: Some("default".to_owned()),
            password: Secret::new("hunter2"),
        };
        // It is asked again without one, and refuses that too.
        let error = answer_of(&old, Some(&login), 60_000).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Auth, "{error:?}");
        assert!(!error.one_line().contains("hunter2"), "{error:?}");
    }

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
