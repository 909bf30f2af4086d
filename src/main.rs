//! The slotkit binary: everything it does is in [`slotkit::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    slotkit::cli::run(std::env::args_os())
}
