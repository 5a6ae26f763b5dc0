//! Numbers that a double can hold: `google.protobuf.Struct` and JSON have no others.

/// Whether a number literal keeps its value as a double: the double is exact, or the literal is its shortest form, like
/// 0.1.
pub(crate) fn survives(literal: &str) -> bool {
    let Some(double) = literal.parse::<f64>().ok().filter(|double| double.is_finite()) else { return false };
    let value = decimal(literal);
    value.is_some() && (value == decimal(&format!("{double:e}")) || value == decimal(&format!("{double:.0}")))
}

/// A double without a fraction, as an integer: `5` instead of `5.0`.
pub(crate) fn whole(value: f64) -> Option<i64> {
    const GREATEST: f64 = 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation)]
    (value.fract() == 0.0 && value.abs() <= GREATEST).then_some(value as i64)
}

/// Sign, significant digits and exponent: equal for literals with the same value.
fn decimal(literal: &str) -> Option<(bool, String, i64)> {
    let (negative, text) = literal.strip_prefix('-').map_or((false, literal), |text| (true, text));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Some((false, String::new(), 0));
    }
    let zeros = digits.len() - digits.trim_end_matches('0').len();
    let exponent: i64 = exponent.parse().ok()?;
    let power = exponent + i64::try_from(zeros).ok()? - i64::try_from(fraction.len()).ok()?;
    Some((negative, significant.to_owned(), power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_a_double_holds() {
        let good = [
            "0",
            "-0",
            "0.0",
            "1",
            "-1",
            "0.1",
            "100",
            "1e2",
            "1.50",
            "9007199254740992",
            "18446744073709551616",
            "1e23",
            "5e-324",
            "0.30000000000000004",
            "123456789.125",
            "1E+2",
            "0e99999999999999999999",
        ];
        let bad = [
            "9007199254740993",
            "-9007199254740993",
            "18446744073709551615",
            "1e400",
            "1e-400",
            "1.00000000000000000001",
            "0.1000000000000000055511151231257827",
            "1e-99999999999999999999",
        ];
        for (literals, expected) in [(&good[..], true), (&bad[..], false)] {
            for literal in literals {
                assert_eq!(survives(literal), expected, "{literal}");
            }
        }
    }
}
