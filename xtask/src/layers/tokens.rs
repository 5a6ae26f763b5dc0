//! Finds paths in tokens without a parsed syntax: the arguments of macros and attributes.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};

use super::collect::is_capitalised;

/// A path in tokens.
#[derive(Debug)]
pub(super) enum Found {
    Path(Vec<String>, Span),
    /// The path of `use path::*`.
    Glob(Vec<String>, Span),
    /// `crate as name`.
    RenamedCrate(Span),
}

/// All paths in `tokens`; with `strings` also those in string literals, as in `#[serde(with = "…")]`.
pub(super) fn paths(tokens: &TokenStream, strings: bool) -> Vec<Found> {
    let mut scan = Scan { found: Vec::new() };
    scan.tokens(tokens.clone(), strings, 0);
    scan.found
}

/// The path in a string literal, if it has several names.
pub(super) fn path_in_string(text: &str) -> Option<Vec<String>> {
    let path: syn::Path = syn::parse_str(text).ok()?;
    let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    (names.len() > 1 && path.leading_colon.is_none()).then_some(names)
}

struct Scan {
    found: Vec<Found>,
}

impl Scan {
    /// Scans a sequence. `inside` is the number of modules that the tokens themselves open around it: that many `super`
    /// stay within the tokens.
    fn tokens(&mut self, tokens: TokenStream, strings: bool, inside: usize) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.group(&tokens, at, group, strings, inside),
                TokenTree::Ident(_) if starts_a_path(&tokens, at) => {
                    at = self.path(&tokens, at, Vec::new(), inside);
                    continue;
                }
                TokenTree::Literal(literal) if strings => {
                    let text = syn::parse_str::<syn::LitStr>(&literal.to_string()).map(|text| text.value());
                    if let Some(path) = text.ok().and_then(|text| path_in_string(&text)) {
                        self.add(path, literal.span(), inside);
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn group(&mut self, tokens: &[TokenTree], at: usize, group: &Group, strings: bool, inside: usize) {
        let before = |back: usize| at.checked_sub(back).map(|at| tokens[at].to_string()).unwrap_or_default();
        // `pub(in path)` can only name a module around it.
        if group.delimiter() == Delimiter::Parenthesis && before(1) == "pub" {
            return;
        }
        if group.delimiter() == Delimiter::Bracket && (before(1) == "#" || before(1) == "!" && before(2) == "#") {
            let is_doc = group.stream().into_iter().next().is_some_and(|first| first.to_string() == "doc");
            if !is_doc {
                self.tokens(group.stream(), true, inside);
            }
            return;
        }
        // `mod name { … }`, where the name may be a macro's variable.
        let opens_module = group.delimiter() == Delimiter::Brace
            && (before(2) == "mod" && before(1) != "$" || before(3) == "mod" && before(2) == "$");
        self.tokens(group.stream(), strings, inside + usize::from(opens_module));
    }

    /// Reads a path that continues at `at` after `before`; returns its end.
    fn path(&mut self, tokens: &[TokenTree], mut at: usize, mut before: Vec<String>, inside: usize) -> usize {
        loop {
            let TokenTree::Ident(name) = &tokens[at] else { return at };
            let span = name.span();
            let text = name.to_string();
            before.push(text.strip_prefix("r#").unwrap_or(&text).to_owned());
            at += 1;
            if !is_double_colon(tokens, at) {
                self.end(tokens, at, before, span, inside);
                return at;
            }
            at += 2;
            match tokens.get(at) {
                Some(TokenTree::Ident(_)) => {}
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    self.use_group(group, &before, inside);
                    return at + 1;
                }
                Some(TokenTree::Punct(star)) if star.as_char() == '*' => {
                    self.found.push(Found::Glob(settled(before, inside), span));
                    return at + 1;
                }
                // `::<…>`, or a variable of the macro.
                _ => {
                    self.add(before, span, inside);
                    return at;
                }
            }
        }
    }

    fn end(&mut self, tokens: &[TokenTree], at: usize, path: Vec<String>, span: Span, inside: usize) {
        let next = tokens.get(at).map(ToString::to_string).unwrap_or_default();
        match path.as_slice() {
            [root] if ["crate", "self", "super"].contains(&root.as_str()) => {
                if root == "crate" && next == "as" {
                    self.found.push(Found::RenamedCrate(span));
                }
            }
            [name] => {
                let is_call = matches!(tokens.get(at), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
                if is_capitalised(name) || is_call || next == "!" {
                    self.add(path, span, inside);
                }
            }
            _ => self.add(path, span, inside),
        }
    }

    /// The group in `use path::{a, b::c}`.
    fn use_group(&mut self, group: &Group, before: &[String], inside: usize) {
        let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Ident(name) if name == "as" => at += 2,
                TokenTree::Ident(name) if name == "self" => {
                    self.add(before.to_vec(), name.span(), inside);
                    at += 1;
                }
                TokenTree::Ident(_) => at = self.path(&tokens, at, before.to_vec(), inside),
                TokenTree::Punct(star) if star.as_char() == '*' => {
                    self.found.push(Found::Glob(settled(before.to_vec(), inside), star.span()));
                    at += 1;
                }
                _ => at += 1,
            }
        }
    }

    fn add(&mut self, path: Vec<String>, span: Span, inside: usize) {
        self.found.push(Found::Path(settled(path, inside), span));
    }
}

/// A path relative to the module around the tokens.
fn settled(path: Vec<String>, inside: usize) -> Vec<String> {
    let within = path.iter().take(inside).take_while(|name| *name == "super").count();
    if within == 0 { path } else { ["self".to_owned()].into_iter().chain(path.into_iter().skip(within)).collect() }
}

/// Whether a path starts at `at`: not after `.`, `'`, `::` or `$`, except that `$crate` is the crate.
fn starts_a_path(tokens: &[TokenTree], at: usize) -> bool {
    let Some(TokenTree::Punct(before)) = at.checked_sub(1).map(|at| &tokens[at]) else { return true };
    match before.as_char() {
        '\'' => false,
        '$' => tokens[at].to_string() == "crate",
        '.' => at >= 2 && tokens[at - 2].to_string() == ".",
        ':' => !(at >= 2 && is_double_colon(tokens, at - 2)),
        _ => true,
    }
}

fn is_double_colon(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    colon(at) && colon(at + 1)
}
