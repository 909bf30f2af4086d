//! A real server which loads and writes RDB files.

use super::client::Client;
use crate::command;
use crate::servers::single::Single;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub struct Server(Single);

impl Server {
    /// Starts a server, with a copy of this file to load.
    pub fn start(binary: &Path, load: Option<&Path>, is_cluster: bool) -> Server {
        let options: &[&str] = match is_cluster {
            true => &["--cluster-enabled", "yes"],
            false => &["--databases", "16"],
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
        for _ in 0..2400 {
            let info = client.run(command!["CLUSTER", "INFO"]);
            if info.text().starts_with(b"cluster_state:ok") {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("the cluster isn't well");
    }

    /// Writes its snapshot and returns where.
    pub fn save(&self) -> PathBuf {
        self.client().run(command!["SAVE"]);
        self.0.folder().join("dump.rdb")
    }
}
