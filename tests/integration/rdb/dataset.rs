//! Keys of every type and encoding, thresholds crossed, written to a real server.

use super::client::{Client, Command, Reply};
use crate::command;

/// Random numbers that are the same in every run (splitmix64, Steele, Lea and Flood 2014).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// Text of this length that LZF can't shorten.
    pub fn text(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| 33 + self.below(94) as u8).collect()
    }

    /// Text that LZF shortens.
    pub fn dull_text(&mut self, length: usize) -> Vec<u8> {
        let piece = self.text(7);
        piece.iter().copied().cycle().take(length).collect()
    }

    /// A length as they occur: mostly short, some long.
    pub fn length(&mut self) -> usize {
        let most = [8, 24, 60, 120, 1000][self.below(5) as usize];
        1 + self.below(most) as usize
    }
}

/// What a server can be asked to do.
pub struct Abilities {
    pub streams: bool,
    pub functions: bool,
    pub field_expiry: bool,
    pub databases: bool,
}

impl Abilities {
    pub fn of(client: &mut Client, is_cluster: bool) -> Abilities {
        let mut knows = |name: &str| {
            let reply = client.run(command!["COMMAND", "INFO", name]);
            matches!(reply.list().first(), Some(Reply::List(_)))
        };
        Abilities {
            streams: knows("xadd"),
            functions: knows("function"),
            field_expiry: knows("hpexpire"),
            databases: !is_cluster,
        }
    }
}

/// A few keys of each kind: small enough for a fixture.
pub fn varied(abilities: &Abilities) -> Vec<Command> {
    let mut random = Random::new(1);
    let mut commands = Vec::new();
    strings(&mut random, &mut commands);
    for (name, count) in [("one", 1), ("few", 5), ("many", 140), ("lots", 530)] {
        collections(&mut random, &mut commands, name, count, 10);
    }
    collections(&mut random, &mut commands, "wide", 3, 70);
    collections(&mut random, &mut commands, "huge", 2, 9000);
    integers(&mut commands);
    if abilities.streams {
        streams(&mut random, &mut commands);
    }
    if abilities.field_expiry {
        field_expiry(&mut commands);
    }
    if abilities.functions {
        let library = "#!lua name=nothing\nredis.register_function('nothing', function() end)";
        commands.push(command!["FUNCTION", "LOAD", "REPLACE", library]);
    }
    for key in ["string:5", "hash:few", "set:few", "zset:many", "list:few"] {
        commands.push(command!["PEXPIREAT", key, "4102444800123"]);
    }
    if abilities.databases {
        commands.push(command!["SELECT", "9"]);
        collections(&mut random, &mut commands, "ninth", 3, 10);
        commands.push(command!["PEXPIREAT", "hash:ninth", "4102444800999"]);
        commands.push(command!["SELECT", "0"]);
    }
    commands
}

fn strings(random: &mut Random, commands: &mut Vec<Command>) {
    for length in [0, 1, 5, 43, 44, 45, 63, 64, 300] {
        let key = format!("string:{length}");
        commands.push(command!["SET", key, random.text(length)]);
    }
    for length in [5000, 20_000, 70_000] {
        let key = format!("string:dull:{length}");
        commands.push(command!["SET", key, random.dull_text(length)]);
    }
    commands.push(command!["SET", random.dull_text(300), "a long key"]);
    commands.push(command!["SET", "12345", "an integer for a key"]);
    commands.push(command!["SET", b"\x00\xff\r\n\"',", "an odd key"]);
    for value in [
        "0",
        "-1",
        "127",
        "-32768",
        "2147483648",
        "-9223372036854775808",
        "007",
    ] {
        commands.push(command!["SET", format!("number:{value}"), value]);
    }
}

/// A list, set, sorted set and hash of so many elements of this length.
fn collections(
    random: &mut Random,
    commands: &mut Vec<Command>,
    name: &str,
    count: usize,
    length: usize,
) {
    let mut list = command!["RPUSH", format!("list:{name}")];
    let mut set = command!["SADD", format!("set:{name}")];
    let mut zset = command!["ZADD", format!("zset:{name}")];
    let mut hash = command!["HMSET", format!("hash:{name}")];
    for index in 0..count {
        let mut element = format!("{index}:").into_bytes();
        // Long ones are dull, so that the files stay small.
        let rest = length.saturating_sub(element.len());
        element.extend(if length > 1000 {
            random.dull_text(rest)
        } else {
            random.text(rest)
        });
        list.push(element.clone());
        set.push(element.clone());
        zset.extend([format!("{index}.5").into_bytes(), element.clone()]);
        let value = random.dull_text(length);
        hash.extend([element, value]);
    }
    commands.extend([list, set, zset, hash]);
}

