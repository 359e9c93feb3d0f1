mod serving;

use std::{path::PathBuf, str::FromStr};

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use rally_core::{ApiKey, Id, Patch, Profile, Scopes, Timestamp};

pub(crate) use self::serving::{
    CommandArguments, CommonArguments, DurabilityLevel, FakeArguments, FileArguments, ServeArguments,
    StoreArguments, TraceArguments,
};
use crate::{
    backup::{BackupArguments, RestoreArguments},
    client::{RootsArguments, ServerUrl},
    copies::{CompactArguments, RepairArguments},
    files,
    table::Form,
    tenant_files::{ExportArguments, ImportArguments},
};

/// A multi-tenant CRM over HTTP.
#[derive(Debug, Parser)]
#[command(name = "rally")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the API on a store
    ///
    /// While the database is unreachable, requests are answered 503 and the tenants are not created. Once it answers,
    /// they are, and a second announcement has them, with the keys of the new ones.
    Serve(ServeArguments),
    /// Serve the API as a fake for tests: in memory, on a free port of this machine, strict about requests
    Fake(FakeArguments),
    /// Import a file of records into a tenant
    ///
    /// Ends with 0 if every row is in, with 1 if some were refused, and with 2 if nothing could be done.
    Import(Box<files::ImportArguments>),
    /// Export records of a tenant to a file
    Export(Box<files::ExportArguments>),
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// List, create and set up tenants
    #[command(subcommand)]
    Tenants(TenantsCommand),
    /// See, test and follow the webhooks of a tenant, on a server that runs
    #[command(subcommand)]
    Webhooks(WebhooksCommand),
    /// Tell how a server would be set up
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look at everything that an operator should know of, and fail if something must be mended
    ///
    /// It looks at the settings of `rally serve`, the clock, the disk, the file or the database, events that wait, webhooks
    /// that are off and keys that end soon. A file that a server has open is not looked into.
    Doctor(Box<ServeArguments>),
    /// Ask a server whether it is ready; for health checks of containers
    Healthcheck {
        /// The server
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080", env = "RALLY_SERVER")]
        server: ServerUrl,
        #[command(flatten)]
        roots: RootsArguments,
    },
    /// Tell about the metrics of a server
    Metrics(MetricsArguments),
    /// The secrets that tokens of logins are signed with
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// Write all tenants to a folder, each as it is at one moment, while a server serves them or not
    ///
    /// A server that has a file to itself is asked to do it, and must be allowed to write to the folder; it has a socket
    /// beside the file for whoever it runs as and for root.
    Backup(BackupArguments),
    /// Put a backup into an empty store: all of it or nothing
    Restore(RestoreArguments),
    /// Write a file anew without the room that nothing in it needs any more, while no server runs on it; it takes as much
    /// room again for as long
    Compact(CompactArguments),
    /// Make a new store of one that is damaged: what is derived is made anew of the records and the feed
    ///
    /// The damaged one stays as it is. Ends with 1 if something is missing that only a backup has.
    Repair(RepairArguments),
    /// Check that all that is derived in a store is as what it is derived from says, and write nothing
    ///
    /// Prints each damage, and whether it can be made good by `rally repair`. Ends with 1 if there is any.
    Check {
        #[command(flatten)]
        on: CommandArguments,
    },
    /// Print what was done to a tenant's keys, users and settings, and who logged in: when, who, from where, what, how often
    Audit {
        #[command(flatten)]
        on: CommandArguments,
        /// The tenant
        #[arg(long, value_name = "SLUG")]
        tenant: String,
    },
    /// Write the manual: a page for each command
    Man {
        /// The folder to write them into
        folder: PathBuf,
    },
    /// Print what makes a shell complete this program's arguments
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every setting of `rally serve`, with its value and where that is from; passwords are left out
    Print(Box<ServeArguments>),
}

