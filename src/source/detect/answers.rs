//! Recognises answers of servers and what redis-cli prints, which people save beside their dumps.
//!
//! The names are those of `src/server.c`, `src/cluster.c` and `src/redis-cli.c` of Redis and Valkey.

use super::first_lines::{FirstLines, begins_with_any, first_word, is_node_id, is_number};
use super::other_text::{LIST_ANEW, OtherText};
use memchr::memmem;

const SECTIONS: &[&str] = &[
    "# Server",
    "# Clients",
    "# Memory",
    "# Persistence",
    "# Threads",
    "# Stats",
    "# Replication",
    "# CPU",
    "# Modules",
    "# Commandstats",
    "# Errorstats",
    "# Latencystats",
    "# Cluster",
    "# Keyspace",
    "# Keysizes",
    "# Sentinel",
    "# Debug",
    "# Hotkeys",
];

const INFO_FIELDS: &[&str] = &[
    "redis_version:",
    "valkey_version:",
    "server_name:",
    "redis_mode:",
    "process_id:",
    "tcp_port:",
    "uptime_in_",
    "connected_clients:",
    "used_memory",
    "maxmemory:",
    "maxmemory_",
    "mem_fragmentation_",
    "rdb_changes_since_",
    "rdb_last_",
    "aof_enabled:",
    "total_connections_received:",
    "instantaneous_",
    "keyspace_hits:",
    "keyspace_misses:",
    "role:master",
    "role:slave",
    "connected_slaves:",
    "master_repl",
    "used_cpu_",
    "cmdstat_",
    "errorstat_",
    "latency_percentiles_",
    "cluster_enabled:",
];

const CLUSTER_FIELDS: &[&str] = &[
    "cluster_state:",
    "cluster_slots_",
    "cluster_known_nodes:",
    "cluster_size:",
    "cluster_current_epoch:",
    "cluster_my_epoch:",
    "cluster_stats_messages_",
];

/// What an error begins with, as the server says it.
const ERRORS: &[&str] = &[
    "ERR ",
    "NOAUTH ",
    "WRONGPASS ",
    "NOPERM ",
    "LOADING ",
    "MOVED ",
    "ASK ",
    "CLUSTERDOWN ",
    "MASTERDOWN ",
    "READONLY ",
    "OOM command ",
    "BUSY Redis ",
    "MISCONF ",
    "DENIED Redis ",
    "WRONGTYPE ",
    "CROSSSLOT ",
    "TRYAGAIN ",
    "NOREPLICAS ",
    "EXECABORT ",
    "NOPROTO ",
];

/// What redis-cli says itself where keys were expected.
const CLI_ERRORS: &[&str] = &[
    "(error) ",
    "Could not connect to Redis",
    "Could not connect to Valkey",
    "AUTH failed: ",
    "Error: Server closed the connection",
    "Error: Connection reset by peer",
    "Error: Broken pipe",
    "I/O error",
    "Unrecognized option or bad number of args",
    "Warning: Using a password with",
    "Usage: redis-cli ",
    "Usage: valkey-cli ",
];

const CONFIG_NAMES: &[&[u8]] = &[
    b"maxmemory",
    b"maxmemory-policy",
    b"maxmemory-samples",
    b"appendonly",
    b"appendfsync",
    b"appendfilename",
    b"dbfilename",
    b"rdbcompression",
    b"rdbchecksum",
    b"requirepass",
    b"masterauth",
    b"tcp-backlog",
    b"tcp-keepalive",
    b"loglevel",
    b"logfile",
    b"daemonize",
    b"cluster-enabled",
    b"cluster-node-timeout",
    b"slowlog-log-slower-than",
    b"proto-max-bulk-len",
    b"lazyfree-lazy-eviction",
];

