//! Sums of a kind's records, such as those of deals by stage and currency, kept up to date by every change of a record.
//!
//! A record has one share: the group that it is in, and the number that it adds. Numbers of different scales are summed
//! apart, so that a share is taken out again exactly as it was put in, and a sum has the digits that adding up all records
//! would give. Sums are in rows of their groups, but a change does not know the group that a record leaves before it has
//! read the record. So changes gather in one row of the kind, whose key every write knows ahead, and are spread over the
//! rows of their groups when they have become many. A sum is what both have.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::spaces;
use crate::{
    base::{Decimal, Error, Kind},
    engine::{
        codec::{self, SumV1, SumsV1},
        schema::{Model, Record, Summed, read_stored, reference_id, unquote},
    },
    store::{Direction, Key, KeyRange, Overlay, Snapshot, StoreError},
};

/// Sums that are gathered in the row of the kind, at most.
const GATHERED: usize = 64;

/// The name of a sum: of numbers of one unit and scale in a group; without a unit, records that add no number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SumName {
    pub(crate) group: Uuid,
    pub(crate) unit: Option<String>,
    /// Digits behind the point.
    pub(crate) scale: u32,
}

/// A sum, in units of its last digit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    /// The number of records.
    pub(crate) count: i64,
    pub(crate) value: i128,
    /// The sum of each value times its weight.
    pub(crate) weighted: i128,
}

type Sums = BTreeMap<SumName, Sum>;

/// Moves a record's share from what it was before a change to what it is after.
pub(crate) fn move_share(
    overlay: &mut Overlay<'_>,
    model: &Model,
    before: Option<&Record<'_>>,
    after: Option<&Record<'_>>,
) -> Result<(), Error> {
    let Some(summed) = model.summed() else { return Ok(()) };
    let share = |record: Option<&Record<'_>>| record.map(|record| share(summed, record)).transpose();
    let (was, is) = (share(before)?, share(after)?);
    if was == is {
        return Ok(());
    }
    let kind = model.kind();
    let mut gathered = read(overlay, &spaces::sums(kind))?;
    if let Some((name, share)) = was {
        let out = Sum { count: -share.count, value: -share.value, weighted: -share.weighted };
        add(&mut gathered, name, out)?;
    }
    if let Some((name, share)) = is {
        add(&mut gathered, name, share)?;
    }
    if gathered.len() > GATHERED {
        spread(overlay, kind, std::mem::take(&mut gathered))?;
    }
    write(overlay, spaces::sums(kind), gathered)?;
    Ok(())
}

/// The sums of some groups.
pub(crate) fn sums_of(snapshot: &dyn Snapshot, kind: Kind, groups: &[Uuid]) -> Result<Sums, Error> {
    let own = groups.iter().map(|group| spaces::sums_of(kind, *group));
    let keys: Vec<Key> = [spaces::sums(kind)].into_iter().chain(own).collect();
    let mut sums = Sums::new();
    for row in snapshot.get_many(&keys)?.into_iter().flatten() {
        for (name, sum) in decode(&row)?.into_iter().filter(|(name, _)| groups.contains(&name.group)) {
            add(&mut sums, name, sum)?;
        }
    }
    if sums.values().any(|sum| sum.count < 1) {
        return Err(StoreError::Corrupt { what: format!("the sums of {}", kind.plural()) }.into());
    }
    Ok(sums)
}

/// All sums of a kind.
pub(crate) fn all_sums(snapshot: &dyn Snapshot, kind: Kind) -> Result<Sums, Error> {
    let mut range = KeyRange::prefix(&spaces::sums(kind));
    let mut sums = Sums::new();
    loop {
        let rows = snapshot.scan(&range, Direction::Forward, GATHERED)?;
        for (name, sum) in
            rows.iter().map(|row| decode(&row.value)).collect::<Result<Vec<_>, _>>()?.into_iter().flatten()
        {
            add(&mut sums, name, sum)?;
        }
        match rows.last() {
            Some(last) if rows.len() == GATHERED => range = range.from(last.key.successor()),
            _ => return Ok(sums),
        }
    }
}

