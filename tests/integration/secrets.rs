//! A password is in nothing that leaves the program, and goes to nobody who is no server.

use super::servers;
use super::tool::{Run, ended, run, run_in, slotkit};
use slotkit::cluster::local::Shape;
use slotkit::cluster::login::Secret;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

const PASSWORD: &str = "hunter2-and-more";
/// What is left of it where a text is cut.
const START: &str = "hunter2";

fn assert_secret(run: &Run, case: &str) {
    let stdout = String::from_utf8_lossy(&run.stdout);
    assert!(!run.stderr.contains(START), "{case}: {}", run.stderr);
    assert!(!stdout.contains(START), "{case}: {stdout}");
}

/// Somebody who listens, and what was heard there.
struct Listener {
    port: u16,
    heard: Receiver<Vec<u8>>,
}

/// Answers whatever comes in one write by this.
fn listener(answer: impl Fn(&[u8]) -> Vec<u8> + Send + Clone + 'static) -> Listener {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("an address").port();
    let (tell, heard) = channel();
    std::thread::spawn(move || {
        for stream in socket.incoming() {
            let Ok(mut stream) = stream else { return };
            let (tell, answer) = (tell.clone(), answer.clone());
            std::thread::spawn(move || {
                converse(&mut stream, &answer, &|words| tell.send(words).is_ok());
            });
        }
    });
    Listener { port, heard }
}

fn converse(
    stream: &mut TcpStream,
    answer: &impl Fn(&[u8]) -> Vec<u8>,
    tell: &impl Fn(Vec<u8>) -> bool,
) {
    let mut buffer = [0; 1 << 16];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        let words = buffer[..count].to_vec();
        let reply = answer(&words);
        if !tell(words) || stream.write_all(&reply).is_err() {
            return;
        }
    }
}

fn has(words: &[u8], word: &str) -> bool {
    String::from_utf8_lossy(words).contains(word)
}

#[test]
fn what_a_server_echoes_is_not_repeated() {
    // Every refusal quotes the password, as it is, cut off, or encoded.
    for echo in [
        PASSWORD,
        "hunter2'",
        "hunter2%2Dand%2Dmore",
        "redis://op:hunter2-and-more@10.0.0.1",
    ] {
        for at in ["PING", "AUTH", "NODES"] {
            let echoing = listener(move |words| {
                let refusal =
                    format!("-ERR unknown '{echo}', with args beginning with: '{echo}'\r\n");
                if has(words, at) {
                    return refusal.into_bytes();
                }
                if has(words, "PING") {
                    b"-NOAUTH Authentication required.\r\n".to_vec()
                } else {
                    b"+OK\r\n".to_vec()
                }
            });
            let port = echoing.port.to_string();
            for command in ["check", "plan-rebalance"] {
                let run = run([command, "-p", &port, "-a", PASSWORD]);
                assert_eq!(run.exit, 2, "{at}: {}", run.stderr);
                assert_secret(&run, at);
            }
        }
    }
}

/// Whoever refuses a login knows the password, and may give it back in any form.
#[test]
fn of_a_refused_login_only_a_servers_words_are_repeated() {
    for (refusal, is_repeated) in [
        ("ERR hunter2-and-more", false),
        ("ERR erom-dna-2retnuh", false),
        ("ERR h u n t e r 2", false),
        ("hunt -er2- and- more", false),
        ("ERR aHVudGVyMi1hbmQtbW9yZQ==", false),
        ("ERR 68756e746572322d616e642d6d6f7265", false),
        (
            "WRONGPASS invalid username-password pair or user is disabled.",
            true,
        ),
        ("ERR invalid password", true),
    ] {
        let echoing = listener(move |words| {
            if has(words, "PING") {
                b"-NOAUTH Authentication required.\r\n".to_vec()
            } else {
                format!("-{refusal}\r\n").into_bytes()
            }
        });
        let run = run(["check", "-p", &echoing.port.to_string(), "-a", PASSWORD]);
        assert_eq!(run.exit, 2, "{refusal}: {}", run.stderr);
        assert_secret(&run, refusal);
        let words = refusal.split_once(' ').map_or("", |(_, words)| words);
        let start = &words[..words.len().min(16)];
        assert_eq!(
            run.stderr.contains(start),
            is_repeated,
            "{refusal}: {}",
            run.stderr
        );
        assert!(run.stderr.contains("refuses the login"), "{}", run.stderr);
    }
}

