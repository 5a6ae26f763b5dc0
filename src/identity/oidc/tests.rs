//! Attacks on tokens, checks of claims, and changes of keys over time.

mod attacks;
mod claims;
mod keys;
mod provider;
mod signing;
