//! Tests of what inputs are taken for, and what is said of it.

use super::*;
use crate::source::Escape;
use crate::source::detect::HEAD_BYTES;
use crate::source::{KeyBatch, KeySource, Source};
use std::io::Cursor;

fn seen(text: impl AsRef<[u8]>, options: &Options) -> Result<Recognised> {
    recognise(text.as_ref(), true, options)
}

fn guessed(text: impl AsRef<[u8]>) -> Recognised {
    seen(text, &Options::default()).expect("recognised")
}

/// The keys of an input with their sizes, or the first fault.
fn keys(text: impl AsRef<[u8]>, options: &Options) -> Result<Vec<(String, Option<u64>)>> {
    let mut source = Source::from_reader("input", Cursor::new(text.as_ref().to_vec()), options)?;
    let mut batch = KeyBatch::new();
    let mut keys = Vec::new();
    while source.next_batch(&mut batch)? {
        keys.extend(batch.records().map(|record| {
            let key = record.key.escape_ascii().to_string();
            (key, record.facts.size_bytes)
        }));
    }
    Ok(keys)
}

fn names(text: impl AsRef<[u8]>) -> Vec<String> {
    let keys = keys(text, &Options::default()).expect("it reads");
    keys.into_iter().map(|(key, _)| key).collect()
}

const COMMAND: &str = "1795370754.356650 [0 127.0.0.1:47358] \"GET\" \"a\"\n";

#[test]
fn a_log_may_begin_in_the_middle_of_a_line() {
    for first in [
        "56650 [0 127.0.0.1:47358] \"GET\" \"z\"\n",
        "z\" \"value\"\n",
        "\r\n",
    ] {
        let log = format!("{first}{COMMAND}{COMMAND}");
        let recognised = guessed(&log);
        assert_eq!(recognised.format.name, "monitor", "{first}");
        assert_eq!(names(&log), ["a", "a"], "{first}");
        let says_so = recognised
            .note
            .is_some_and(|note| note.contains("passed over"));
        assert_eq!(says_so, first.len() > 2, "{first}");
    }
    let said = Options {
        format: Some(Format::MONITOR),
        ..Options::default()
    };
    let read = keys(format!("z\"\n{COMMAND}"), &said).expect("it reads");
    assert_eq!(read.len(), 1);
    // One line of a log among keys makes no log of them.
    assert_eq!(
        guessed(format!("a\n{COMMAND}b\nc\nd\ne\n")).format.name,
        "list"
    );
}

#[test]
fn the_first_command_of_a_log_may_be_longer_than_the_head() {
    let long = format!(
        "1795370754.356650 [0 lua] \"SET\" \"b\" \"{}\"\n",
        "x".repeat(HEAD_BYTES)
    );
    let log = format!("OK\n{long}{COMMAND}");
    let recognised = recognise(&log.as_bytes()[..HEAD_BYTES], false, &Options::default());
    assert_eq!(recognised.expect("recognised").format.name, "monitor");
    assert_eq!(names(&log), ["a"]);
}

#[test]
fn a_log_may_have_the_plus_of_the_protocol() {
    let log = format!("+OK\r\n+{}+{0}", COMMAND.replace('\n', "\r\n"));
    assert_eq!(guessed(&log).format.name, "monitor");
    assert_eq!(names(&log), ["a"; 2]);
}

/// Rows as rdb-tools, its older versions and redis-rdb-cli write them.
const PIECES: [(&str, &str); 3] = [
    ("0,string,a,56,string,1,1,\n", "rdb-tools"),
    ("0,string,a,56,string,1,1\n", "rdb-tools"),
    (
        "0,string,\"a\",\"56B\",string,1,\"1B\",\"\"\n",
        "redis-rdb-cli",
    ),
];

