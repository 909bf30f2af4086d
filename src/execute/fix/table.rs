//! The words of every fix, each with the states in which it is said.

use crate::execute::finding::FindingKind;

/// One thing that a person may be told to do.
#[derive(Clone, Copy, Debug)]
pub struct Fix {
    /// Its name in the table.
    pub name: &'static str,
    /// The findings that it is said of.
    pub kinds: &'static [FindingKind],
    /// The states in which it is said.
    pub when: &'static str,
    /// What is said; what stands in braces is filled in.
    pub words: &'static str,
}

impl Fix {
    /// What is said, with the names and commands of this state.
    pub fn say(&self, parts: &[(&str, &str)]) -> String {
        let mut words = self.words.to_owned();
        for (name, value) in parts {
            words = words.replace(&format!("{{{name}}}"), value);
        }
        words
    }
}

/// A fix whose words don't depend on the state, and that stand where its finding or error is made.
#[derive(Clone, Copy, Debug)]
pub struct ConstantFix {
    /// Of which finding, or of what kind of error.
    pub of: &'static str,
    /// The states in which it is said.
    pub when: &'static str,
    /// What is said.
    pub words: &'static str,
}

/// The table as `docs/errors.md` has it.
pub fn markdown() -> String {
    let mut text = String::from("| Finding | Said when | Fix |\n| --- | --- | --- |\n");
    let cell = |text: &str| text.replace('|', "\\|");
    let mut row = |of: &str, when: &str, words: &str| {
        text += &format!("| {of} | {} | {} |\n", cell(when), cell(words));
    };
    for fix in ALL {
        let kinds = fix.kinds.iter().map(|kind| format!("`{}`", kind.name()));
        row(&kinds.collect::<Vec<_>>().join(", "), fix.when, fix.words);
    }
    for constant in CONSTANT {
        row(constant.of, constant.when, constant.words);
    }
    text
}

macro_rules! fixes {
    ($($name:ident: [$($kind:ident),+], $when:literal, $words:literal;)+) => {
        $(
            #[doc = $when]
            pub const $name: Fix = Fix {
                name: stringify!($name),
                kinds: &[$(FindingKind::$kind),+],
                when: $when,
                words: $words,
            };
        )+
        /// All of them.
        pub const ALL: &[Fix] = &[$($name),+];
    };
}

