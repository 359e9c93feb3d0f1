//! Files that import each other, directly or by way of others.
//!
//! An arrow goes from a file to the file that defines a name which it imports, or which it says with its path. Names
//! that a `mod.rs` re-exports are followed to where they are defined. A file that holds nothing but declarations of
//! modules and imports has no arrows of its own, and what is compiled for tests alone is passed over.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{root, sources};

/// The arrows between files, each file by its path below the folder.
type Arrows = BTreeMap<String, BTreeSet<String>>;

/// A module's path from the root of its crate; the root's own is empty.
type Module = Vec<String>;

/// Finds the circles of imports among the files of a folder, which is a crate's `src` or below it.
pub(crate) fn circles(folder: &Path) -> Vec<Vec<String>> {
    circles_of(&arrows(folder))
}

/// Finds which file of a folder imports which.
pub(crate) fn arrows(folder: &Path) -> Arrows {
    let src = folder.ancestors().find(|above| above.ends_with("src")).unwrap();
    let inside = folder.strip_prefix(src).unwrap().to_str().unwrap().to_owned();
    let files = sources(folder).into_iter().filter_map(|(path, text)| {
        let name = path.strip_prefix(src).unwrap().to_str().unwrap().to_owned();
        // A program is a crate of its own.
        (!name.starts_with("bin/")).then_some((name, text))
    });
    let below = |name: &String| name.strip_prefix(&inside).unwrap().trim_start_matches('/').to_owned();
    let found = arrows_among(files.collect());
    found.iter().map(|(from, to)| (below(from), to.iter().map(below).collect())).collect()
}

/// Finds the arrows between files, each with its path below `src` and its text.
fn arrows_among(files: Vec<(String, String)>) -> Arrows {
    let files = files.into_iter().filter(|(name, _)| !name.ends_with("tests.rs"));
    let files: BTreeMap<Module, File> =
        files.map(|(name, text)| (module(&name), File::read(name, &text))).collect();
    let crate_ = Crate(files);
    let mut arrows = Arrows::new();
    for (module, file) in &crate_.0 {
        let mut targets: BTreeSet<String> =
            crate_.uses(module).filter_map(|path| crate_.file_of(&path)).collect();
        targets.remove(&file.name);
        arrows.insert(file.name.clone(), targets);
    }
    arrows
}

/// The strongly connected components of more than one file.
fn circles_of(arrows: &Arrows) -> Vec<Vec<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> =
        arrows.keys().map(|file| (file, reached_from(file, arrows))).collect();
    let mut circles = BTreeSet::new();
    for (file, targets) in &reached {
        let back =
            |target: &&&String| reached.get(**target).is_some_and(|from_there| from_there.contains(file));
        let circle: Vec<String> = targets.iter().filter(back).map(|target| (*target).clone()).collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

fn reached_from<'a>(start: &String, arrows: &'a Arrows) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&String> = arrows[start].iter().collect();
    while let Some(file) = open.pop() {
        if reached.insert(file) {
            open.extend(arrows.get(file).into_iter().flatten());
        }
    }
    reached
}

/// The module that a file holds.
fn module(name: &str) -> Module {
    let path = name.trim_end_matches(".rs");
    let path =
        path.strip_suffix("mod").filter(|above| above.is_empty() || above.ends_with('/')).unwrap_or(path);
    let is_root = ["lib", "main"].contains(&path);
    path.split('/').filter(|part| !part.is_empty() && !is_root).map(str::to_owned).collect()
}

/// The names that a file declares, imports and uses.
struct File {
    name: String,
    /// Items that it defines itself, modules aside.
    defined: BTreeSet<String>,
    imports: Vec<Import>,
    /// Paths and names that it says outside of imports.
    said: BTreeSet<Vec<String>>,
}

/// One leaf of a `use`.
struct Import {
    path: Vec<String>,
    /// The name that it brings into scope; `*` for all.
    name: String,
    is_public: bool,
}