/// The share of a record.
fn share(summed: Summed, record: &Record<'_>) -> Result<(SumName, Sum), StoreError> {
    let damaged = || StoreError::Corrupt { what: "a record in no group of a sum".to_owned() };
    let group = reference_id(record.slot(summed.group))?.ok_or_else(damaged)?;
    if record.slot(summed.value).is_empty() {
        return Ok((SumName { group, unit: None, scale: 0 }, Sum { count: 1, ..Sum::default() }));
    }
    let value: Decimal = read_stored(record.slot(summed.value), "the value of a sum")?;
    let weight: u8 = read_stored(record.slot(summed.weight), "the weight of a sum")?;
    let value = rust_decimal::Decimal::from(value);
    let name = SumName { group, unit: Some(unquote(record.slot(summed.unit))?), scale: value.scale() };
    // A value has at most 28 digits, so this is far from the greatest number.
    let weighted = value.mantissa().saturating_mul(weight.into());
    Ok((name, Sum { count: 1, value: value.mantissa(), weighted }))
}

fn add(sums: &mut Sums, name: SumName, more: Sum) -> Result<(), Error> {
    let sum = sums.get(&name).copied().unwrap_or_default();
    let added = (|| {
        Some(Sum {
            count: sum.count.checked_add(more.count)?,
            value: sum.value.checked_add(more.value)?,
            weighted: sum.weighted.checked_add(more.weighted)?,
        })
    })();
    let added = added.ok_or_else(|| Error::internal("a sum has more digits than can be kept"))?;
    if added == Sum::default() {
        sums.remove(&name);
    } else {
        sums.insert(name, added);
    }
    Ok(())
}

/// Adds what was gathered to the rows of its groups.
fn spread(overlay: &mut Overlay<'_>, kind: Kind, gathered: Sums) -> Result<(), Error> {
    let mut by_group: BTreeMap<Uuid, Vec<(SumName, Sum)>> = BTreeMap::new();
    for (name, sum) in gathered {
        by_group.entry(name.group).or_default().push((name, sum));
    }
    let keys: Vec<Key> = by_group.keys().map(|group| spaces::sums_of(kind, *group)).collect();
    overlay.prefetch(&keys)?;
    for (key, gathered) in keys.into_iter().zip(by_group.into_values()) {
        let mut sums = read(overlay, &key)?;
        for (name, sum) in gathered {
            add(&mut sums, name, sum)?;
        }
        write(overlay, key, sums)?;
    }
    Ok(())
}

fn read(snapshot: &dyn Snapshot, key: &Key) -> Result<Sums, StoreError> {
    snapshot.get(key)?.map_or_else(|| Ok(Sums::new()), |row| decode(&row))
}

fn decode(row: &[u8]) -> Result<Sums, StoreError> {
    let SumsV1 { sums } = codec::decode(row)?;
    let entry = |sum: SumV1| {
        let SumV1 { group, unit, scale, count, value, weighted } = sum;
        (SumName { group: Uuid::from_bytes(group), unit, scale }, Sum { count, value, weighted })
    };
    Ok(sums.into_iter().map(entry).collect())
}

/// Writes a row; one without sums is not kept.
fn write(overlay: &mut Overlay<'_>, key: Key, sums: Sums) -> Result<(), StoreError> {
    if sums.is_empty() {
        overlay.delete(key);
        return Ok(());
    }
    let entry = |(name, sum): (SumName, Sum)| {
        let SumName { group, unit, scale } = name;
        let Sum { count, value, weighted } = sum;
        SumV1 { group: group.into_bytes(), unit, scale, count, value, weighted }
    };
    overlay.put(key, codec::encode(&SumsV1 { sums: sums.into_iter().map(entry).collect() })?);
    Ok(())
}
