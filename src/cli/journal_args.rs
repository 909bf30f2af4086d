//! `--journal` and `--wait`: where slots under way are noted, and how long to wait for a cluster to settle.

use jiff::SignedDuration;
use std::path::PathBuf;
use std::time::Duration;

/// The longest wait: a day.
const MOST: Duration = Duration::from_secs(24 * 3_600);

/// The flags.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct JournalArgs {
    /// Where slots under way and keys in doubt are noted [default: a file of this cluster's in
    /// ~/.local/state/slotkit].
    #[arg(long, value_name = "FILE")]
    pub(super) journal: Option<PathBuf>,
    /// How long to wait for what passes by itself (a node that was just met, gossip on its way, a
    /// failover, a node that loads its data) before it counts: 500ms, 2m, or 0 for not at all.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(super) wait: Duration,
}

/// Reads a time with its unit, `0` without one.
fn duration(text: &str) -> Result<Duration, String> {
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    let time: Option<SignedDuration> = text.parse().ok();
    let time = time.and_then(|time| Duration::try_from(time).ok());
    time.filter(|time| *time <= MOST).ok_or_else(|| {
        "expected a time with its unit up to 24h, such as 30s, 500ms or 2m".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        for (text, expected) in [
            ("0", Some(0)),
            ("0s", Some(0)),
            ("30s", Some(30_000)),
            ("500ms", Some(500)),
            ("2m", Some(120_000)),
            ("1m 30s", Some(90_000)),
            ("24h", Some(86_400_000)),
            ("25h", None),
            ("30", None),
            ("-1s", None),
            ("", None),
            ("soon", None),
            ("99999999999999h", None),
        ] {
            let found = duration(text).ok().map(|time| time.as_millis());
            assert_eq!(found, expected, "{text}");
        }
    }
}
