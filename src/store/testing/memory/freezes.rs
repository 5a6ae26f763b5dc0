//! Freezes in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    domain::{Freeze, ImportedFreezes, NewFreeze, NewThaw},
    store::{FreezeStore, StoreError},
};

#[async_trait]
impl FreezeStore for MemoryStore {
    async fn freeze(&self, new: NewFreeze) -> Result<Freeze, StoreError> {
        let mut state = self.state()?;
        let (freeze, changes) = state.freezes.freeze(new)?;
        state.newest = state.newest.max(changes.newest());
        Ok(Freeze::clone(&freeze))
    }

    async fn thaw(&self, new: NewThaw) -> Result<Freeze, StoreError> {
        let mut state = self.state()?;
        let (freeze, changes) = state.freezes.thaw(new)?;
        state.newest = state.newest.max(changes.newest());
        Ok(Freeze::clone(&freeze))
    }

    async fn freezes(&self) -> Result<Vec<Freeze>, StoreError> {
        Ok(self.state()?.freezes.iter().map(|freeze| Freeze::clone(freeze)).collect())
    }

    async fn import_freezes(&self, freezes: Vec<Freeze>) -> Result<ImportedFreezes, StoreError> {
        let mut state = self.state()?;
        let (imported, changes) = state.freezes.import(freezes)?;
        state.newest = state.newest.max(changes.newest());
        Ok(imported)
    }
}
