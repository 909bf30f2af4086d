//! A real connection to one node. The only file that names the `redis` crate.
//!
//! The crate's cluster client is of no use here: it sends `CLUSTER SETSLOT` to
//! the slot's owner, so that `IMPORTING` never reaches the target. One plain
//! connection a node does. Nor is its parser, which has no bounds: replies are
//! read by `resp.rs`.

use super::NodeAddr;
use super::asked::UnderWay;
use super::login::{Login, Secret};
use super::packed::packed;
use super::stream::Stream;
use super::verb::{Bounds, Halves, NodeLink, Refusal, Reply, ServerError, Verb};
use crate::error::{Error, ErrorKind, Result, Why};
use crate::escape::cut;
use redis::{ConnectionAddr, IntoConnectionInfo, RedisError};
use std::io;
use std::time::Instant;

/// The longest answer to a login, bytes.
const ANSWER_BYTES: u64 = 64 << 10;
/// How much of a server's refusal is kept, characters: what it says comes first.
const QUOTED_CHARS_MAX: usize = 4_096;
/// How much of an answer that is none is repeated, characters.
const WORDS_CHARS_MAX: usize = 200;
/// What servers put before the arguments of a command that they don't know.
const ARGUMENTS: &str = ", with args beginning with:";
/// The codes that servers have: words of theirs, whatever the password is.
const CODES: [&str; 25] = [
    "ASK",
    "BUSY",
    "BUSYGROUP",
    "BUSYKEY",
    "CLUSTERDOWN",
    "CROSSSLOT",
    "DENIED",
    "ERR",
    "EXECABORT",
    "INPROG",
    "IOERR",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "MOVED",
    "NOAUTH",
    "NOGOODSLAVE",
    "NOPERM",
    "NOREPLICAS",
    "NOTBUSY",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "WRONGPASS",
    "WRONGTYPE",
];

