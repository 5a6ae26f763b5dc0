//! Settings and messages. `tests/it/email` sends them through a real server.
