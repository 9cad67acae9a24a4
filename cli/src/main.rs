//! `engine`, the operator's command line. Everything is in the library, so that tests call what the binary calls.

use std::process::ExitCode;

use clap::Parser;
use engine_cli::{Arguments, run};

fn main() -> ExitCode {
    run(Arguments::parse()).into()
}