/// How servers begin what they say of a login that they refuse.
const LOGIN_WORDS: [&str; 13] = [
    "invalid username-password pair",
    "invalid password",
    "Client sent AUTH, but no password is set",
    "AUTH <password> called without any password configured",
    "Authentication required",
    "wrong number of arguments",
    "unknown command",
    "max number of clients reached",
    "this user has no permissions",
    "Redis is loading the dataset in memory",
    "Valkey is loading the dataset in memory",
    "Redis is busy running a script",
    "Valkey is busy running a script",
];

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
    pub(super) stream: Stream,
    addr: NodeAddr,
    login: Option<Login>,
    pub(super) patience: Patience,
    /// After a failure nobody knows which replies are still on the way: nothing more may be asked,
    /// and this is what is said of it.
    pub(super) broken: Option<Error>,
    /// What was asked and isn't answered.
    pub(super) under_way: Option<UnderWay>,
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
            stream: stream.map_err(|error| {
                connect_error(addr, &error.to_string()).because(Why::of_io(&error))
            })?,
            addr: addr.clone(),
            login: login.cloned(),
            patience,
            broken: None,
            under_way: None,
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
        self.require_server()?;
        let password = login.password.reveal();
        let mut reply = match &login.user {
            Some(user) => self.authenticate(&["AUTH", user, password])?,
            None => self.authenticate(&["AUTH", password])?,
        };
        // Before 6.0 there are no users.
        let has_no_users = |refusal: &Refusal| refusal.error() == ServerError::OtherArity;
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

    /// Makes sure that a server listens here before it is told a password: another program may, at
    /// an address that was given to it since, or that a node announces and doesn't have.
    fn require_server(&mut self) -> Result<()> {
        let mut why = Why::NotAServer;
        let found = match self.authenticate(&["PING"])? {
            Reply::Text(text) if text == b"PONG" => return Ok(()),
            Reply::Refused(refusal) if is_a_servers(&refusal) => return Ok(()),
            Reply::Refused(refusal) => {
                why = refusal.why().unwrap_or(why);
                refusal.to_string()
            }
            Reply::Text(text) => {
                let words = String::from_utf8_lossy(&text);
                let words = cut(&words, WORDS_CHARS_MAX);
                // It may know the password from an earlier connection.
                let login = self.login.as_ref();
                login.map_or_else(
                    || words.to_string(),
                    |login| login.password.mask(&words).into_owned(),
                )
            }
            Reply::Nil | Reply::Int(_) | Reply::List(_) => "another type".to_owned(),
        };
        let message = format!(
            "{} doesn't answer PING as a server does ({found}): the password wasn't sent",
            self.addr
        );
        Err(Error::new(ErrorKind::Connect, message)
            .fix("check host and port: another program may listen there")
            .because(Some(why)))
    }

    fn authenticate(&mut self, words: &[&str]) -> Result<Reply> {
        let bounds = [Bounds {
            bytes: ANSWER_BYTES,
            entries: 0,
        }];
        let name = words.first().copied().unwrap_or_default();
        self.under_way = Some(UnderWay::new(name, packed(words), bounds.to_vec()));
        let sent = self.send_now();
        let replies = sent.and_then(|_| self.wait_for_all(self.patience.connect_ms));
        let replies = replies.map_err(io_error).map_err(|error| {
            connect_error(&self.addr, &words_of(&error)).because(why_of(&error))
        })?;
        Ok(replies.into_iter().next().unwrap_or(Reply::Nil))
    }

    /// An answer whose words may be repeated: a server that refuses a command may quote it.
    pub(super) fn without_password(&self, reply: Reply) -> Reply {
        let Reply::Refused(refusal) = reply else {
            return reply;
        };
        let words = cut(&refusal.detail, QUOTED_CHARS_MAX);
        // What stands behind this is what we have sent, which nobody needs to be told.
        let (words, arguments) = match words.split_once(ARGUMENTS) {
            Some((words, _)) => (words, true),
            None => (words.as_ref(), false),
        };
        let mask = |words: &str| match &self.login {
            Some(login) => login.password.mask(words).into_owned(),
            None => words.to_owned(),
        };
        let mut detail = mask(words);
        if arguments {
            detail.push('…');
        }
        let is_known = CODES.contains(&refusal.code.as_str());
        Reply::Refused(Refusal {
            code: if is_known {
                refusal.code
            } else {
                mask(&cut(&refusal.code, QUOTED_CHARS_MAX))
            },
            detail,
        })
    }

    /// Nothing more may be asked; what is said of it.
    pub(super) fn break_off(&mut self, error: io::Error) -> Error {
        let name = self.under_way.take().map(|under_way| under_way.name);
        let error = self.why_broken(&name.unwrap_or_default(), &io_error(error));
        self.broken = Some(error.clone());
        error
    }

    fn why_broken(&self, name: &str, error: &RedisError) -> Error {
        let what = match why_of(error) {
            Some(Why::NotAServer) => format!("doesn't answer {name} as a server does"),
            _ if error.is_timeout() => format!("did not answer in time during {name}"),
            _ => format!("broke the link during {name}"),
        };
        let message = format!("{} {what} ({})", self.addr, words_of(error));
        Error::new(ErrorKind::Connect, message).because(why_of(error))
    }
}

impl NodeLink for RedisLink {
    fn another(&self, addr: &NodeAddr) -> Result<RedisLink> {
        RedisLink::connect(addr, self.login.as_ref(), self.patience)
    }

    fn answer_by(&mut self, until: Option<Instant>) {
        self.stream.end_at(until);
    }

    fn round_trip(&mut self, verbs: &[Verb]) -> Result<Vec<Reply>> {
        if verbs.is_empty() {
            return Ok(Vec::new());
        }
        self.begin(verbs)?;
        self.finish()
    }

    fn halves(&mut self) -> Option<&mut dyn Halves> {
        Some(self)
    }
}

