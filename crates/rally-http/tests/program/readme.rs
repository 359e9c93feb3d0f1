//! The README's curl lines, as pasted.

use std::process::Command;

use serde_json::Value;

use crate::running::Folder;

const README: &str = include_str!("../../../../README.md");

/// The blocks of a language, in their order.
fn blocks(language: &str) -> Vec<&'static str> {
    let opening = format!("```{language}\n");
    README.split(&opening).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn the_curl_lines_work_as_pasted() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    let answers: Vec<Value> = blocks("sh")
        .iter()
        .map(|block| {
            let line = block.replace("127.0.0.1:8080", server.address());
            let output = Command::new("bash")
                .args(["-c", &line])
                .env("KEY", server.key())
                .current_dir(folder.path())
                .output()
                .unwrap();
            assert!(output.status.success(), "{line}");
            serde_json::from_slice(&output.stdout).unwrap()
        })
        .collect();
    let [created, listed, upserted, found, changes, forecast, user, login] = &answers[..] else {
        panic!("{} blocks", answers.len())
    };
    assert_eq!(created["tags"], "math,poetry");
    assert_eq!(listed[0]["id"], created["id"]);
    assert_eq!(upserted["leadScore"], 90);
    assert_eq!(found[0]["id"], created["id"]);
    assert_eq!(login["user"], *user);
    assert_eq!(login["tokenType"], "Bearer");
    assert_eq!(forecast["stages"][0]["count"], 1);
    assert_eq!(forecast["stages"][0]["sums"][0]["value"].to_string(), "12000.5");
    assert_eq!(changes.as_array().map(Vec::len), Some(2));
}

#[test]
fn the_commands_are_those_that_the_program_has() {
    let folder = Folder::new();
    let store = folder.store();
    let commands: Vec<&str> = blocks("text")
        .iter()
        .flat_map(|block| block.lines())
        .filter_map(|line| line.strip_prefix("cargo run --release -- "))
        .collect();
    assert!(commands.contains(&"serve"), "{commands:?}");
    for command in commands {
        // A server does not end by itself, but what it is asked for is read before the help is printed.
        let more = if command.starts_with("serve") { "--help" } else { &format!("--store '{store}'") };
        let line = format!("'{}' {command} {more}", env!("CARGO_BIN_EXE_rally"));
        assert!(Command::new("bash").args(["-c", &line]).output().unwrap().status.success(), "{line}");
    }
}
