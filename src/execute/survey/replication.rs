//! What a node says of its replication: a role is a wish, a link is a fact.
//!
//! `CLUSTER NODES` says who is to follow whom. Whether somebody does is in `INFO replication` of
//! both sides: a replica without `masterauth` never receives a key, and is a replica by its role
//! all the same. What a server doesn't tell is unknown here, never nothing.

use crate::cluster::parse::info_field;

/// Below this offset nothing has been received yet: that of a replica that never had a link is 1
/// (0 in some versions).
const NOTHING_RECEIVED: u64 = 1;

/// What `INFO replication` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Replication {
    /// The role; none where it isn't told.
    pub role: Option<ReplicationRole>,
    /// The name of the history that its data is of (4.0 and later): a replica's is its primary's.
    pub history: Option<String>,
    /// How many bytes its history has, as far as it knows.
    pub offset: Option<u64>,
}

/// A primary's side of it, or a replica's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReplicationRole {
    /// It has these replicas connected.
    Primary {
        /// How many it says that it has.
        connected: Option<u64>,
        /// Those that it lists.
        replicas: Vec<Connected>,
    },
    /// It follows somebody, or is to.
    Replica(Following),
}

/// A replica as its primary lists it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Connected {
    /// The port that it says it listens at; its host is the one it was seen at, which may be another.
    pub port: Option<u16>,
    /// Whether it has all data and gets what is new; else it is being sent the data, or waits.
    pub is_online: Option<bool>,
    /// What it has acknowledged.
    pub offset: Option<u64>,
    /// How long ago it was heard last, in seconds.
    pub lag_s: Option<u64>,
}

/// A replica as it says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Following {
    /// The host and port that it connects to, as it prints them.
    pub primary: Option<String>,
    /// Whether the link is up.
    pub is_up: Option<bool>,
    /// Whether it is being sent the data.
    pub is_syncing: Option<bool>,
    /// For how long the link has been down, in seconds, where it ever was up.
    pub down_s: Option<u64>,
    /// How long ago it heard of its primary, in seconds.
    pub heard_s: Option<u64>,
    /// What it has received.
    pub offset: Option<u64>,
    /// Whether it has `masterauth`; asked only where the link is down. Its value is never kept.
    pub has_masterauth: Option<bool>,
}

impl Replication {
    /// Reads the answer of `INFO replication`.
    pub fn from_info(info: &str) -> Replication {
        let number = |name: &str| info_field(info, name)?.parse::<u64>().ok();
        let history = info_field(info, "master_replid").filter(|id| !id.is_empty());
        let role = match info_field(info, "role") {
            Some("master") => Some(ReplicationRole::Primary {
                connected: number("connected_slaves"),
                replicas: connected(info),
            }),
            Some("slave") => Some(ReplicationRole::Replica(following(info))),
            _ => None,
        };
        Replication {
            role,
            history: history.map(str::to_owned),
            offset: number("master_repl_offset"),
        }
    }

    /// What it says of whom it follows.
    pub fn following(&self) -> Option<&Following> {
        match &self.role {
            Some(ReplicationRole::Replica(following)) => Some(following),
            _ => None,
        }
    }

    /// Whether a primary has a replica at this port that it hasn't sent its data yet: it is being sent
    /// the data, or waits until more replicas want it (`repl-diskless-sync-delay`).
    pub fn is_to_send_to(&self, port: u16) -> bool {
        let Some(ReplicationRole::Primary { replicas, .. }) = &self.role else {
            return false;
        };
        let mut replicas = replicas.iter();
        replicas.any(|one| one.port == Some(port) && one.is_online == Some(false))
    }

    /// Whether a primary has a replica in step; none where it doesn't tell.
    pub fn has_online_replica(&self) -> Option<bool> {
        let Some(ReplicationRole::Primary {
            connected,
            replicas,
        }) = &self.role
        else {
            return None;
        };
        if replicas.iter().any(|one| one.is_online == Some(true)) {
            return Some(true);
        }
        let all_told = replicas.iter().all(|one| one.is_online.is_some());
        let is_whole = *connected == Some(replicas.len() as u64);
        (is_whole && all_told).then_some(false)
    }
}

impl Following {
    /// Whether it never had its primary's data, as far as its offset tells.
    pub fn has_received_nothing(&self) -> bool {
        self.is_up == Some(false) && self.offset.is_some_and(|offset| offset <= NOTHING_RECEIVED)
    }
}

