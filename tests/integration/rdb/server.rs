//! A real server which loads and writes RDB files.

use super::client::Client;
use crate::command;
use crate::servers::single::Single;
use crate::servers::wait;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a cluster of one may take to be well.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Server(Single);

impl Server {
    /// Starts a server, with a copy of this file to load.
    pub fn start(binary: &Path, load: Option<&Path>, is_cluster: bool) -> Server {
        let options: &[&str] = if is_cluster {
            &["--cluster-enabled", "yes"]
        } else {
            &["--databases", "16"]
        };
        Server(Single::start(binary, load, options))
    }

    pub fn client(&self) -> Client {
        Client::connect(self.0.port)
    }

    /// Takes every slot, so that a cluster of one is well.
    pub fn own_all_slots(&self) {
        let mut client = self.client();
        let mut all = command!["CLUSTER", "ADDSLOTS"];
        all.extend((0..16384).map(|slot: u16| slot.to_string().into_bytes()));
        client.run(all);
        wait::until("the cluster is well", PATIENCE, || {
            let info = client.run(command!["CLUSTER", "INFO"]);
            info.text().starts_with(b"cluster_state:ok")
        });
    }

    /// Writes its snapshot and returns where.
    pub fn save(&self) -> PathBuf {
        self.client().run(command!["SAVE"]);
        self.0.folder().join("dump.rdb")
    }
}
