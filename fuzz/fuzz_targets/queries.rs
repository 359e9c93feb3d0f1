//! The target `queries`: under cargo-fuzz a fuzzer, else a replay of the files that are named.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| rally_fuzz::queries(data));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    rally_fuzz::replay(rally_fuzz::queries)
}
