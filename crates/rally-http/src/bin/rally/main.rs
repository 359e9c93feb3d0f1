//! `rally`: serves the engine over HTTP, as a server on a store or as a fake for tests, and minds its
//! tenants, keys and secrets.

mod admin;
mod announce;
mod arguments;
mod backup;
mod check;
mod client;
mod copies;
mod failure;
mod fake;
mod files;
mod listen;
mod log;
mod serve;
mod signals;
#[cfg(unix)]
mod socket;
mod store;
mod table;
mod tail;
mod tenant_files;
mod tenants;
mod webhooks;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command, SecretsCommand};
use failure::Failure;

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    let done = match command {
        Command::Import(arguments) => return files::import(&arguments),
        Command::Export(arguments) => return files::export(&arguments),
        Command::Serve(arguments) => serve::serve(&arguments),
        Command::Fake(arguments) => fake::run(&arguments),
        Command::Keys(command) => admin::keys(&command),
        Command::Tenants(command) => admin::tenants(&command),
        Command::Webhooks(command) => webhooks::run(&command),
        Command::Secrets(SecretsCommand::Rotate { now, store }) => admin::rotate_secret(&store, now),
        Command::Backup(arguments) => backup::back_up(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::Compact(arguments) => copies::compact(&arguments),
        Command::Repair(arguments) => copies::repair(&arguments),
        Command::Check { on } => check::run(&on),
        Command::Audit { on, tenant } => admin::audit(&on, &tenant),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "rally", &mut script);
            admin::print(&String::from_utf8_lossy(&script))
        }
    };
    done.map(|()| ExitCode::SUCCESS)
}