fn following(info: &str) -> Following {
    let number = |name: &str| info_field(info, name)?.parse::<u64>().ok();
    let flag = |name: &str| match info_field(info, name)? {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    };
    let host = info_field(info, "master_host");
    let port = info_field(info, "master_port");
    Following {
        primary: host.zip(port).map(|(host, port)| format!("{host}:{port}")),
        is_up: match info_field(info, "master_link_status") {
            Some("up") => Some(true),
            Some("down") => Some(false),
            _ => None,
        },
        is_syncing: flag("master_sync_in_progress"),
        // -1 where there was none yet; nothing is as good.
        down_s: number("master_link_down_since_seconds"),
        heard_s: number("master_last_io_seconds_ago"),
        offset: number("slave_repl_offset"),
        has_masterauth: None,
    }
}

/// The lines `slave0:ip=…,port=…,state=online,offset=…,lag=…`.
fn connected(info: &str) -> Vec<Connected> {
    let lines = info.lines().filter_map(|line| {
        let (name, about) = line.trim_end().split_once(':')?;
        let number = name.strip_prefix("slave")?;
        let is_one = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_one.then_some(about)
    });
    let field = |about: &str, name: &str| {
        let mut parts = about.split(',');
        parts.find_map(|part| {
            part.strip_prefix(name)?
                .strip_prefix('=')
                .map(str::to_owned)
        })
    };
    let read = |about: &str| Connected {
        port: field(about, "port").and_then(|port| port.parse().ok()),
        is_online: field(about, "state").map(|state| state == "online"),
        offset: field(about, "offset").and_then(|offset| offset.parse().ok()),
        lag_s: field(about, "lag").and_then(|lag| lag.parse().ok()),
    };
    lines.map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_without_a_link() {
        let info = "# Replication\r\nrole:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:7001\r\n\
            master_link_status:down\r\nmaster_last_io_seconds_ago:-1\r\nmaster_sync_in_progress:0\r\n\
            slave_repl_offset:1\r\nmaster_link_down_since_seconds:-1\r\nconnected_slaves:0\r\n";
        let found = Replication::from_info(info);
        let following = found.following().expect("a replica");
        assert_eq!(following.is_up, Some(false));
        assert_eq!((following.down_s, following.heard_s), (None, None));
        assert!(following.has_received_nothing());
        assert_eq!(following.primary.as_deref(), Some("10.0.0.1:7001"));
        let was_up = info.replace("offset:1\r", "offset:500\r");
        let found = Replication::from_info(&was_up);
        assert!(!found.following().expect("a replica").has_received_nothing());
        assert_eq!(found.has_online_replica(), None);
    }

    #[test]
    fn what_is_not_told_is_unknown() {
        let found = Replication::from_info("role:slave\r\n");
        assert_eq!(found.following(), Some(&Following::default()));
        assert_eq!(Replication::from_info(""), Replication::default());
        let silent = Replication::from_info("role:master\r\n");
        assert_eq!(silent.has_online_replica(), None);
        let odd = Replication::from_info(
            "role:slave\r\nmaster_link_status:maybe\r\nslave_repl_offset:x\r\n",
        );
        assert_eq!(odd.following(), Some(&Following::default()));
    }

    #[test]
    fn a_primary_and_those_who_follow_it() {
        let info = "role:master\r\nconnected_slaves:2\r\n\
            slave0:ip=127.0.0.1,port=7001,state=wait_bgsave,offset=0,lag=0\r\n\
            slave1:ip=127.0.0.1,port=7002,state=online,offset=900,lag=1,type=replica\r\n\
            slave_expires_tracked_keys:0\r\nmaster_replid:abc\r\nmaster_repl_offset:1000\r\n";
        let found = Replication::from_info(info);
        assert_eq!(found.has_online_replica(), Some(true));
        assert_eq!(
            (found.offset, found.history.as_deref()),
            (Some(1000), Some("abc"))
        );
        let none = Replication::from_info("role:master\r\nconnected_slaves:0\r\n");
        assert_eq!(none.has_online_replica(), Some(false));
        let waiting = info.replace("state=online", "state=send_bulk");
        assert_eq!(
            Replication::from_info(&waiting).has_online_replica(),
            Some(false)
        );
        let cut = info
            .replace("state=online,", "")
            .replace("_slaves:2", "_slaves:3");
        assert_eq!(Replication::from_info(&cut).has_online_replica(), None);
    }
}
