//! What servers refuse, and what they mean by it.

use crate::error::Why;
use crate::escape::cut;
use std::fmt;

/// How much of a server's words is repeated, characters.
const WORDS_CHARS_MAX: usize = 200;

/// What the source of a `MIGRATE` puts before its target's own words.
const BY_TARGET: &str = "Target instance replied with error: ";

/// An error reply of a server: `CODE detail`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// The first word, such as `ERR`, `MOVED`, `NOPERM`.
    pub code: String,
    /// The rest.
    pub detail: String,
}

/// What a server means by an error reply, whatever its version is.
///
/// Most have a code of their own; behind `ERR` the words tell, and those differ between Redis and
/// Valkey. Each stands with the servers that it was seen on, or whose source has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerError {
    /// `MOVED`: another node owns the slot.
    Moved,
    /// `ASK`: the slot is on its way, and the node doesn't have the key any more.
    Ask,
    /// `TRYAGAIN`: of several keys of an open slot some have gone.
    TryAgain,
    /// `CROSSSLOT`: the keys are in different slots.
    CrossSlot,
    /// `CLUSTERDOWN`: slots have no owner, or most primaries are out of sight.
    ClusterDown,
    /// `READONLY`: the node is a replica.
    ReadOnly,
    /// `LOADING`: it reads its data.
    Loading,
    /// `BUSY`: it runs a script or a function.
    Busy,
    /// `MASTERDOWN`: a replica without a link.
    MasterDown,
    /// `NOREPLICAS`: fewer replicas than `min-replicas-to-write`.
    NoReplicas,
    /// `MISCONF`: it can't save, and takes no writes until it can.
    CannotSave,
    /// `OOM`: it is full.
    OutOfMemory,
    /// `Please use SETSLOT only with masters`: whoever was asked is a replica.
    NotPrimary,
    /// `Target node is not a master` (Valkey 8 and later): a `SETSLOT` names a replica.
    TargetNotPrimary,
    /// `I'm not the owner of hash slot`: to `MIGRATING`.
    NotOwner,
    /// `I'm already the owner of hash slot`: to `IMPORTING`.
    AlreadyOwner,
    /// `IOERR`: the source of a `MIGRATE` lost its target, or never reached it.
    TargetLost,
    /// `BUSYKEY`: the target has a key of this name.
    KeyExists,
    /// The bytes are no dump of a value.
    BadDump,
    /// The dump is a later version's, or damaged.
    ForeignDump,
    /// `NOAUTH`: it wants a login.
    LoginMissing,
    /// `WRONGPASS`, or its words before 6.0.
    LoginWrong,
    /// It has no password, and was given one.
    LoginUnknown,
    /// `NOPERM`: our user may not.
    Forbidden,
    /// `DENIED`: protected mode.
    Protected,
    /// It has no such command, or no longer under this name.
    UnknownCommand,
    /// The command takes another number of arguments there.
    OtherArity,
    /// It isn't in cluster mode.
    NoCluster,
    /// Anything else.
    Other,
}

impl ServerError {
    fn of_code(code: &str) -> Option<ServerError> {
        use ServerError::*;
        Some(match code {
            "MOVED" => Moved,
            "ASK" => Ask,
            "TRYAGAIN" => TryAgain,
            "CROSSSLOT" => CrossSlot,
            "CLUSTERDOWN" => ClusterDown,
            "READONLY" => ReadOnly,
            "LOADING" => Loading,
            "BUSY" => Busy,
            "MASTERDOWN" => MasterDown,
            "NOREPLICAS" => NoReplicas,
            "MISCONF" => CannotSave,
            "OOM" => OutOfMemory,
            "IOERR" => TargetLost,
            "BUSYKEY" => KeyExists,
            "NOAUTH" => LoginMissing,
            "WRONGPASS" => LoginWrong,
            "NOPERM" => Forbidden,
            "DENIED" => Protected,
            _ => return None,
        })
    }

    fn of_words(words: &str) -> ServerError {
        use ServerError::*;
        let known: [(&str, ServerError); 14] = [
            ("use SETSLOT only with", NotPrimary),
            // Valkey 8; the word may be another one in what comes after it.
            ("Target node is not a ", TargetNotPrimary),
            ("not the owner of hash slot", NotOwner),
            ("already the owner of hash slot", AlreadyOwner),
            ("Bad data format", BadDump),
            ("version or checksum", ForeignDump),
            // 6.0 and later; before.
            ("without any password configured", LoginUnknown),
            ("no password is set", LoginUnknown),
            // Before 6.0.
            ("invalid password", LoginWrong),
            ("cluster support disabled", NoCluster),
            ("unknown command", UnknownCommand),
            // ACL DRYRUN: `Command 'x' not found`.
            ("not found", UnknownCommand),
            ("wrong number of arguments", OtherArity),
            // A key of this name may have come in the moment between.
            ("BUSYKEY", KeyExists),
        ];
        let found = known.iter().find(|(part, _)| words.contains(part));
        found.map_or(Other, |(_, error)| *error)
    }

