//! The tables of a Rally file, its format number and its commit token.

use std::hash::{BuildHasher, Hasher, RandomState};

use redb::{Database, ReadTransaction, ReadableDatabase, TableDefinition, TableError, WriteTransaction};

use crate::OpenError;

/// Every tenant's keys: the 16 bytes of the tenant, then those of the key.
pub(crate) const DATA: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rally");

/// A table of its own, because a row beside the tenants' keys would cost each commit a path through the large tree.
const META: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rally_meta");
const FORMAT_ROW: &[u8] = b"format";
const TOKEN_ROW: &[u8] = b"commit";
const TOKEN_BYTES: usize = 16;
const FORMAT: u32 = 1;

/// The mark that a commit leaves in the file, by which its outcome is found out after a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Token(Vec<u8>);

/// Makes tokens that no other process makes.
#[derive(Debug)]
pub(crate) struct Mint {
    process: u64,
    made: u64,
}

impl Mint {
    pub(crate) fn new() -> Self {
        Self { process: RandomState::new().build_hasher().finish(), made: 0 }
    }

    pub(crate) fn token(&mut self) -> Token {
        self.made += 1;
        Token([self.process.to_be_bytes(), self.made.to_be_bytes()].concat())
    }
}

#[cfg(test)]
impl Mint {
    pub(crate) fn made(&self) -> usize {
        usize::try_from(self.made).unwrap()
    }
}

/// Leaves a token in a transaction.
pub(crate) fn sign(txn: &WriteTransaction, token: &Token) -> Result<(), redb::Error> {
    txn.open_table(META)?.insert(TOKEN_ROW, token.0.as_slice())?;
    Ok(())
}

/// Makes sure that this is a Rally file, or makes it one if nothing is in it, and gives its last token.
pub(crate) fn check(db: &Database, place: &str) -> Result<Token, OpenError> {
    let reader = db.begin_read().map_err(|error| failed(place, error))?;
    if reader.list_tables().map_err(|error| failed(place, error))?.next().is_none() {
        return initialise(db).map(|()| Token::default()).map_err(|error| failed(place, error));
    }
    let format = row(&reader, FORMAT_ROW).map_err(|error| failed(place, error))?;
    let Some(format) = format.and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes) else {
        return Err(OpenError::NotRally { place: place.to_owned() });
    };
    if format != FORMAT {
        return Err(OpenError::UnknownFormat { place: place.to_owned(), found: format, known: FORMAT });
    }
    let token = row(&reader, TOKEN_ROW).map_err(|error| failed(place, error))?;
    match token {
        // There is none before the first commit.
        None => Ok(Token::default()),
        Some(token) if token.len() == TOKEN_BYTES => Ok(Token(token)),
        Some(_) => {
            let what = format!("its commit token has not {TOKEN_BYTES} bytes");
            Err(OpenError::Damaged { place: place.to_owned(), what })
        }
    }
}

fn initialise(db: &Database) -> Result<(), redb::Error> {
    let mut txn = db.begin_write()?;
    txn.set_two_phase_commit(true);
    txn.open_table(DATA)?;
    txn.open_table(META)?.insert(FORMAT_ROW, FORMAT.to_be_bytes().as_slice())?;
    txn.commit()?;
    Ok(())
}

/// A row of the meta table; `None` also when there is no such table, as in another program's file.
fn row(reader: &ReadTransaction, key: &[u8]) -> Result<Option<Vec<u8>>, redb::Error> {
    match reader.open_table(META) {
        Ok(table) => Ok(table.get(key)?.map(|found| found.value().to_vec())),
        Err(TableError::Storage(error)) => Err(error.into()),
        Err(_) => Ok(None),
    }
}

fn failed(place: &str, error: impl Into<redb::Error>) -> OpenError {
    let place = place.to_owned();
    match error.into() {
        redb::Error::Corrupted(what) => OpenError::Damaged { place, what },
        error => OpenError::Failed { place, source: error.into() },
    }
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;

    #[test]
    fn a_token_is_none_before_the_first_commit_and_damage_at_another_length() {
        let db = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
        for _ in 0..2 {
            assert_eq!(check(&db, "memory").unwrap(), Token::default());
        }
        let sign = |token: &Token| {
            let txn = db.begin_write().unwrap();
            super::sign(&txn, token).unwrap();
            txn.commit().unwrap();
        };
        let token = Mint::new().token();
        sign(&token);
        assert_eq!(check(&db, "memory").unwrap(), token);
        for length in [0, 15, 17] {
            sign(&Token(vec![7; length]));
            assert!(matches!(check(&db, "memory"), Err(OpenError::Damaged { .. })), "{length}");
        }
    }
}
