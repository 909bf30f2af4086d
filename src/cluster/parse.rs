//! What `CLUSTER NODES` and `CLUSTER INFO` print, read without any I/O.
//!
//! The format is that of the server's `clusterGenNodeDescription`
//! (`cluster_legacy.c`), from Redis 3.0 to 8 and Valkey 7.2 to 9:
//! `id host:port[@busport][,hostname[,name=value]…] flags primary|- ping pong
//! epoch link [slot|first-last|[slot->-target]|[slot-<-source]]…`

use super::view::Contradiction;
use super::{ClusterView, LinkState, Node, NodeAddr, NodeFlags, NodeId, OpenSlot, Role};
use crate::error::{Error, ErrorKind, Position, Result};
use crate::slot::{SLOT_COUNT, Slot, SlotRange, SlotSet};

/// How many nodes are read: each has a set of slots, and a list may be a lie.
const NODES_MAX: usize = SLOT_COUNT;

/// How many fields a line has before its slots.
const FIXED_FIELDS: usize = 8;

/// The names of the fixed fields, for error messages.
const FIELD_NAMES: [&str; FIXED_FIELDS] = [
    "id",
    "address",
    "flags",
    "primary",
    "ping-sent",
    "pong-recv",
    "config-epoch",
    "link-state",
];

/// Reads the answer of `CLUSTER NODES`.
///
/// `origin` is the file, or the address of the node that answered; errors
/// name it with the line and the field.
///
/// # Errors
/// [`ErrorKind::Input`] when the text isn't such an answer, or contradicts itself.
pub fn cluster_nodes(text: &str, origin: &str) -> Result<ClusterView> {
    let mut nodes = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let place = Position::file(origin).at_line(index as u64 + 1);
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if nodes.len() == NODES_MAX {
            let message = format!("expected {NODES_MAX} nodes at most, found more");
            return Err(Error::new(ErrorKind::Input, message).at(place));
        }
        nodes.push(node(line, &place)?);
    }
    if nodes.is_empty() {
        let message = "expected the output of CLUSTER NODES, found nothing";
        return Err(Error::new(ErrorKind::Input, message).at(Position::file(origin)));
    }
    ClusterView::new(nodes).map_err(|contradiction| {
        Error::new(ErrorKind::Input, sentence(contradiction)).at(Position::file(origin))
    })
}

/// Reads of an answer of `CLUSTER NODES` only what the node says of itself: its slots, and what it
/// has open. Much cheaper than the whole where little of it is needed, and often.
///
/// # Errors
/// [`ErrorKind::Input`] when there is no such line, or it can't be read.
pub fn myself(text: &str, origin: &str) -> Result<Node> {
    let is_own = |line: &&str| {
        line.split(' ')
            .nth(2)
            .is_some_and(|flags| flags.contains("myself"))
    };
    let line = text.lines().find(is_own).ok_or_else(|| {
        let message = "expected a line of CLUSTER NODES with `myself`, found none";
        Error::new(ErrorKind::Input, message).at(Position::file(origin))
    })?;
    node(line.trim(), &Position::file(origin))
}

/// The value of a field of `CLUSTER INFO` or `INFO`: the rest of the line `name:value`.
pub fn info_field<'text>(text: &'text str, name: &str) -> Option<&'text str> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim_end)
}

fn sentence(contradiction: Contradiction) -> String {
    match contradiction {
        Contradiction::TwiceTheSameId(id) => format!("node {id} is listed twice"),
        Contradiction::TwoSelves => {
            "two lines say `myself`: expected the answer of a single node".to_owned()
        }
        Contradiction::TwoOwners {
            slot,
            owners: [first, second],
        } => {
            format!("slot {slot} has two owners, {first} and {second}")
        }
    }
}

fn node(line: &str, place: &Position) -> Result<Node> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let Some((fixed, slots)) = fields.split_first_chunk::<FIXED_FIELDS>() else {
        let message = format!(
            "expected a line of CLUSTER NODES with at least {FIXED_FIELDS} fields, found {}",
            fields.len()
        );
        return Err(Error::new(ErrorKind::Input, message).at(place.clone()));
    };
    let bad = |field: usize, message: String| {
        Error::new(ErrorKind::Input, message).at(place.clone().at_field(FIELD_NAMES[field]))
    };
    let [id, addr, flags, primary, _ping, _pong, epoch, link] = *fixed;
    let (addr, hostname) = address(addr).map_err(|message| bad(1, message))?;
    let (flags, is_primary) = node_flags(flags).map_err(|message| bad(2, message))?;
    let role = role(is_primary, primary).map_err(|message| bad(3, message))?;
    let mut node = Node {
        id: id.parse().map_err(|message| bad(0, message))?,
        addr: addr.filter(|_| !flags.noaddr),
        hostname,
        role,
        flags,
        config_epoch: epoch.parse().map_err(|_| {
            bad(
                6,
                format!(
                    "expected a number, found `{}`",
                    crate::escape::quoted(epoch)
                ),
            )
        })?,
        link: link_state(link).map_err(|message| bad(7, message))?,
        slots: SlotSet::new(),
        open: Vec::new(),
    };
    for field in slots {
        add_slots(&mut node, field).map_err(|message| {
            Error::new(ErrorKind::Input, message).at(place.clone().at_field("slots"))
        })?;
    }
    Ok(node)
}

