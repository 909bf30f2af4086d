//! What "even" means: by which metrics, and how even is even enough.

use super::decimal;
use super::metric::{Metric, SlotWeights, listing};
use crate::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// How far a node may be from its fair share, in percent; 2 as in `redis-cli`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Threshold {
    millionths_of_percent: u64,
}

impl Threshold {
    /// A threshold of this many percent, 0 to 100, at most six decimal places.
    pub fn from_percent(percent: f64) -> Option<Threshold> {
        let millionths_of_percent = decimal::from_float(percent)?;
        (percent <= 100.0).then_some(Threshold {
            millionths_of_percent,
        })
    }

    /// The threshold in percent.
    pub fn percent(self) -> f64 {
        decimal::to_float(self.millionths_of_percent)
    }

    /// The threshold as parts of [`Threshold::WHOLE`]; places beyond a thousandth of a percent are cut.
    pub(super) fn parts(self) -> u64 {
        self.millionths_of_percent / 1000
    }

    /// How many parts a whole share has.
    pub(super) const WHOLE: u64 = 100_000;
}

impl Default for Threshold {
    fn default() -> Threshold {
        Threshold {
            millionths_of_percent: 2 * decimal::ONE,
        }
    }
}

impl FromStr for Threshold {
    type Err = String;

    /// Percent, with or without the sign: `2`, `0.5`, `2%`.
    fn from_str(text: &str) -> Result<Threshold, String> {
        let number = text.strip_suffix('%').unwrap_or(text);
        decimal::millionths(number)
            .filter(|value| *value <= 100 * decimal::ONE)
            .map(|millionths_of_percent| Threshold {
                millionths_of_percent,
            })
            .ok_or_else(|| {
                format!(
                    "expected a percentage from 0 to 100, found `{}`",
                    crate::escape::quoted(text)
                )
            })
    }
}

/// By which metrics the load of a slot is measured, and the threshold.
///
/// With several metrics a slot's load is the weighted sum of its parts of each
/// metric's total, so that a mix doesn't depend on the metrics' units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objective {
    /// Metrics with their shares in millionths, each metric once, no share 0.
    mix: Vec<(Metric, u64)>,
    threshold: Threshold,
}

impl Objective {
    /// By one metric, with the default threshold of 2 %.
    pub fn by(metric: Metric) -> Objective {
        Objective {
            mix: vec![(metric, decimal::ONE)],
            threshold: Threshold::default(),
        }
    }

    /// The same with another threshold.
    #[must_use]
    pub fn with_threshold(self, threshold: Threshold) -> Objective {
        Objective { threshold, ..self }
    }

    /// The metrics with their shares as given; only the ratios matter.
    pub fn mix(&self) -> impl Iterator<Item = (Metric, f64)> + '_ {
        let shares = self.mix.iter();
        shares.map(|(metric, share)| (*metric, decimal::to_float(*share)))
    }

    /// How far a node may be from its fair share, as a share of that.
    pub fn threshold(&self) -> Threshold {
        self.threshold
    }

    /// Whether slots are all that counts: then the plan is `redis-cli`'s in its counts.
    pub fn is_by_slots(&self) -> bool {
        matches!(self.mix.as_slice(), [(Metric::Slots, _)])
    }

    /// Metrics with their shares in millionths.
    pub(super) fn shares(&self) -> &[(Metric, u64)] {
        &self.mix
    }

    /// Refuses a metric that the input doesn't have.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`], with what the input has.
    pub fn require_in(&self, weights: &SlotWeights) -> Result<()> {
        match self.mix.iter().find(|(metric, _)| !weights.knows(*metric)) {
            None => Ok(()),
            Some((metric, _)) => Err(Error::new(
                ErrorKind::Usage,
                format!(
                    "the input doesn't say the {metric} of a slot; it has {}",
                    listing(&weights.known())
                ),
            )
            .fix("balance by one of these, or give an input that has it")),
        }
    }

    fn from_mix(pairs: impl IntoIterator<Item = (Metric, u64)>) -> Result<Objective, String> {
        let mut mix: BTreeMap<Metric, u64> = BTreeMap::new();
        for (metric, share) in pairs {
            if mix.insert(metric, share).is_some() {
                return Err(format!("{metric} is given twice"));
            }
        }
        mix.retain(|_, share| *share > 0);
        if mix.is_empty() {
            return Err("expected a metric with a share above 0".to_owned());
        }
        Ok(Objective {
            mix: mix.into_iter().collect(),
            threshold: Threshold::default(),
        })
    }
}