#[test]
fn pieces_of_memory_csvs_need_no_header() {
    for (row, format) in PIECES {
        let recognised = guessed(row.repeat(3));
        assert_eq!(recognised.format.name, format, "{row}");
        assert!(
            recognised
                .note
                .is_some_and(|note| note.contains("no header"))
        );
        assert_eq!(names(row.repeat(3)), ["a"; 3], "{row}");
    }
}

#[test]
fn half_a_first_row_is_passed_over() {
    for (row, format) in PIECES {
        for cut in [2, 12, row.len() - 2] {
            let piece = format!("{}{row}{row}", &row[cut..]);
            let recognised = guessed(&piece);
            assert_eq!(recognised.format.name, format, "{piece}");
            let note = recognised.note.expect("a note");
            assert!(
                note.contains("first row") && note.contains("passed over"),
                "{note}"
            );
            assert_eq!(names(&piece), ["a", "a"], "{piece}");
        }
        let said = Options {
            format: Some(if format == "rdb-tools" {
                Format::RDB_TOOLS
            } else {
                Format::RDB_CLI
            }),
            ..Options::default()
        };
        let read = keys(format!("{}{row}", &row[5..]), &said).expect("it reads");
        assert_eq!(read.len(), 1, "{row}");
    }
}

#[test]
fn rows_whose_keys_hold_newlines_are_still_rows() {
    let piece =
        "0,string,a\nb,56,string,1,1,\n0,string,c,56,string,1,1,\n0,string,d,56,string,1,1,\n";
    assert_eq!(names(piece), ["a\\nb", "c", "d"]);
    assert_eq!(
        guessed("a\n0,string,a,56,string,1,1,\nb\nc\n").format.name,
        "list"
    );
}

fn refusal(text: impl AsRef<[u8]>) -> String {
    seen(text, &Options::default())
        .expect_err("refused")
        .one_line()
}

#[test]
fn lines_that_end_with_a_carriage_return_alone_are_refused() {
    for text in ["key,size\ra,5\rb,6\r", "a\rb\rc\r", "a\rb"] {
        let line = refusal(text);
        assert!(
            line.contains("carriage return") && line.contains("tr '\\r' '\\n'"),
            "{line}"
        );
    }
    let kept = Options {
        keep_cr: true,
        ..Options::default()
    };
    assert_eq!(keys("a\rb", &kept).expect("read").len(), 1);
    assert_eq!(names("a\r"), ["a"]);
    assert_eq!(names("a\rb\n"), ["a\\rb"]);
}

#[test]
fn keys_between_nuls_are_not_one_key() {
    let keys = format!("{0}1\0{0}2\0{0}3\0", "a-long-name-of-a-key:".repeat(4));
    for text in [
        keys.as_str(),
        &keys.repeat(40),
        "averyveryverylongkeyofmanybytes\0b",
    ] {
        let line = refusal(text);
        assert!(
            line.contains("-0") && line.contains("--format list"),
            "{line}"
        );
    }
    // A few binary keys among many.
    assert_eq!(
        guessed(format!("a\0b\n{}", "plain\n".repeat(20)))
            .format
            .name,
        "list"
    );
}

fn note(text: &str) -> &'static str {
    let recognised = guessed(text);
    assert_eq!(recognised.format.name, "list", "{text}");
    recognised.note.unwrap_or_default()
}

#[test]
fn blank_lines_take_no_quotes_away() {
    assert_eq!(names("\"a\"\n\"b\"\n\n"), ["a", "b"]);
    assert_eq!(names("\r\n\"a\"\r\n\n\n\"\"\n"), ["a", ""]);
    let line = refusal("\n\n");
    assert!(line.contains("nothing but blank lines"), "{line}");
}

#[test]
fn a_list_that_is_quoted_for_the_most_part_is_said() {
    let hint = note("\"a\"\n\"b\"\nc\n");
    assert!(hint.contains("--quoted"), "{hint}");
    assert_eq!(names("\"a\"\n\"b\"\nc\n"), ["\\\"a\\\"", "\\\"b\\\"", "c"]);
    assert_eq!(note("\"a\"\nb\nc\n"), "");
}

