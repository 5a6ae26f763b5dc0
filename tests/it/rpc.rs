//! Every call of the API, end to end: what it answers, and how it refuses.

mod answers;
mod claimed;
mod largest;
mod lists;
mod refusals;
mod repetitions;
mod violations;