/// Whether a refusal of `PING` is one that a server gives: it wants a login first, or the user that
/// needs none may not ask, or it is busy.
fn is_a_servers(refusal: &Refusal) -> bool {
    use ServerError::*;
    matches!(
        refusal.error(),
        LoginMissing | Forbidden | Loading | Busy | MasterDown
    )
        // Before 2.6.
        || refusal.detail == "operation not permitted"
}

/// What isn't within RESP2, or its bounds, is no answer; the rest is the system's.
fn io_error(error: io::Error) -> RedisError {
    match error.kind() {
        io::ErrorKind::InvalidData => {
            let words = error.to_string();
            RedisError::from((redis::ErrorKind::Parse, "no answer", words))
        }
        _ => error.into(),
    }
}

/// What was refused is a password, which the server may repeat in a form that nobody thinks of: so
/// only words that servers have are.
fn refused_login(addr: &NodeAddr, refusal: &Refusal) -> Error {
    let known = LOGIN_WORDS.iter().find(|words| {
        let said = refusal.detail.get(..words.len());
        said.is_some_and(|said| said.eq_ignore_ascii_case(words))
    });
    let code = Some(refusal.code.as_str()).filter(|code| CODES.contains(code));
    let words = match (code, known) {
        (Some(code), Some(words)) => format!("{code} {words}"),
        (Some(code), None) => format!("{code}, in words that no server has"),
        (None, _) => "in words that no server has".to_owned(),
    };
    let message = format!("{addr} refuses the login ({words})");
    Error::new(ErrorKind::Auth, message)
        .fix("check the user and the password")
        .because(refusal.why())
}

fn connect_error(addr: &NodeAddr, why: &str) -> Error {
    let message = format!("can't connect to {addr} ({why})");
    Error::new(ErrorKind::Connect, message).fix("check host and port, and that the server runs")
}

/// What a conversation that broke says of the one at the other end.
fn why_of(error: &RedisError) -> Option<Why> {
    match error.kind() {
        redis::ErrorKind::Parse => Some(Why::NotAServer),
        _ if error.is_timeout() => Some(Why::Silent),
        _ if error.is_connection_dropped() => Some(Why::HungUp),
        _ => None,
    }
}

