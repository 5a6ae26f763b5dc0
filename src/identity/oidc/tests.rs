//! Every attack on a token, and what becomes of keys over time.

mod attacks;
mod claims;
mod keys;
mod provider;
mod signing;
