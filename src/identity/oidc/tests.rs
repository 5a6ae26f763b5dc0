//! Attacks on tokens and sign-ins, checks of claims, and changes of keys over time.

mod attacks;
mod claims;
mod codes;
mod keys;
mod provider;
mod sign_in;
mod signing;