impl File {
    fn read(name: String, text: &str) -> Self {
        let tokens = without_tests(&tokens(text));
        let mut file = Self { name, defined: BTreeSet::new(), imports: Vec::new(), said: BTreeSet::new() };
        let (mut at, mut depth) = (0, 0);
        while at < tokens.len() {
            match tokens[at].as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                "use" => {
                    let is_public = at > 0 && ["pub", ")"].contains(&tokens[at - 1].as_str());
                    at = file.import(&tokens, at + 1, is_public);
                    continue;
                }
                "struct" | "enum" | "trait" | "type" | "fn" | "const" | "static" | "union" if depth == 0 => {
                    file.defined.extend(tokens.get(at + 1).cloned());
                }
                word if is_name(word) => {
                    let path = path(&tokens, at);
                    at += path.len() * 2 - 1;
                    file.said.insert(path);
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        file
    }

    /// Reads a `use`, and says where the next token is.
    fn import(&mut self, tokens: &[String], start: usize, is_public: bool) -> usize {
        let (mut at, mut prefix, mut outer) = (start, Vec::new(), Vec::new());
        let mut name = None;
        loop {
            let token = tokens[at].as_str();
            match token {
                "{" => outer.push(prefix.clone()),
                "::" => {}
                "as" => {
                    at += 1;
                    name = Some(tokens[at].clone());
                }
                "," | "}" | ";" => {
                    let open = outer.last().cloned().unwrap_or_default();
                    if prefix.len() > open.len() {
                        self.add_import(&prefix, name.take(), is_public);
                    }
                    prefix = open;
                    if token == "}" {
                        outer.pop();
                        prefix = outer.last().cloned().unwrap_or_default();
                    }
                }
                word => prefix.push(word.to_owned()),
            }
            at += 1;
            if token == ";" {
                return at;
            }
        }
    }

    fn add_import(&mut self, path: &[String], name: Option<String>, is_public: bool) {
        let mut path = path.to_vec();
        // `a::{self}` is `a`.
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = name.or_else(|| path.last().cloned()).unwrap();
        self.imports.push(Import { path, name, is_public });
    }

    /// True when a file declares modules and has no code beside them and its imports.
    fn only_declares(&self) -> bool {
        let is_bare = |path: &Vec<String>| path.len() == 1 && path[0] != "impl";
        let declares = self.said.contains(&["mod".to_owned()][..]);
        declares && self.defined.is_empty() && self.said.iter().all(is_bare)
    }
}

/// All files of a crate that are looked at, by their modules.
struct Crate(BTreeMap<Module, File>);

impl Crate {
    /// The paths that a module depends on, each from the root. An import of a module alone is one only if nothing is
    /// said of the module by its name.
    fn uses(&self, module: &Module) -> impl Iterator<Item = Vec<String>> {
        let file = &self.0[module];
        let is_said = |import: &Import| file.said.iter().any(|path| path[0] == import.name);
        let is_prefix = |import: &Import| {
            let is_module = |path: Vec<String>| self.0.contains_key(&path);
            self.absolute(module, &import.path).is_some_and(is_module)
                && file.said.iter().any(|path| path.len() > 1 && path[0] == import.name)
        };
        let imports = file
            .imports
            .iter()
            .filter(|import| !import.is_public || is_said(import))
            .filter(|import| !is_prefix(import))
            .map(|import| &import.path);
        let paths = imports.chain(file.said.iter().filter(|path| path.len() > 1));
        let paths = if file.only_declares() { Vec::new() } else { paths.collect() };
        let found: Vec<_> = paths.into_iter().filter_map(|path| self.absolute(module, path)).collect();
        found.into_iter()
    }

    /// A path from the root of the crate; `None` for one that leads into another crate.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let mut base = match first.as_str() {
            "crate" => Module::new(),
            "self" => module.clone(),
            "super" => module[..module.len().checked_sub(1)?].to_vec(),
            name => self.in_scope(module, name)?,
        };
        for part in rest {
            if part == "super" {
                base.pop();
            } else {
                base.push(part.clone());
            }
        }
        Some(base)
    }

    /// A name that begins a path: of a module below, or of something that was imported.
    fn in_scope(&self, module: &Module, name: &str) -> Option<Vec<String>> {
        let below = [module.as_slice(), &[name.to_owned()]].concat();
        if self.0.contains_key(&below) {
            return Some(below);
        }
        let import = self.0.get(module)?.imports.iter().find(|import| import.name == name)?;
        if import.path[0] == name { None } else { self.absolute(module, &import.path) }
    }

