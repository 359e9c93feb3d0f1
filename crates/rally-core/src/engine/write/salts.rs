use smallvec::SmallVec;

use crate::base::{Entropy, IdSalt};

/// Records of a transaction whose salts are drawn one by one, as most transactions make no more.
const FEW: usize = 8;

/// Salts that are drawn at once for the records behind these.
const AT_ONCE: usize = 16;

/// Random bits of the ids of new records. Where a transaction makes many, they are drawn many at once, as each draw asks the
/// operating system.
#[derive(Debug, Default)]
pub(super) struct Salts {
    taken: usize,
    ahead: SmallVec<[IdSalt; AT_ONCE]>,
}

impl Salts {
    pub(super) fn take(&mut self, entropy: &dyn Entropy) -> IdSalt {
        self.taken += 1;
        if let Some(salt) = self.ahead.pop() {
            return salt;
        }
        if self.taken <= FEW {
            let mut salt = [0; IdSalt::BYTES];
            entropy.fill(&mut salt);
            return IdSalt::from_bytes(salt);
        }
        let mut salts = [[0; IdSalt::BYTES]; AT_ONCE];
        entropy.fill(salts.as_flattened_mut());
        let [first, ahead @ ..] = salts.map(IdSalt::from_bytes);
        self.ahead.extend(ahead);
        first
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use parking_lot::Mutex;

    use super::*;

    /// Counts, and notes how many bytes each draw is of.
    #[derive(Debug, Default)]
    struct Counting(Mutex<(u8, Vec<usize>)>);

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            let (next, draws) = &mut *self.0.lock();
            draws.push(bytes.len());
            for byte in bytes {
                *next = next.wrapping_add(1);
                *byte = *next;
            }
        }
    }

    #[test]
    fn each_salt_is_given_once_and_few_draws_give_many() {
        let (entropy, mut salts) = (Counting::default(), Salts::default());
        let taken: BTreeSet<_> = (0..40).map(|_| salts.take(&entropy).to_bytes()).collect();
        assert_eq!(taken.len(), 40);
        assert_eq!(entropy.0.lock().1, [vec![3; 8], vec![48; 2]].concat());
    }
}
