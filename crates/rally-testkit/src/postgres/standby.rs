use super::{Server, keeper::Keeper, server::Configuration};

impl Server {
    /// Starts a standby, which each commit waits for from now on: an acknowledged commit is on both servers.
    ///
    /// Commits wait for it without end when it is killed, stopped or dropped.
    ///
    /// # Panics
    ///
    /// Panics if there is no `psql` or `pg_basebackup`, the server does not run, or the standby has not caught up in a
    /// minute.
    #[must_use]
    pub fn standby(&self) -> Self {
        let mut configuration = self.configuration.lock();
        configuration.standbys += 1;
        // First: the copy begins with a checkpoint, so the process that has commits wait has read this by then.
        self.configure(&configuration);
        let name = format!("standby_{}", configuration.standbys);
        let standby = self.copy(&name, &configuration);
        self.keeper.lock().obey(&format!("within 60 synchronous '{}' {name}", self.url()));
        standby
    }

    /// Starts a standby that no commit waits for: it can lack what was acknowledged last.
    ///
    /// # Panics
    ///
    /// Panics if there is no `pg_basebackup`, or the server does not run.
    #[must_use]
    pub fn asynchronous_standby(&self) -> Self {
        self.copy("follower", &self.configuration.lock())
    }

    fn copy(&self, name: &str, configuration: &Configuration) -> Self {
        let mut keeper = Keeper::employ(&self.programs);
        keeper.obey(&format!(
            "pg_basebackup --pgdata=data --dbname='{}&application_name={name}' --write-recovery-conf \
             --create-slot --slot={name} --checkpoint=fast --no-sync",
            self.url(),
        ));
        let mut own = configuration.clone();
        own.standbys = 0;
        Self::launch(self.programs.clone(), keeper, own, self.password.clone())
    }

    /// Promotes a standby, and returns when it takes writes. Its former primary should be gone.
    ///
    /// # Panics
    ///
    /// Panics if it is not a standby, does not run, or is not promoted within a minute.
    pub fn promote(&self) {
        self.keeper.lock().obey("pg_ctl promote --pgdata=data --timeout=60");
    }
}
