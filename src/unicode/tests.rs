use super::{
    samples::{INVISIBLE, VISIBLE},
    *,
};

fn members(set: &str) -> impl Iterator<Item = char> {
    ranges(set).into_iter().flat_map(|(first, last)| first..=last)
}

#[test]
fn samples_are_invisible() {
    for c in INVISIBLE.iter().copied().chain(['\n', '\t']) {
        assert!(is_invisible(c), "{c:?}");
    }
    for text in VISIBLE {
        assert_eq!(text.chars().find(|c| is_invisible(*c)), None, "{text:?}");
    }
    assert!((' '..='~').all(|c| !is_invisible(c)), "printable ASCII");
}

/// The Unicode properties that define the rule.
#[test]
fn whole_properties_are_invisible() {
    for property in [
        r"\p{Default_Ignorable_Code_Point}",
        r"\p{Bidi_Control}",
        r"\p{Control}",
        r"\p{Format}",
        r"\p{Private_Use}",
        r"\p{Unassigned}",
        r"[\p{Line_Separator}\p{Paragraph_Separator}]",
        r"\p{Noncharacter_Code_Point}",
        r"[\p{White_Space}--\x20]",
    ] {
        assert!(members(property).count() > 0, "{property}");
        let seen = members(property).find(|c| !is_invisible(*c));
        assert_eq!(seen, None, "{property}");
    }
}

/// Characters that are not controls, ignorable or spaces are visible, except the listed blanks.
#[test]
fn all_else_is_visible() {
    let listed = "\u{1d159}\u{2800}\u{13441}\u{13442}\u{16fe4}";
    let visible = r"[[\p{L}\p{M}\p{N}\p{P}\p{S}]--\p{Default_Ignorable_Code_Point}]";
    let hidden: String = members(visible).filter(|c| is_invisible(*c)).collect();
    assert_eq!(hidden.chars().count(), listed.chars().count(), "{hidden:?}");
    assert!(listed.chars().all(|c| hidden.contains(c)), "{hidden:?}");
}

/// The composed form of a name is stable only if normalization knows each of its characters.
#[test]
fn composed_forms_know_every_visible_character() {
    let unknown =
        ('\0'..=char::MAX).find(|c| !is_invisible(*c) && !unicode_normalization::char::is_public_assigned(*c));
    assert_eq!(unknown, None);
}

#[test]
fn escapes_show_what_is_invisible_and_nothing_else() {
    for c in INVISIBLE {
        let expected = match c {
            '\r' => "a\\rb".to_owned(),
            c => format!("a\\u{{{:x}}}b", u32::from(*c)),
        };
        assert_eq!(escape(&format!("a{c}b")), expected);
    }
    for text in VISIBLE {
        assert!(matches!(escape(text), Cow::Borrowed(same) if same == *text), "{text:?}");
    }
    assert_eq!(escape("line\nnext\t\\d"), "line\\nnext\\t\\d");
}

#[test]
fn confusable_texts_have_one_skeleton() {
    for (a, b) in [("finance", "fin\u{430}nce"), ("finance", "\u{ff46}inance"), ("send_email", "send_emai1")] {
        assert_eq!(skeleton(a), skeleton(b), "{a} {b}");
    }
    assert_ne!(skeleton("finance"), skeleton("finances"));
}

#[test]
fn mixed_scripts_are_detected() {
    for (name, expected) in
        [("finance", false), ("fin\u{430}nce", true), ("финансы", false), ("財務チーム", false), ("a-1", false)]
    {
        assert_eq!(mixes_scripts(name), expected, "{name}");
    }
}
