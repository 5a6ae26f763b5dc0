use std::sync::Arc;

use tokio::sync::Semaphore;

use super::Error;

/// Work that may take a good part of a second, such as checking arguments against a large schema: on threads of its own,
/// as many at once as there are processors, so that lists and timeouts never queue behind it.
#[derive(Clone, Debug)]
pub struct Heavy(Arc<Semaphore>);

impl Default for Heavy {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new(processors)))
    }
}

impl Heavy {
    /// Runs a piece of work. Nothing is started, or kept, for a caller that leaves while it waits for its turn.
    ///
    /// # Errors
    /// [`Error::Internal`] when the work panics.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let internal = |error: &dyn std::fmt::Display| Error::Internal(error.to_string());
        let turn = Arc::clone(&self.0).acquire_owned().await.map_err(|error| internal(&error))?;
        let running = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn); // held until the end, whoever still waits
            done
        });
        running.await.map_err(|error| internal(&error))
    }
}
