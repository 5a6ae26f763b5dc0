//! Collects the names and the paths of one source file.

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{
    Arm, Attribute, Block, Expr, ExprCall, ExprLit, Field, File, ImplItem, Item, ItemMod, ItemUse, Lit, Local, Macro,
    Meta, TraitItem, UseTree, Visibility,
};

use super::test_only::is_test_only;
use super::tokens::{self, Found};
use super::tree::{Kind, ModuleId, Name, Reference, Tree};

/// Walks the syntax of a file, and adds its names and paths to the tree.
pub(super) struct Collector<'t> {
    tree: &'t mut Tree,
    module: ModuleId,
    test: bool,
    /// Whether the walk is inside a function body, whose items are not names of the module.
    in_body: bool,
}

impl<'t> Collector<'t> {
    /// Adds the content of `file`, which is the module `module`.
    pub(super) fn collect(tree: &'t mut Tree, module: ModuleId, file: &File) {
        let test = tree.modules[module].test || is_test_only(&file.attrs);
        tree.modules[module].test = test;
        Self { tree, module, test, in_body: false }.visit_file(file);
    }

    /// Walks a part of the syntax, which `attrs` may mark as test code.
    fn held_to(&mut self, attrs: &[Attribute], walk: impl FnOnce(&mut Self)) {
        let outer = self.test;
        self.test |= is_test_only(attrs);
        walk(self);
        self.test = outer;
    }

    fn refer(&mut self, path: Vec<String>, kind: Kind, span: Span) {
        let line = span.start().line;
        self.tree.references.push(Reference { module: self.module, path, line, kind, test: self.test });
    }

    fn refuse(&mut self, span: Span, text: &str) {
        let file = self.tree.modules[self.module].file.clone();
        self.tree.problem(&file, span.start().line, text);
    }

    fn define(&mut self, name: &syn::Ident, what: Name) {
        self.tree.define(self.module, &plain(name), what);
    }

