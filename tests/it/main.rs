//! The real program, run as a process of its own and spoken to over the network.

mod calls;
mod drain;
mod failure;
mod kills;
mod ledger;
mod load;
mod server;
