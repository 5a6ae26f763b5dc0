use std::cell::Cell;

use super::EvaluationError;

/// Steps that the conditions of one call may take together; a step is about 10 ns on a slow machine.
///
/// Once it is empty it stays so, and everything that still wants to take a step fails.
#[derive(Debug)]
pub(in crate::policy) struct StepBudget(Cell<u32>);

/// Bytes that are looked at, or copied, in one step.
const BYTES: usize = 8;

impl StepBudget {
    /// A meter with so many steps.
    #[must_use]
    pub(in crate::policy) const fn new(steps: u32) -> Self {
        Self(Cell::new(steps))
    }

    /// Whether nothing is left.
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

    /// Takes the steps of looking a key up in a map: it is compared with some of the map's.
    pub(super) fn key(&self, key: &str) -> Result<(), EvaluationError> {
        self.bytes(8 * key.len())
    }

    /// Takes the steps of an error that decides nothing: telling it costs far more than what failed.
    pub(super) fn absorbed(&self) -> Result<(), EvaluationError> {
        self.take(64)
    }

    /// Takes the steps of looking at so many bytes.
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
