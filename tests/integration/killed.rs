//! slotkit dies at every single command that changes a slot, and the next run goes on.

use super::servers::proxy::Proxies;
use super::servers::runs::{assert_well, key_in, state, with_replicas};
use super::servers::{self, load};
use super::tool::{self, slotkit};
use slotkit::slot::Slot;
use std::process::Stdio;

/// The slot that goes to and fro.
const SLOT: u16 = 100;

#[test]
fn before_and_behind_every_command() {
    let Some(server) = servers::server() else {
        return;
    };
    if servers::version(&server) < (7, 0) {
        servers::skip("announced ports can't be set at run time before 7.0");
        return;
    }
    let Some(cluster) = servers::cluster(&with_replicas(2, 3_000)) else {
        return;
    };
    let (seed, state) = (cluster.seed(), state());
    let mut expected = load::fill(seed, None, "key", 500, 10);
    let slot = Slot::new(SLOT).expect("a slot");
    let tag = format!(
        "{{{}}}",
        String::from_utf8(key_in(slot, "")).expect("digits")
    );
    expected.extend(load::fill(seed, None, &tag, 5, 10));
    let lives = load::fill_expiring(seed, &format!("{tag}life"), 2);
    let proxies = Proxies::before(&cluster);
    let name = |node: usize| {
        let view = cluster.view(node).expect("a view");
        view.myself()
            .and_then(|node| node.addr.clone())
            .expect("an address")
            .to_string()
    };
    let targets = [name(1), name(0)];
    let (port, number) = (proxies.port().to_string(), slot.to_string());
    let wish = |target: &str| {
        let words = [
            "plan-rebalance",
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "--move",
            &number,
            "--to",
        ];
        let mut tool = slotkit(words);
        tool.args([target, "--apply", "--yes", "--keys-per-migrate", "2"])
            .env("XDG_STATE_HOME", state.path())
            .stdin(Stdio::null());
        tool
    };

    // A run that nothing happens to, to know how many commands there are.
    proxies.open();
    let whole = tool::ended(wish(&targets[0]).output().expect("the binary runs"));
    assert_eq!(whole.exit, 0, "{}", whole.stderr);
    let commands = proxies.passed();
    // Two open it, four move seven keys two by two, two say who owns it.
    assert_eq!(commands, 8);

    let mut died = 0;
    for turn in 0..2 * commands {
        let (number, is_behind) = (turn / 2, turn % 2 == 1);
        let target = &targets[(turn as usize + 1) % 2];
        proxies.set(number, is_behind);
        let mut child = wish(target)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        proxies.aim(child.id());
        let status = child.wait().expect("ends");
        died += u32::from(status.code().is_none());
        proxies.open();
        let again = tool::ended(wish(target).output().expect("the binary runs"));
        let place = if is_behind { "behind" } else { "before" };
        assert!(
            matches!(again.exit, 0),
            "{place} {number}: {}",
            again.stderr
        );
        assert_well(&cluster, state.path(), &expected, &lives);
    }
    assert_eq!(died, 2 * commands);
    assert_well(&cluster, state.path(), &expected, &lives);
}
