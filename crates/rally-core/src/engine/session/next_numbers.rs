//! The numbers that the next records are expected to get, where other servers write, too.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::base::{Kind, RecordNumber, TenantId};

/// Numbers of the next records, as the last writes of this process have found them. A wrong one costs a round trip and
/// nothing else, so when there are too many they are all forgotten.
#[derive(Debug)]
pub(super) struct NextNumbers {
    known: Mutex<HashMap<(TenantId, Kind), RecordNumber>>,
    most: usize,
}

impl NextNumbers {
    /// Keeps at most so many.
    pub(super) fn new(most: usize) -> Self {
        Self { known: Mutex::default(), most }
    }

    /// The number that the next record is expected to get: as the last write has found it, or the first.
    pub(super) fn expected(&self, tenant: TenantId, kind: Kind) -> RecordNumber {
        self.known.lock().get(&(tenant, kind)).copied().unwrap_or(RecordNumber::FIRST)
    }

    /// Notes the numbers that a write has found.
    pub(super) fn note(&self, tenant: TenantId, numbers: &[(Kind, RecordNumber)]) {
        let mut known = self.known.lock();
        for (kind, number) in numbers {
            if known.len() >= self.most && !known.contains_key(&(tenant, *kind)) {
                known.clear();
            }
            known.insert((tenant, *kind), *number);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn no_more_numbers_are_kept_than_there_is_room_for() {
        let numbers = NextNumbers::new(2);
        let [first, second, third] = [1, 2, 3].map(|tenant| TenantId::from_uuid(Uuid::from_u128(tenant)));
        let [seven, eight] = [7, 8].map(|number| RecordNumber::new(number).unwrap());
        numbers.note(first, &[(Kind::Contact, seven), (Kind::Deal, seven)]);
        numbers.note(first, &[(Kind::Deal, eight)]);
        assert_eq!([Kind::Contact, Kind::Deal].map(|kind| numbers.expected(first, kind)), [seven, eight]);
        numbers.note(second, &[(Kind::Contact, seven)]);
        assert_eq!(numbers.expected(first, Kind::Deal), RecordNumber::FIRST);
        assert_eq!(numbers.expected(second, Kind::Contact), seven);
        assert_eq!(numbers.expected(third, Kind::Contact), RecordNumber::FIRST);
        assert!(numbers.known.lock().len() <= 2);
    }
}