fn integers(commands: &mut Vec<Command>) {
    for (name, step, count) in [
        ("16", 7, 100),
        ("32", 70_000, 100),
        ("64", 1 << 40, 100),
        ("lots", 3, 600),
    ] {
        let mut set = command!["SADD", format!("intset:{name}")];
        let mut list = command!["RPUSH", format!("numbers:{name}")];
        let mut zset = command!["ZADD", format!("scores:{name}")];
        for index in 0..count {
            let number = (i64::from(index) - 50) * step;
            set.push(number.to_string().into_bytes());
            list.push(number.to_string().into_bytes());
            zset.extend([
                number.to_string().into_bytes(),
                number.to_string().into_bytes(),
            ]);
        }
        commands.extend([set, list, zset]);
    }
    let ends = ["+inf", "above", "-inf", "below", "1e300", "far"];
    let mut zset = command!["ZADD", "scores:ends"];
    zset.extend(ends.iter().map(|part| part.as_bytes().to_vec()));
    commands.push(zset);
}

fn streams(random: &mut Random, commands: &mut Vec<Command>) {
    for (name, count) in [("one", 1), ("few", 20), ("lots", 1200)] {
        for index in 0..count {
            let id = format!("{}-{}", 1_700_000_000_000_u64 + index * 37, index % 3);
            let value = random.text(30);
            commands.push(command![
                "XADD",
                format!("stream:{name}"),
                id,
                "field",
                value
            ]);
        }
    }
    let stream = "stream:lots";
    commands.push(command!["XDEL", stream, "1700000000037-1"]);
    for group in ["readers", "others"] {
        commands.push(command!["XGROUP", "CREATE", stream, group, "0"]);
        for consumer in ["alice", "bob"] {
            commands.push(command![
                "XREADGROUP",
                "GROUP",
                group,
                consumer,
                "COUNT",
                "150",
                "STREAMS",
                stream,
                ">"
            ]);
        }
    }
    commands.push(command!["XADD", "stream:empty", "1-1", "a", "b"]);
    commands.push(command!["XDEL", "stream:empty", "1-1"]);
}

fn field_expiry(commands: &mut Vec<Command>) {
    for name in ["few", "many", "lots"] {
        let key = format!("hash:expiring:{name}");
        let count = match name {
            "few" => 4,
            "many" => 100,
            _ => 700,
        };
        let mut hash = command!["HSET", key];
        for index in 0..count {
            hash.extend([format!("field:{index}").into_bytes(), b"value".to_vec()]);
        }
        commands.push(hash);
        for (field, at) in [("field:0", "4102444800123"), ("field:2", "4102444900456")] {
            commands.push(command!["HPEXPIREAT", key, at, "FIELDS", "1", field]);
        }
    }
}

/// Many keys as they occur, to measure sizes on.
pub fn mixed(abilities: &Abilities, keys: usize, seed: u64) -> Vec<Command> {
    let mut random = Random::new(seed);
    let mut commands = Vec::new();
    for index in 0..keys {
        let name = random.text(1 + index % 40);
        let name = String::from_utf8(name).expect("text");
        let name = name.replace(['{', '}'], "_");
        let key = format!("{}:{index}:{name}", ["user", "session", "q"][index % 3]);
        match random.below(100) {
            0..45 => {
                let length = random.length() * if random.below(20) == 0 { 30 } else { 1 };
                commands.push(command!["SET", key, random.text(length)]);
            }
            45..50 => {
                let value = random.below(1 << 40).to_string();
                commands.push(command!["SET", key, value]);
            }
            50..92 => collection(&mut random, &mut commands, &key),
            _ if abilities.streams => {
                let last = 1 + random.below(200);
                for entry in 0..last {
                    let id = format!("{}-0", 1_700_000_000_000_u64 + entry * 977);
                    let value = random.text(20);
                    commands.push(command!["XADD", key, id, "f", value, "g", "h"]);
                }
            }
            _ => collection(&mut random, &mut commands, &key),
        }
        if random.below(4) == 0 {
            commands.push(command!["PEXPIREAT", key, "4102444800123"]);
        }
    }
    commands
}

fn collection(random: &mut Random, commands: &mut Vec<Command>, key: &str) {
    let count = [2, 8, 30, 150, 700][random.below(5) as usize];
    let count = 1 + random.below(count) as usize;
    let verb = ["RPUSH", "SADD", "ZADD", "HMSET"][random.below(4) as usize];
    let is_numeric = random.below(5) == 0;
    let length = random.length();
    // As clients do: not all in one command, so that structures grow.
    for begin in (0..count).step_by(20) {
        let mut command = command![verb, key];
        for index in begin..count.min(begin + 20) {
            let element = if is_numeric {
                (index * 31).to_string().into_bytes()
            } else {
                [format!("{index}").into_bytes(), random.text(length)].concat()
            };
            match verb {
                "ZADD" => command.extend([random.below(1000).to_string().into_bytes(), element]),
                "HMSET" => command.extend([element, random.text(length)]),
                _ => command.push(element),
            }
        }
        commands.push(command);
    }
}