/// The server's or the system's own words.
fn words_of(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (None, Some(detail)) => detail.to_owned(),
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
            .fix("write redis://host:port or redis://user:password@host:port")
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
    use crate::cluster::verb::Heard;
    use crate::slot::Slot;
    use std::io::{Read, Write};
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

    /// Somebody who gives these answers in turn, and hangs up; and what was heard meanwhile.
    fn conversing(answers: Vec<Vec<u8>>) -> (NodeAddr, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let heard = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().expect("a client");
            let (mut heard, mut request) = (Vec::new(), [0; 1024]);
            for answer in answers {
                let count = socket.read(&mut request).unwrap_or(0);
                heard.extend_from_slice(&request[..count]);
                // The client may have gone.
                let _ = socket.write_all(&answer);
            }
            let _ = socket.shutdown(Shutdown::Write);
            while let Ok(count @ 1..) = socket.read(&mut request) {
                heard.extend_from_slice(&request[..count]);
            }
            String::from_utf8_lossy(&heard).into_owned()
        });
        (NodeAddr::new("127.0.0.1", port), heard)
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
    fn no_answer_is_waited_for_beyond_the_end_of_all() {
        let slow = answering(b"+OK\r\n", 100, 100);
        let patience = Patience {
            connect_ms: 5_000,
            answer_ms: 60_000,
        };
        let mut link = RedisLink::connect(&slow, None, patience).expect("a link");
        link.answer_by(Some(Instant::now() + Duration::from_millis(800)));
        // Each answer takes half a second, of the minute that it may take.
        let error = link
            .round_trip(&[Verb::MyId, Verb::MyId])
            .expect_err("a second");
        assert!(
            error.message().contains("did not answer in time"),
            "{error:?}"
        );
    }

    #[test]
    fn an_answer_that_is_none_breaks_the_link() {
        for (bytes, words) in [
            (
                &b"HTTP/1.1 200 OK\r\n"[..],
                "doesn't answer CLUSTER MYID as a server does",
            ),
            (b"$9\r\nabc", "broke the link"),
            (b"", "broke the link"),
        ] {
            let addr = answering(bytes, 1, 0);
            let error = answer_of(&addr, None, 60_000).expect_err("no answer");
            assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
            assert!(error.message().contains(words), "{error:?}");
        }
    }

    #[test]
    fn a_link_that_broke_says_why_whenever_it_is_asked() {
        let addr = answering(b"%1\r\n", 1, 0);
        let mut link = RedisLink::connect(&addr, None, Patience::default()).expect("a link");
        for _ in 0..2 {
            let error = link.round_trip(&[Verb::MyId]).expect_err("RESP3");
            assert!(error.message().contains("type `%`"), "{error:?}");
            assert_eq!(error.why(), Some(Why::NotAServer));
        }
    }

    #[test]
    fn before_6_0_a_login_has_no_user() {
        let refused = b"-ERR wrong number of arguments for 'auth' command\r\n";
        let answers = [
            &b"-NOAUTH Authentication required.\r\n"[..],
            refused,
            refused,
        ];
        let (old, heard) = conversing(answers.map(<[u8]>::to_vec).to_vec());
        let login = Login {
            user: Some("default".to_owned()),
            password: Secret::new("hunter2"),
        };
        // It is asked again without one, and refuses that too.
        let error = answer_of(&old, Some(&login), 60_000).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Auth, "{error:?}");
        assert!(!error.one_line().contains("hunter2"), "{error:?}");
        assert_eq!(heard.join().expect("it ends").matches("AUTH").count(), 2);
    }

    #[test]
    fn nobody_is_told_a_password_who_is_no_server() {
        let login = Login {
            user: None,
            password: Secret::new("hunter2"),
        };
        for answer in [
            &b"+OK\r\n"[..],
            b"$4\r\nPING\r\n",
            b":1\r\n",
            b"-ERR what?\r\n",
            b"-DENIED Redis is running in protected mode\r\n",
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b"220 mail.example\r\n",
        ] {
            let (addr, heard) = conversing(vec![answer.to_vec(), b"+OK\r\n".to_vec()]);
            let error = answer_of(&addr, Some(&login), 60_000).expect_err("no server");
            assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
            let heard = heard.join().expect("it ends");
            assert!(
                heard.contains("PING") && !heard.contains("hunter2"),
                "{heard}"
            );
        }
        for answer in [&b"+PONG\r\n"[..], b"-NOAUTH Authentication required.\r\n"] {
            let answers = vec![
                answer.to_vec(),
                b"+OK\r\n".to_vec(),
                b"$2\r\nid\r\n".to_vec(),
            ];
            let (addr, heard) = conversing(answers);
            answer_of(&addr, Some(&login), 60_000).expect("an answer");
            assert!(heard.join().expect("it ends").contains("hunter2"));
        }
    }

    #[test]
    fn what_a_server_quotes_is_told_without_the_password() {
        let login = Login {
            user: None,
            password: Secret::new("hunter2-and-more"),
        };
        for refusal in [
            "-ERR unknown command 'X', with args beginning with: 'AUTH' 'hunter2-and-more' \r\n",
            "-ERR what is 'hunter2-and-more'?\r\n",
            "-ERR what is 'hunter2'?\r\n",
            "-hunter2-and-more is no command\r\n",
            "-ERR redis://:hunter2%2Dand%2Dmore@host\r\n",
        ] {
            let answers = ["+PONG\r\n", "+OK\r\n", refusal];
            let (addr, _) = conversing(answers.map(|text| text.as_bytes().to_vec()).to_vec());
            let reply = answer_of(&addr, Some(&login), 60_000).expect("an answer");
            let Reply::Refused(refusal) = reply else {
                unreachable!("a refusal")
            };
            assert!(!refusal.to_string().contains("hunter2"), "{refusal}");
            // Long words of a server are cut.
            assert!(refusal.to_string().len() < 300);
        }
    }

    #[test]
    fn an_answer_that_nobody_asked_for_is_taken_for_none() {
        let answers = vec![b"$2\r\nid\r\n:0\r\n".to_vec(), b"$2\r\nid\r\n".to_vec()];
        let (addr, _) = conversing(answers);
        let mut link = RedisLink::connect(&addr, None, Patience::default()).expect("a link");
        link.round_trip(&[Verb::MyId]).expect("an answer");
        let error = link.round_trip(&[Verb::DbSize]).expect_err("one too many");
        assert!(error.message().contains("nobody asked for"), "{error:?}");
    }

    #[test]
    fn an_answer_beyond_its_bounds_breaks_the_link() {
        for (verb, bytes, why) in [
            (Verb::MyId, &b"*200000\r\n"[..], "0 entries"),
            (Verb::DbSize, b"$9000000000\r\n", "65536 bytes"),
            (
                Verb::KeysInSlot {
                    slot: crate::slot::Slot::MIN,
                    limit: 10,
                },
                b"*11\r\n",
                "10 entries",
            ),
        ] {
            let addr = answering(bytes, 1, 0);
            let mut link = RedisLink::connect(&addr, None, Patience::default()).expect("a link");
            let error = link.round_trip(&[verb]).expect_err("beyond");
            assert!(error.message().contains(why), "{error:?}");
        }
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

    #[test]
    fn what_comes_bit_by_bit_is_heard_when_all_of_it_has_come() {
        let addr = answering(b"*2\r\n$1\r\na\r\n$1\r\nb\r\n:5\r\n", 1, 2);
        let mut link = RedisLink::connect(&addr, None, Patience::default()).expect("connects");
        let verbs = [
            Verb::KeysInSlot {
                slot: Slot::MIN,
                limit: 2,
            },
            Verb::CountKeys(Slot::MIN),
        ];
        assert!(link.begin(&verbs).expect("it takes it"));
        let mut parts = 0;
        let replies = loop {
            match link.heard().expect("it talks") {
                Heard::All(replies) => break replies,
                Heard::Part(bytes) => parts += usize::from(bytes > 0),
            }
        };
        let letters = ["a", "b"].map(|letter| Reply::Text(letter.as_bytes().to_vec()));
        assert_eq!(replies, [Reply::List(letters.to_vec()), Reply::Int(5)]);
        assert!(parts > 0, "never in part");
    }

    #[test]
    fn who_hangs_up_in_the_middle_or_is_asked_twice_is_asked_no_more() {
        let addr = answering(b"$40\r\na\r\n", 1, 1);
        let mut link = RedisLink::connect(&addr, None, Patience::default()).expect("connects");
        link.begin(&[Verb::MyId]).expect("it takes it");
        let error = loop {
            match link.heard() {
                Ok(heard) => assert!(matches!(heard, Heard::Part(_))),
                Err(error) => break error,
            }
        };
        assert!(
            error
                .message()
                .contains("broke the link during CLUSTER MYID")
        );
        assert_eq!(
            link.begin(&[Verb::MyId]).unwrap_err().message(),
            error.message()
        );

        let addr = answering(b"+x\r\n", 1, 200);
        let mut link = RedisLink::connect(&addr, None, Patience::default()).expect("connects");
        link.begin(&[Verb::MyId]).expect("it takes it");
        assert!(link.begin(&[Verb::MyId]).is_err(), "it hasn't answered");
        assert!(link.round_trip(&[Verb::MyId]).is_err());
    }
}