pub(super) fn kind(first_lines: &FirstLines<'_>) -> Option<OtherText> {
    type Test = fn(&FirstLines<'_>) -> bool;
    let kinds: [(Test, OtherText); 14] = [
        (
            is_error,
            OtherText::new(
                "an error message",
                "see to what it says, then write the list with redis-cli --no-raw --scan 2>errors",
            ),
        ),
        (
            is_scan,
            OtherText::new(
                "what redis-cli --bigkeys, --memkeys, --hotkeys or --keystats prints",
                LIST_ANEW,
            ),
        ),
        (
            is_cluster_info,
            OtherText::new("the answer of CLUSTER INFO", LIST_ANEW),
        ),
        (is_info, OtherText::new("the answer of INFO", LIST_ANEW)),
        (
            is_nodes,
            OtherText::new(
                "the answer of CLUSTER NODES, or a nodes.conf",
                "name it with --nodes, and the keys as input",
            ),
        ),
        (
            is_slots,
            OtherText::new(
                "the answer of CLUSTER SLOTS or CLUSTER SHARDS",
                "save CLUSTER NODES and name that with --nodes, and the keys as input",
            ),
        ),
        (
            is_config,
            OtherText::new("the answer of CONFIG GET", LIST_ANEW),
        ),
        (
            is_clients,
            OtherText::new("the answer of CLIENT LIST", LIST_ANEW),
        ),
        (
            is_slowlog,
            OtherText::new("the answer of SLOWLOG GET or of LATENCY", LIST_ANEW),
        ),
        (
            is_nested,
            OtherText::new("an answer as redis-cli prints it on a terminal", LIST_ANEW),
        ),
        (
            is_status,
            OtherText::new("an answer without keys", LIST_ANEW),
        ),
        (
            is_joined,
            OtherText::new(
                "an answer of redis-cli --csv, all keys in one line",
                LIST_ANEW,
            ),
        ),
        (
            is_cluster_tool,
            OtherText::new("what redis-cli --cluster prints", LIST_ANEW),
        ),
        (
            is_benchmark,
            OtherText::new(
                "what redis-benchmark, redis-cli --latency or --stat prints",
                LIST_ANEW,
            ),
        ),
    ];
    let found = kinds.iter().find(|(is_it, _)| is_it(first_lines));
    found.map(|(_, kind)| *kind)
}

fn is_error(first_lines: &FirstLines<'_>) -> bool {
    first_lines.any(|line| {
        let bare = line.strip_prefix(b"-").unwrap_or(line);
        begins_with_any(bare, ERRORS) || begins_with_any(line, CLI_ERRORS)
    })
}

fn is_scan(first_lines: &FirstLines<'_>) -> bool {
    first_lines.any(|line| {
        begins_with_any(
            line,
            &["# Scanning the entire keyspace", "-------- summary -------"],
        ) || (line.starts_with(b"Biggest ") && memmem::find(line, b" found ").is_some())
            || (line.starts_with(b"Sampled ")
                && memmem::find(line, b" keys in the keyspace").is_some())
    })
}

fn is_info(first_lines: &FirstLines<'_>) -> bool {
    let first = first_lines.first();
    let section = |line: &[u8]| SECTIONS.iter().any(|name| line == name.as_bytes());
    // Quoted, with the line ends as escapes.
    let is_quoted = first.starts_with(b"\"# ") && memmem::find(first, b"\\r\\n").is_some();
    is_quoted
        || (section(first) && first_lines.line(1).contains(&b':'))
        || first_lines.count(|line| begins_with_any(line, INFO_FIELDS)) > 1
        || first_lines.all(|line| section(line) || is_keyspace(line))
}

/// `db0:keys=177,expires=0,avg_ttl=0`.
fn is_keyspace(line: &[u8]) -> bool {
    let digits = line.strip_prefix(b"db").unwrap_or_default();
    let count = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    count > 0 && digits[count..].starts_with(b":keys=")
}

fn is_cluster_info(first_lines: &FirstLines<'_>) -> bool {
    first_lines.count(|line| begins_with_any(line, CLUSTER_FIELDS)) > 1
}

fn is_nodes(first_lines: &FirstLines<'_>) -> bool {
    let is_node = |line: &[u8]| {
        is_node_id(first_word(line))
            && [&b"master"[..], b"slave", b"handshake", b"noaddr"]
                .iter()
                .any(|flag| memmem::find(line, flag).is_some())
    };
    first_lines.any(is_node) || first_lines.first().starts_with(b"vars currentEpoch ")
}

/// Begin, end, host, port, id, a line each; or the words that SHARDS has.
fn is_slots(first_lines: &FirstLines<'_>) -> bool {
    let slot = |at: usize| {
        let text = std::str::from_utf8(first_lines.line(at)).ok()?;
        text.parse::<u16>().ok().filter(|slot| *slot < 16_384)
    };
    let is_slots = slot(0) <= slot(1)
        && slot(0).is_some()
        && is_number(first_lines.line(3))
        && is_node_id(first_lines.line(4));
    let is_shards = first_lines.first() == b"slots"
        && first_lines.any(|line| line == b"nodes")
        && first_lines.any(is_node_id);
    is_slots || is_shards
}

/// Names and values in turn.
fn is_config(first_lines: &FirstLines<'_>) -> bool {
    first_lines.count(|line| CONFIG_NAMES.contains(&line)) > 2
}

fn is_clients(first_lines: &FirstLines<'_>) -> bool {
    first_lines.first().starts_with(b"id=")
        && memmem::find(first_lines.first(), b" addr=").is_some()
}

/// A number, a time of ten digits, microseconds, and then words; of LATENCY, the event comes first.
fn is_slowlog(first_lines: &FirstLines<'_>) -> bool {
    let is_time = |at: usize| first_lines.line(at).len() == 10 && is_number(first_lines.line(at));
    let is_slowlog = is_number(first_lines.line(0))
        && is_time(1)
        && is_number(first_lines.line(2))
        && first_lines.lines.len() > 3
        && !is_number(first_lines.line(3));
    let is_latency = [
        &b"command"[..],
        b"fast-command",
        b"fork",
        b"expire-cycle",
        b"eviction-cycle",
        b"aof-write",
    ]
    .contains(&first_lines.first())
        && is_time(1)
        && is_number(first_lines.line(2))
        && is_number(first_lines.line(3));
    is_slowlog || is_latency
}

/// Lines with a number and more numbers, types, or no string: answers that aren't one array of strings.
fn is_nested(first_lines: &FirstLines<'_>) -> bool {
    first_lines.any(|line| {
        let line = line.trim_ascii_start();
        let numbered = behind_number(line);
        match numbered {
            Some(rest) => {
                behind_number(rest).is_some()
                    || begins_with_any(rest, &["(integer) ", "(nil)", "(double) ", "(empty "])
            }
            None => begins_with_any(
                line,
                &[
                    "(integer) ",
                    "(nil)",
                    "(empty array)",
                    "(empty list or set)",
                    "(empty ",
                ],
            ),
        }
    })
}

/// What stands behind `1) `.
fn behind_number(line: &[u8]) -> Option<&[u8]> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = line[digits..].strip_prefix(b") ")?;
    (digits > 0).then(|| rest.trim_ascii_start())
}

fn is_status(first_lines: &FirstLines<'_>) -> bool {
    first_lines.lines.len() == 1 && [&b"OK"[..], b"QUEUED", b"PONG"].contains(&first_lines.first())
}

/// `"a","b"`.
fn is_joined(first_lines: &FirstLines<'_>) -> bool {
    first_lines.all(|line| line.starts_with(b"\"") && memmem::find(line, b"\",\"").is_some())
}

fn is_cluster_tool(first_lines: &FirstLines<'_>) -> bool {
    first_lines.any(|line| begins_with_any(line, &[">>> ", "[OK] All ", "[ERR] ", "M: ", "S: "]))
}

fn is_benchmark(first_lines: &FirstLines<'_>) -> bool {
    first_lines.any(|line| {
        line.starts_with(b"====== ")
            || (line.starts_with(b"min: ") && memmem::find(line, b" avg: ").is_some())
            || (line.starts_with(b"------- data ------"))
            || memmem::find(line, b" requests per second").is_some()
            || line.starts_with(b"\"test\",\"rps\"")
    })
}
