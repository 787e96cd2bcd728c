//! Randomness that is the same for every execution of the same work.

use std::convert::Infallible;
use std::sync::Arc;

use fanfold_graph::name::MappingKey;
use rand_core::TryRng;

/// Where a step's randomness starts. Equal work must be given equal seeds: derive it from what the work is (plugin
/// digest, solid, configuration, mapping keys), never from the run or the attempt.
///
/// Most steps never ask for anything random, so a clone's is made out of its parts when it does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seed {
    work: [u8; 32],
    /// Of the clone; none for a step that is none.
    mapping_keys: Arc<[MappingKey]>,
}

impl Seed {
    /// The seed of work that is told apart by `parts`, in order; where one part ends matters.
    pub fn of(parts: &[&[u8]]) -> Self {
        let hasher = blake3::Hasher::new_derive_key("fanfold 2026 seed of a step");
        Self { work: digest(hasher, parts.iter().copied()), mapping_keys: Arc::default() }
    }

    /// The seed of the clone with these mapping keys of work that has this seed.
    #[must_use]
    pub fn of_clone(&self, mapping_keys: Arc<[MappingKey]>) -> Self {
        Self { work: self.work, mapping_keys }
    }

    fn key(&self) -> [u8; 32] {
        if self.mapping_keys.is_empty() {
            return self.work;
        }
        let parts = self.mapping_keys.iter().map(|key| key.as_str().as_bytes());
        digest(blake3::Hasher::new_keyed(&self.work), parts)
    }

    /// An endless stream of random bytes for one purpose; different purposes give unrelated streams.
    pub(super) fn stream(&self, purpose: &str) -> SeededRandom {
        let mut hasher = blake3::Hasher::new_keyed(&self.key());
        hasher.update(purpose.as_bytes());
        SeededRandom(hasher.finalize_xof())
    }
}

impl From<u64> for Seed {
    fn from(number: u64) -> Self {
        Self::of(&[&number.to_le_bytes()])
    }
}

/// Of all parts in order, and of where each ends.
fn digest<'p>(mut hasher: blake3::Hasher, parts: impl IntoIterator<Item = &'p [u8]>) -> [u8; 32] {
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// BLAKE3's extendable output as a random generator.
pub(super) struct SeededRandom(blake3::OutputReader);

impl TryRng for SeededRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(seed: &Seed, purpose: &str) -> u64 {
        seed.stream(purpose).try_next_u64().unwrap_or_else(|never| match never {})
    }

    #[test]
    fn equal_seeds_give_equal_bytes_and_purposes_differ() {
        let seed = Seed::of(&[b"files", b"a"]);
        assert_eq!(first(&seed, "secure"), first(&seed, "secure"));
        assert_ne!(first(&seed, "secure"), first(&seed, "insecure"));
        assert_ne!(first(&seed, "secure"), first(&Seed::of(&[b"file", b"sa"]), "secure"));
    }

    #[test]
    fn clones_differ_by_all_of_their_keys() {
        let drawn = |keys: &[&str]| {
            let keys = keys.iter().map(|key| MappingKey::new(key).unwrap()).collect();
            first(&Seed::of(&[b"files"]).of_clone(keys), "secure")
        };
        assert_eq!(drawn(&[]), first(&Seed::of(&[b"files"]), "secure"));
        assert_eq!(drawn(&["a", "b"]), drawn(&["a", "b"]));
        let numbers = [drawn(&[]), drawn(&["a"]), drawn(&["b"]), drawn(&["ab"]), drawn(&["a", "b"])];
        let different: std::collections::HashSet<_> = numbers.iter().collect();
        assert_eq!(different.len(), numbers.len());
    }
}
