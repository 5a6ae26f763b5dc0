//! The value of one setting in one source.

use super::error::Place;
use super::raw_value::RawValue;
use super::table::Setting;

/// The value of a setting in one source, with its place.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) setting: &'static Setting,
    pub(super) given: RawValue,
    pub(super) place: Place,
}
