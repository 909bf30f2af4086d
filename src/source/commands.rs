//! Finds the keys among the arguments of a command.
//!
//! From the servers' command tables (`COMMAND INFO`, `COMMAND GETKEYS`), and those of the modules that
//! Redis 8 brings along. Commands that aren't here may have keys that can't be told.

use std::fmt;

/// Where a command has its keys; arguments are counted from the command's name, which is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum KeyPositions {
    /// Nowhere.
    None,
    /// The first argument.
    One,
    /// The first two arguments.
    Two,
    /// Every argument.
    All,
    /// Every second argument, from the first on.
    Pairs,
    /// Every argument but the last, which is a timeout.
    AllButLast,
    /// Every argument from the second on: behind an operation.
    FromSecond,
    /// The second argument: behind a subcommand.
    Second,
    /// The second argument, behind this subcommand only.
    SecondOf(&'static str),
    /// So many as this argument says, behind it.
    Counted(usize),
    /// So many pairs as the first argument says, behind it; the first of each.
    CountedPairs,
    /// The first of every three arguments.
    Triples,
    /// The first argument, and so many as the second says, behind it.
    OneAndCounted,
    /// The first half of what is behind the word STREAMS.
    Streams,
    /// The first argument, and those behind these words from this argument on; BY and GET have
    /// patterns behind them.
    OneAndBehind(usize, &'static [&'static str]),
    /// The third argument, or when it is empty all behind the word KEYS.
    Migrate,
}

