//! The real program, run as a process of its own and spoken to over the network.

mod calls;
mod kills;
mod ledger;
mod load;
mod server;
