//! Names of enum values: full names, and short names without the enum's prefix.

use prost_reflect::EnumDescriptor;

/// The value of this name, such as `APPROVAL_STATUS_AUTO_APPROVED` or `AUTO_APPROVED`.
pub(super) fn number(of: &EnumDescriptor, name: &str) -> Option<i32> {
    let prefix = prefix(of);
    of.values()
        .find(|value| value.name() == name || value.name().strip_prefix(&prefix) == Some(name))
        .map(|value| value.number())
}

/// The short name of a value; `None` if the enum does not have it.
pub(super) fn short_name(of: &EnumDescriptor, number: i32) -> Option<String> {
    let value = of.get_value(number)?;
    Some(value.name().strip_prefix(&prefix(of)).unwrap_or(value.name()).to_owned())
}

/// The short names, except the one of 0, which means unspecified.
pub(super) fn short_names(of: &EnumDescriptor) -> Vec<String> {
    let values = of.values().filter(|value| value.number() != 0);
    values.filter_map(|value| short_name(of, value.number())).collect()
}

/// The full names, except the one of 0.
pub(super) fn full_names(of: &EnumDescriptor) -> Vec<String> {
    of.values().filter(|value| value.number() != 0).map(|value| value.name().to_owned()).collect()
}

/// `APPROVAL_STATUS_` for `ApprovalStatus`.
fn prefix(of: &EnumDescriptor) -> String {
    let mut prefix = String::new();
    for c in of.name().chars() {
        if c.is_ascii_uppercase() && !prefix.is_empty() {
            prefix.push('_');
        }
        prefix.push(c.to_ascii_uppercase());
    }
    prefix.push('_');
    prefix
}