    /// Whether who is who must be looked at before anything is made of it: a node took over, went
    /// down, hasn't loaded yet or stands still for a while.
    pub fn is_about_state(self) -> bool {
        use ServerError::*;
        matches!(
            self,
            Moved
                | Ask
                | TryAgain
                | ClusterDown
                | ReadOnly
                | Loading
                | Busy
                | MasterDown
                | NoReplicas
                | TargetLost
                | NotPrimary
                | TargetNotPrimary
                | NotOwner
                | AlreadyOwner
        )
    }
}

impl Refusal {
    /// What the node means by it. What a target said stands inside the words of the source of a
    /// `MIGRATE`: then it is what the target means ([`Refusal::is_by_target`]).
    pub fn error(&self) -> ServerError {
        let (code, words) = match self.detail.strip_prefix(BY_TARGET) {
            Some(inner) => inner.split_once(' ').unwrap_or((inner, "")),
            None => (self.code.as_str(), self.detail.as_str()),
        };
        ServerError::of_code(code).unwrap_or_else(|| ServerError::of_words(words))
    }

    /// Whether the target of a `MIGRATE` has said it, and the source repeats it.
    pub fn is_by_target(&self) -> bool {
        self.detail.starts_with(BY_TARGET)
    }

    /// What it says of why a node can't be used.
    pub fn why(&self) -> Option<Why> {
        match self.error() {
            ServerError::LoginMissing => Some(Why::LoginMissing),
            ServerError::LoginWrong => Some(Why::LoginWrong),
            ServerError::LoginUnknown => Some(Why::LoginUnknown),
            ServerError::Forbidden => Some(Why::Forbidden),
            ServerError::Protected => Some(Why::Protected),
            ServerError::Loading => Some(Why::Loading),
            ServerError::NoCluster => Some(Why::NoCluster),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = format!("{} {}", self.code, self.detail);
        f.write_str(&cut(&words, WORDS_CHARS_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::ServerError::*;
    use super::*;

    fn refusal(words: &str) -> Refusal {
        let (code, detail) = words.split_once(' ').unwrap_or((words, ""));
        Refusal {
            code: code.to_owned(),
            detail: detail.to_owned(),
        }
    }

    #[test]
    fn words_of_every_version_mean_the_same() {
        for (words, error) in [
            ("MOVED 5 127.0.0.1:7001", Moved),
            ("ASK 5 127.0.0.1:7001", Ask),
            ("BUSY Redis is busy running a script.", Busy),
            ("BUSY Valkey is busy running a script.", Busy),
            ("BUSYKEY Target key name already exists.", KeyExists),
            ("ERR Please use SETSLOT only with masters.", NotPrimary),
            ("ERR Target node is not a master", TargetNotPrimary),
            ("ERR I'm not the owner of hash slot 5", NotOwner),
            ("ERR I'm already the owner of hash slot 5", AlreadyOwner),
            (
                "ERR unknown command 'X', with args beginning with: ",
                UnknownCommand,
            ),
            ("ERR unknown command `X`", UnknownCommand),
            ("ERR Command 'x' not found", UnknownCommand),
            ("ERR invalid password", LoginWrong),
            (
                "WRONGPASS invalid username-password pair or user is disabled.",
                LoginWrong,
            ),
            ("ERR Client sent AUTH, but no password is set", LoginUnknown),
            (
                "ERR DUMP payload version or checksum are wrong",
                ForeignDump,
            ),
            ("ERR Bad data format", BadDump),
            ("ERR This instance has cluster support disabled", NoCluster),
            ("ERR syntax error", Other),
            ("NOSUCHCODE of any server", Other),
            ("", Other),
        ] {
            assert_eq!(refusal(words).error(), error, "{words}");
        }
    }

    #[test]
    fn what_a_target_says_is_found_in_the_words_of_the_source() {
        for (words, error) in [
            ("BUSYKEY Target key name already exists.", KeyExists),
            ("BUSY Redis is busy running a script.", Busy),
            (
                "OOM command not allowed when used memory > 'maxmemory'.",
                OutOfMemory,
            ),
            ("NOREPLICAS Not enough good replicas to write.", NoReplicas),
            (
                "ERR DUMP payload version or checksum are wrong",
                ForeignDump,
            ),
            ("LOADING", Loading),
        ] {
            let told = refusal(&format!("ERR Target instance replied with error: {words}"));
            assert!(told.is_by_target());
            assert_eq!(told.error(), error, "{words}");
            assert!(!refusal(words).is_by_target());
        }
    }

    #[test]
    fn a_state_passes_and_a_setting_does_not() {
        let passes = |words: &str| refusal(words).error().is_about_state();
        for words in [
            "LOADING",
            "BUSY x",
            "TRYAGAIN",
            "NOREPLICAS",
            "ERR Target node is not a master",
        ] {
            assert!(passes(words), "{words}");
        }
        for words in [
            "OOM",
            "MISCONF",
            "NOPERM",
            "ERR unknown command 'X'",
            "ERR",
            "BUSYKEY",
        ] {
            assert!(!passes(words), "{words}");
        }
    }

    #[test]
    fn words_are_cut() {
        let long = refusal(&format!("ERR {}", "x".repeat(5_000)));
        let shown = long.to_string();
        assert!(shown.chars().count() < WORDS_CHARS_MAX + 30, "{shown}");
        assert!(shown.ends_with("bytes more)"), "{shown}");
    }
}
