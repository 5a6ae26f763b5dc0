//! Sessions and blocks over the in-memory store.
