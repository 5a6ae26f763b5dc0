//! A store outside the crate `signoff`: it compiles only while the traits and the suite are public, and passes only while they
//! say everything that a store must do. It holds tests and nothing else.

#[cfg(test)]
mod delegating;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use signoff::store::{
        ApprovalStore, ChangeFeed, PolicyStore, Store, TokenStore,
        testing::{MemoryStore, conformance::Subject},
    };

    use crate::delegating::Delegating;

    struct Outside {
        kept: Arc<MemoryStore>,
        store: Arc<dyn Store>,
    }

    impl Outside {
        fn open(kept: Arc<MemoryStore>) -> Self {
            Self { store: Arc::new(Delegating::new(Arc::<MemoryStore>::clone(&kept))), kept }
        }
    }

    #[async_trait]
    impl Subject for Outside {
        async fn create() -> Self {
            Self::open(Arc::default())
        }

        fn store(&self) -> &Arc<dyn Store> {
            &self.store
        }

        async fn reopen(&mut self) {
            *self = Self::open(Arc::clone(&self.kept));
        }
    }

    mod conformance {
        signoff::store_conformance!(super::Outside);
    }

    #[test]
    fn a_part_of_a_store_is_taken_without_the_rest() {
        let store: Arc<dyn Store> = Outside::open(Arc::default()).store;
        let approvals: Arc<dyn ApprovalStore> = Arc::clone(&store) as _;
        let _: Arc<dyn PolicyStore> = Arc::clone(&store) as _;
        let _: Arc<dyn TokenStore> = Arc::clone(&store) as _;
        let _: Arc<dyn ChangeFeed> = store;
        assert_eq!(approvals.pending(), 0);
    }
}
