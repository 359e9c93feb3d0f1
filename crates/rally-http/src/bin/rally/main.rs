//! `rally`: serves the engine over HTTP, as a server on a store or as a fake for tests, and minds its
//! tenants, keys and secrets.

mod admin;
mod announce;
mod arguments;
mod backup;
mod check;
mod client;
mod copies;
mod doctor;
mod failure;
mod fake;
mod files;
mod healthcheck;
mod key_folder;
mod listen;
mod log;
mod man;
mod metrics;
mod serve;
mod settings;
mod signals;
#[cfg(unix)]
mod socket;
mod store;
mod systemd;
mod table;
mod tail;
mod tenant_files;
mod tenants;
mod traces;
mod version;
mod webhooks;

use std::process::ExitCode;

use arguments::{Command, ConfigCommand, SecretsCommand};
use failure::Failure;
use settings::Invocation;
use table::Form;

/// Gives memory back after a peak, so that a server or a fake does not stay as large as it has been once.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match settings::read().and_then(|invocation| run(&invocation)) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn run(invocation: &Invocation) -> Result<ExitCode, Failure> {
    let done = match &invocation.arguments.command {
        Command::Import(arguments) => return files::import(arguments),
        Command::Export(arguments) => return files::export(arguments),
        Command::Serve(arguments) => serve::serve(arguments),
        Command::Fake(arguments) => fake::run(arguments),
        Command::Keys(command) => admin::keys(command),
        Command::Tenants(command) => admin::tenants(command),
        Command::Webhooks(command) => webhooks::run(command),
        Command::Config(ConfigCommand::Print(serve)) => {
            settings::print(invocation, if serve.common.json { Form::Json } else { Form::Text })
        }
        Command::Doctor(arguments) => doctor::examine(invocation, arguments),
        Command::Healthcheck { server, roots } => healthcheck::check(server, roots),
        Command::Man { folder } => man::write(folder),
        Command::Metrics(arguments) => metrics::list(arguments),
        Command::Secrets(SecretsCommand::Rotate { now, store }) => admin::rotate_secret(store, *now),
        Command::Backup(arguments) => backup::back_up(arguments),
        Command::Restore(arguments) => backup::restore(arguments),
        Command::Compact(arguments) => copies::compact(arguments),
        Command::Repair(arguments) => copies::repair(arguments),
        Command::Check { on } => check::run(on),
        Command::Audit { on, tenant } => admin::audit(on, tenant),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut settings::command(), "rally", &mut script);
            admin::print(&String::from_utf8_lossy(&script))
        }
    };
    done.map(|()| ExitCode::SUCCESS)
}
