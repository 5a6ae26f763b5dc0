//! The real program, run as a process of its own and spoken to over the network.

mod calls;
mod checks;
mod drain;
mod failure;
mod kills;
mod ledger;
mod load;
mod oidc;
mod policy;
mod queue;
mod races;
mod reviewers;
mod rpc;
mod serve;
mod server;
mod streams;
mod tls;
mod tokens;
