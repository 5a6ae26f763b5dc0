//! The stores of this crate.

use tempfile::TempDir;

use super::*;

struct Memory(Arc<dyn Store>);

#[async_trait]
impl Subject for Memory {
    async fn create(routes: Arc<Routes>) -> Self {
        Self(Arc::new(MemoryStore::with_routes(routes)))
    }

    fn store(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn reopen(&mut self) {}
}

struct Sled {
    store: Option<Arc<dyn Store>>,
    directory: TempDir,
    routes: Arc<Routes>,
}

impl Sled {
    async fn open(directory: &TempDir, routes: &Arc<Routes>) -> Option<Arc<dyn Store>> {
        let config = StoreConfig::in_directory(directory.path()).with_routes(Arc::clone(routes));
        Some(open(&config, Arc::new(())).await.unwrap())
    }
}

#[async_trait]
impl Subject for Sled {
    async fn create(routes: Arc<Routes>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { store: Self::open(&directory, &routes).await, directory, routes }
    }

    fn store(&self) -> &Arc<dyn Store> {
        self.store.as_ref().unwrap()
    }

    async fn reopen(&mut self) {
        let store = self.store.take().unwrap();
        store.close().await;
        assert_eq!(Arc::strong_count(&store), 1, "sled stays locked until the store is dropped");
        drop(store);
        self.store = Self::open(&self.directory, &self.routes).await;
    }
}

mod memory {
    crate::store_conformance!(super::Memory);
}

mod sled {
    crate::store_conformance!(super::Sled);
}

mod postgres {
    crate::store_conformance!(crate::store::postgres::testing::Postgres);
}