#[derive(Debug, Args)]
pub(crate) struct MetricsArguments {
    /// List them: name, type, labels and meaning
    #[arg(long, required = true)]
    pub(crate) list: bool,
    /// Print a line of JSON for each
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretsCommand {
    /// Sign with a new secret from now on; older tokens stay valid until they expire
    Rotate {
        /// End all older secrets and their tokens at once, as after a leak: every user has to log in again
        #[arg(long)]
        now: bool,
        #[command(flatten)]
        store: StoreArguments,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make an API key and print it, once; with --json, its id and the rest, too
    Create {
        #[command(flatten)]
        on: CommandArguments,
        /// The tenant that it opens
        #[arg(long, value_name = "SLUG")]
        tenant: String,
        /// The purpose of the key
        #[arg(long)]
        name: String,
        /// Comma-separated: read, write, admin
        #[arg(long, default_value = "read")]
        scopes: Scopes,
        /// The instant or the date (UTC) from which it opens nothing, such as 2027-01-01
        #[arg(long, value_name = "INSTANT")]
        expires: Option<Timestamp>,
    },
    /// List a tenant's API keys: id, prefix, name, scopes, state and last use
    List {
        #[command(flatten)]
        on: CommandArguments,
        /// The tenant that they open
        #[arg(long, value_name = "SLUG")]
        tenant: String,
    },
    /// Revoke an API key for good, and list it
    Revoke {
        #[command(flatten)]
        on: CommandArguments,
        /// The tenant that it opens
        #[arg(long, value_name = "SLUG")]
        tenant: String,
        /// Its id, as listed
        id: Id<ApiKey>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TenantsCommand {
    /// List all tenants
    List {
        #[command(flatten)]
        on: CommandArguments,
    },
    /// Create a tenant and print its admin key, once
    Create {
        #[command(flatten)]
        on: CommandArguments,
        /// Its name in host names
        slug: String,
    },
    /// Write a tenant to a file as it is at one moment, to import it into another store
    Export(ExportArguments),
    /// Create a tenant from a file, under its name or another one
    Import(ImportArguments),
    /// Change a tenant's settings, and print them; servers on the store go by them within a second
    Set {
        #[command(flatten)]
        on: CommandArguments,
        /// Its name in host names
        slug: String,
        #[command(flatten)]
        settings: SettingsArguments,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhooksCommand {
    /// Follow events as they happen, and send them on to a receiver
    ///
    /// Prints the secret that signs them and a line once events come, and makes a webhook that lasts as long as the command.
    /// The server must run on this machine, as a fake or with --webhook-allow-loopback.
    Tail {
        #[command(flatten)]
        on: ServerArguments,
        /// Types of events to follow. May be repeated
        #[arg(long = "event", value_name = "TYPE", default_value = "*")]
        events: Vec<String>,
        /// The receiver to send them on to, as they came, such as http://localhost:3000/hook; what it answers counts
        #[arg(long, value_name = "URL")]
        forward: Option<String>,
    },
    /// List the webhooks: id, name, URL, events, state, failures in a row, last success and next attempt
    List {
        #[command(flatten)]
        on: ServerArguments,
    },
    /// Send a test event to a webhook, and print how it went; a success switches the webhook on
    Test {
        #[command(flatten)]
        on: ServerArguments,
        /// Its id, as listed
        id: String,
    },
    /// Send the events of the past to a webhook once more
    Replay {
        #[command(flatten)]
        on: ServerArguments,
        /// Its id, as listed
        id: String,
        /// The first change, by its id in the feed
        #[arg(long, value_name = "SEQUENCE")]
        from: u64,
        /// The last change; without it, all up to now
        #[arg(long, value_name = "SEQUENCE")]
        to: Option<u64>,
    },
}

/// The server that a command is carried out by, and the form of what is printed.
#[derive(Debug, Args)]
pub(crate) struct ServerArguments {
    /// The tenant
    #[arg(long, value_name = "SLUG")]
    pub(crate) tenant: String,
    /// The server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080", env = "RALLY_SERVER")]
    pub(crate) server: ServerUrl,
    #[command(flatten)]
    pub(crate) roots: RootsArguments,
    /// A key of the tenant with the scope admin; better given as RALLY_API_KEY, as others may see what a program is started
    /// with
    #[arg(long, value_name = "KEY", env = "RALLY_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,
    /// Print a line of JSON for each row
    #[arg(long)]
    pub(crate) json: bool,
}

impl ServerArguments {
    pub(crate) fn form(&self) -> Form {
        if self.json { Form::Json } else { Form::Text }
    }
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct SettingsArguments {
    /// Requests a minute, 0 for no limit; or default, for the limit that the server is started with
    #[arg(long, value_name = "N|default", value_parser = setting::<u32>)]
    pub(crate) rate_limit: Option<Patch<u32>>,
    /// The strictness in reading requests: documented or strict; or default, for that of the server
    #[arg(long, value_name = "PROFILE|default", value_parser = setting::<Profile>)]
    pub(crate) profile: Option<Patch<Profile>>,
}

fn setting<T: FromStr>(text: &str) -> Result<Patch<T>, T::Err> {
    if text == "default" { Ok(Patch::Clear) } else { text.parse().map(Patch::Set) }
}