#[test]
fn what_looks_like_something_else_is_refused_with_the_way_out() {
    for (text, hint) in [
        ("name,bytes,kind\na,5,string\n", "--key-column"),
        ("size|key\n5|a\n", "--delimiter"),
        ("name,type\na,string\nb,hash\n", "--key-column"),
        ("Größe;Schlüssel\n5;a\n7;b\n", "--key-column"),
        ("866\thello\n15495\ta\n", "cut -f2-"),
        ("a,1,string,x\nb,1,string,y\n", "--key-column"),
        ("sep=;\nkey;size\na;5\n", "sep="),
        ("\"a\",\"b\",\"c\\\"\"\n", "--csv"),
        ("\"a\",\"b\"", "--csv"),
    ] {
        let line = refusal(text);
        assert!(
            line.contains(hint) && line.contains("--format list"),
            "{text}: {line}"
        );
    }
    assert!(note("a\\x0Ab\nc\n").contains("--escape print"));
    let long = format!("\"{}\",\"b\"", "a".repeat(HEAD_BYTES));
    assert!(recognise(&long.as_bytes()[..HEAD_BYTES], false, &Options::default()).is_ok());
    let joined = "\"key\",".repeat(HEAD_BYTES);
    let joined = recognise(&joined.as_bytes()[..HEAD_BYTES], false, &Options::default());
    assert!(joined.expect_err("refused").one_line().contains("--csv"));
}

