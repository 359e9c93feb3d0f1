//! The manual: a page for each command.

use std::{fs, path::Path};

use clap::Command;
use clap_mangen::Man;

use crate::{failure::Failure, settings};

/// Writes the pages into a folder, which is made if it is not there.
pub(crate) fn write(folder: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(failed)?;
    let mut command = settings::command().disable_help_subcommand(true);
    command.build();
    write_page(&command, "rally", folder).map_err(failed)
}

fn write_page(command: &Command, name: &str, folder: &Path) -> std::io::Result<()> {
    let mut page = Vec::new();
    Man::new(command.clone().name(name.to_owned())).render(&mut page)?;
    fs::write(folder.join(format!("{name}.1")), page)?;
    command
        .get_subcommands()
        .try_for_each(|inner| write_page(inner, &format!("{name}-{}", inner.get_name()), folder))
}
