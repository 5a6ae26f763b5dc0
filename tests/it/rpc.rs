//! Every call of the API, end to end: its answers and its errors.

mod answers;
mod claimed;
mod largest;
mod lists;
mod refusals;
mod repetitions;
mod violations;