fixes! {
    // Slots that somebody knows no owner of.
    OWNED_AND_KNOWN: [SlotsUncovered],
        "another node says that the slots are its own, and the one that knows no owner is connected to it",
        "they are {owner}'s, by its own word: wait some seconds for gossip, and give them to nobody";
    OWNED_BY_A_STRANGER: [SlotsUncovered],
        "another node says that the slots are its own, and the one that knows no owner doesn't know it, or has no link to it",
        "they are {owner}'s, by its own word, which {observer} has no link to: wait a minute for gossip, and if that doesn't help, at {observer}: CLUSTER MEET {meet}; give them to nobody";
    OWNER_ABSENT: [SlotsUncovered],
        "somebody believes that a node which can't be reached owns them",
        "they are {owner}'s, which can't be reached: see what is said of it, and give them to nobody meanwhile";
    SOMEBODY_ABSENT: [SlotsUncovered],
        "nobody owns them, and a node can't be reached that may have their keys",
        "{node} can't be reached and may have their keys: bring it back first, then check again; who gives them to another node before that loses those keys";
    REPLICA_MAY_HAVE: [SlotsUncovered],
        "nobody owns them, and a replica that doesn't follow its primary has keys of its own",
        "{node} is a replica that doesn't follow its primary, and may be the only one with their keys: see what is said of it, and check again after that";
    HELD_BY_ONE: [SlotsUncovered],
        "nobody says that they are its own, every node can be reached, and one of them has keys of these slots",
        "give them to {node}, which has {keys} keys of them{first}; at {node}: {commands}";
    HELD_BY_SEVERAL: [SlotsUncovered],
        "nobody says that they are its own, every node can be reached, and several of them have keys of these slots",
        "{nodes} have keys of them, which belong together: at {giver}: {commands}; at {taker}, for each of the slots N: CLUSTER SETSLOT N NODE {giver_id}, then CLUSTER SETSLOT N IMPORTING {giver_id}; then slotkit resume --from-cluster, which brings the keys of both to {taker} and stops where two values differ{more}";
    HELD_BY_NOBODY: [SlotsUncovered],
        "nobody says that they are its own, every node that is known can be reached, and none has a key of these slots",
        "no node that is known has a key of them: if a node was lately taken out of the cluster (CLUSTER FORGET, CLUSTER RESET), let it in again first (CLUSTER MEET), it may have their keys; else give them to a primary{first}, for example at {node}: {commands}";
    DENIED_ONCE: [SlotsUncovered],
        "every node can be reached, each takes another one for the owner of these slots, and that was seen once, or while something moved slots",
        "they may have been handed over while the nodes were asked one after the other: wait until nothing moves slots, then slotkit check again, without --wait 0; give them to nobody meanwhile";
    SAVED_VIEW: [SlotsUncovered, OpenSlot, NodeFailed],
        "the view was saved in a file: nobody can be asked who has the keys",
        "a saved view doesn't show who has their keys: slotkit check -h HOST -p PORT asks the nodes, and says what to do";

    // Slots that are open.
    OPEN_AND_MOVING: [OpenSlot, OwnOpenSlot],
        "both ends can be reached, and between two looks slots were opened or closed, or keys of an open one became more or fewer while a node carried out what moves keys, or doesn't count that",
        "something moves slots now: wait until that has ended, then check again";
    OPEN_AND_STILL: [OpenSlot],
        "the user's own journal doesn't know it, both ends can be reached, and nothing changed between several looks",
        "somebody else moves it, or a move broke off: nothing of it changed within {seconds} s, which isn't proof, since a run may pause or wait for a big key. Find out whether a tool is at work, here or on another machine, and let that finish first; where nobody moves it any more, close it forward with slotkit resume --from-cluster, never with STABLE: keys may be at both ends";
    OPEN_ELSEWHERE: [OpenSlot],
        "the user's own journal doesn't know it, both ends can be reached, and nobody looked twice (--wait 0)",
        "somebody else moves it, or a move broke off: let that finish first; where nobody moves it any more, close it forward with slotkit resume --from-cluster, never with STABLE: keys may be at both ends";
    OPEN_OWN: [OwnOpenSlot],
        "an earlier run of this user broke off, and both ends can be reached",
        "finish it with slotkit resume";
    OPEN_TO_ABSENT: [OpenSlot, OwnOpenSlot],
        "the node at the other end can't be reached",
        "{node} is at the other end and can't be reached: see what is said of it, then finish it with slotkit resume{how}; never with STABLE: keys may be at both ends";
    HALF_MOVED: [OwnOpenSlot],
        "the user's own journal has begun to move slots, both ends have forgotten it, and the one that was to receive them has keys of them",
        "finish it with slotkit resume: they may be nowhere else";

    // Nodes that believe in different owners.
    CLAIMED_BY_ONE: [OwnershipDisagreement],
        "one node says that the slots are its own, and every node can be reached",
        "they are {owner}'s, by its own word: wait some seconds for gossip; if it stays, at {owner}: CLUSTER BUMPEPOCH";
    CLAIMED_WITH_ABSENT: [OwnershipDisagreement],
        "a node can't be reached that may have a say",
        "{node} can't be reached and may have a say: bring it back first, then check again";
    CLAIMED_BY_SEVERAL: [OwnershipDisagreement],
        "several nodes say that the slots are their own",
        "{nodes} each say that they are theirs: when they hear of each other, the one with the highest epoch keeps them, and the others delete what they have of them; save that first: BGSAVE at each, and copy its dump away; then let them hear of each other";
    CLAIMED_BY_NOBODY: [OwnershipDisagreement],
        "no node that can be reached says that the slots are its own",
        "no node says that they are its own: see what is said of slots without an owner";

    // Nodes that can't be asked.
    BEING_MET: [NodeUnreachable],
        "somebody is shaking hands with it",
        "it is being met: wait some seconds; an address where nobody is vanishes by itself";
    GONE_MEANWHILE: [NodeUnreachable],
        "no node tells of it any more",
        "no node tells of it any more: run the same command again";
    ADDRESS_LOST: [NodeUnreachable],
        "nobody knows where it listens",
        "its address was lost: if it runs (CLUSTER MYID there says {id}), at {any}: CLUSTER MEET, with its host and port";
    SOMEBODY_ELSE: [NodeUnreachable],
        "another node answers at its address",
        "another node has its address: the one that is meant may have moved; if it runs elsewhere (CLUSTER MYID there says {id}), at {any}: CLUSTER MEET, with its host and port there; behind NAT, run slotkit where the addresses of CLUSTER NODES lead to the nodes, or set cluster-announce-ip and -port";
    NOT_A_SERVER: [NodeUnreachable],
        "something answers at its address that isn't such a server, or hangs up",
        "something else listens there, or wants TLS: run slotkit where the addresses of CLUSTER NODES lead to the nodes, or set cluster-announce-ip and -port at that node to where clients reach it";
    NO_CLUSTER: [NodeUnreachable],
        "a server without cluster mode answers at its address",
        "a server without cluster mode listens there: start the node itself again, with cluster-enabled yes and its own files";
    LOGIN_MISSING: [NodeUnreachable],
        "it wants a login, and the others none",
        "it has a password, which the first node hasn't: give every node the same one (CONFIG SET masterauth, then requirepass, and in its configuration), and it to slotkit with REDISCLI_AUTH, --askpass or -a";
    LOGIN_WRONG: [NodeUnreachable],
        "it refuses the login that the first node takes",
        "it has another password or other users than the first node: give it the same (CONFIG SET masterauth, then requirepass; ACL SETUSER for --user), and in its configuration";
    LOGIN_UNKNOWN: [NodeUnreachable],
        "it has no password, and the first node has",
        "it has no password: give it that of the cluster, there: CONFIG SET masterauth PASSWORD, then CONFIG SET requirepass PASSWORD, and in its configuration";
    FORBIDDEN: [NodeUnreachable],
        "the user may not ask it",
        "give that user the same rights there as at the first node (ACL SETUSER)";
    PROTECTED: [NodeUnreachable],
        "it is in protected mode",
        "it is in protected mode: give it the password of the cluster (CONFIG SET masterauth and requirepass on its own machine), or protected-mode no where the network is closed";
    LOADING: [NodeUnreachable],
        "it loads its data",
        "it is loading its data: wait until it has";
    NAME_UNKNOWN_HERE: [NodeUnreachable],
        "its host name isn't known here, and the other nodes are connected to it",
        "its host name isn't known here: run slotkit where it is, or where the addresses of CLUSTER NODES lead to the nodes";
    NOBODY_LISTENS: [NodeUnreachable],
        "its machine refuses the connection, and the other nodes still say that they are connected to it",
        "nobody listens there. Other nodes still say that they are connected to it, and say so for some seconds of one that has just died: check again in a minute. If they say so then, it listens elsewhere: run slotkit where the addresses of CLUSTER NODES lead to the nodes, or set cluster-announce-ip and -port at that node to where clients reach it";
    SILENT_HERE: [NodeUnreachable],
        "there is no way to it or no answer, and the other nodes still say that they are connected to it",
        "other nodes still say that they are connected to it, and say so for some seconds of one that has just died: check again in a minute. If they say so then, it runs: run slotkit where {addr} can be reached (a firewall, NAT or a container may be between)";
    START_IT_WITH_ITS_FILES: [NodeUnreachable, NodeFailed],
        "it can't be reached, and may have keys that nobody else has: it owns slots or has one open, is the replica of one that can't be reached either, or slots have no owner; or no majority takes it for dead",
        "{reason}start it again with its files (nodes.conf, dump or AOF); if it runs at another address (CLUSTER MYID there says {id}), at {any}: CLUSTER MEET, with its host and port there";
    REPLICA_TAKES_OVER: [NodeUnreachable, NodeFailed],
        "it owns slots, can't be reached, and a replica has received its keys until it lost it",
        "{replica} follows it, {state}, and takes over by itself when a majority can vote; else start it again with its files; only if it is gone for good and its replica hasn't taken over after a minute, at {replica}: CLUSTER FAILOVER FORCE";
    REPLICA_HAS_NOTHING: [NodeUnreachable, NodeFailed],
        "it owns slots, can't be reached, and its replicas have never received its keys",
        "start it again with its files (nodes.conf, dump or AOF): it owns {slots} slots, and {replica}, its replica, has never received their keys and must not take over";
    FORGET_IT: [NodeUnreachable, NodeFailed],
        "it was a primary, a majority takes it for dead, every slot has an owner that can be reached, nothing is open towards it, and no replica follows it",
        "before it is started again copy its dump and AOF away, if it has any: it will follow whoever has its slots now, and throw away what it has; if it is gone for good, take it out: CLUSTER FORGET {id} at every other node, all within a minute: {everybody}";
    FORGET_REPLICA: [NodeUnreachable, NodeFailed],
        "it is a replica of a primary that can be reached, and a majority takes it for dead",
        "start it again; if it is gone for good, take it out: CLUSTER FORGET {id} at every other node, all within a minute: {everybody}";
    PASSED_OVER: [NodeUnreachable],
        "a majority takes it for dead, and the run finishes slots of an earlier one in which it has no part",
        "what an earlier run has opened between other nodes is finished without it, and nothing new is opened; {fix}";

    // Nodes that answer us, and that others take for failed or don't know.
    BUS_CUT: [NodeFailed],
        "the node answers slotkit, and another one takes it for failed",
        "it answers here, so it runs: wait some seconds; if it stays, see that its bus port ({bus}) can be reached from {observer}";
    NOT_MET: [NotAcquainted],
        "one doesn't know the other at all",
        "wait some seconds for gossip; if it stays, at {observer}: CLUSTER MEET {meet}";
    LINK_DOWN: [NotAcquainted],
        "one knows the other, and has no link to it or takes it for failed",
        "a node that was just added needs some seconds; if it stays, see that the bus port ({bus}) of {node} can be reached from {observer}";

    // A node that says that the cluster is down.
    DOWN_WITHOUT_OWNERS: [ClusterDown],
        "it knows no owner for some slots",
        "see what is said of the slots without an owner";
    DOWN_WITH_THE_DEAD: [ClusterDown],
        "it takes the owner of some slots for failed",
        "see what is said of the nodes that failed";
    DOWN_ALONE: [ClusterDown],
        "it knows an owner for each slot, and takes none for failed",
        "a node that was just added needs some seconds; if it stays, see that it can reach the bus ports of the others (CLUSTER NODES there)";
    DOWN_BESIDE: [ClusterDown],
        "dead nodes own slots, and the run finishes slots of an earlier one in which they have no part",
        "no key moves meanwhile (CLUSTERDOWN): of the slots that are open those are finished that have no key left on their source, and those closed again that have none on their target yet; to finish the others start the dead node again with its files, or let the rest serve without it: CONFIG SET cluster-require-full-coverage no on every node, then slotkit resume";
    FINISHING_FIXES: [ClusterDown, SlotsUncovered],
        "it receives slots of a node that died, or whose owner it has lost, and this run finishes them",
        "finishing these slots fixes it";
    RESUME_FIXES: [ClusterDown, SlotsUncovered],
        "it receives slots of a node that died, or whose owner it has lost, in a run that broke off",
        "finish them with slotkit resume";

    // Keys where no client is sent.
    ORPHANED_TO_BRING: [OrphanedKeys],
        "their slot's owner can be reached",
        "no client sees them there. Leave them until you know what they are: CLUSTER GETKEYSINSLOT N 100 at {node} names those of a slot N, and EXISTS at the slot's owner says whether it has them too. What it hasn't got never came there, or was deleted there since, by a client or by its expiry; whoever can tell is the application they belong to. If what was deleted may come back, or nobody deletes such keys, bring them together with those of the owner: at {node}, for a slot N: CLUSTER SETSLOT N IMPORTING and the owner's id, then slotkit resume --from-cluster: the slot goes to {node}, keys that clients deleted meanwhile come back, and it stops where two values differ; else leave them; don't delete what the owner may not have";
    ORPHANED_TO_KEEP: [OrphanedKeys],
        "their slot has no owner, or one that can't be reached",
        "they may be nowhere else: leave them, and see first what is said of the slots or nodes that are missing";

    // Replicas.
    REPLICA_SYNCING: [ReplicaNotFollowing],
        "it is being sent its primary's data, or its primary has it among those that wait for that",
        "wait until it has it (INFO replication there)";
    REPLICA_WITHOUT_LOGIN: [ReplicaNotFollowing],
        "it has no link and no masterauth, and the cluster has a password",
        "it has no masterauth: {save}CONFIG SET masterauth PASSWORD there, and in its configuration";
    REPLICA_WITHOUT_LINK: [ReplicaNotFollowing],
        "it has no link, and why isn't known",
        "{save}see in its log why: whether masterauth there is the primary's password, and whether {primary} can be reached from it";
    REPLICA_OF_THE_DEAD: [ReplicaNotFollowing],
        "its primary can't be reached",
        "its primary can't be reached: see what is said of that";
    REPLICA_DETACHED: [ReplicaNotFollowing],
        "it says that its link is up, and its primary has another history or no such replica",
        "wait some seconds; if it stays, see whom it follows (INFO replication there): it should be {primary}";
    REPLICA_BEHIND: [ReplicaBehind],
        "it has a link, and is far behind or hasn't heard of its primary for long",
        "wait until it has caught up, or send less";
    REPLICATION_UNKNOWN: [ReplicationUnknown],
        "INFO replication doesn't tell whether it follows",
        "look at INFO replication there: until that says master_link_status:up it counts as no replica";
    ADD_A_REPLICA: [NoReplica],
        "a primary with slots has no replica that follows it",
        "add a replica, or fix those that it has: if this node dies, its slots are gone";
    // What else goes on, and what is no part of a slot.
    SOMETHING_MOVES: [RunUnderWay],
        "no run of this user on this machine, and between two looks slots were opened or closed, or keys of an open one became more or fewer while a node carried out what moves keys, or doesn't count that",
        "another run or tool is at work, or, where a node doesn't count its commands (INFO commandstats), clients write to an open slot: wait until that has ended, then check again; nothing is closed or moved meanwhile";
    RUN_UNDER_WAY: [RunUnderWay],
        "the journal is held by a run of slotkit",
        "wait until it has ended";
    UNDECIDED: [UndecidedKeys],
        "an earlier run has named keys of which a copy may be on both nodes, and nobody has decided",
        "slotkit resolve shows what each node has of them, and takes the choice";
    JOURNAL_UNREADABLE: [JournalUnreadable],
        "the journal belongs to somebody else",
        "look as the user who runs slotkit here, or name the journal with --journal";
    MEMBERS_DIFFER: [NotAcquainted],
        "some nodes know of a node that others don't know",
        "gossip tells every node within seconds; if it stays, a MEET or FORGET was given to some nodes alone: compare their CLUSTER NODES before anything moves";
    HANDSHAKE: [NotAcquainted],
        "a node is shaking hands with an address",
        "it joins within seconds, or is given up: then see that both its ports can be reached from there (the bus port is port + 10000)";
    SLOTS_MIGRATE: [SlotMigration],
        "servers move slots by themselves (Valkey 9.0, Redis 8.4)",
        "wait until that has ended: {command} on {node} tells";
    SLOTS_MAY_MIGRATE: [SlotMigrationUnknown],
        "the user may not ask whether servers move slots by themselves",
        "see that nobody has it do so, or allow our user +cluster|getslotmigrations (Valkey) or +cluster|migration (Redis)";
    LOAD_FUNCTIONS: [FunctionsMissing],
        "a node lacks function libraries that another one has",
        "calls of their functions fail there: load them with FUNCTION LOAD, or give --copy-functions when slots are moved there";
    NO_FUNCTIONS: [FunctionsMissing],
        "a node's server has no functions",
        "its server has no functions (Redis 7.0 has): update it before slots go there";
    FUNCTIONS_DIFFER: [FunctionsDiffer],
        "two nodes have different libraries of one name",
        "slotkit replaces none: find out which is right, and load it everywhere with FUNCTION LOAD REPLACE";
    FUNCTIONS_UNKNOWN: [FunctionsUnknown],
        "the user may not ask for function libraries",
        "if you use functions, see that each node has them (FUNCTION LIST), or allow our user +function|list";
}