/// `host:port@busport,hostname,name=value`, each part after the port optional.
fn address(field: &str) -> Result<(Option<NodeAddr>, Option<String>), String> {
    let mut parts = field.split(',');
    let client = parts.next().unwrap_or_default();
    let hostname = parts
        .next()
        .filter(|name| !name.is_empty() && !name.contains('='))
        .map(str::to_owned);
    let client = client
        .split_once('@')
        .map_or(client, |(client, _bus)| client);
    let (host, port) = client.rsplit_once(':').ok_or_else(|| {
        format!(
            "expected host:port, found `{}`",
            crate::escape::quoted(field)
        )
    })?;
    let port: u16 = port
        .parse()
        .map_err(|_| format!("expected a port, found `{}`", crate::escape::quoted(port)))?;
    // A node doesn't know its own address before it has met another one: `:6379`.
    let known = !host.is_empty() && port != 0;
    Ok((known.then(|| NodeAddr::new(host, port)), hostname))
}

fn node_flags(field: &str) -> Result<(NodeFlags, bool), String> {
    let mut flags = NodeFlags::default();
    let mut is_primary = None;
    for flag in field.split(',') {
        match flag {
            "myself" => flags.myself = true,
            "master" | "primary" => is_primary = Some(true),
            "slave" | "replica" => is_primary = Some(false),
            "fail" => flags.fail = true,
            "fail?" => flags.pfail = true,
            "handshake" => flags.handshake = true,
            "noaddr" => flags.noaddr = true,
            "nofailover" => flags.nofailover = true,
            // Newer servers add flags; none of them changes what we do.
            _ => {}
        }
    }
    // A node in handshake has no role yet: it takes part as a primary without slots.
    let is_primary = is_primary.or((flags.handshake || field == "noflags").then_some(true));
    is_primary
        .map(|is_primary| (flags, is_primary))
        .ok_or_else(|| {
            format!(
                "expected flags with `master` or `slave`, found `{}`",
                crate::escape::quoted(field)
            )
        })
}

fn role(is_primary: bool, field: &str) -> Result<Role, String> {
    let primary = match field {
        "-" => None,
        id => Some(id.parse::<NodeId>()?),
    };
    Ok(if is_primary {
        Role::Primary
    } else {
        Role::Replica { primary }
    })
}

fn link_state(field: &str) -> Result<LinkState, String> {
    match field {
        "connected" => Ok(LinkState::Connected),
        "disconnected" => Ok(LinkState::Disconnected),
        other => Err(format!(
            "expected `connected` or `disconnected`, found `{}`",
            crate::escape::quoted(other)
        )),
    }
}

/// One field behind the fixed ones: a slot, a range, or an open slot in brackets.
fn add_slots(node: &mut Node, field: &str) -> Result<(), String> {
    let bracketed = field
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'));
    match bracketed {
        Some(_) if node.open.len() == SLOT_COUNT => {
            return Err(format!(
                "expected {SLOT_COUNT} open slots at most, found more"
            ));
        }
        Some(inner) => node.open.push(open_slot(inner)?),
        None => {
            let range: SlotRange = field.parse().map_err(|error| format!("{error}"))?;
            node.slots.insert_range(range);
        }
    }
    Ok(())
}

