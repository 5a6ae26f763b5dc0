use std::cell::Cell;

use super::EvaluationError;

/// The steps that all conditions of one call may take together. A step takes about 10 ns on a slow machine.
///
/// An empty budget stays empty: every further step fails.
#[derive(Debug)]
pub(in crate::policy) struct StepBudget(Cell<u32>);

/// Bytes read or copied per step.
const BYTES: usize = 8;

impl StepBudget {
    /// A budget of this many steps.
    #[must_use]
    pub(in crate::policy) const fn new(steps: u32) -> Self {
        Self(Cell::new(steps))
    }

    /// Whether no steps are left.
    #[must_use]
    pub(in crate::policy) const fn is_empty(&self) -> bool {
        self.0.get() == 0
    }

    /// Takes steps.
    pub(super) fn take(&self, steps: usize) -> Result<(), EvaluationError> {
        let left = u32::try_from(steps).ok().and_then(|steps| self.0.get().checked_sub(steps)).unwrap_or(0);
        self.0.set(left);
        if left == 0 { Err(EvaluationError::TooLong) } else { Ok(()) }
    }

    /// Takes the steps of a lookup in a map, which compares the key with some of the map's keys.
    pub(super) fn key(&self, key: &str) -> Result<(), EvaluationError> {
        self.bytes(8 * key.len())
    }

    /// Takes the steps of an absorbed error: creating the error costs far more than the failed operation.
    pub(super) fn absorbed(&self) -> Result<(), EvaluationError> {
        self.take(64)
    }

    /// Takes the steps of reading this many bytes.
    pub(super) fn bytes(&self, bytes: usize) -> Result<(), EvaluationError> {
        self.take(bytes / BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_meter_stays_empty() {
        let meter = StepBudget::new(10);
        assert_eq!(meter.take(9), Ok(()));
        assert!(!meter.is_empty());
        for steps in [1, 0, 5] {
            assert_eq!(meter.take(steps), Err(EvaluationError::TooLong));
            assert!(meter.is_empty());
        }
        assert_eq!(StepBudget::new(10).take(usize::MAX), Err(EvaluationError::TooLong));
    }
}
