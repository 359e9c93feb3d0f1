//! Every seed, and many random changes of each, through its target.

use std::{fs, path::PathBuf};

use rally_testkit::Random;

/// Changes of all seeds of a target together.
const CHANGES: usize = 4_000;

fn seeds(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target)
}

#[track_caller]
fn check(name: &str, target: fn(&[u8])) {
    let count = rally_fuzz::replay_folder(target, &seeds(name)).unwrap();
    assert!(count > 0, "there are no seeds");
    let mut random = Random::new(1);
    for entry in fs::read_dir(seeds(name)).unwrap() {
        let seed = fs::read(entry.unwrap().path()).unwrap();
        for _ in 0..CHANGES / count {
            target(&changed(&seed, &mut random));
        }
    }
}

/// A seed with a few bytes put in, taken out or replaced.
fn changed(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=random.below(4) {
        let place = random.below(data.len() + 1);
        let byte = random.one_of(b"\"\\{}[],:0\x00\xFF\x80 eu-");
        match random.below(3) {
            0 => data.insert(place, byte),
            1 if place < data.len() => drop(data.remove(place)),
            _ if place < data.len() => data[place] = byte,
            _ => data.truncate(place / 2),
        }
    }
    data
}

#[test]
fn bodies_are_taken_or_refused() {
    check("bodies", rally_fuzz::bodies);
}

#[test]
fn queries_are_read_or_refused() {
    check("queries", rally_fuzz::queries);
}

#[test]
fn stored_bytes_are_read_or_called_damaged() {
    check("stored_bytes", rally_fuzz::stored_bytes);
}
