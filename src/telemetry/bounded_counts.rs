//! Counters by name in bounded memory, for names that callers or policies choose.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder},
    metrics::{MetricType, TypedMetric, counter::ConstCounter},
};

use crate::domain::Status;

/// The shared series of names beyond the maximum.
const OTHER: &str = "other";

/// Counts approvals by status, for each of the first names. Later names are counted as `other`. So a caller that
/// invents names grows neither this server's memory nor a metrics database.
#[derive(Clone)]
pub(super) struct BoundedCounts(Arc<Mutex<Counts>>);

struct Counts {
    label: &'static str,
    /// Maximum number of unverified names, so that they leave room for the others.
    invented_max: usize,
    names_max: usize,
    invented: usize,
    by_name: HashMap<Box<str>, ByStatus>,
    other: ByStatus,
}

type ByStatus = [u64; Status::ALL.len()];

impl BoundedCounts {
    /// Empty, with room for `names_max` names, at most `invented_max` of them unverified.
    pub(super) fn new(label: &'static str, names_max: usize, invented_max: usize) -> Self {
        let (by_name, other) = (HashMap::new(), ByStatus::default());
        Self(Arc::new(Mutex::new(Counts { label, invented_max, names_max, invented: 0, by_name, other })))
    }

    /// Counts an approval that reached a status. `invented`: the name is unverified, because only the caller knows it.
    pub(super) fn count(&self, name: &str, invented: bool, status: Status) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = counts.by_name.len() < counts.names_max && !(invented && counts.invented == counts.invented_max);
        let counts = &mut *counts;
        let by_status = match counts.by_name.get_mut(name) {
            _ if name == OTHER => &mut counts.other, // one series must not come twice
            Some(known) => known,
            None if room => {
                counts.invented += usize::from(invented);
                counts.by_name.entry(name.into()).or_default()
            }
            None => &mut counts.other,
        };
        by_status[status as usize] += 1;
    }
}

impl EncodeMetric for BoundedCounts {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        // Copied, because the store's writer waits for this lock.
        let (label, mut names, other) = {
            let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let names: Vec<_> = counts.by_name.iter().map(|(name, by_status)| (name.clone(), *by_status)).collect();
            (counts.label, names, counts.other)
        };
        names.sort_unstable();
        for (name, by_status) in names.into_iter().chain([(OTHER.into(), other)]) {
            for (status, count) in Status::ALL.iter().zip(&by_status).filter(|(_, count)| **count > 0) {
                let labels = [(label, &*name), ("status", status.name())];
                ConstCounter::new(*count).encode(encoder.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        ConstCounter::<u64>::TYPE
    }
}

impl fmt::Debug for BoundedCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedCounts").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::{encoding::text, registry::Registry};

    use super::*;

    fn lines(counts: &BoundedCounts) -> Vec<String> {
        let mut registry = Registry::default();
        registry.register("approvals", "Approvals", counts.clone());
        let mut text = String::new();
        text::encode(&mut text, &registry).unwrap();
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    #[test]
    fn names_that_come_late_are_other() {
        let counts = BoundedCounts::new("tool", 2, 2);
        for (name, status) in [("b", Status::Pending), ("a", Status::Pending), ("c", Status::Pending)] {
            counts.count(name, true, status);
        }
        counts.count("b", true, Status::Approved);
        counts.count("d", false, Status::Pending);
        assert_eq!(
            lines(&counts),
            [
                r#"approvals_total{tool="a",status="PENDING"} 1"#,
                r#"approvals_total{tool="b",status="PENDING"} 1"#,
                r#"approvals_total{tool="b",status="APPROVED"} 1"#,
                r#"approvals_total{tool="other",status="PENDING"} 2"#,
            ]
        );
    }

    #[test]
    fn a_name_that_is_other_is_one_series_with_the_rest() {
        let counts = BoundedCounts::new("tool", 1, 1);
        for name in ["other", "a", "b", "other"] {
            counts.count(name, true, Status::Pending);
        }
        let expected = [r#"{tool="a",status="PENDING"} 1"#, r#"{tool="other",status="PENDING"} 3"#];
        assert_eq!(lines(&counts), expected.map(|series| format!("approvals_total{series}")));
    }

    #[test]
    fn invented_names_take_only_their_part_of_the_room() {
        let counts = BoundedCounts::new("tool", 100, 50);
        for n in 0..100_000 {
            counts.count(&format!("invented_{n}"), true, Status::Pending);
        }
        assert_eq!(counts.0.lock().unwrap().by_name.len(), 50);
        counts.count("send_email", false, Status::Approved);
        let lines = lines(&counts);
        assert!(lines.contains(&r#"approvals_total{tool="send_email",status="APPROVED"} 1"#.to_owned()), "{lines:?}");
        assert!(lines.contains(&r#"approvals_total{tool="other",status="PENDING"} 99950"#.to_owned()), "{lines:?}");
    }
}