/// A server that was told the password says it where its id should be.
#[test]
fn what_is_no_id_is_not_repeated() {
    let text = |text: &str| format!("${}\r\n{text}\r\n", text.len()).into_bytes();
    let (mine, its) = ("a".repeat(40), "b".repeat(40));
    let other = listener(move |words| {
        if has(words, "PING") {
            b"+PONG\r\n".to_vec()
        } else if has(words, "AUTH") {
            b"+OK\r\n".to_vec()
        } else {
            [text("erom-dna-2retnuh"), text("")].concat()
        }
    });
    let announced = other.port;
    let seed = listener(move |words| {
        if has(words, "PING") {
            b"+PONG\r\n".to_vec()
        } else if has(words, "AUTH") {
            b"+OK\r\n".to_vec()
        } else {
            text(&format!(
                "{mine} 127.0.0.1:1@2 myself,master - 0 0 1 connected 0-8000\n\
             {its} 127.0.0.1:{announced}@2 master - 0 0 2 connected 8001-16383\n"
            ))
        }
    });
    let run = run([
        "check",
        "-p",
        &seed.port.to_string(),
        "-a",
        PASSWORD,
        "--wait",
        "0s",
    ]);
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), run.stderr);
    assert!(!said.contains("erom-dna"), "{said}");
    let heard: Vec<u8> = other.heard.try_iter().flatten().collect();
    assert!(has(&heard, PASSWORD), "it was told: {said}");
}

#[test]
fn nobody_who_is_no_server_is_told_the_password() {
    let mail = listener(|_| b"220 mail.example\r\n".to_vec());
    let run_at = |port: u16| run(["check", "-p", &port.to_string(), "-a", PASSWORD]);
    let run = run_at(mail.port);
    assert_eq!(run.exit, 2, "{}", run.stderr);
    let heard: Vec<u8> = mail.heard.try_iter().flatten().collect();
    assert!(has(&heard, "PING") && !has(&heard, START));

    // A server lists a node where somebody else listens.
    let other = listener(|_| b"+OK\r\n".to_vec());
    let (mine, its) = ("a".repeat(40), "b".repeat(40));
    let announced = other.port;
    let id = mine.clone();
    let seed = listener(move |words| {
        let text = |text: &str| format!("${}\r\n{text}\r\n", text.len()).into_bytes();
        if has(words, "PING") {
            return b"-NOAUTH Authentication required.\r\n".to_vec();
        }
        if has(words, "NODES") {
            return text(&format!(
                "{id} 127.0.0.1:1@2 myself,master - 0 0 1 connected 0-8000\n\
                 {its} 127.0.0.1:{announced}@2 master - 0 0 2 connected 8001-16383\n"
            ));
        }
        if has(words, "MYID") {
            text(&id)
        } else {
            b"+OK\r\n".to_vec()
        }
    });
    let run = run_at(seed.port);
    assert_ne!(run.exit, 0, "{}", run.stderr);
    let heard: Vec<u8> = other.heard.try_iter().flatten().collect();
    assert!(has(&heard, "PING"), "{}", String::from_utf8_lossy(&heard));
    assert!(!has(&heard, START));
    let heard: Vec<u8> = seed.heard.try_iter().flatten().collect();
    assert!(has(&heard, PASSWORD), "the seed is a server");
}

#[test]
fn words_are_repeated_without_the_logins_in_them() {
    let uri = &format!("redis://op:{PASSWORD}@127.0.0.1:1");
    let port_of = &format!("-p={uri}");
    for words in [
        &["check", uri][..],
        &["check", "-h", uri],
        &["check", "-h", &uri["redis://".len()..]],
        &["check", "-p", uri],
        &["check", port_of],
        &["check", "-u", &format!("http{}", &uri[5..])],
        &["check", "-u", uri],
        &["check", "--askpass", PASSWORD, "-a", PASSWORD],
        &["check", &format!("--askpass={PASSWORD}")],
        &["check", &format!("--uri={uri}"), "--json=yes"],
        &["analyze", uri],
        &["analyze", "--nodes", uri, "x"],
        &["analyze", "x", "--save", uri],
        &["plan-rebalance", "--nodes", uri],
        &["plan-rebalance", "--nodes", "x", "-o", uri],
        &["plan-rebalance", "-p", "1", "--keyspace", uri],
        &["plan-rebalance", "-p", "1", "--max-bytes", uri],
        &["apply", uri, "-p", "1"],
        &["undo", uri, "-p", "1"],
        &["keyslot", "--explain", "a", "--nodes", uri],
        &["keyslot", "--for-slot", uri],
        &[uri],
    ] {
        let run = run(words);
        assert_eq!(run.exit, 2, "{words:?}: {}", run.stderr);
        assert_secret(&run, &format!("{words:?}"));
    }
}

