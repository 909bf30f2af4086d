//! A real server on a folder of its own, which loads and writes RDB files.

use super::client::Client;
use crate::command;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub struct Server {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts a server, with a copy of this file to load.
    pub fn start(binary: &Path, load: Option<&Path>, is_cluster: bool) -> Server {
        let folder = tempfile::tempdir().expect("a folder");
        if let Some(file) = load {
            fs::copy(file, folder.path().join("dump.rdb")).expect("a copy");
        }
        let port = free_port();
        let mut command = Command::new(binary);
        command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--databases", "16"])
            .args(["--dbfilename", "dump.rdb", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null());
        if is_cluster {
            command.args(["--cluster-enabled", "yes"]);
        }
        let process = command.spawn().expect("the server starts");
        let server = Server {
            process,
            port,
            folder,
        };
        server.wait();
        server
    }

    fn wait(&self) {
        for _ in 0..400 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                let ping = self.client().all(vec![command!["PING"]]).remove(0);
                if ping == super::client::Reply::Text(b"PONG".to_vec()) {
                    return;
                }
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("the server on port {} doesn't answer", self.port);
    }

    pub fn client(&self) -> Client {
        Client::connect(self.port)
    }

    /// Takes every slot, so that a cluster of one is well.
    pub fn own_all_slots(&self) {
        let mut client = self.client();
        let mut all = command!["CLUSTER", "ADDSLOTS"];
        all.extend((0..16384).map(|slot: u16| slot.to_string().into_bytes()));
        client.run(all);
        for _ in 0..400 {
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
        self.folder.path().join("dump.rdb")
    }
}

/// A port whose cluster bus port (10,000 above) exists too.
fn free_port() -> u16 {
    for _ in 0..100 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        if port < 55_000 {
            return port;
        }
    }
    panic!("no free port below 55,000");
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
