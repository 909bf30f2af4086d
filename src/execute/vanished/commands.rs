//! What a command can do to the number of keys: nothing is known to take keys away but what is
//! listed, and what isn't listed may take any number.

/// How many keys a call of a command can take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// None: it reads, or adds.
    Nothing,
    /// One at most: the last element of a collection, a key whose end is in the past, one that is
    /// written over.
    One,
    /// Nobody knows: many keys (`DEL`), a script, a module's command, a server newer than this list.
    Any,
}

impl Takes {
    /// By a command's name in `INFO commandstats`; of a subcommand `config|get`.
    pub(super) fn of(name: &str) -> Takes {
        let (group, _) = name.split_once('|').unwrap_or((name, ""));
        let is_in = |list: &[&str], name| {
            list.iter()
                .any(|line| line.split(' ').any(|one| one == name))
        };
        if is_in(&NOTHING, name) || is_in(&GROUPS, group) {
            Takes::Nothing
        } else if is_in(&ONE, name) {
            Takes::One
        } else {
            Takes::Any
        }
    }
}

/// Groups of which no subcommand takes a key away.
const GROUPS: [&str; 2] = [
    "acl client command function latency memory object pubsub script slowlog xgroup xinfo",
    // Valkey's.
    "commandlog",
];

/// Servers before 7.0 count `cluster` and `config` as one command each.
const NOTHING: [&str; 22] = [
    "cluster cluster|myid cluster|nodes cluster|info cluster|slots cluster|shards cluster|links",
    "cluster|countkeysinslot cluster|getkeysinslot cluster|keyslot cluster|slot-stats cluster|setslot",
    "cluster|bumpepoch cluster|meet cluster|forget cluster|replicas cluster|slaves cluster|myshardid",
    "cluster|count-failure-reports cluster|getslotmigrations cluster|help config config|get config|set",
    "config|rewrite config|help ping echo auth hello select quit reset info time role wait waitaof",
    "save bgsave bgrewriteaof lastsave psync sync replconf readonly readwrite asking monitor lolwut",
    "subscribe unsubscribe psubscribe punsubscribe ssubscribe sunsubscribe publish spublish",
    // What they hold is counted by itself.
    "multi exec discard watch unwatch",
    // What a move brings.
    "restore-asking",
    "exists type ttl pttl expiretime pexpiretime persist touch keys scan randomkey dbsize dump",
    "get mget getrange substr strlen getbit bitcount bitpos bitfield bitfield_ro lcs",
    "append incr incrby incrbyfloat decr decrby setnx getset mset msetnx setex psetex setrange setbit",
    "hget hmget hgetall hkeys hvals hlen hexists hstrlen hscan hrandfield httl hpttl hexpiretime",
    "hpexpiretime hpersist hset hsetnx hmset hincrby hincrbyfloat",
    "lrange llen lindex lpos lpush lpushx rpush rpushx linsert lset",
    "smembers sismember smismember scard srandmember sscan sinter sunion sdiff sintercard sadd",
    "zrange zrevrange zrangebyscore zrevrangebyscore zrangebylex zrevrangebylex zscore zmscore zcard",
    "zcount zlexcount zrank zrevrank zscan zrandmember zdiff zinter zunion zintercard zadd zincrby",
    // A stream without entries is a key still.
    "xrange xrevrange xlen xpending xread xreadgroup xadd xdel xtrim xack xclaim xautoclaim xsetid",
    "pfadd pfcount pfmerge",
    "geoadd geopos geodist geohash geosearch georadius_ro georadiusbymember_ro",
    "sort_ro",
];

const ONE: [&str; 9] = [
    "set getdel getex expire pexpire expireat pexpireat rename renamenx move copy restore",
    "hdel hgetdel hgetex hsetex hexpire hpexpire hexpireat hpexpireat",
    "lpop rpop blpop brpop lmpop blmpop rpoplpush brpoplpush lmove blmove ltrim lrem",
    "spop srem smove sinterstore sunionstore sdiffstore",
    "zrem zpopmin zpopmax bzpopmin bzpopmax zmpop bzmpop",
    "zremrangebyrank zremrangebyscore zremrangebylex",
    "zrangestore zunionstore zinterstore zdiffstore",
    "georadius georadiusbymember geosearchstore sort bitop",
    // Valkey's.
    "delifeq",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_may_take_any_number() {
        let takes = |names: &[&str], takes| names.iter().all(|name| Takes::of(name) == takes);
        assert!(takes(
            &[
                "get",
                "config|get",
                "config",
                "client|kill",
                "xinfo|stream",
                "restore-asking",
                "zadd"
            ],
            Takes::Nothing
        ));
        assert!(takes(
            &["set", "expire", "blpop", "restore", "sunionstore"],
            Takes::One
        ));
        let any = [
            "del",
            "unlink",
            "flushall",
            "flushdb",
            "eval",
            "evalsha",
            "fcall",
            "migrate",
            "debug",
            "config|resetstat",
            "cluster|migrateslots",
            "cluster|reset",
            "json.del",
            "module|load",
            "",
        ];
        assert!(takes(&any, Takes::Any));
    }

    #[test]
    fn no_command_is_listed_twice() {
        let lists = NOTHING.iter().chain(&ONE).chain(&GROUPS);
        let mut names: Vec<&str> = lists.flat_map(|line| line.split(' ')).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!((names.len(), names.contains(&"")), (all, false));
    }
}
