//! `slotkit demo`: the whole of slotkit on a throw-away cluster of real servers.
//!
//! What it shows are the commands that anybody would type; they run in this
//! process, on servers that it starts and stops.

mod data;
mod dump;

use super::exit::Exit;
use super::interrupt::{Interrupt, SecondSignal};
use super::stderr_observer::StderrObserver;
use super::terminal;
use crate::cluster::NodeAddr;
use crate::cluster::link::Patience;
use crate::cluster::local::{LocalCluster, Shape, find_server};
use crate::cluster::witness::{self, Expected, Witness};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::job::Connection;
use indicatif::HumanCount;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The server to start [default: redis-server, else valkey-server, from PATH].
    #[arg(long, value_name = "PROGRAM")]
    server: Option<PathBuf>,
    /// How many keys to load.
    #[arg(long, value_name = "N", default_value_t = 60_000, value_parser = clap::value_parser!(u32).range(1_000..=2_000_000))]
    keys: u32,
}

/// Starts a cluster, loads it unevenly, and balances it while a client writes.
pub(super) fn run(args: &Args) -> Result<Exit> {
    let server = match &args.server {
        Some(server) => server.clone(),
        None => find_server().ok_or_else(no_server)?,
    };
    let interrupt = Interrupt::watch(SecondSignal::Waits)?;
    let folder = tempfile::Builder::new()
        .prefix("slotkit-demo-")
        .tempdir()
        .map_err(|cause| Error::io(std::env::temp_dir(), cause))?;
    step(&format!(
        "starting three primaries and an empty fourth ({})",
        server.display()
    ));
    let shape = Shape {
        primaries: 3,
        empty: 1,
        ..Shape::default()
    };
    let cluster = LocalCluster::start(&server, &shape)?;
    let stage = Stage {
        seed: cluster.seed().clone(),
        folder: folder.path(),
        interrupt: &interrupt,
    };
    let ended = stage.play(args.keys);
    step("stopping the servers");
    drop(cluster);
    ended.map(|()| Exit::Done)
}

fn no_server() -> Error {
    Error::new(ErrorKind::Usage, "no redis-server or valkey-server on PATH").fix(
        "install it (apt-get install redis-server, dnf install redis, brew install redis), or \
         name it with --server",
    )
}

/// Where the demo plays.
struct Stage<'demo> {
    seed: NodeAddr,
    folder: &'demo Path,
    interrupt: &'demo Interrupt,
}

impl Stage<'_> {
    fn play(&self, keys: u32) -> Result<()> {
        step(&format!(
            "loading {} keys of 40 tenants, unevenly",
            HumanCount(u64::from(keys))
        ));
        data::load(&mut self.cluster()?, keys, || self.require_going())?;
        let before = self.dump("before.csv")?;
        self.show(&["analyze", path(&before), "--top", "5"])?;

        step("planning by bytes; the empty primary takes part");
        let plan = self.folder.join("plan.json");
        let base = [
            "plan-rebalance",
            "-h",
            &self.seed.host,
            "-p",
            &self.seed.port.to_string(),
        ]
        .map(str::to_owned);
        let by_bytes = |dump: &Path| -> Vec<String> {
            let more = [
                "--by",
                "bytes",
                "--use-empty-primaries",
                "--keyspace",
                path(dump),
            ];
            base.iter()
                .cloned()
                .chain(more.map(str::to_owned))
                .collect()
        };
        let mut planning = by_bytes(&before);
        planning.extend(["-o".to_owned(), path(&plan).to_owned()]);
        self.show(&planning)?;

        step("applying the plan while a client writes");
        let witness = Witness::start(&self.seed, None)?;
        let applied = self.show(&[
            "apply",
            path(&plan),
            "-h",
            &self.seed.host,
            "-p",
            &self.seed.port.to_string(),
            "--yes",
            "--journal",
            path(&self.folder.join("demo.journal")),
        ]);
        let expected = witness.stop()?;
        applied?;
        self.verify(&expected)?;

        step("the same question again: is there anything left to move?");
        let after = self.dump("after.csv")?;
        let mut asking = by_bytes(&after);
        // The client's own keys have shifted the balance a little since.
        asking.extend(["--threshold", "4"].map(str::to_owned));
        self.show(&asking)
    }

    fn cluster(&self) -> Result<crate::cluster::LiveCluster<crate::cluster::link::RedisLink>> {
        let connection = Connection {
            seed: self.seed.clone(),
            login: None,
        };
        connection.open(Patience::default(), &StderrObserver)
    }

    fn dump(&self, name: &str) -> Result<PathBuf> {
        let file = self.folder.join(name);
        dump::write(&mut self.cluster()?, &file, || self.require_going())?;
        Ok(file)
    }

    /// Every acknowledged write must be there, and nothing deleted may have come back.
    fn verify(&self, expected: &Expected) -> Result<()> {
        let wrong = witness::differences(&self.seed, None, expected)?;
        if let Some(first) = wrong.first() {
            let message = format!(
                "{} acknowledged writes are wrong, the first: {first}",
                wrong.len()
            );
            return Err(Error::new(ErrorKind::Stopped, message));
        }
        step(&format!(
            "verified: what the client was told of {} keys while slots moved is true of every one",
            HumanCount(expected.len() as u64)
        ));
        Ok(())
    }

    /// Prints a command and runs it in this process.
    fn show<S: AsRef<str>>(&self, words: &[S]) -> Result<()> {
        self.require_going()?;
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        let line = format!("\n$ slotkit {}\n", words.join(" "));
        terminal::print(|out| out.write_all(line.as_bytes()))?;
        let args = std::iter::once("slotkit")
            .chain(words)
            .map(OsString::from)
            .collect::<Vec<_>>();
        // A plan that would move slots ends with a finding: that is what is wanted here.
        super::act(&args)?;
        self.require_going()
    }

    fn require_going(&self) -> Result<()> {
        if self.interrupt.is_asked() {
            Err(Error::new(ErrorKind::Stopped, "stopped as asked"))
        } else {
            Ok(())
        }
    }
}

fn step(words: &str) {
    terminal::say(words);
}

/// The demo's paths are made of ASCII below the temporary folder.
fn path(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}
