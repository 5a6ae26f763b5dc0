//! For those who write a store, and those who need one in a test: the suite that every store passes, and the model that
//! it is compared with. Public with the feature `testing`.
//!
//! `tests/outside-store` shows how a crate of its own runs the suite: it implements [`Subject`](conformance::Subject),
//! and calls [`store_conformance!`](crate::store_conformance).

pub mod conformance;
mod memory;

pub use memory::MemoryStore;
