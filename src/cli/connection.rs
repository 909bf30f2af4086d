//! How to reach a cluster: the flags of redis-cli.

use crate::cluster::link::{self, Patience, RedisLink};
use crate::cluster::login::{Login, Secret};
use crate::cluster::{ClusterView, LiveCluster, NodeAddr, connect};
use crate::error::{Error, ErrorKind, Result};

/// Where redis-cli looks when nobody says where.
const DEFAULT_HOST: &str = "127.0.0.1";
const DEFAULT_PORT: u16 = 6379;
/// The variable that redis-cli takes the password from.
const PASSWORD_VARIABLE: &str = "REDISCLI_AUTH";

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
    #[arg(short = 'a', long = "pass", value_name = "PASSWORD")]
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

/// What the flags mean.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    /// The node to ask first.
    pub(super) seed: NodeAddr,
    /// Who we say we are.
    pub(super) login: Option<Login>,
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
        let seed = from_uri.unwrap_or_else(|| {
            let host = self.host.as_deref().unwrap_or(DEFAULT_HOST);
            NodeAddr::new(host, self.port.unwrap_or(DEFAULT_PORT))
        });
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
                let mend = "give it with REDISCLI_AUTH, --askpass or -a";
                Err(Error::new(ErrorKind::Usage, message).mend(mend))
            }
        }
    }

    fn password(&self) -> Result<Option<Secret>> {
        if self.askpass {
            let password = rpassword::prompt_password("Password: ")
                .map_err(|cause| Error::io("the terminal", cause))?;
            return Ok(Some(Secret::new(password)));
        }
        let from_environment = || std::env::var(PASSWORD_VARIABLE).ok();
        let password = self.pass.clone().or_else(from_environment);
        Ok(password
            .filter(|password| !password.is_empty())
            .map(Secret::new))
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

impl Connection {
    /// What the first node believes the cluster to be; no other node is asked.
    ///
    /// # Errors
    /// When it can't be reached, refuses the login, or isn't in cluster mode.
    pub(super) fn view(&self) -> Result<ClusterView> {
        connect::ask_view(&self.seed, self.login.as_ref(), Patience::default())
    }

    /// Connects to the cluster.
    ///
    /// # Errors
    /// As [`LiveCluster::connect`].
    pub(super) fn open(&self, patience: Patience) -> Result<LiveCluster<RedisLink>> {
        LiveCluster::connect(&self.seed, self.login.as_ref(), patience)
    }
}
