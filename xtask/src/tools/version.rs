//! Versions of programs, to be compared.

use std::fmt;

/// The numbers of a version; none if a program does not print one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(Vec<u64>);

impl Version {
    /// The first version in what a program prints: `22.20.0` in `v22.20.0`, `1.26.6` in `go version go1.26.6 linux`.
    pub(super) fn first_in(printed: &str) -> Self {
        printed.split_whitespace().find_map(Self::of_word).unwrap_or_default()
    }

    fn of_word(word: &str) -> Option<Self> {
        let word = word.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
        let end = word.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(word.len());
        let numbers: Vec<u64> = word[..end].split('.').map_while(|number| number.parse().ok()).collect();
        (!numbers.is_empty()).then_some(Self(numbers))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<_> = self.0.iter().map(u64::to_string).collect();
        f.write_str(if numbers.is_empty() { "of an unknown version" } else { "" })?;
        f.write_str(&numbers.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_what_programs_print() {
        for (printed, version) in [
            ("v22.20.0\n", "22.20.0"),
            ("go version go1.26.6 linux/amd64\n", "1.26.6"),
            ("javac 17\n", "17"),
            ("javac 25-ea\n", "25"),
            ("\u{1b}[1mApache Maven 3.8.7\u{1b}[m\nMaven home: /usr/share/maven\n", "3.8.7"),
            ("pip 23.0.1 from /usr/lib/python3.11\n", "23.0.1"),
            ("c++ (Debian 12.2.0-14) 12.2.0\n", "12.2.0"),
            ("", "of an unknown version"),
        ] {
            assert_eq!(Version::first_in(printed).to_string(), version, "{printed}");
        }
    }

    #[test]
    fn numbers_are_compared_and_not_their_digits() {
        let version = Version::first_in;
        assert!(version("3.9") < version("3.10") && version("20.3") < version("20.19.2"));
        assert!(version("17") <= version("17") && version("17") < version("17.0.15"));
        assert!(version("20") < version("20.3"));
        assert!(version("it prints none") < version("0.1"));
    }
}
