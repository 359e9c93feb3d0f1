use parking_lot::Mutex;
use rally_core::Entropy;
use sha2::{Digest, Sha256};

/// Bytes that a seed and a name repeat: SHA-256 of both and of a counter.
#[derive(Debug)]
pub(crate) struct SeededEntropy {
    start: Sha256,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    blocks: u64,
    block: [u8; 32],
    /// Bytes of the block that are left.
    left: usize,
}

impl SeededEntropy {
    /// The stream of a name. Those of different names have nothing to do with one another.
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        let mut start = Sha256::new();
        start.update(seed.to_be_bytes());
        start.update(name);
        Self { start, state: Mutex::default() }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.state.lock();
        for byte in bytes {
            if state.left == 0 {
                let block = self.start.clone().chain_update([0]).chain_update(state.blocks.to_be_bytes());
                *state = State { blocks: state.blocks + 1, block: block.finalize().into(), left: 32 };
            }
            state.left -= 1;
            *byte = state.block.get(state.left).copied().unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
        let mut bytes = [0; N];
        entropy.fill(&mut bytes);
        bytes
    }

    #[test]
    fn a_seed_and_a_name_repeat_their_bytes_and_no_others() {
        let stream = |seed, name| SeededEntropy::new(seed, name);
        let first = bytes::<100>(&stream(7, "acme"));
        assert_eq!(first, bytes(&stream(7, "acme")));
        assert_ne!(first, bytes(&stream(7, "acme2")));
        assert_ne!(first, bytes(&stream(8, "acme")));
        let in_pieces = stream(7, "acme");
        let pieces = [bytes::<50>(&in_pieces), bytes::<50>(&in_pieces)].concat();
        assert_eq!(pieces, first);
        assert_ne!(first[..32], first[32..64]);
    }
}
