//! Which node a person means: the one rule for every command.
//!
//! A node is called by its whole id, by the start of its id (in either case,
//! as long as it fits one node), by `host:port`, or by its host alone, where
//! the host is its address or the name that it announces.

use super::{Node, NodeAddr, NodeId};
use crate::error::{Error, ErrorKind, Result};

/// Something that is called as a node is.
pub trait Named {
    /// Its id.
    fn id(&self) -> NodeId;
    /// Where it listens, if that is known.
    fn addr(&self) -> Option<&NodeAddr>;
    /// The host name that it announces.
    fn hostname(&self) -> Option<&str>;

    /// How it is shown to people: its address, or the start of its id.
    fn shown(&self) -> String {
        match self.addr() {
            // A host comes from a file or a server: it must not break the line.
            Some(addr) => crate::escape::shown_addr(&addr.to_string()),
            None => self.id().short(),
        }
    }
}

impl Named for Node {
    fn id(&self) -> NodeId {
        self.id
    }

    fn addr(&self) -> Option<&NodeAddr> {
        self.addr.as_ref()
    }

    fn hostname(&self) -> Option<&str> {
        self.hostname.as_deref()
    }
}

/// What the nodes are that are looked through: one of them, and several.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// `node`
    pub one: &'static str,
    /// `nodes`
    pub several: &'static str,
}

/// The one node of these that is called so.
///
/// # Errors
/// [`ErrorKind::Usage`] when the name fits none of them, with those there are,
/// or more than one, with those.
pub fn resolve<'nodes, T: Named>(nodes: &'nodes [T], name: &str, kind: Kind) -> Result<&'nodes T> {
    let called: Vec<&T> = nodes.iter().filter(|node| is_called(*node, name)).collect();
    let quoted = crate::escape::quoted(name);
    let Kind { one, several } = kind;
    let (message, fix) = match called.as_slice() {
        [node] => return Ok(node),
        [] => {
            let nodes: Vec<&T> = nodes.iter().collect();
            (
                format!("no {one} is called `{quoted}`"),
                format!("the {several} are {}", listing(&nodes)),
            )
        }
        fitting => (
            format!(
                "`{quoted}` fits {} {several}: {}",
                fitting.len(),
                listing(fitting)
            ),
            "give more digits of the id, or the port too".to_owned(),
        ),
    };
    Err(Error::new(ErrorKind::Usage, message).fix(fix))
}

fn is_called(node: &impl Named, name: &str) -> bool {
    if name.is_empty() {
        return false;
    }
    let id = node.id().to_string();
    let by_id = id.starts_with(&name.to_ascii_lowercase());
    let by_host = node.hostname() == Some(name);
    let by_addr = node.addr().is_some_and(|addr| {
        let asked: Option<NodeAddr> = name.parse().ok();
        let is_it = |asked: NodeAddr| {
            let host = Some(asked.host.as_str());
            asked.port == addr.port && (asked.host == addr.host || host == node.hostname())
        };
        addr.host == name || asked.is_some_and(is_it)
    });
    by_id || by_host || by_addr
}

fn listing<T: Named>(nodes: &[&T]) -> String {
    /// More than these fill the screen and help nobody.
    const SHOWN: usize = 20;
    let name = |node: &&T| format!("{} ({})", node.id().short(), node.shown());
    let mut names: Vec<String> = nodes.iter().take(SHOWN).map(name).collect();
    if nodes.len() > SHOWN {
        names.push(format!("and {} more", nodes.len() - SHOWN));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use crate::cluster::{ClusterView, parse};

    const A: &str = "54cb5c2eb8e5f5aed2d2f7843f75a9284ef6785c";
    const B: &str = "f45f9109f2297a83b1ac36f9e1db5e70bbc174ab";
    const C: &str = "f45fa109f2297a83b1ac36f9e1db5e70bbc174ab";

    fn view() -> ClusterView {
        let text = format!(
            "{A} 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-16383\n\
             {B} 10.0.0.2:6379@16379,redis-1 slave {A} 0 0 1 connected\n\
             {C} ::1:6379@16379,redis-1 slave {A} 0 0 1 connected\n\
             {} 10.0.0.1:6380@16380 slave {A} 0 0 1 connected\n",
            A.replace('5', "0")
        );
        parse::cluster_nodes(&text, "n.txt").expect("a view")
    }

    #[test]
    fn a_node_is_called_by_id_address_or_host() {
        let view = view();
        for (name, id) in [
            (A, A),
            ("54", A),
            ("54CB", A),
            ("10.0.0.1:6379", A),
            ("10.0.0.2:6379", B),
            ("10.0.0.2", B),
            ("f45f9", B),
            ("::1:6379", C),
            ("[::1]:6379", C),
            ("::1", C),
        ] {
            let node = view.resolve(name).expect(name);
            assert_eq!(node.id.to_string(), id, "{name}");
        }
    }

    #[test]
    fn what_fits_none_or_several_is_refused_with_those_there_are() {
        let view = view();
        for (name, expected) in [
            (
                "",
                "no node is called ``; the nodes are 04cb0c2e (10.0.0.1:6380), ",
            ),
            ("redis-2", "no node is called `redis-2`"),
            (
                "f45f",
                "`f45f` fits 2 nodes: f45f9109 (10.0.0.2:6379), f45fa109 ([::1]:6379); give",
            ),
            ("redis-1", "`redis-1` fits 2 nodes"),
            ("redis-1:6379", "`redis-1:6379` fits 2 nodes"),
            ("10.0.0.1", "`10.0.0.1` fits 2 nodes"),
            ("10.0.0.1:6381", "no node is called"),
            ("a\nb", "no node is called `a\\nb`"),
        ] {
            let line = view.resolve(name).expect_err(name).one_line();
            assert!(line.starts_with(expected), "{line}");
        }
    }
}