/// Texts that people save beside their dumps, each with what it is called.
const TEXTS: &[(&str, &str)] = &[
    ("NOAUTH Authentication required.\n", "an error message"),
    ("-NOAUTH Authentication required.\r\n", "an error message"),
    ("(error) MOVED 866 127.0.0.1:7000\n", "an error message"),
    (
        "Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe.\nuser:1\n",
        "an error message",
    ),
    (
        "Could not connect to Redis at 127.0.0.1:6379: Connection refused\n",
        "an error message",
    ),
    (
        "user:1\nuser:2\nError: Server closed the connection\n",
        "an error message",
    ),
    (
        "# Server\r\nredis_version:7.0.15\r\nos:Linux\r\n\r\n# Clients\r\n",
        "the answer of INFO",
    ),
    (
        "used_memory:1\nused_memory_human:1B\nused_memory_rss:5\n",
        "the answer of INFO",
    ),
    (
        "# Keyspace\r\ndb0:keys=177,expires=0,avg_ttl=0\r\n",
        "the answer of INFO",
    ),
    ("db0:keys=177,expires=0,avg_ttl=0\n", "the answer of INFO"),
    (
        "\"# Server\\r\\nredis_version:7.0.15\\r\\n\"\n",
        "the answer of INFO",
    ),
    (
        "cluster_state:ok\r\ncluster_slots_assigned:16384\r\n",
        "CLUSTER INFO",
    ),
    (
        "\n# Scanning the entire keyspace to find biggest keys as well as\n[00.00%] Biggest string found so far '\"a\"' with 1 bytes\n",
        "--bigkeys",
    ),
    (
        "07c37dfeb235213a872192d90877d0cd55635b91 127.0.0.1:30001@31001 myself,master - 0 0 1 connected 0-5460\n",
        "CLUSTER NODES",
    ),
    (
        "07c37dfeb235213a872192d90877d0cd55635b91 :0@0 myself,master - 0 0 1 connected\nvars currentEpoch 6 lastVoteEpoch 0\n",
        "CLUSTER NODES",
    ),
    (
        "0\n5460\n127.0.0.1\n30001\n07c37dfeb235213a872192d90877d0cd55635b91\n\n5461\n10922\n127.0.0.1\n30002\n67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1\n",
        "CLUSTER SLOTS",
    ),
    (
        "slots\n0\n5460\nnodes\nid\n07c37dfeb235213a872192d90877d0cd55635b91\nport\n30001\n",
        "CLUSTER SLOTS",
    ),
    ("1) 1) (integer) 0\n   2) (integer) 5460\n", "on a terminal"),
    (
        "1) \"17\"\n2)  1) \"key:1\"\n    2) \"key:2\"\n",
        "on a terminal",
    ),
    ("(empty array)\n", "on a terminal"),
    (
        "maxmemory\n0\nmaxmemory-policy\nnoeviction\nappendonly\nno\nsave\n3600 1\n",
        "CONFIG GET",
    ),
    (
        "id=3 addr=127.0.0.1:50000 laddr=127.0.0.1:6379 fd=8 name= age=1\n",
        "CLIENT LIST",
    ),
    ("14\n1309448221\n15\nping\n127.0.0.1:50000\n\n", "SLOWLOG"),
    (
        "command\n1405067976\n251\n1001\n",
        "SLOWLOG GET or of LATENCY",
    ),
    ("OK\n", "without keys"),
    (
        ">>> Performing Cluster Check (using node 127.0.0.1:7000)\nM: 07c37dfeb235213a872192d90877d0cd55635b91 127.0.0.1:7000\n",
        "redis-cli --cluster",
    ),
    (
        "====== PING_INLINE ======\n  100000 requests completed in 0.88 seconds\n",
        "redis-benchmark",
    ),
    (
        "SET: 112359.55 requests per second, p50=0.223 msec\n",
        "redis-benchmark",
    ),
    (
        "min: 0, max: 1, avg: 0.10 (1363 samples)\n",
        "redis-benchmark",
    ),
    ("Totals\n  keys  306\n", "slotkit's own report"),
    (
        "slot,keys,bytes,expiring,biggest_key,biggest_key_bytes\n0,1,5,0,a,5\n",
        "slotkit's own report",
    ),
    (
        "{\"schema\":1,\"objective\":\"by bytes\",\"migrations\":[]}\n",
        "a plan of slotkit",
    ),
    (
        "{\"schema\":1,\"totals\":{\"keys\":1}}\n",
        "JSON that slotkit printed",
    ),
    (
        "{\"record\":\"journal\",\"schema\":1}\n{\"record\":\"open\",\"slot\":5}\n",
        "a journal of slotkit",
    ),
    (
        "node             id        slots  after  runs  after\n172.17.0.3:6379  54cb5c2e   5461   5498     1     38\n",
        "slotkit's own plan",
    ),
    (
        "<!DOCTYPE html>\n<html>\n<body>\n</body>\n</html>\n",
        "HTML",
    ),
    ("<?xml version=\"1.0\"?>\n<a>\n</a>\n", "XML"),
    ("<configuration>\n<name>x</name>\n</configuration>\n", "XML"),
    (
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: redis-0\nspec:\n  containers:\n  - name: redis\n",
        "YAML",
    ),
    ("---\nfoo:\n  - bar\n", "YAML"),
    (
        "# Title\n\nSome text in a file of the project.\n\n- [a](b)\n",
        "Markdown",
    ),
    (
        "[package]\nname = \"slotkit\"\nversion = \"0.1.0\"\n",
        "TOML or INI",
    ),
    ("# a file\n[client]\nhost=a\n", "TOML or INI"),
    (
        "PATH=/bin\nHOME=/root\nSHELL=/bin/sh\n",
        "settings (NAME=value)",
    ),
    (
        "maxmemory 2gb\nappendonly no\nsave 3600 1\nbind 127.0.0.1\n",
        "redis.conf",
    ),
    (
        "# Redis configuration file example.\n#\n# Note that in order to read the configuration file, Redis must be\n",
        "redis.conf",
    ),
    (
        "12:C 23 Nov 2026 21:52:29.518 # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo\n12:M 23 Nov 2026 21:52:29.519 * Ready to accept connections\n",
        "a server's log",
    ),
    (
        "[12] 23 Nov 21:52:29.518 * DB saved on disk\n",
        "a server's log",
    ),
    (
        "2026-11-29T10:00:00Z INFO starting up\n2026-11-29T10:00:01Z WARN low memory\n",
        "a log",
    ),
    (
        "Nov 29 10:00:00 host systemd[1]: Started Redis.\nNov 29 10:00:01 host systemd[1]: Stopped Redis.\n",
        "a log",
    ),
    ("ERROR:root:it failed\nINFO:root:it works again\n", "a log"),
    (
        "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nKeyError: 'a'\n",
        "traceback",
    ),
    ("#!/bin/sh\nset -e\n", "a script"),
    (
        "import os\nfrom sys import argv\n\ndef main():\n    return os.getpid()\n",
        "source code",
    ),
    (
        "use std::fs;\n\nfn main() {\n    println!(\"a\");\n}\n",
        "source code",
    ),
    (
        "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n",
        "manifest",
    ),
    ("$5\r\nhello\r\n", "protocol"),
    ("+OK\r\n", "protocol"),
    ("d41d8cd98f00b204e9800998ecf8427e  dump.rdb\n", "checksums"),
    ("{\"a\":1}\n{\"a\":2}\n", "JSON"),
    ("[1,2]\n", "JSON"),
    (
        "{\"log\":\"1339518083.107412 [0 127.0.0.1:60866] \\\"get\\\" \\\"x\\\"\\n\",\"stream\":\"stdout\",\"time\":\"2026\"}\n",
        "jq -j .log",
    ),
    ("-----BEGIN CERTIFICATE-----\nMIIB\n", "cryptography"),
    (
        "It was a dark and stormy night.\nThe rain fell in torrents.\n",
        "text with blanks",
    ),
    (
        "NAME      READY   STATUS    RESTARTS   AGE\nredis-0   1/1     Running   0          5d\n",
        "a table for people",
    ),
];

