//! The real program, run as a process of its own and spoken to over the network.

mod calls;
mod change_feed;
mod checks;
mod clock;
mod damage;
mod drain;
mod exec;
mod failure;
mod faults;
mod gate;
mod kills;
mod ledger;
mod load;
mod oidc;
mod policy;
mod queue;
mod races;
mod relay;
mod reviewers;
mod rpc;
mod serve;
mod server;
mod strangers;
mod streams;
mod tls;
mod tokens;
