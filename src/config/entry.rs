//! What one source says of one setting.

use super::error::Place;
use super::raw_value::RawValue;
use super::table::Setting;

/// A setting's value in one source.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) setting: &'static Setting,
    pub(super) given: RawValue,
    pub(super) place: Place,
}
