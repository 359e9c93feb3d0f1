//! Contacts that are the same in every run: about twenty members each, some 735 bytes as JSON.

use std::env;

const FIRST_NAMES: [&str; 8] =
    ["Ada", "Grace", "Edsger", "Barbara", "Donald", "Frances", "Alan", "Katherine"];
const LAST_NAMES: [&str; 8] =
    ["Lovelace", "Hopper", "Dijkstra", "Liskov", "Knuth", "Allen", "Turing", "Johnson"];
const TITLES: [&str; 4] = ["Head of Procurement", "Chief Engineer", "Account Manager", "Sales Director"];
const CITIES: [(&str, &str, &str); 4] = [
    ("Hamburg", "Hamburg", "Germany"),
    ("Rotterdam", "Zuid-Holland", "Netherlands"),
    ("Gothenburg", "Vastra Gotaland", "Sweden"),
    ("Portland", "Oregon", "United States"),
];
const STAGES: [&str; 5] = ["lead", "qualified", "opportunity", "customer", "evangelist"];
const SOURCES: [&str; 4] = ["website", "referral", "trade-fair", "newsletter"];

/// Contacts that the reads go over: `RALLY_BENCH_RECORDS`, or 200,000; a few when a bench is only tested.
///
/// # Panics
/// Panics if the variable is not a number.
#[must_use]
pub fn records() -> u64 {
    match env::var("RALLY_BENCH_RECORDS") {
        _ if !is_measuring() => 400,
        Ok(number) => number.parse().expect("RALLY_BENCH_RECORDS is a number"),
        Err(_) => 200_000,
    }
}

/// False when the bench is run as a test.
#[must_use]
pub fn is_measuring() -> bool {
    env::args().any(|argument| argument == "--bench")
}

/// The offset of a page deep in the list: 100,000, or half of a shorter one.
#[must_use]
pub const fn deep(records: u64) -> u64 {
    if records < 200_000 { records / 2 } else { 100_000 }
}

/// The stage of one contact in five, and the source of one in four.
pub const FILTERED: [&str; 2] = ["customer", "referral"];

/// The beginning of the family name of one contact in eight.
pub const COMMON: &str = "love";

/// The beginning of an e-mail address that one contact has, of the first `records`; another in each round.
#[must_use]
pub fn rare(round: u64, records: u64) -> String {
    let mixed = mix(mix(round) % records);
    let (first, last) = (pick(&FIRST_NAMES, mixed), pick(&LAST_NAMES, mixed >> 8));
    format!("{first}.{last}.{mixed:x}").to_lowercase()
}

/// The offset of a page deep in the list of both filters: 10,000, or a hundredth of the contacts if that is less.
#[must_use]
pub const fn deep_filtered(records: u64) -> u64 {
    if records < 1_000_000 { records / 100 } else { 10_000 }
}

/// The body that creates a contact. Each number has another e-mail address, in no order.
#[must_use]
pub fn draft(number: u64) -> String {
    draft_with(number, 42)
}

fn draft_with(number: u64, score: u64) -> String {
    let mixed = mix(number);
    let first = pick(&FIRST_NAMES, mixed);
    let last = pick(&LAST_NAMES, mixed >> 8);
    let (city, state, country) = pick(&CITIES, mixed >> 16);
    let (title, stage) = (pick(&TITLES, mixed >> 24), pick(&STAGES, mixed >> 32));
    let source = pick(&SOURCES, mixed >> 40);
    let (low, high) = (mixed % 9_000 + 1_000, mixed / 9_000 % 90_000 + 10_000);
    let key = mixed;
    format!(
        r#"{{"firstName":"{first}","lastName":"{last}","email":"{first}.{last}.{key:x}@corp{low}.example","phone":"+49 40 {high}{low}","mobile":"+49 171 {low}{high}","title":"{title}","department":"Operations","lifecycleStage":"{stage}","leadSource":"{source}","leadScore":{score},"tags":"vip,newsletter,q{low}","linkedInUrl":"https://linkedin.example/in/{key:x}","twitterHandle":"@{last}{low}","address":"{low} Harbour Street","city":"{city}","state":"{state}","country":"{country}","postalCode":"{high}","notes":"Met at the fair."}}"#
    )
}

/// A body that changes one of the first `records` contacts, another in each round.
#[must_use]
pub fn changed(round: u64, records: u64) -> String {
    draft_with(mix(round) % records, 50 + round % 50)
}

/// The body of a bulk: `count` drafts, numbered from `from` on.
#[must_use]
pub fn bulk(from: u64, count: u64) -> String {
    let drafts: Vec<String> = (from..from + count).map(draft).collect();
    format!("[{}]", drafts.join(","))
}

/// Spreads a number over all 64 bits, one to one (the finaliser of splitmix64).
#[must_use]
pub const fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

fn pick<T: Copy, const N: usize>(from: &[T; N], mixed: u64) -> T {
    let index = usize::try_from(mixed % 1_000).unwrap_or(0) % N;
    *from.get(index).expect("an index below the length")
}
