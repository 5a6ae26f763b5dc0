//! Sources with syntax errors.

use super::{compiled, refused};

/// Common mistakes and their messages: position, and what to write.
#[test]
fn syntax_errors_are_sentences_of_our_own() {
    for (source, told) in [
        ("args.in == 1", r#"column 6: `in` is a reserved word; write args["in"]"#),
        ("args.filter.true", r#"column 13: `true` is a reserved word; write args.filter["true"]"#),
        (
            "has(args.in) && tool == 'x'",
            r#"column 10: `in` is a reserved word; write args["in"], and "in" in args for has(args.in)"#,
        ),
        ("if == 1", r#"column 1: `if` is a reserved word; an argument of that name is args["if"]"#),
        ("args.n = 1", "column 8: `=` is not an operator in CEL; write =="),
        ("args.n == 1 and args.m == 2", "column 13: `and` is not an operator in CEL; write &&"),
        ("args.n == 1 & args.m == 2", "column 13: `&` is not an operator in CEL; write &&"),
        ("not args.n", "column 5: "),
        ("(args.n == 1", "column 13: unexpected end of the condition: `)` is missing"),
        ("args.n == 1)", "column 12: unexpected `)`"),
        ("args.n == 1 == ", "column 16: unexpected end of the condition"),
        ("args.n # 1", "column 8: unexpected character `#`"),
        (
            "args.q.matches('\\d+')",
            r#"column 16: invalid escape \d in a string; write r"…" for a pattern, or \\ for a backslash"#,
        ),
        ("args.q == 'ü' && args.n = 1", "column 25: `=` is not an operator in CEL; write =="),
        ("args.q == 'x' &&\n  args.n = 1", "line 2, column 10: `=` is not an operator in CEL; write =="),
        ("args.q == 'x' &&\n  arg.n == 1", "line 2, column 3: unknown variable arg, did you mean args?"),
        ("args.q == 'ü' && arg.n == 1", "column 18: unknown variable arg"),
        ("args.n == 99999999999999999999", "column 11: the number 99999999999999999999 is out of range"),
        ("args..n", "column 6: unexpected `.`"),
        ("args.n ==\u{202e} 1", "unexpected character"),
    ] {
        let wrong = refused(source);
        assert!(wrong.contains(told), "{source}: {wrong}");
    }
}

#[test]
fn no_source_shows_the_parsers_own_words() {
    let pieces = [
        "args", ".", "in", "(", ")", "[", "]", "{", "}", "'", "\"", "==", "=", "&&", "|", "?", ":", "1", "1.", "@",
        "\\", "r'", ",", "ü", "\n", "true",
    ];
    // All pairs, and all pairs inside other text: more than people think of.
    for (one, other) in pieces.iter().flat_map(|one| pieces.iter().map(move |other| (one, other))) {
        for source in [format!("{one}{other}"), format!("args.a == 1 && {one} {other}"), format!("has({one}{other})")] {
            let Err(wrong) = compiled(&source) else { continue };
            for wrong in wrong {
                let internal = [
                    "Error",
                    "viable",
                    "mismatched",
                    "extraneous",
                    "expecting",
                    "recognition",
                    "EOF",
                    "Incomplete",
                    "No `",
                    "Context",
                    "UNKNOWN",
                    "Some(",
                    "line 0",
                    "column 0",
                ];
                assert!(!internal.iter().any(|word| wrong.contains(word)), "{source}: {wrong}");
            }
        }
    }
    let deep = refused(&"[".repeat(300));
    assert!(deep.contains("nested too deeply") || deep.contains("unexpected end"), "{deep}");
}