fn open_slot(inner: &str) -> Result<OpenSlot, String> {
    let refuse = || {
        format!(
            "expected an open slot such as [93->-ID] or [93-<-ID], found `[{}]`",
            crate::escape::quoted(inner)
        )
    };
    let slot = |digits: &str| digits.parse().ok().and_then(Slot::new).ok_or_else(refuse);
    if let Some((digits, id)) = inner.split_once("->-") {
        let (slot, target) = (slot(digits)?, id.parse()?);
        return Ok(OpenSlot::Migrating { slot, target });
    }
    let (digits, id) = inner.split_once("-<-").ok_or_else(refuse)?;
    let (slot, source) = (slot(digits)?, id.parse()?);
    Ok(OpenSlot::Importing { slot, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::SlotOwnership;

    const A: &str = "54cb5c2eb8e5f5aed2d2f7843f75a9284ef6785c";
    const B: &str = "f45f9109f2297a83b1ac36f9e1db5e70bbc174ab";

    fn line(rest: &str) -> String {
        format!("{A} 127.0.0.1:7000@17000 {rest}")
    }

    #[test]
    fn every_version_of_an_address() {
        for (field, addr, hostname) in [
            ("10.0.0.1:6379", Some("10.0.0.1:6379"), None),
            ("10.0.0.1:6379@16379", Some("10.0.0.1:6379"), None),
            ("10.0.0.1:6379@16379,", Some("10.0.0.1:6379"), None),
            (
                "10.0.0.1:6379@16379,redis-0",
                Some("10.0.0.1:6379"),
                Some("redis-0"),
            ),
            (
                "::1:6379@16379,h,shard-id=abc",
                Some("[::1]:6379"),
                Some("h"),
            ),
            (
                "10.0.0.1:6379@16379,,tls-port=0,shard-id=abc",
                Some("10.0.0.1:6379"),
                None,
            ),
            (":0@0", None, None),
            (":6379@16379", None, None),
        ] {
            let text = format!("{A} {field} myself,master - 0 0 3 connected 0-16383\n");
            let view = cluster_nodes(&text, "nodes.txt").expect(field);
            let node = view.myself().expect("myself");
            assert_eq!(
                node.addr.as_ref().map(ToString::to_string).as_deref(),
                addr,
                "{field}"
            );
            assert_eq!(node.hostname.as_deref(), hostname, "{field}");
        }
    }

    #[test]
    fn open_slots_stand_on_the_own_line() {
        let text = line(&format!(
            "myself,master - 0 0 1 connected 0-99 [5->-{B}] [200-<-{B}]"
        ));
        let view = cluster_nodes(&text, "nodes.txt").expect("a view");
        let slot = |number| Slot::new(number).expect("a slot");
        let (source, target) = (A.parse().expect("an id"), B.parse().expect("an id"));
        assert_eq!(
            view.ownership(slot(5)),
            SlotOwnership::Migrating { source, target }
        );
        assert_eq!(view.ownership(slot(6)), SlotOwnership::Owned(source));
        assert_eq!(view.ownership(slot(100)), SlotOwnership::Unassigned);
        assert_eq!(view.open_slots().count(), 2);
    }

    #[test]
    fn errors_name_line_and_field() {
        for (text, expected) in [
            (
                String::new(),
                "n.txt: expected the output of CLUSTER NODES, found nothing",
            ),
            (
                "ERR This instance has cluster support disabled".to_owned(),
                "n.txt, line 1: expected a line of CLUSTER NODES with at least 8 fields, found 7",
            ),
            (
                line("myself,master - 0 0 x connected"),
                "n.txt, line 1, field config-epoch: expected a number, found `x`",
            ),
            (
                line("myself,master - 0 0 1 connected 0-16384"),
                "n.txt, line 1, field slots: expected a slot (0 to 16383) or a range such as \
                 0-5461, found `0-16384`",
            ),
            (
                line("myself,master - 0 0 1 connected [5->x]"),
                "n.txt, line 1, field slots: expected an open slot such as [93->-ID] or \
                 [93-<-ID], found `[5->x]`",
            ),
            (
                line("myself - 0 0 1 connected"),
                "n.txt, line 1, field flags: expected flags with `master` or `slave`, found \
                 `myself`",
            ),
            (
                format!(
                    "{}\n{B} h:1@2 master - 0 0 1 connected 9",
                    line("myself,master - 0 0 1 connected 0-10")
                ),
                "n.txt: slot 9 has two owners, 54cb5c2eb8e5f5aed2d2f7843f75a9284ef6785c and \
                 f45f9109f2297a83b1ac36f9e1db5e70bbc174ab",
            ),
        ] {
            let error = cluster_nodes(&text, "n.txt").expect_err(&text);
            assert_eq!(error.one_line(), expected);
        }
    }

    #[test]
    fn lists_that_no_cluster_has_end_early() {
        let nodes =
            (0..=NODES_MAX).map(|node| format!("{node:040x} h:1@2 master - 0 0 1 connected\n"));
        let open = format!(" [5->-{B}]").repeat(SLOT_COUNT + 1);
        for (text, expected) in [
            (
                nodes.collect(),
                "n.txt, line 16385: expected 16384 nodes at most, found more",
            ),
            (
                line(&format!("myself,master - 0 0 1 connected 0-99{open}")),
                "n.txt, line 1, field slots: expected 16384 open slots at most, found more",
            ),
        ] {
            let text: String = text;
            let error = cluster_nodes(&text, "n.txt").expect_err("too many");
            assert_eq!(error.one_line(), expected);
        }
    }

    #[test]
    fn replicas_follow_their_primary() {
        let text = format!(
            "{}\n{B} 10.0.0.2:6379@16379,redis-1 slave {A} 0 0 1 connected\n",
            line("myself,master - 0 0 1 connected 0-16383")
        );
        let view = cluster_nodes(&text, "n.txt").expect("a view");
        assert_eq!(
            view.shards().first().map(|shard| shard.replicas.len()),
            Some(1)
        );
    }

    #[test]
    fn info_fields() {
        let text = "cluster_state:ok\r\ncluster_my_epoch:7\r\n";
        assert_eq!(info_field(text, "cluster_state"), Some("ok"));
        assert_eq!(info_field(text, "cluster_my_epoch"), Some("7"));
        assert_eq!(info_field(text, "cluster_my"), None);
    }
}