/// A command's name, keys, and whether its time grows with the size of what it works on.
type Row = (&'static str, KeyPositions, bool);

use KeyPositions::*;

const fn light(name: &'static str, keys: KeyPositions) -> Row {
    (name, keys, false)
}

const fn heavy(name: &'static str, keys: KeyPositions) -> Row {
    (name, keys, true)
}

/// Sorted by name, for the search.
#[rustfmt::skip]
static TABLE: &[Row] = &[
    light("acl", None), light("append", One), light("asking", None), light("auth", None),
    light("bf.add", One), light("bf.card", One), light("bf.exists", One), light("bf.info", One),
    light("bf.insert", One), light("bf.loadchunk", One), light("bf.madd", One), light("bf.mexists", One),
    light("bf.reserve", One), light("bf.scandump", One), heavy("bgrewriteaof", None), heavy("bgsave", None),
    heavy("bitcount", One), light("bitfield", One), light("bitfield_ro", One), heavy("bitop", FromSecond),
    heavy("bitpos", One), light("blmove", Two), light("blmpop", Counted(2)), light("blpop", AllButLast),
    light("brpop", AllButLast), light("brpoplpush", Two), light("bzmpop", Counted(2)),
    light("bzpopmax", AllButLast), light("bzpopmin", AllButLast), light("cf.add", One),
    light("cf.addnx", One), light("cf.compact", One), light("cf.count", One), light("cf.del", One),
    light("cf.exists", One), light("cf.info", One), light("cf.insert", One), light("cf.insertnx", One),
    light("cf.loadchunk", One), light("cf.mexists", One), light("cf.reserve", One),
    light("cf.scandump", One), light("client", None), light("cluster", None), light("clusterscan", None),
    light("cms.incrby", One), light("cms.info", One), light("cms.initbydim", One),
    light("cms.initbyprob", One), light("cms.merge", OneAndCounted), light("cms.query", One),
    light("command", None), light("config", None), heavy("copy", Two), light("dbsize", None),
    heavy("debug", SecondOf("object")), light("decr", One), light("decrby", One), heavy("del", All),
    light("delex", One), light("delifeq", One), light("digest", One), light("discard", None),
    heavy("dump", One), light("echo", None), heavy("eval", Counted(2)), heavy("eval_ro", Counted(2)),
    heavy("evalsha", Counted(2)), heavy("evalsha_ro", Counted(2)), light("exec", None), light("exists", All),
    light("expire", One), light("expireat", One), light("expiretime", One), light("failover", None),
    heavy("fcall", Counted(2)), heavy("fcall_ro", Counted(2)), heavy("flushall", None),
    heavy("flushdb", None), light("ft._list", None), heavy("ft.aggregate", None), light("ft.alter", None),
    light("ft.create", None), light("ft.cursor", None), light("ft.dictadd", None), light("ft.dictdel", None),
    light("ft.dictdump", None), light("ft.dropindex", None), light("ft.explain", None),
    light("ft.info", None), light("ft.profile", None), heavy("ft.search", None),
    light("ft.spellcheck", None), light("ft.sugadd", One), light("ft.sugdel", One), light("ft.sugget", One),
    light("ft.suglen", One), light("ft.syndump", None), light("ft.synupdate", None),
    light("ft.tagvals", None), light("function", None), light("geoadd", One), light("geodist", One),
    light("geohash", One), light("geopos", One),
    heavy("georadius", OneAndBehind(6, &["store", "storedist"])), heavy("georadius_ro", One),
    heavy("georadiusbymember", OneAndBehind(5, &["store", "storedist"])), heavy("georadiusbymember_ro", One),
    heavy("geosearch", One), heavy("geosearchstore", Two), light("get", One), light("getbit", One),
    light("getdel", One), light("getex", One), light("getrange", One), light("getset", One),
    light("hdel", One), light("hello", None), light("hexists", One), light("hexpire", One),
    light("hexpireat", One), light("hexpiretime", One), light("hget", One), heavy("hgetall", One),
    light("hgetdel", One), light("hgetex", One), light("hincrby", One), light("hincrbyfloat", One),
    heavy("hkeys", One), light("hlen", One), light("hmget", One), light("hmset", One),
    light("hotkeys", None), light("hpersist", One), light("hpexpire", One), light("hpexpireat", One),
    light("hpexpiretime", One), light("hpttl", One), light("hrandfield", One), light("hscan", One),
    light("hset", One), light("hsetex", One), light("hsetnx", One), light("hstrlen", One),
    light("httl", One), heavy("hvals", One), light("incr", One), light("incrby", One),
    light("incrbyfloat", One), light("info", None), light("json.arrappend", One),
    light("json.arrindex", One), light("json.arrinsert", One), light("json.arrlen", One),
    light("json.arrpop", One), light("json.arrtrim", One), light("json.clear", One),
    light("json.debug", SecondOf("memory")), light("json.del", One), light("json.forget", One),
    light("json.get", One), light("json.merge", One), light("json.mget", AllButLast),
    light("json.mset", Triples), light("json.numincrby", One), light("json.nummultby", One),
    light("json.numpowby", One), light("json.objkeys", One), light("json.objlen", One),
    light("json.resp", One), light("json.set", One), light("json.strappend", One), light("json.strlen", One),
    light("json.toggle", One), light("json.type", One), heavy("keys", None), light("lastsave", None),
    light("latency", None), heavy("lcs", Two), heavy("lindex", One), heavy("linsert", One),
    light("llen", One), light("lmove", Two), light("lmpop", Counted(1)), light("lolwut", None),
    light("lpop", One), heavy("lpos", One), light("lpush", One), light("lpushx", One), heavy("lrange", One),
    heavy("lrem", One), heavy("lset", One), heavy("ltrim", One), heavy("memory", SecondOf("usage")),
    light("mget", All), heavy("migrate", Migrate), light("module", None), light("monitor", None),
    light("move", One), light("mset", Pairs), light("msetex", CountedPairs), light("msetnx", Pairs),
    light("multi", None), light("object", Second), light("persist", One), light("pexpire", One),
    light("pexpireat", One), light("pexpiretime", One), light("pfadd", One), light("pfcount", All),
    light("pfdebug", None), light("pfmerge", All), light("pfselftest", None), light("ping", None),
    light("psetex", One), light("psubscribe", None), light("psync", None), light("pttl", One),
    light("publish", None), light("pubsub", None), light("quit", None), light("randomkey", None),
    light("readonly", None), light("readwrite", None), light("rename", Two), light("renamenx", Two),
    light("replconf", None), light("replicaof", None), light("reset", None), heavy("restore", One),
    heavy("restore-asking", One), light("role", None), light("rpop", One), light("rpoplpush", Two),
    light("rpush", One), light("rpushx", One), light("sadd", One), heavy("save", None), light("scan", None),
    light("scard", One), light("script", None), heavy("sdiff", All), heavy("sdiffstore", All),
    light("select", None), light("set", One), light("setbit", One), light("setex", One), light("setnx", One),
    light("setrange", One), light("shutdown", None), heavy("sinter", All), heavy("sintercard", Counted(1)),
    heavy("sinterstore", All), light("sismember", One), light("slaveof", None), light("slowlog", None),
    heavy("smembers", One), light("smismember", One), light("smove", Two),
    heavy("sort", OneAndBehind(2, &["store"])), heavy("sort_ro", One), light("spop", One),
    light("spublish", One), light("srandmember", One), light("srem", One), light("sscan", One),
    light("ssubscribe", All), light("strlen", One), light("subscribe", None), light("substr", One),
    heavy("sunion", All), heavy("sunionstore", All), light("sunsubscribe", All), light("swapdb", None),
    light("sync", None), light("tdigest.add", One), light("tdigest.byrank", One),
    light("tdigest.byrevrank", One), light("tdigest.cdf", One), light("tdigest.create", One),
    light("tdigest.info", One), light("tdigest.max", One), light("tdigest.merge", OneAndCounted),
    light("tdigest.min", One), light("tdigest.quantile", One), light("tdigest.rank", One),
    light("tdigest.reset", One), light("tdigest.revrank", One), light("tdigest.trimmed_mean", One),
    light("time", None), light("topk.add", One), light("topk.count", One), light("topk.incrby", One),
    light("topk.info", One), light("topk.list", One), light("topk.query", One), light("topk.reserve", One),
    light("touch", All), light("ts.add", One), light("ts.alter", One), light("ts.create", One),
    light("ts.createrule", Two), light("ts.decrby", One), light("ts.del", One), light("ts.deleterule", Two),
    light("ts.get", One), light("ts.incrby", One), light("ts.info", One), light("ts.madd", Triples),
    heavy("ts.mget", None), heavy("ts.mrange", None), heavy("ts.mrevrange", None),
    heavy("ts.queryindex", None), heavy("ts.range", One), heavy("ts.revrange", One), light("ttl", One),
    light("type", One), light("unlink", All), light("unwatch", None), light("vadd", One),
    light("vcard", One), light("vdim", One), light("vemb", One), light("vgetattr", One), light("vinfo", One),
    light("vismember", One), light("vlinks", One), light("vrandmember", One), light("vrange", One),
    light("vrem", One), light("vsetattr", One), heavy("vsim", One), light("wait", None),
    light("waitaof", None), light("watch", All), light("xack", One), light("xackdel", One),
    light("xadd", One), light("xautoclaim", One), light("xclaim", One), light("xdel", One),
    light("xdelex", One), light("xgroup", Second), light("xinfo", Second), light("xlen", One),
    light("xpending", One), heavy("xrange", One), light("xread", Streams), light("xreadgroup", Streams),
    heavy("xrevrange", One), light("xsetid", One), heavy("xtrim", One), light("zadd", One),
    light("zcard", One), light("zcount", One), heavy("zdiff", Counted(1)),
    heavy("zdiffstore", OneAndCounted), light("zincrby", One), heavy("zinter", Counted(1)),
    heavy("zintercard", Counted(1)), heavy("zinterstore", OneAndCounted), light("zlexcount", One),
    light("zmpop", Counted(1)), light("zmscore", One), light("zpopmax", One), light("zpopmin", One),
    light("zrandmember", One), heavy("zrange", One), heavy("zrangebylex", One), heavy("zrangebyscore", One),
    heavy("zrangestore", Two), light("zrank", One), light("zrem", One), heavy("zremrangebylex", One),
    heavy("zremrangebyrank", One), heavy("zremrangebyscore", One), heavy("zrevrange", One),
    heavy("zrevrangebylex", One), heavy("zrevrangebyscore", One), light("zrevrank", One),
    light("zscan", One), light("zscore", One), heavy("zunion", Counted(1)),
    heavy("zunionstore", OneAndCounted),
];

/// A command that servers have, or any other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Command(u16);

/// The longest name in the table.
const NAME_BYTES: usize = 24;

impl Command {
    /// Any command that isn't known.
    pub const OTHER: Command = Command(u16::MAX);

    /// The command of this name, in any case.
    pub fn from_name(name: &[u8]) -> Command {
        let mut lower = [0; NAME_BYTES];
        let Some(lower) = lower.get_mut(..name.len()) else {
            return Command::OTHER;
        };
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        let place = TABLE.binary_search_by(|(known, _, _)| known.as_bytes().cmp(lower));
        place.map_or(Command::OTHER, |place| Command(place as u16))
    }

    /// Every known command, then [`Command::OTHER`].
    pub fn all() -> impl Iterator<Item = Command> {
        (0..TABLE.len() as u16).map(Command).chain([Command::OTHER])
    }

    /// How many commands [`Command::all`] gives.
    pub const COUNT: usize = TABLE.len() + 1;

    /// Its place in [`Command::all`].
    pub fn index(self) -> usize {
        usize::from(self.0).min(TABLE.len())
    }

    fn row(self) -> Row {
        let other = light("other", KeyPositions::None);
        TABLE.get(usize::from(self.0)).copied().unwrap_or(other)
    }

    /// Its name in lower case; `other` for one that isn't known.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// Whether its time grows with the size of the value, or of the keyspace, that it works on.
    pub fn is_heavy(self) -> bool {
        self.row().2
    }

    pub(in crate::source) fn keys(self) -> KeyPositions {
        self.row().1
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        assert!(TABLE.is_sorted_by(|one, next| one.0 < next.0));
        assert!(TABLE.iter().all(|(name, _, _)| name.len() <= NAME_BYTES));
        for command in Command::all() {
            assert_eq!(
                Command::from_name(command.name().to_uppercase().as_bytes()),
                command
            );
        }
        assert_eq!(Command::from_name(&[b'x'; 100]), Command::OTHER);
        assert_eq!(Command::all().count(), Command::COUNT);
        assert_eq!(Command::OTHER.index(), Command::COUNT - 1);
    }
}