#[test]
fn a_password_is_any_word() {
    for password in ["--json", "-x", "-h", "--", "-1", "a b", "=", "пароль", "-a"] {
        let server = listener(|words| {
            if has(words, "PING") {
                b"+PONG\r\n".to_vec()
            } else {
                b"-WRONGPASS invalid\r\n".to_vec()
            }
        });
        let port = server.port.to_string();
        let run = run(["check", "-p", &port, "-a", password]);
        assert_eq!(run.exit, 2, "{password}: {}", run.stderr);
        let heard: Vec<u8> = server.heard.try_iter().flatten().collect();
        let sent = format!("AUTH\r\n${}\r\n{password}\r\n", password.len());
        assert!(
            has(&heard, &sent),
            "{password}: {}",
            String::from_utf8_lossy(&heard)
        );
    }
}

#[test]
fn a_password_of_the_environment_is_text() {
    let with = |variable: &str, password: &OsStr| {
        let mut command = slotkit(["check", "-p", "1"]);
        let command = command.env_remove("VALKEYCLI_AUTH").env(variable, password);
        ended(command.output().expect("it runs"))
    };
    for variable in ["REDISCLI_AUTH", "VALKEYCLI_AUTH"] {
        let run = with(variable, OsStr::from_bytes(b"hunter2\xff"));
        assert_eq!(run.exit, 2);
        let words = format!("{variable} isn't UTF-8");
        assert!(run.stderr.contains(&words), "{}", run.stderr);
        assert_secret(&run, variable);
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).expect("listed");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let all = paths.flat_map(|path| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![path]
        }
    });
    all.collect()
}

#[test]
fn a_run_leaves_no_password_behind() {
    let shape = Shape {
        primaries: 3,
        password: Some(Secret::new(PASSWORD)),
        ..Shape::default()
    };
    let Some(cluster) = servers::cluster(&shape) else {
        return;
    };
    let at = tempfile::tempdir().expect("a folder");
    let at = at.path();
    let port = cluster.nodes()[0].addr.port.to_string();
    let to = cluster.nodes()[1].addr.to_string();
    let slots = cluster.view(0).expect("a view");
    let slot = slots.map().slots_of(cluster.nodes()[0].id);
    let slot = slot.iter().next().expect("a slot").to_string();
    let login = ["-p", &port, "-a", PASSWORD];
    let plan = [
        "plan-rebalance",
        "--move",
        &slot,
        "--to",
        &to,
        "-o",
        "plan.json",
    ];
    let journal = ["--journal", "state/run.journal", "--yes"];
    for (words, exit) in [
        (&["check", "--json"][..], None),
        (&["check"], None),
        (&plan, Some(1)),
        (&[&plan[..], &["--json"]].concat(), Some(1)),
        (&[&plan[..5], &["--script"]].concat(), Some(1)),
        (
            &[&["apply", "plan.json", "--progress", "json"], &journal[..]].concat(),
            Some(0),
        ),
        (&["undo", "plan.json", "-o", "back.json"], Some(1)),
        (
            &[&["apply", "back.json", "--json"], &journal[..]].concat(),
            Some(0),
        ),
        (&[&["resume"], &journal[..]].concat(), Some(0)),
    ] {
        let run = run_in(at, words.iter().chain(&login), b"");
        assert!(
            exit.is_none_or(|exit| exit == run.exit),
            "{words:?}: {}",
            run.stderr
        );
        assert_secret(&run, &format!("{words:?}"));
    }
    let left = files(at);
    assert!(
        left.iter().any(|path| path.ends_with("back.json")),
        "{left:?}"
    );
    for path in left {
        let bytes = fs::read(&path).expect("read");
        assert!(!has(&bytes, START), "{}", path.display());
    }
}
