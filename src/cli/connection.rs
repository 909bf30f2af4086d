//! The flags that say how to reach a cluster; they are those of redis-cli.

use super::terminal;
use crate::cluster::NodeAddr;
use crate::cluster::link;
use crate::cluster::login::{Login, Secret};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::job::Connection;
use crate::masked;
use std::env::VarError;
use std::ffi::OsString;

/// Where redis-cli looks when nobody says where.
const DEFAULT_HOST: &str = "127.0.0.1";
const DEFAULT_PORT: u16 = 6379;
/// The variables that redis-cli and valkey-cli take the password from; the first one that is set
/// counts.
const PASSWORD_VARIABLES: [&str; 2] = ["REDISCLI_AUTH", "VALKEYCLI_AUTH"];

/// The flags that say where a cluster is and how to log in.
///
/// They are those of redis-cli, so `-h` takes the host; as the last word it asks
/// for help, as there.
#[derive(Clone, Default, clap::Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct ConnectionArgs {
    /// Host of any node of the cluster; as the last word: print help.
    #[arg(short = 'h', long = "host", value_name = "HOST")]
    pub(super) host: Option<String>,
    /// Port of that node [default: 6379].
    #[arg(short, long, value_name = "PORT")]
    pub(super) port: Option<u16>,
    /// Password; prefer REDISCLI_AUTH or --askpass, which other users of this machine can't see.
    #[arg(
        short = 'a',
        long = "pass",
        value_name = "PASSWORD",
        allow_hyphen_values = true
    )]
    pub(super) pass: Option<String>,
    /// User name (ACL); without it, the default user.
    #[arg(long, value_name = "NAME")]
    pub(super) user: Option<String>,
    /// Ask for the password on the terminal.
    #[arg(long, conflicts_with = "pass")]
    pub(super) askpass: bool,
    /// All of that as one: redis://user:password@host:port
    #[arg(short = 'u', long = "uri", value_name = "URI", conflicts_with_all = ["host", "port"])]
    pub(super) uri: Option<String>,
    /// Print help.
    #[arg(long, action = clap::ArgAction::Help, help_heading = "Options")]
    help: Option<bool>,
}

impl ConnectionArgs {
    /// Whether a cluster was named at all.
    pub(super) fn is_given(&self) -> bool {
        self.host.is_some() || self.port.is_some() || self.uri.is_some()
    }

    /// What was meant, with the password from wherever it is.
    ///
    /// # Errors
    /// When the URI can't be read, or a user was named without a password.
    pub(super) fn connection(&self) -> Result<Connection> {
        let uri = self.uri.as_deref().map(link::parse_uri).transpose()?;
        let (from_uri, user, password) = match uri {
            Some(parts) => (Some(parts.addr), parts.user, parts.password),
            None => (None, None, None),
        };
        let host = self.host.as_deref().unwrap_or(DEFAULT_HOST);
        // Whoever looks names up would be told the login.
        if host.contains("://") || host.contains('@') {
            let message = "-h takes a host, found an address with more in it";
            return Err(Error::new(ErrorKind::Usage, message)
                .fix("write -u redis://user:password@host:port"));
        }
        let seed =
            from_uri.unwrap_or_else(|| NodeAddr::new(host, self.port.unwrap_or(DEFAULT_PORT)));
        self.warn_of_the_process_list(password.is_some());
        let password = self.password()?.or(password);
        let user = self.user.clone().or(user);
        match (user, password) {
            (user, Some(password)) => Ok(Connection {
                seed,
                login: Some(Login { user, password }),
            }),
            (None, None) => Ok(Connection { seed, login: None }),
            (Some(user), None) => {
                let message = format!("user {user} needs a password");
                let fix = "give it with REDISCLI_AUTH, --askpass or -a";
                Err(Error::new(ErrorKind::Usage, message).fix(fix))
            }
        }
    }

    fn password(&self) -> Result<Option<Secret>> {
        if self.askpass {
            let password = rpassword::prompt_password("Password: ")
                .map_err(|cause| Error::io("the terminal", cause))?;
            masked::put_up(&password);
            return Ok(Some(Secret::new(password)));
        }
        let password = match &self.pass {
            Some(password) => Some(password.clone()),
            None => from_environment()?,
        };
        // A user without a password is logged in with any, the default user needn't be.
        let is_meant = |password: &String| !password.is_empty() || self.user.is_some();
        Ok(password.filter(is_meant).map(Secret::new))
    }

    /// As redis-cli does, where a person reads it.
    fn warn_of_the_process_list(&self, is_in_uri: bool) {
        if (self.pass.is_some() || is_in_uri) && terminal::is_watched() {
            terminal::say(
                "warning: other users of this machine see a password of the command line in the list \
                 of processes; REDISCLI_AUTH and --askpass don't show it",
            );
        }
    }
}

/// The password of the environment.
///
/// # Errors
/// [`ErrorKind::Usage`] when it isn't UTF-8.
fn from_environment() -> Result<Option<String>> {
    for variable in PASSWORD_VARIABLES {
        match std::env::var(variable) {
            Ok(password) if password.is_empty() => {}
            Ok(password) => return Ok(Some(password)),
            Err(VarError::NotPresent) => {}
            Err(VarError::NotUnicode(_)) => {
                let message = format!("{variable} isn't UTF-8");
                return Err(Error::new(ErrorKind::Usage, message)
                    .fix("slotkit takes passwords in UTF-8 only"));
            }
        }
    }
    Ok(None)
}

/// Sees to it, before anything is said, that no password of the command line or the environment is
/// in it.
pub(super) fn mask_passwords(words: &[OsString]) {
    for variable in PASSWORD_VARIABLES {
        if let Some(password) = std::env::var_os(variable) {
            masked::put_up(&password.to_string_lossy());
        }
    }
    let mut words = words.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        if word == "-a" || word == "--pass" {
            if let Some(password) = words.next() {
                masked::put_up(&password);
            }
        } else if let Some(password) = word.strip_prefix("--pass=") {
            masked::put_up(password);
        } else if let Some(password) = word.strip_prefix("-a") {
            masked::put_up(password.strip_prefix('=').unwrap_or(password));
        } else if let Ok(parts) = link::parse_uri(word.strip_prefix("--uri=").unwrap_or(&word))
            && let Some(password) = parts.password
        {
            masked::put_up(password.reveal());
        }
    }
}

impl std::fmt::Debug for ConnectionArgs {
    /// Without the password, which may stand in the URI too.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectionArgs")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}