    /// Adds the names that a `use` binds. One in a function body counts for the whole module, which finds more, never
    /// less.
    fn import(&mut self, tree: &UseTree, before: &[String], kind: Kind) {
        let with = |name: &syn::Ident| before.iter().cloned().chain([plain(name)]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => self.import(&path.tree, &with(&path.ident), kind),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, before, kind)),
            UseTree::Glob(glob) => {
                self.tree.modules[self.module].globs.push(before.to_vec());
                self.refer(before.to_vec(), Kind::Glob, glob.span());
            }
            UseTree::Name(name) => self.bind(with(&name.ident), None, kind, name.ident.span()),
            UseTree::Rename(rename) => {
                self.bind(with(&rename.ident), Some(&rename.rename), kind, rename.ident.span());
            }
        }
    }

    fn bind(&mut self, mut path: Vec<String>, rename: Option<&syn::Ident>, kind: Kind, span: Span) {
        // `use a::{self}` is `use a`.
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = rename.map(plain).or_else(|| path.last().cloned());
        if let Some(name) = name.filter(|name| name != "_") {
            self.tree.define(self.module, &name, Name::Import(path.clone()));
        }
        self.refer(path, kind, span);
    }

    fn module(&mut self, item: &ItemMod) {
        if let Some(attribute) = item.attrs.iter().find(|attribute| sets_a_path(attribute)) {
            self.refuse(attribute.span(), "`#[path]` is not allowed: a module's file has the module's name.");
            return;
        }
        let name = plain(&item.ident);
        let id = self.tree.add_module(self.module, &name, item.content.is_some(), self.test);
        if let Some((_, items)) = &item.content {
            let outer = (std::mem::replace(&mut self.module, id), std::mem::replace(&mut self.in_body, false));
            items.iter().for_each(|item| self.visit_item(item));
            (self.module, self.in_body) = outer;
        }
    }

    fn define_item(&mut self, item: &Item) {
        match item {
            Item::Const(item) => self.define(&item.ident, Name::Item),
            Item::Enum(item) => self.define(&item.ident, Name::Item),
            Item::Fn(item) => self.define(&item.sig.ident, Name::Item),
            Item::Static(item) => self.define(&item.ident, Name::Item),
            Item::Struct(item) => self.define(&item.ident, Name::Item),
            Item::Trait(item) => self.define(&item.ident, Name::Item),
            Item::TraitAlias(item) => self.define(&item.ident, Name::Item),
            Item::Type(item) => self.define(&item.ident, Name::Item),
            Item::Union(item) => self.define(&item.ident, Name::Item),
            Item::Macro(item) => {
                let Some(name) = &item.ident else { return };
                self.define(name, Name::Item);
                if item.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export")) {
                    let module = &self.tree.modules[self.module];
                    let (root, path) = (module.root, module.path.iter().cloned().chain([plain(name)]).collect());
                    self.tree.define(root, &plain(name), Name::Import(path));
                }
            }
            Item::ExternCrate(item) if item.ident == "self" => {
                if let Some((_, name)) = &item.rename {
                    self.define(name, Name::Import(vec!["crate".to_owned()]));
                }
            }
            _ => {}
        }
    }

    /// Adds the paths of a macro's or an attribute's tokens.
    fn scan(&mut self, tokens: &proc_macro2::TokenStream, strings: bool) {
        for found in tokens::paths(tokens, strings) {
            match found {
                Found::Path(path, span) => self.refer(path, Kind::Inline, span),
                Found::Glob(path, span) => self.refer(path, Kind::Glob, span),
                Found::RenamedCrate(span) => self.refuse(span, "a macro may not rename the crate's root."),
            }
        }
    }
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        self.held_to(attributes(item), |this| {
            if !this.in_body {
                this.define_item(item);
            }
            match item {
                Item::Mod(module) => {
                    module.attrs.iter().for_each(|attribute| this.visit_attribute(attribute));
                    this.module(module);
                }
                _ => visit::visit_item(this, item),
            }
        });
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let kind = if matches!(item.vis, Visibility::Inherited) { Kind::Use } else { Kind::ReExport };
        // `use ::name` names another crate.
        let before: &[String] = if item.leading_colon.is_some() { &["::".to_owned()] } else { &[] };
        self.import(&item.tree, before, kind);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut segments: Vec<String> = path.segments.iter().map(|segment| plain(&segment.ident)).collect();
        if path.leading_colon.is_some() {
            segments.insert(0, "::".to_owned());
        }
        // A single name in lower case may be a local variable.
        if segments.len() > 1 || segments.first().is_some_and(|name| is_capitalised(name)) {
            self.refer(segments, Kind::Inline, path.span());
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Expr::Path(function) = &*call.func
            && let Some(name) = function.path.get_ident().filter(|_| function.qself.is_none())
        {
            self.refer(vec![plain(name)], Kind::Inline, name.span());
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        self.visit_path(&called.path);
        if let Some(name) = called.path.get_ident() {
            self.refer(vec![plain(name)], Kind::Inline, name.span());
        }
        if called.path.segments.last().is_some_and(|last| last.ident == "include") {
            self.refuse(called.span(), "`include!` is not allowed: its text cannot be checked.");
        }
        self.scan(&called.tokens, false);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("doc") {
            return;
        }
        self.visit_path(attribute.path());
        match &attribute.meta {
            Meta::Path(_) => {}
            Meta::List(list) => self.scan(&list.tokens, true),
            Meta::NameValue(pair) => match &pair.value {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                    if let Some(path) = tokens::path_in_string(&text.value()) {
                        self.refer(path, Kind::Inline, text.span());
                    }
                }
                value => self.visit_expr(value),
            },
        }
    }

    fn visit_block(&mut self, block: &'ast Block) {
        let outer = std::mem::replace(&mut self.in_body, true);
        visit::visit_block(self, block);
        self.in_body = outer;
    }

    /// `pub(in path)` can only name a module around it.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attrs: &[Attribute] = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Macro(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            _ => &[],
        };
        self.held_to(attrs, |this| visit::visit_impl_item(this, item));
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        let attrs: &[Attribute] = match item {
            TraitItem::Const(item) => &item.attrs,
            TraitItem::Fn(item) => &item.attrs,
            TraitItem::Macro(item) => &item.attrs,
            TraitItem::Type(item) => &item.attrs,
            _ => &[],
        };
        self.held_to(attrs, |this| visit::visit_trait_item(this, item));
    }

    fn visit_local(&mut self, local: &'ast Local) {
        self.held_to(&local.attrs, |this| visit::visit_local(this, local));
    }

    fn visit_field(&mut self, field: &'ast Field) {
        self.held_to(&field.attrs, |this| visit::visit_field(this, field));
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        self.held_to(&arm.attrs, |this| visit::visit_arm(this, arm));
    }
}

/// A name without the `r#` of a raw identifier.
fn plain(name: &syn::Ident) -> String {
    let name = name.to_string();
    name.strip_prefix("r#").map_or(name.clone(), str::to_owned)
}

/// Whether a name looks like a type's or a constant's.
pub(super) fn is_capitalised(name: &str) -> bool {
    name != "Self" && name.starts_with(|first: char| first.is_uppercase())
}

/// Whether an attribute is `#[path = …]`, or a `cfg_attr` that adds it.
fn sets_a_path(attribute: &Attribute) -> bool {
    attribute.path().is_ident("path")
        || matches!(&attribute.meta, Meta::List(list) if list.path.is_ident("cfg_attr")
            && list.tokens.clone().into_iter().any(|token| token.to_string() == "path"))
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
