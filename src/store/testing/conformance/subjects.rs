//! The stores of this crate.

use tempfile::TempDir;

use super::*;

struct Memory(Arc<dyn Store>);

#[async_trait]
impl Subject for Memory {
    async fn create() -> Self {
        Self(Arc::new(MemoryStore::default()))
    }

    fn store(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn reopen(&mut self) {}
}

struct Sled {
    store: Option<Arc<dyn Store>>,
    directory: TempDir,
}

impl Sled {
    async fn open(directory: &TempDir) -> Option<Arc<dyn Store>> {
        Some(open(&StoreConfig::in_directory(directory.path()), Arc::new(())).await.unwrap())
    }
}

#[async_trait]
impl Subject for Sled {
    async fn create() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { store: Self::open(&directory).await, directory }
    }

    fn store(&self) -> &Arc<dyn Store> {
        self.store.as_ref().unwrap()
    }

    async fn reopen(&mut self) {
        let store = self.store.take().unwrap();
        store.close().await;
        assert_eq!(Arc::strong_count(&store), 1, "sled stays locked until the store is dropped");
        drop(store);
        self.store = Self::open(&self.directory).await;
    }
}

mod memory {
    crate::store_conformance!(super::Memory);
}

mod sled {
    crate::store_conformance!(super::Sled);
}
