//! The stream contract, over real sockets.

mod contract;
mod many;
mod reattach;
mod slow;
