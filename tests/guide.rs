//! The guide shows the template `examples/bring-your-own` as it is: every piece of it, to the letter, and all of it.
//!
//! That its fragments compile, the documentation tests see to; that the template runs, CI does.

use std::fs;
use std::path::Path;

/// What stands in front of each piece of the template.
const MARK: &str = "<!-- template -->";

/// The lines of `text` that say something, without indentation, which differs between the two.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// The fenced code behind each mark, without the lines that readers do not see.
fn pieces(guide: &str) -> Vec<Vec<&str>> {
    let behind_marks = guide.split(MARK).skip(1);
    let fenced = behind_marks.map(|text| {
        let (_, code) = text.split_once("```\n").expect("a mark stands in front of a fence");
        let (code, _) = code.split_once("\n```").expect("a fence ends");
        lines(code).into_iter().filter(|line| *line != "#" && !line.starts_with("# ")).collect()
    });
    fenced.collect()
}

/// Where the template, cut into `pieces`, is not `template`.
fn difference(template: &str, pieces: &[Vec<&str>]) -> Option<String> {
    // What stands in front of the first piece says where names come from, and is not shown.
    let shown = lines(template).into_iter().skip_while(|line| line.starts_with("//!") || line.starts_with("use "));
    let mut quoted = pieces.iter().flatten();
    for (number, line) in shown.enumerate() {
        match quoted.next() {
            Some(quoted) if *quoted == line => {}
            quoted => {
                return Some(format!("line {number} that is shown: {line:?} in the template, {quoted:?} in the guide"));
            }
        }
    }
    quoted.next().map(|line| format!("{line:?} is in the guide alone"))
}

#[test]
fn the_guide_shows_the_whole_template_as_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("examples/bring-your-own/src/main.rs");
    // A package from a registry has this file, and does not have crates inside it.
    if root.join("Cargo.toml.orig").exists() && !path.exists() {
        return;
    }
    let template = fs::read_to_string(&path).expect("the template is readable");
    let guide = fs::read_to_string(root.join("src/guide.md")).expect("the guide is readable");
    let pieces = pieces(&guide);
    assert_eq!(pieces.len(), 6);
    assert!(pieces.iter().all(|piece| piece.len() > 5), "{pieces:?}");
    assert_eq!(difference(&template, &pieces), None);
}

#[test]
fn differences_are_found() {
    let template = "//! Docs\nuse a::b;\n\nfn f() {\n    g();\n}\n";
    let guide = |code: &str| format!("text\n{MARK}\n```\n# use a::b;\n{code}\n```\nmore");
    for (code, is_same) in [
        ("fn f() {\n    g();\n}", true),
        ("fn f() {\n# hidden();\n\ng();\n}", true),
        ("fn f() {\n    h();\n}", false),
        ("fn f() {\n    g();", false),
        ("fn f() {\n    g();\n}\nfn h() {}", false),
        ("g();\n}", false),
    ] {
        let guide = guide(code);
        assert_eq!(difference(template, &pieces(&guide)).is_none(), is_same, "{code}");
    }
}