    /// The file that defines what a path from the root names.
    fn file_of(&self, path: &[String]) -> Option<String> {
        let mut path = path.to_vec();
        // A function may be called as a module beside it is.
        if let Some((last, above)) = path.split_last()
            && self.0.get(above).is_some_and(|file| file.defined.contains(last))
        {
            return Some(self.0[above].name.clone());
        }
        // Re-exports in a circle do not compile, so this ends; the bound is for what this reader does not understand.
        for _ in 0..20 {
            let known = (0..=path.len()).rev().find(|length| self.0.contains_key(&path[..*length]))?;
            let (module, rest) = path.split_at(known);
            let file = &self.0[module];
            match rest.first().and_then(|name| self.elsewhere(module, file, name)) {
                Some(next) => path = [next.as_slice(), &rest[1..]].concat(),
                None => return Some(file.name.clone()),
            }
        }
        None
    }

    /// The module that a name comes from, if it is not the module's own.
    fn elsewhere(&self, module: &[String], file: &File, name: &str) -> Option<Vec<String>> {
        if file.defined.contains(name) {
            return None;
        }
        let module = module.to_vec();
        if let Some(import) = file.imports.iter().find(|import| import.name == name) {
            return self.absolute(&module, &import.path);
        }
        let globs = file.imports.iter().filter(|import| import.name == "*");
        let mut folders = globs.filter_map(|import| {
            let folder = import.path.split_last()?.1;
            self.absolute(&module, folder)
        });
        let folder = folders.find(|folder| {
            let has_it = |file: &File| {
                let re_exports = |import: &Import| import.is_public && import.name == name;
                file.defined.contains(name) || file.imports.iter().any(re_exports)
            };
            self.0.get(folder).is_some_and(has_it)
        })?;
        Some([folder.as_slice(), &[name.to_owned()]].concat())
    }
}

/// The path that begins at a token.
fn path(tokens: &[String], start: usize) -> Vec<String> {
    let mut path = vec![tokens[start].clone()];
    let mut at = start + 1;
    while tokens.get(at).is_some_and(|token| token == "::")
        && tokens.get(at + 1).is_some_and(|token| is_name(token))
    {
        path.push(tokens[at + 1].clone());
        at += 2;
    }
    path
}