#[test]
fn texts_of_known_kinds_are_named() {
    for (text, name) in TEXTS {
        let line = refusal(text);
        let has_words = line.contains(name) && line.contains("--format list");
        assert!(has_words, "{text}: {line}");
        let said = Options {
            format: Some(Format::LIST),
            ..Options::default()
        };
        if !text.starts_with(['+', '$']) {
            assert_eq!(
                seen(text, &said).expect("said").format.name,
                "list",
                "{text}"
            );
        }
    }
}

#[test]
fn lists_of_keys_need_no_flag() {
    let uuids = "550e8400-e29b-41d4-a716-446655440000\n6ba7b810-9dad-11d1-80b4-00c04fd430c8\n";
    let hashes =
        "da39a3ee5e6b4b0d3255bfef95601890afd80709\n5feceb66ffc86f38d952786c6d696c79c2dbc239\n";
    let named = "cache:SELECT * FROM users\ncache:SELECT 1\nuser:7:full name\nsession:1\n";
    let mixed = format!("{}a key with blanks\n", "user:1\n".repeat(9));
    for text in [
        "user:1\nuser:2\n",
        "hello\n",
        "hello",
        "1\n2\n3\n",
        uuids,
        hashes,
        named,
        &mixed,
        "{user1000}.following\n{user1000}.followers\n",
        "App\\Models\\User:1\n",
        "a=1\na=2\n",
        "page=1\n",
        "ключ\n鍵\n",
        "\u{1F600}\n",
        "a/b/c\n",
        "http://example.com/a\n",
        "<a>\n",
        "[a]\n[b]\n",
        "#channel\n#other\n",
        "- \nuser:1\nuser:2\nuser:3\nuser:4\nuser:5\n",
        "spring:session:sessions:expires:4f2c\n",
        "slots\nnodes\nid\n",
        "maxmemory\nport\n",
        "command\n5\n",
        "used_memory:1\n",
        "_kombu.binding.celery\nunacked\n",
        "bull:jobs:id\n",
    ] {
        assert_eq!(guessed(text).format.name, "list", "{text}");
    }
    assert_eq!(
        names("1) \"user:1\"\n2) \"a b\\n\"\n"),
        ["user:1", "a b\\n"]
    );
    assert_eq!(names(" 9) \"a\"\r\n10) \"b\"\r\n"), ["a", "b"]);
    let binary: Vec<u8> = [&b"\xfe\xff\x01key\n"[1..], &b"user:1\n".repeat(30)].concat();
    assert_eq!(guessed(binary).format.name, "list");
}

