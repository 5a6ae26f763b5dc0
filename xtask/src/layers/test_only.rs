//! Detects code that is compiled for tests only.

use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, Meta, Token};

/// The feature that exports the conformance suite to other crates. Code that needs it is test code.
const FEATURE: &str = "testing";

/// Whether one of `attributes` makes an item test code: `#[cfg(test)]` and the like, `#[test]`, `#[tokio::test]`.
pub(super) fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        if path.is_ident("cfg") {
            return attribute.parse_args::<Meta>().is_ok_and(|condition| needs_test(&condition));
        }
        path.segments.last().is_some_and(|last| last.ident == "test")
    })
}

/// Whether a condition is true only when tests are compiled. False for `not(test)`, and for unknown conditions.
fn needs_test(condition: &Meta) -> bool {
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::NameValue(pair) => {
            matches!(&pair.value, Expr::Lit(ExprLit { lit: Lit::Str(value), .. }) if value.value() == FEATURE)
                && pair.path.is_ident("feature")
        }
        Meta::List(list) => {
            let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            let Ok(parts) = parts else { return false };
            (list.path.is_ident("all") && parts.iter().any(needs_test))
                || (list.path.is_ident("any") && !parts.is_empty() && parts.iter().all(needs_test))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_only_conditions_are_recognized() {
        for (text, expected) in [
            ("#[cfg(test)]", true),
            ("#[cfg(all(unix, test))]", true),
            ("#[cfg(any(test, feature = \"testing\"))]", true),
            ("#[test]", true),
            ("#[tokio::test(start_paused = true)]", true),
            ("#[cfg(not(test))]", false),
            ("#[cfg(any(test, unix))]", false),
            ("#[cfg(feature = \"tls\")]", false),
            ("#[derive(Debug)]", false),
        ] {
            let item: syn::ItemStruct = syn::parse_str(&format!("{text} struct S;")).expect(text);
            assert_eq!(is_test_only(&item.attrs), expected, "{text}");
        }
    }
}
