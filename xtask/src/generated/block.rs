//! Generated text inside a file that is otherwise written by hand.

use std::path::Path;

use crate::failure::Failure;

/// Returns `text` with what stands between `<!-- name -->` and `<!-- /name -->` replaced by `block`.
///
/// Fails unless both markers are there exactly once and in this order; `path` only serves to say where.
pub(super) fn replace(path: &Path, text: &str, name: &str, block: &str) -> Result<String, Failure> {
    let (begin, end) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
    let (before, rest) = split_at_only(text, &begin).ok_or_else(|| Failure::Marker(path.into(), begin.clone()))?;
    let (_, after) = split_at_only(rest, &end).ok_or_else(|| Failure::Marker(path.into(), end.clone()))?;
    // Blank lines, or Markdown takes the block for a part of the comment's HTML.
    Ok(format!("{before}{begin}\n\n{}\n\n{end}{after}", block.trim()))
}

/// Splits `text` at the only place where `marker` stands.
fn split_at_only<'a>(text: &'a str, marker: &str) -> Option<(&'a str, &'a str)> {
    text.split_once(marker).filter(|(_, after)| !after.contains(marker))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str, block: &str) -> Result<String, Failure> {
        replace(Path::new("README.md"), text, "table", block)
    }

    #[test]
    fn only_what_is_between_the_markers_changes_and_a_second_run_changes_nothing() {
        let once = table("# Top\n<!-- table -->\nold\nrows\n<!-- /table -->\nend\n", "| a |\n").expect("replaces");
        assert_eq!(once, "# Top\n<!-- table -->\n\n| a |\n\n<!-- /table -->\nend\n");
        assert_eq!(table(&once, "| a |\n").expect("replaces"), once);
    }

    #[test]
    fn missing_repeated_or_swapped_markers_are_refused_and_named() {
        for (text, marker) in [
            ("no markers", "<!-- table -->"),
            ("<!-- table --> x", "<!-- /table -->"),
            ("<!-- /table --> <!-- table -->", "<!-- /table -->"),
            ("<!-- table --> <!-- table --> <!-- /table -->", "<!-- table -->"),
            ("<!-- table --> <!-- /table --> <!-- /table -->", "<!-- /table -->"),
        ] {
            let failure = table(text, "x").expect_err(text).to_string();
            assert!(failure.contains("README.md") && failure.contains(&format!("`{marker}`")), "{failure}");
        }
    }
}
