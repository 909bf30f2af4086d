//! Reads what a node says of its memory and of its replicas.

use crate::cluster::parse::info_field;
use crate::cluster::verb::{NodeLink, Verb};
use crate::error::Result;
use crate::execute::survey::Replication;

/// What bounds how fast a node may be given keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vitals {
    /// Of a replica: whether it follows, and whom, where it tells.
    pub follows: Option<Follows>,
    /// Whether it is a primary now.
    pub is_primary: bool,
    /// What it uses, as far as that counts against `maxmemory`; none where it doesn't say.
    pub used_bytes: Option<u64>,
    /// `maxmemory`, where it refuses writes beyond that. One that throws keys away instead is
    /// always nearly full.
    pub max_bytes: Option<u64>,
    /// How far the last of its connected replicas is behind.
    pub replica_lag_bytes: Option<u64>,
}

/// Whether a replica has its primary's data and a link to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Follows {
    /// Whether it has.
    pub is_in_step: bool,
    /// Its primary, as it prints it.
    pub primary: String,
}

impl Vitals {
    /// Asks for them; a node that tells less has less to be held against.
    ///
    /// # Errors
    /// When the link breaks.
    pub fn ask(link: &mut impl NodeLink) -> Result<Vitals> {
        let verbs = [Verb::Info("memory"), Verb::Info("replication")];
        let mut replies = link.round_trip(&verbs)?.into_iter();
        let mut text = |verb: &Verb| {
            let text = replies.next().and_then(|reply| reply.text(verb).ok());
            text.unwrap_or_default()
        };
        let (memory, replication) = (text(&verbs[0]), text(&verbs[1]));
        Ok(Vitals::read(&memory, &replication))
    }

    fn read(memory: &str, replication: &str) -> Vitals {
        let number = |name| info_field(memory, name)?.parse::<u64>().ok();
        // What replicas have yet to be sent isn't the data's (evict.c, `freeMemoryGetNotCounted…`).
        let uncounted = number("mem_not_counted_for_evict").unwrap_or(0);
        let refuses = info_field(memory, "maxmemory_policy") == Some("noeviction");
        Vitals {
            follows: follows(replication),
            is_primary: info_field(replication, "role") == Some("master"),
            used_bytes: number("used_memory").map(|used| used.saturating_sub(uncounted)),
            max_bytes: number("maxmemory").filter(|most| *most > 0 && refuses),
            replica_lag_bytes: replica_lag(replication),
        }
    }
}

fn follows(replication: &str) -> Option<Follows> {
    let replication = Replication::from_info(replication);
    let following = replication.following()?;
    Some(Follows {
        is_in_step: following.is_up? && following.is_syncing != Some(true),
        primary: following.primary.clone()?,
    })
}

/// The bytes that the last of the replicas, of those that are in step, hasn't acknowledged.
fn replica_lag(replication: &str) -> Option<u64> {
    let offset: u64 = info_field(replication, "master_repl_offset")?
        .parse()
        .ok()?;
    let replicas = replication.lines().filter_map(|line| {
        let (name, about) = line.trim_end().split_once(':')?;
        let number = name.strip_prefix("slave")?;
        let is_one = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_one.then_some(about)
    });
    let in_step = replicas.filter(|about| about.split(',').any(|part| part == "state=online"));
    let lags = in_step.filter_map(|about| {
        let mut parts = about.split(',');
        let acknowledged: u64 = parts
            .find_map(|part| part.strip_prefix("offset="))?
            .parse()
            .ok()?;
        Some(offset.saturating_sub(acknowledged))
    });
    lags.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLICATION: &str = "# Replication\r\nrole:master\r\nconnected_slaves:3\r\n\
        slave0:ip=127.0.0.1,port=7001,state=online,offset=900,lag=0\r\n\
        slave1:ip=127.0.0.1,port=7002,state=online,offset=400,lag=1,type=replica\r\n\
        slave2:ip=127.0.0.1,port=7003,state=wait_bgsave,offset=0,lag=0\r\n\
        slave_expires_tracked_keys:0\r\nmaster_repl_offset:1000\r\n";

    #[test]
    fn memory_counts_where_writes_are_refused_and_the_last_replica_is_the_lag() {
        let memory = "# Memory\r\nused_memory:1500\r\nmaxmemory:2000\r\n\
            maxmemory_policy:noeviction\r\nmem_not_counted_for_evict:300\r\n";
        let vitals = Vitals::read(memory, REPLICATION);
        let expected = Vitals {
            follows: None,
            is_primary: true,
            used_bytes: Some(1200),
            max_bytes: Some(2000),
            replica_lag_bytes: Some(600),
        };
        assert_eq!(vitals, expected);
        let cache = memory.replace("noeviction", "allkeys-lru");
        assert_eq!(Vitals::read(&cache, REPLICATION).max_bytes, None);
        let endless = memory.replace("maxmemory:2000", "maxmemory:0");
        assert_eq!(Vitals::read(&endless, REPLICATION).max_bytes, None);
    }

    #[test]
    fn a_replica_says_whether_it_follows() {
        let replica = "role:slave\r\nmaster_host:h\r\nmaster_port:1\r\nmaster_link_status:up\r\nmaster_sync_in_progress:0\r\n";
        let follows = |text: &str| {
            let follows = Vitals::read("", text).follows;
            follows.map(|follows| (follows.is_in_step, follows.primary))
        };
        let of = |is_in_step: bool| Some((is_in_step, "h:1".to_owned()));
        assert_eq!(follows(replica), of(true));
        assert_eq!(follows(&replica.replace("up", "down")), of(false));
        assert_eq!(
            follows(&replica.replace("progress:0", "progress:1")),
            of(false)
        );
        assert_eq!(follows("role:slave\r\n"), None);
    }

    #[test]
    fn a_node_that_tells_nothing_is_held_against_nothing() {
        let vitals = Vitals::read("", "role:slave\r\nmaster_repl_offset:x\r\n");
        let expected = Vitals {
            follows: None,
            is_primary: false,
            used_bytes: None,
            max_bytes: None,
            replica_lag_bytes: None,
        };
        assert_eq!(vitals, expected);
    }
}
