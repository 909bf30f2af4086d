//! The README's examples: every `$ slotkit` in a `console` block is run, and its output compared.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a line as a shell would, with this binary as `slotkit`; returns its stdout.
fn output_of(line: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_slotkit"));
    let folder = binary.parent().expect("a folder");
    let path = std::env::var("PATH").expect("PATH");
    let output = Command::new("sh")
        .args(["-c", line])
        .current_dir(root())
        .env("PATH", format!("{}:{path}", folder.display()))
        .output()
        .expect("a shell");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{line}: {stderr}"
    );
    String::from_utf8(output.stdout).expect("text")
}

/// The README with the output of every example written anew.
fn with_true_output(readme: &str) -> String {
    let mut text = String::new();
    let mut is_console = false;
    for line in readme.lines() {
        match line {
            "```console" => is_console = true,
            "```" => is_console = false,
            _ if is_console && !line.starts_with("$ ") => continue,
            _ => {}
        }
        // Writing to a String can't fail.
        let _ = writeln!(text, "{line}");
        if let Some(command) = line.strip_prefix("$ ").filter(|_| is_console) {
            for shown in output_of(command).lines() {
                let _ = writeln!(text, "{}", shown.trim_end());
            }
        }
    }
    text
}

#[test]
fn its_examples_say_what_the_program_says() {
    let path = root().join("README.md");
    let readme = std::fs::read_to_string(&path).expect("the README");
    let truth = with_true_output(&readme);
    if std::env::var_os("SLOTKIT_BLESS").is_some() {
        std::fs::write(&path, &truth).expect("the README is written");
        return;
    }
    for (line, (said, is)) in readme.lines().zip(truth.lines()).enumerate() {
        assert_eq!(said, is, "README.md, line {}", line + 1);
    }
    assert_eq!(readme.lines().count(), truth.lines().count());
}

#[test]
fn its_exit_codes_are_those_of_the_help() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("the README");
    let help = output_of("slotkit --help");
    for code in 0..=4 {
        assert!(readme.contains(&format!("\n| {code} | ")), "code {code}");
        assert!(help.contains(&format!("\n  {code}  ")), "code {code}");
    }
}
