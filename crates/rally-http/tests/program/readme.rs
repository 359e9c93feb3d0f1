//! The README's blocks, as pasted.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use crate::running::Folder;

const README: &str = include_str!("../../../../README.md");

/// The address that the README has in place of one.
const SOURCE: &str = r#"git = "https://rally.example/source""#;

/// The blocks of a language, in their order.
fn blocks(language: &str) -> Vec<&'static str> {
    let opening = format!("```{language}\n");
    README.split(&opening).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// The output of a command that must succeed.
#[track_caller]
fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    output
}

/// True if a program is on this machine. Where the tests are to be complete, it must be.
fn is_there(program: &str) -> bool {
    let is_there = Command::new(program).arg("-c").arg("").output().is_ok();
    assert!(is_there || env::var("RALLY_REQUIRE_SHELLS").is_err(), "{program} is not there");
    if !is_there {
        let line = format!("{program} is not on this machine, so what the README has for it is not tried\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    is_there
}

#[test]
fn the_curl_lines_work_as_pasted_in_every_shell() {
    for shell in ["bash", "dash", "zsh"].into_iter().filter(|shell| is_there(shell)) {
        let folder = Folder::new();
        let server = folder.serve(&[]);
        let answers: Vec<Value> = blocks("sh")
            .iter()
            .map(|block| {
                let lines = block.replace("127.0.0.1:8080", server.address());
                let mut command = Command::new(shell);
                command.args(["-c", &lines]).env("KEY", server.key()).current_dir(folder.path());
                serde_json::from_slice(&succeed(&mut command).stdout).unwrap()
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
}

#[test]
fn the_curl_lines_fail_loudly() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    for block in blocks("sh") {
        let lines = block.replace("127.0.0.1:8080", server.address()).replace("correct horse", "wrong");
        let mut command = Command::new("bash");
        command.args(["-c", &lines]).env("KEY", "rk_live_wrong").current_dir(folder.path());
        assert!(!command.output().unwrap().status.success(), "{lines}");
    }
}

#[test]
fn the_commands_are_those_that_the_program_has() {
    let folder = Folder::new();
    let store = folder.store();
    let in_blocks = blocks("text").into_iter().flat_map(str::lines);
    let commands: Vec<&str> = in_blocks
        .filter_map(|line| {
            line.strip_prefix("cargo run --release -- ").or_else(|| line.strip_prefix("rally "))
        })
        .collect();
    assert!(commands.contains(&"serve") && commands.len() > 5, "{commands:?}");
    fs::write(folder.path().join("people.csv"), "firstName,lastName,email\nAda,Lovelace,ada@x.example\n")
        .unwrap();
    for command in commands {
        // What serves or follows does not end by itself, but what it is asked for is read before the help is printed.
        let is_lasting = command.starts_with("serve") || command.starts_with("webhooks tail");
        let more = if is_lasting { "--help" } else { &format!("--store '{store}'") };
        let line = format!("'{}' {command} {more}", env!("CARGO_BIN_EXE_rally"));
        succeed(Command::new("bash").args(["-c", &line]).current_dir(folder.path()));
    }
}

#[test]
fn the_python_lines_work_as_pasted() {
    if !is_there("python3") {
        return;
    }
    let [block, _] = blocks("python")[..] else { panic!("a program and a recipe were expected") };
    let program = Path::new(env!("CARGO_BIN_EXE_rally")).parent().unwrap();
    let path = format!("{}:{}", program.display(), env::var("PATH").unwrap());
    let printed = succeed(Command::new("python3").args(["-c", block]).env("PATH", path));
    assert_eq!(String::from_utf8(printed.stdout).unwrap().trim(), "[]");
}

/// Those are run by `.ci/packages`, with the packages that they are for.
#[test]
fn the_recipes_of_other_languages_are_those_that_are_tested() {
    let [_, python] = blocks("python")[..] else { panic!("a program and a recipe were expected") };
    let [node] = blocks("js")[..] else { panic!("a recipe was expected") };
    assert!(include_str!("../../clients/python/recipes/test_back_off_at_429.py").contains(python));
    assert!(include_str!("../../clients/node/recipes/retry-after-a-lost-answer.test.mjs").contains(node));
}

/// A package of a host that has followed the README: its lines of `Cargo.toml` and its program.
fn package(folder: &Folder, name: &str, place: &str, manifest: &str, program: &str) -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let whole = manifest.lines().map(|line| match line.split_once(" = ") {
        Some((package, _)) if line.contains(SOURCE) => {
            line.replace(SOURCE, &format!("path = {:?}", crates.join(package)))
        }
        _ => line.to_owned(),
    });
    let package = folder.path().join(name);
    let path = package.join(place);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, program).unwrap();
    let head = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n");
    // The profile of the workspace, so that what it has built is used.
    let root = fs::read_to_string(crates.with_file_name("Cargo.toml")).unwrap();
    let profiles = root.split_once("[profile.dev]").map(|(_, rest)| format!("[profile.dev]{rest}")).unwrap();
    let lines: Vec<String> = whole.collect();
    fs::write(package.join("Cargo.toml"), [&head, &lines.join("\n"), "\n[workspace]\n", &profiles].concat())
        .unwrap();
    fs::copy(crates.with_file_name("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    package
}

#[test]
fn the_rust_programs_are_built_and_run_as_pasted() {
    let folder = Folder::new();
    let (manifests, programs) = (blocks("toml"), blocks("rust"));
    assert_eq!((manifests.len(), programs.len()), (3, 3));
    let target = Path::new(env!("CARGO_BIN_EXE_rally")).ancestors().nth(2).unwrap();
    let of_package = [
        ("linked", "src/main.rs", "run", "Ada Lovelace"),
        ("faked", "tests/it.rs", "test", "1 passed"),
        ("served", "src/main.rs", "check", ""),
    ];
    for (number, (name, place, verb, expected)) in of_package.into_iter().enumerate() {
        let package = package(&folder, name, place, manifests[number], programs[number]);
        if name == "faked" {
            fs::create_dir(package.join("src")).unwrap();
            fs::write(package.join("src/lib.rs"), "").unwrap();
        }
        let mut cargo = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
        cargo.args([verb, "--quiet", "--offline", "--target-dir"]).arg(target).current_dir(&package);
        let printed = String::from_utf8(succeed(&mut cargo).stdout).unwrap();
        assert!(printed.contains(expected), "{name}: {printed}");
    }
}