#[test]
fn in_a_folder_a_number_alone_is_no_list() {
    for (text, is_slight) in [
        ("12345\n", true),
        ("7.0.15\n", true),
        ("d41d8cd98f00b204e9800998ecf8427e\n", true),
        ("hello\n", false),
        ("1\n2\n", false),
    ] {
        assert_eq!(guessed(text).is_slight, is_slight, "{text}");
    }
}

const PREFIXED: &str = "redis_1  | OK\nredis_1  | 1339518083.107412 [0 127.0.0.1:60866] \"set\" \"x\" \"6\"\n\
    redis_1  | 1339518090.420270 [0 lua] \"get\" \"y\"\nredis_1  | 1339518096.506257 [0 127.0.0.1:60866] \"get\" \"y\"\n";

#[test]
fn logs_are_read_behind_names_times_and_colours() {
    assert_eq!(guessed(PREFIXED).format.name, "monitor");
    assert_eq!(names(PREFIXED), ["x", "y"]);
    let pods = PREFIXED.replace(
        "redis_1  | ",
        "[pod/redis-0/redis] 2026-11-29T10:00:00.123456789Z ",
    );
    assert_eq!(names(&pods), ["x", "y"]);
    let coloured = PREFIXED
        .replace("redis_1  | ", "\x1b[32m")
        .replace('\n', "\x1b[0m\r\n");
    assert_eq!(names(&coloured), ["x", "y"]);
    let both = format!(
        "Attaching to redis_1\n{}",
        PREFIXED.replace("redis_1  | ", "\x1b[36mredis_1  |\x1b[0m ")
    );
    assert_eq!(names(&both), ["x", "y"]);
}

#[test]
fn a_last_line_that_was_cut_is_passed_over() {
    for log in [COMMAND.repeat(2), PREFIXED.to_owned()] {
        let whole = names(&log).len();
        for more in [
            "1339518100.5449",
            "redis_1  | 13",
            "1795370754.356650 [0 127.0.0.1:47358] \"GET\" \"a",
        ] {
            assert_eq!(names(format!("{log}{more}")).len(), whole, "{more}");
            // With a newline it is a row like others.
            assert!(
                keys(format!("{log}{more}\n{COMMAND}"), &Options::default()).is_err(),
                "{more}"
            );
        }
    }
}

#[test]
fn keys_that_older_tools_quoted_lose_their_quotes() {
    let old = "database,type,key,size_in_bytes,encoding,num_elements,len_largest_element\n";
    let rows =
        "0,string,\"user:1\",104,string,13,13\n0,string,\"q\\\"u\\u00e9,\\n\",96,string,8,8\n";
    assert_eq!(
        names(format!("{old}{rows}")),
        ["user:1", "q\\\"u\\xc3\\xa9,\\n"]
    );
    let anew = "0,string,plain,104,string,13,13\n0,string,\"a,b\",96,string,8,8\n0,string,\"q\"\"u\",96,string,8,8\n";
    assert_eq!(names(format!("{old}{anew}")), ["plain", "a,b", "q\\\"u"]);
    let new = "database,type,key,size_in_bytes,encoding,num_elements,len_largest_element,expiry\n";
    let anew = anew.replace(",8\n", ",8,\n").replace(",13\n", ",13,\n");
    assert_eq!(names(format!("{new}{anew}")), ["plain", "a,b", "q\\\"u"]);
    // As rdb-tools writes them: nothing is quoted.
    let raw =
        "0,string,\"a\",1,string,1,1,\n0,string,q\"u,1,string,1,1,\n0,string,a,b,1,string,1,1,\n";
    assert_eq!(names(format!("{new}{raw}")), ["\\\"a\\\"", "q\\\"u", "a,b"]);
    let one = "0,string,\"a\",1,string,1,1,\n0,string,b,1,string,1,1,\n";
    assert_eq!(names(format!("{new}{one}")), ["\\\"a\\\"", "b"]);
}