fn is_name(token: &str) -> bool {
    token.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

/// The words and signs of a Rust source, without comments and without what is in quotes.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = quoted(rest) {
            length
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let length = length.unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of the string or character that a text begins with.
fn quoted(text: &str) -> Option<usize> {
    let raw = text.trim_start_matches(['b', 'r']);
    let marks = text.len() - raw.len();
    let hashes = raw.len() - raw.trim_start_matches('#').len();
    if text[..marks].contains('r') && marks <= 2 && raw[hashes..].starts_with('"') {
        let end = format!("\"{}", "#".repeat(hashes));
        let start = marks + hashes + 1;
        return Some(start + text[start..].find(&end)? + end.len());
    }
    let plain = text.strip_prefix('b').unwrap_or(text);
    let quote = plain.chars().next().filter(|first| ['"', '\''].contains(first))?;
    let inside = &plain[1..];
    let is_lifetime = quote == '\'' && !inside.starts_with('\\') && inside.chars().nth(1) != Some('\'');
    if is_lifetime {
        return None;
    }
    let mut escaped = false;
    let end = inside.find(|letter: char| {
        let ends = letter == quote && !escaped;
        escaped = letter == '\\' && !escaped;
        ends
    })?;
    Some(text.len() - plain.len() + 1 + end + 1)
}

/// Leaves out each item under `#[cfg(test)]`.
fn without_tests(tokens: &[String]) -> Vec<String> {
    let mark = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at..].iter().take(mark.len()).eq(mark.iter()) {
            at = end_of_item(tokens, at + mark.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// The end of the item that begins at a token: behind its braces, or its semicolon if it has none.
fn end_of_item(tokens: &[String], start: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => return at + 1,
            "}" => depth -= 1,
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// The circles among made-up files, each of a path and a text, as `a.rs b.rs`.
fn among(files: &[(&str, &str)]) -> Vec<String> {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    circles_of(&arrows_among(files)).iter().map(|circle| circle.join(" ")).collect()
}

#[track_caller]
fn check(files: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(among(files), expected);
}

#[test]
fn a_circle_is_seen_however_an_import_is_written() {
    for import in [
        "use crate::b::B;",
        "pub(crate) use crate::b::B; fn f(_: B) {}",
        "use super::b::B;",
        "use crate::{\n    c::C,\n    b::{B as Other, D},\n};",
        "use crate::{c::{C}, b};",
        "use crate::b; fn f() { b::g() }",
        "use crate::b::{self, D};",
        "use crate::b::*;",
        "impl crate::b::B {}",
        "fn f(_: &super::b::B) {}",
        "fn f() { use crate::b::B; }",
        "const QUOTE: char = '\"'; use crate::b::B;",
        "fn f<'a>(_: &'a str) {} use crate::b::B;",
        "/* not this */ use crate::b::B; // nor this",
        "#[cfg(test)] mod tests { fn f() {} } use crate::b::B;",
    ] {
        let files = [("a.rs", import), ("b.rs", "use crate::a::A;"), ("c.rs", "pub struct C;")];
        assert_eq!(among(&files), ["a.rs b.rs"], "{import}");
    }
}

#[test]
fn what_imports_nothing_makes_no_circle() {
    for import in [
        "use other::b::B;",
        "use crate::c::b;",
        "// use crate::b::B;",
        "/// See [`crate::b::B`].\nstruct A;",
        "const TEXT: &str = \"use crate::b::B;\";",
        "const TEXT: &str = r#\"a \" use crate::b::B;\"#;",
        "#[cfg(test)]\nmod tests { use crate::b::B; }",
        "#[cfg(test)]\nuse crate::b::B;",
        "fn f(self_: A) { self_.b() }",
    ] {
        let files = [("a.rs", import), ("b.rs", "use crate::a::A;"), ("c.rs", "pub fn b() {}")];
        assert_eq!(among(&files), [""; 0], "{import}");
    }
}

#[test]
fn long_circles_and_several_are_told_apart() {
    check(
        &[
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "use crate::c::C;"),
            ("c.rs", "use crate::a::A;"),
            ("d.rs", "use crate::{a::A, e::E};"),
            ("e.rs", "use super::d::D;"),
            ("f.rs", "use crate::d::D;"),
        ],
        &["a.rs b.rs c.rs", "d.rs e.rs"],
    );
}

#[test]
fn a_folder_that_only_declares_and_re_exports_is_in_no_circle() {
    let folder = "mod child; mod other; pub use self::child::{Child, Name as Alias}; pub use other::*; use crate::a::A;";
    let child = "use super::Other; use crate::a::A;";
    check(&[("a.rs", ""), ("f/mod.rs", folder), ("f/child.rs", child), ("f/other.rs", "struct Other;")], &[]);
    // Its names lead to the files that define them.
    let other = "pub struct Other; use super::Alias;";
    check(&[("f/mod.rs", folder), ("f/child.rs", child), ("f/other.rs", other)], &["f/child.rs f/other.rs"]);
    let user = "use crate::f; fn f() { f::Child::new() }";
    let child = "use crate::a::A;";
    check(&[("a.rs", user), ("f/mod.rs", folder), ("f/child.rs", child)], &["a.rs f/child.rs"]);
}

#[test]
fn a_folder_with_code_of_its_own_is_a_file_like_others() {
    let folder = "mod child; use child::Child; pub fn make() -> Child { Child }";
    check(&[("f/mod.rs", folder), ("f/child.rs", "use super::make;")], &["f/child.rs f/mod.rs"]);
    check(&[("f.rs", folder), ("f/child.rs", "use super::make;")], &["f.rs f/child.rs"]);
    let deep = "use super::super::a::A;";
    check(&[("f/g/h.rs", deep), ("f/a.rs", "use super::g::h::H;")], &["f/a.rs f/g/h.rs"]);
    check(
        &[("lib.rs", "mod a; pub fn run() { a::go() }"), ("a.rs", "use crate::run; fn go() {}")],
        &["a.rs lib.rs"],
    );
}

#[test]
fn no_files_of_the_http_adapter_import_each_other_in_a_circle() {
    let found = circles(&root().join("crates/rally-http/src"));
    super::none("imports form no circle", found.iter().map(|circle| circle.join(" ")).collect());
}
