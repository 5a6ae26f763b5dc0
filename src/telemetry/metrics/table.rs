//! Metrics with a fixed set of label values.

use std::{fmt, sync::Arc};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder},
    metrics::{MetricType, TypedMetric, gauge::Gauge},
};

/// A gauge without a series until it is set.
#[derive(Clone, Debug, Default)]
pub(super) struct WhenSet(Gauge);

impl WhenSet {
    pub(super) fn set(&self, value: i64) {
        self.0.set(value);
    }
}

impl EncodeMetric for WhenSet {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        if self.0.get() == 0 { Ok(()) } else { self.0.encode(encoder) }
    }

    fn metric_type(&self) -> MetricType {
        Gauge::<i64>::TYPE
    }
}

/// Labels and their values.
pub(super) type Labels<const N: usize> = [(&'static str, &'static str); N];

/// A metric family with a fixed set of label values, so that access needs no lock and no hashing.
pub(super) struct Table<M, const N: usize> {
    rows: Arc<[(Labels<N>, M)]>,
    /// Whether to render a row.
    shown: fn(&M) -> bool,
}

impl<M: Clone, const N: usize> Table<M, N> {
    pub(super) fn new(labels: impl Iterator<Item = Labels<N>>, new: impl Fn() -> M, shown: fn(&M) -> bool) -> Self {
        Self { rows: labels.map(|labels| (labels, new())).collect(), shown }
    }

    pub(super) fn row(&self, index: usize) -> &M {
        &self.rows[index].1
    }

    pub(super) fn find(&self, labels: Labels<N>) -> Option<M> {
        self.rows.iter().find(|row| row.0 == labels).map(|row| row.1.clone())
    }
}

impl<M, const N: usize> Clone for Table<M, N> {
    fn clone(&self) -> Self {
        Self { rows: Arc::clone(&self.rows), shown: self.shown }
    }
}

impl<M, const N: usize> fmt::Debug for Table<M, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}

impl<M: EncodeMetric + TypedMetric, const N: usize> EncodeMetric for Table<M, N> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (labels, metric) in self.rows.iter().filter(|row| (self.shown)(&row.1)) {
            metric.encode(encoder.encode_family(labels)?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        M::TYPE
    }
}
