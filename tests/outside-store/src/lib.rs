//! A store outside the crate `signoff`. It compiles only while the traits, the suite and the rules that stores share
//! are public. It keeps the policy by these rules, and hands everything else to the model: that the suite passes shows
//! that the policy can be kept in another crate, and says nothing of the rest. It holds tests and nothing else.

#[cfg(test)]
mod delegating;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use signoff::{
        domain::{Approval, Routes, Time},
        store::{
            ApprovalStore, ChangeFeed, Forgotten, NAME_MAX, Order, PAGE_BYTES, Page, PolicyStore, Store, TokenStore,
            testing::{MemoryStore, conformance::Subject},
            weight,
        },
    };

    use crate::delegating::{Delegating, Policies};

    struct Outside {
        kept: Arc<MemoryStore>,
        policies: Arc<Policies>,
        store: Arc<dyn Store>,
    }

    impl Outside {
        fn open(kept: Arc<MemoryStore>, policies: Arc<Policies>) -> Self {
            let store = Delegating::new(Arc::<MemoryStore>::clone(&kept), Arc::clone(&policies));
            Self { store: Arc::new(store), kept, policies }
        }
    }

    #[async_trait]
    impl Subject for Outside {
        async fn create(routes: Arc<Routes>) -> Self {
            Self::open(Arc::new(MemoryStore::with_routes(routes)), Arc::default())
        }

        fn store(&self) -> &Arc<dyn Store> {
            &self.store
        }

        async fn reopen(&mut self) {
            *self = Self::open(Arc::clone(&self.kept), Arc::clone(&self.policies));
        }
    }

    mod conformance {
        signoff::store_conformance!(super::Outside);
    }

    #[test]
    fn a_part_of_a_store_is_taken_without_the_rest() {
        let store: Arc<dyn Store> = Outside::open(Arc::default(), Arc::default()).store;
        let approvals: Arc<dyn ApprovalStore> = Arc::clone(&store) as _;
        let _: Arc<dyn PolicyStore> = Arc::clone(&store) as _;
        let _: Arc<dyn TokenStore> = Arc::clone(&store) as _;
        let _: Arc<dyn ChangeFeed> = store;
        assert_eq!(approvals.pending(), 0);
    }

    /// Those that keeping the policy does not need.
    #[test]
    fn the_other_rules_of_every_store_are_public() {
        let request_id = "x".repeat(NAME_MAX + 1);
        let one = Forgotten { at: Time::UNIX_EPOCH, issuer: "i".into(), subject: "s".into(), request_id };
        assert!(one.fault().is_some());
        assert!(one.check(one.at).is_err());
        assert!(one.check(one.until()).is_ok());
        Page::default().keep_before_next(Order::OldestFirst);
        let _: (fn(&Approval) -> usize, usize) = (weight, PAGE_BYTES);
    }
}