impl FromStr for Objective {
    type Err = String;

    /// `bytes`, or a mix: `bytes=0.7,cpu=0.3`. `net` stands for `net-in` and
    /// `net-out` in equal parts. A metric without a share has the share 1.
    fn from_str(text: &str) -> Result<Objective, String> {
        let mut pairs = Vec::new();
        for part in text.split(',') {
            let (name, share) = part.split_once('=').unwrap_or((part, "1"));
            let share = decimal::millionths(share).ok_or_else(|| {
                format!(
                    "expected a share such as 0.7 for {}, found `{}`",
                    crate::escape::quoted(name),
                    crate::escape::quoted(share)
                )
            })?;
            match name {
                "net" => pairs.extend([(Metric::NetIn, share), (Metric::NetOut, share)]),
                name => pairs.push((name.parse()?, share)),
            }
        }
        Objective::from_mix(pairs)
    }
}

impl fmt::Display for Objective {
    /// As it is parsed: `bytes`, `bytes=0.7,cpu=0.3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [(metric, _)] = self.mix.as_slice() {
            return write!(f, "{metric}");
        }
        for (index, (metric, share)) in self.mix().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{metric}={share}")?;
        }
        Ok(())
    }
}

/// The objective in a plan file: `{"by":{"bytes":0.7,"cpu":0.3},"threshold_percent":2.0}`.
#[derive(Serialize, Deserialize)]
struct ObjectiveJson {
    by: BTreeMap<String, f64>,
    threshold_percent: f64,
}

impl Serialize for Objective {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let by = self.mix();
        ObjectiveJson {
            by: by
                .map(|(metric, share)| (metric.to_string(), share))
                .collect(),
            threshold_percent: self.threshold.percent(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Objective {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Objective, D::Error> {
        use serde::de::Error as _;
        let json = ObjectiveJson::deserialize(deserializer)?;
        let mut pairs = Vec::new();
        for (name, share) in json.by {
            let metric: Metric = name.parse().map_err(D::Error::custom)?;
            let share = decimal::from_float(share)
                .ok_or_else(|| D::Error::custom(format!("expected a share for {metric}")))?;
            pairs.push((metric, share));
        }
        let threshold = Threshold::from_percent(json.threshold_percent)
            .ok_or_else(|| D::Error::custom("expected a threshold_percent from 0 to 100"))?;
        let objective = Objective::from_mix(pairs).map_err(D::Error::custom)?;
        Ok(objective.with_threshold(threshold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_metrics_and_mixes() {
        for text in ["bytes", "keys=0.3,bytes=0.7", "slots", "net-in=1,net-out=1"] {
            let objective: Objective = text.parse().expect(text);
            assert_eq!(objective.to_string(), text);
        }
        let net: Objective = "net".parse().expect("net");
        assert_eq!(net.to_string(), "net-in=1,net-out=1");
        assert!(Objective::by(Metric::Slots).is_by_slots());
    }

    #[test]
    fn refuses_what_is_no_mix() {
        for text in [
            "",
            "memory",
            "bytes=x",
            "bytes=-1",
            "bytes=0",
            "bytes,bytes",
            "bytes=",
        ] {
            assert!(text.parse::<Objective>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_metric_that_the_input_lacks_is_refused_with_what_it_has() {
        let error = Objective::by(Metric::Cpu)
            .require_in(&SlotWeights::new())
            .expect_err("no cpu");
        assert!(error.one_line().contains("it has slots"), "{error}");
    }

    #[test]
    fn thresholds_are_percentages() {
        assert_eq!("2%".parse(), Ok(Threshold::default()));
        assert_eq!("0.5".parse::<Threshold>().map(Threshold::parts), Ok(500));
        for text in ["-1", "101", "x", ""] {
            assert!(text.parse::<Threshold>().is_err(), "{text}");
        }
    }

    #[test]
    fn json_goes_back_and_forth() {
        let objective: Objective = "bytes=0.7,cpu=0.3".parse().expect("a mix");
        let json = serde_json::to_string(&objective).expect("JSON");
        assert_eq!(
            json,
            r#"{"by":{"bytes":0.7,"cpu":0.3},"threshold_percent":2.0}"#
        );
        assert_eq!(
            serde_json::from_str::<Objective>(&json).ok(),
            Some(objective)
        );
    }
}
