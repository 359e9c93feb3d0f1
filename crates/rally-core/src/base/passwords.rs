use std::fmt;

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        Error,
        phc::{Output, ParamsString, PasswordHash, Salt},
    },
};
use parking_lot::{Condvar, Mutex};

use super::unicode;

/// Hashes passwords with argon2id (RFC 9106) and compares them with their hashes.
///
/// Each hash takes 19 MiB. They are kept for the next one: memory of that size which is freed stays with the allocator,
/// once for each thread that has ever hashed a password.
pub(crate) struct Passwords {
    at_once: usize,
    memory: Mutex<Memory>,
    given_back: Condvar,
}

/// Invariant: of idle and lent blocks together there are at most as many as may be lent at once.
#[derive(Default)]
struct Memory {
    idle: Vec<Vec<Block>>,
    lent: usize,
}

/// The memory of one hash, until this is dropped.
struct Lent<'p> {
    blocks: Vec<Block>,
    owner: &'p Passwords,
}

impl Passwords {
    /// At most so many are hashed at once, and one at least; the threads of others wait.
    pub(crate) fn new(at_once: usize) -> Self {
        Self { at_once: at_once.max(1), memory: Mutex::default(), given_back: Condvar::new() }
    }

    /// The text that a password, which has its normal form, is kept as.
    pub(crate) fn hash(&self, password: &str, salt: &[u8]) -> Result<String, Error> {
        let hash = PasswordHash {
            algorithm: Algorithm::default().ident(),
            version: Some(Version::default().into()),
            params: ParamsString::try_from(&Params::DEFAULT)?,
            salt: Some(Salt::new(salt)?),
            hash: Some(self.output(&Argon2::default(), password, salt, Params::DEFAULT_OUTPUT_LEN)?),
        };
        Ok(hash.to_string())
    }

    /// True when a password is the one whose hash was kept. It takes as long if it is not.
    ///
    /// # Errors
    /// Those of a hash that [`hash`](Self::hash) cannot have made.
    pub(crate) fn verify(&self, password: &str, hash: &str) -> Result<bool, Error> {
        let hash = PasswordHash::new(hash)?;
        let (Some(version), Some(salt), Some(expected)) = (hash.version, &hash.salt, &hash.hash) else {
            return Err(Error::EncodingInvalid);
        };
        let algorithm = Algorithm::try_from(hash.algorithm.as_str())?;
        let argon2 = Argon2::new(algorithm, Version::try_from(version)?, Params::try_from(&hash)?);
        let output = self.output(&argon2, &unicode::normal_password(password), salt, expected.len())?;
        // Outputs are compared in constant time.
        Ok(output == *expected)
    }

    fn output(
        &self,
        argon2: &Argon2<'_>,
        password: &str,
        salt: &[u8],
        length: usize,
    ) -> Result<Output, Error> {
        let mut bytes = [0; Output::MAX_LENGTH];
        let output = bytes.get_mut(..length).ok_or(Error::OutputSize)?;
        let mut lent = self.lend();
        argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, &mut lent.blocks)?;
        Ok(Output::new(output)?)
    }

    fn lend(&self) -> Lent<'_> {
        let mut memory = self.memory.lock();
        while memory.lent >= self.at_once {
            self.given_back.wait(&mut memory);
        }
        memory.lent += 1;
        let idle = memory.idle.pop();
        drop(memory);
        let blocks = idle.unwrap_or_else(|| vec![Block::new(); Params::DEFAULT.block_count()]);
        Lent { blocks, owner: self }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut memory = self.owner.memory.lock();
        memory.lent -= 1;
        memory.idle.push(std::mem::take(&mut self.blocks));
        drop(memory);
        self.owner.given_back.notify_one();
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("at_once", &self.at_once).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    impl Passwords {
        /// The memory that there is for hashes, lent or not.
        pub(crate) fn held(&self) -> usize {
            let memory = self.memory.lock();
            memory.lent + memory.idle.len()
        }
    }

    #[test]
    fn a_hash_is_that_of_its_password_and_salt_alone() {
        let passwords = Passwords::new(1);
        let hash = passwords.hash("engines, not looms", b"a salt of some length").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify("engines, not looms", &hash).unwrap());
        assert!(!passwords.verify("looms, not engines", &hash).unwrap());
        assert_eq!(passwords.hash("engines, not looms", b"a salt of some length").unwrap(), hash);
        assert_ne!(passwords.hash("engines, not looms", b"another salt").unwrap(), hash);
    }

    #[test]
    fn a_hash_that_wants_more_memory_than_any_of_ours_is_refused() {
        let passwords = Passwords::new(1);
        let hash = passwords.hash("engines, not looms", b"a salt of some length").unwrap();
        let greedy = hash.replace("m=19456", "m=4194304");
        assert_eq!(passwords.verify("engines, not looms", &greedy), Err(Error::ParamInvalid { name: "m" }));
        assert!(passwords.verify("engines, not looms", &hash).unwrap());
    }

    #[test]
    fn a_hash_that_lacks_a_part_is_refused() {
        let passwords = Passwords::new(1);
        let hash = passwords.hash("engines, not looms", b"a salt of some length").unwrap();
        let (start, output) = hash.rsplit_once('$').unwrap();
        assert!(!output.is_empty());
        for part in [hash.replace("v=19$", ""), start.to_owned()] {
            assert_eq!(passwords.verify("engines, not looms", &part), Err(Error::EncodingInvalid), "{part}");
        }
    }

    #[test]
    fn threads_wait_for_memory_that_is_lent_and_it_is_used_again() {
        let passwords = Passwords::new(2);
        let (first, second) = (passwords.lend(), passwords.lend());
        thread::scope(|scope| {
            let waiting: Vec<_> = (0..6).map(|_| scope.spawn(|| drop(passwords.lend()))).collect();
            assert_eq!(passwords.held(), 2);
            drop((first, second));
            for thread in waiting {
                thread.join().unwrap();
            }
        });
        let memory = passwords.memory.lock();
        assert_eq!((memory.lent, memory.idle.len()), (0, 2));
    }
}