#[test]
fn sizes_of_redis_rdb_cli_have_its_units() {
    let header =
        "database,type,key,size_in_bytes,encoding,num_elements,len_largest_element,expiry\n";
    let rows = "0,string,\"a\",\"10 B\",string,1,\"10 B\",\"\"\n0,ttlhash,\"h\",\"92.4kB\",hashmetadata,1000,\"10 B\",\"2023-01-01 00:00:00.000\"\n\
        0,hash,\"m,\"x\",\"1,5MB\",hash,1,\"1 B\",\"1672531200000\"\n";
    let read = keys(format!("{header}{rows}"), &Options::default()).expect("it reads");
    let expected = [("a", 10), ("h", 92_400), ("m,\\\"x", 1_500_000)];
    assert_eq!(
        read,
        expected.map(|(key, size)| (key.to_owned(), Some(size)))
    );
    let quoted = Options {
        escape: Some(Escape::Quoted),
        ..Options::default()
    };
    let rows = "0,string,\"a\\x20\\n\\x5c\",\"10 B\",string,1,\"10 B\",\"\"\n";
    let read = keys(format!("{header}{rows}"), &quoted).expect("it reads");
    assert_eq!(read[0].0, "a \\n\\\\");
}

#[test]
fn keys_that_are_a_little_odd_are_a_list_without_a_word() {
    for text in [
        "a,b\n",
        "a,b\nc,d\n",
        "user,1\nuser,2\nuser,3\n",
        "user|1\nuser|2|3\n",
        "a|b|c|d\ne|f|g|h\n",
        "a,1\nb\n",
        "1\n2\n",
        "C:\\xyz\n\\x41\n",
        "\"a\",b\nc\n",
    ] {
        assert_eq!(note(text), "", "{text}");
    }
}

#[test]
fn escapes_are_said_of_memory_csvs_too() {
    let rows = "0,string,a\\x0Ab,56,string,1,1,\n";
    let hint = guessed(rows).note.expect("a note");
    assert!(hint.contains("--escape print"), "{hint}");
    let said = Options {
        escape: Some(Escape::Raw),
        ..Options::default()
    };
    let hint = seen(rows, &said).expect("recognised").note.expect("a note");
    assert!(!hint.contains("--escape print"), "{hint}");
}

#[test]
fn what_is_packed_otherwise_is_named() {
    let noise: Vec<u8> = (0..900u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    for (magic, name) in [
        (&b"BZh9"[..], "found bzip2"),
        (b"\xFD7zXZ\0", "found xz"),
        (b"PK\x03\x04", "found zip"),
        (b"\x1F\x8B\x08", "found gzip inside"),
    ] {
        let line = refusal([magic, &noise].concat());
        assert!(
            line.contains(name) && line.contains("unpack it first"),
            "{line}"
        );
    }
    assert_eq!(guessed("BZhang\nBZhou\n").format.name, "list");
    // A header may stand in it as it is.
    let header = b"size_in_bytes,key,type,database\n";
    let old = [
        &b"\x02\x21\x4C\x18\xFD\x51\x09\0\xF4\x32"[..],
        header,
        &noise,
    ]
    .concat();
    assert!(refusal(old).contains("found lz4 of the old format"));
    let mut tar = [b"dump.csv".to_vec(), vec![0; 504], header.to_vec()].concat();
    tar[257..265].copy_from_slice(b"ustar  \0");
    assert!(refusal(tar).contains("found tar"));
    let line = refusal(b"\xFF\xFE\0\0k\0\0\0");
    assert!(line.contains("iconv -f UTF-32"), "{line}");
}