/// The fixes that stand where they are said.
pub const CONSTANT: &[ConstantFix] = &[
    ConstantFix {
        of: "`not_a_primary`",
        when: "a node of the plan is no primary any more, or gone",
        words: "make a new plan",
    },
    ConstantFix {
        of: "`server_too_old`",
        when: "a server is too old for what the move needs",
        words: "update the server: SHUTDOWN SAVE, which writes its keys, then start the newer one on its files",
    },
    ConstantFix {
        of: "`version_mix`",
        when: "primaries run different versions",
        words: "a newer server's values may not load on an older one: move towards newer nodes",
    },
    ConstantFix {
        of: "`dump_too_new`",
        when: "a target doesn't load what a source dumps",
        words: "let nodes receive that run the same version or a newer one",
    },
    ConstantFix {
        of: "`epoch_collision`",
        when: "two primaries have the same configuration epoch",
        words: "the nodes settle that by themselves: wait some seconds",
    },
    ConstantFix {
        of: "`permission_missing`",
        when: "the user may not run a command",
        words: "log in as a user that may run it on all keys (ACL SETUSER)",
    },
    ConstantFix {
        of: "`command_missing`",
        when: "a command was renamed away or disabled",
        words: "take rename-command {command} out of its configuration, {RESTART}",
    },
    ConstantFix {
        of: "`command_missing`",
        when: "the end of that: without a dump a primary comes back empty",
        words: "SHUTDOWN SAVE there, which writes its keys, and start it again",
    },
    ConstantFix {
        of: "`not_a_server`",
        when: "a node answers what no server can carry out as if it had",
        words: "find out what listens there, such as a proxy, and connect to the servers themselves",
    },
    ConstantFix {
        of: "`command_refused`",
        when: "too few replicas answer",
        words: "bring its replicas back (INFO replication there tells which follow), or lower min-replicas-to-write there",
    },
    ConstantFix {
        of: "`command_refused`",
        when: "it can't write its snapshot or append-only file",
        words: "fix why it can't write its snapshot or append-only file (its log tells)",
    },
    ConstantFix {
        of: "`command_refused`",
        when: "it is loading, busy, or without its primary",
        words: "wait until it serves clients again",
    },
    ConstantFix {
        of: "`command_refused`",
        when: "it takes no writes, being a replica",
        words: "it is a replica by now: make a new plan",
    },
    ConstantFix {
        of: "`command_refused`",
        when: "anything else",
        words: "fix that first: a move needs it",
    },
    ConstantFix {
        of: "`memory_headroom`",
        when: "a node that may receive doesn't tell its maxmemory",
        words: "see there that it has the memory for what it receives (CONFIG GET maxmemory)",
    },
    ConstantFix {
        of: "`memory_headroom`",
        when: "a target is full",
        words: "raise maxmemory there, or let others receive",
    },
    ConstantFix {
        of: "`memory_headroom`",
        when: "a target hasn't the memory for what it would receive",
        words: "raise maxmemory there, or move less",
    },
    ConstantFix {
        of: "`memory_headroom`",
        when: "a source takes no writes because it is full",
        words: "raise maxmemory there first, or let others receive",
    },
    ConstantFix {
        of: "`memory_headroom`",
        when: "a node is nearly full",
        words: "give it no slots before it has more memory",
    },
    ConstantFix {
        of: "`turns_into_replica`",
        when: "a primary gives its last slot away, and has keys in slots of others",
        words: "set cluster-allow-replica-migration no there, and see what is said of those keys",
    },
    ConstantFix {
        of: "`turns_into_replica`",
        when: "a primary gives its last slot away",
        words: "set cluster-allow-replica-migration no there if it should stay a primary",
    },
    ConstantFix {
        of: "`numbered_databases`",
        when: "keys are in other databases than 0",
        words: "slotkit moves every one of them; a tool that knows database 0 alone loses the others",
    },
    ConstantFix {
        of: "`numbered_databases`",
        when: "a node has too few databases",
        words: "set cluster-databases to the same number in every configuration; then, node by node, SHUTDOWN SAVE, which writes its keys, and start it again",
    },
    ConstantFix {
        of: "`big_key`",
        when: "a slot to move has a key that would block both servers",
        words: "its slot stays where it is; --move-big-keys moves it last, --big-key-limit says what is big",
    },
    ConstantFix {
        of: "`big_keys_unknown`",
        when: "a server refuses to measure",
        words: "make sure that no key of the slots to move is very big",
    },
    ConstantFix {
        of: "`big_keys_unknown`",
        when: "there are too many keys to measure all",
        words: "slotkit analyze finds every big key in a dump",
    },
    ConstantFix {
        of: "error, exit 4",
        when: "a slot is open towards several nodes, and nothing says which is meant",
        words: "where one of those that receive it ({}) has none of its keys, in any database (CLUSTER COUNTKEYSINSLOT {slot}), close it there with CLUSTER SETSLOT {slot} STABLE",
    },
    ConstantFix {
        of: "error, exit 4",
        when: "a slot is open at several that give it away",
        words: "wait until the nodes agree on its owner (CLUSTER NODES), then run it again",
    },
    ConstantFix {
        of: "error, exit 4",
        when: "what an earlier run began can't go on, for the reason that is said",
        words: "fix that, then run the same command again",
    },
    ConstantFix {
        of: "error, exit 3",
        when: "a source's address of a target leads elsewhere from here",
        words: "run slotkit where the addresses of CLUSTER NODES can be reached",
    },
    ConstantFix {
        of: "error, exit 3 or 4",
        when: "another tool moves the same slot",
        words: "let the other tool finish, then make a new plan",
    },
    ConstantFix {
        of: "error, exit 3 or 4",
        when: "a node serves no key, since slots have no owner who lives, and that doesn't pass",
        words: "slotkit check says which slots have no owner who lives: bring it back with its files, or let the others serve without it: CONFIG SET cluster-require-full-coverage no on every node",
    },
    ConstantFix {
        of: "error, exit 4",
        when: "a key that a failover left has another value at the owner",
        words: "look at both (GET, after ASKING on {holder}), then resume with --on-conflict keep-target to keep what the owner has, or keep-source to keep the other",
    },
    ConstantFix {
        of: "error, exit 4",
        when: "a key is on both nodes with different values, or perhaps so",
        words: "slotkit resolve shows both; the source's is the one that clients read and write while the slot is its own: resume with --on-conflict keep-source keeps it",
    },
    ConstantFix {
        of: "error, exit 4",
        when: "a key is on both nodes, with different values or perhaps so, and another node has taken over from its source",
        words: "slotkit resolve shows both, and keeps the one that you choose",
    },
    ConstantFix {
        of: "error, exit 4",
        when: "a key went from its source while a copy was on the target",
        words: "slotkit resolve shows the copy that is left: --keep source deletes it, --keep target keeps it",
    },
    ConstantFix {
        of: "error, exit 4",
        when: "the nodes don't agree a minute after the last move",
        words: "look at CLUSTER NODES there; no key is lost by waiting",
    },
];
