//! A table that grows by millions of rows and never moves one: the run's lock is held while it grows.
//!
//! A vector that doubles copies all that it has, into memory that is new and has to be cleared first. In a run of many clones that
//! was the dearest part of what the core does, and a pause of milliseconds for whoever waited.

use std::ops::{Index, IndexMut};

/// Rows of one chunk. Most tables have fewer: their only chunk grows as it needs to.
const CHUNK: usize = 2048;

/// Rows by number, from 0.
#[derive(Debug, Clone)]
pub(super) struct Rows<T> {
    /// All but the last are full.
    chunks: Vec<Vec<T>>,
}

impl<T> Rows<T> {
    pub(super) fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    pub(super) fn push(&mut self, row: T) {
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(row),
            Some(_) => {
                let mut next = Vec::with_capacity(CHUNK);
                next.push(row);
                self.chunks.push(next);
            }
            None => self.chunks.push(vec![row]),
        }
    }

    pub(super) fn get(&self, row: usize) -> Option<&T> {
        self.chunks.get(row / CHUNK)?.get(row % CHUNK)
    }

    pub(super) fn get_mut(&mut self, row: usize) -> Option<&mut T> {
        self.chunks.get_mut(row / CHUNK)?.get_mut(row % CHUNK)
    }
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T> Index<usize> for Rows<T> {
    type Output = T;

    fn index(&self, row: usize) -> &T {
        &self.chunks[row / CHUNK][row % CHUNK]
    }
}

impl<T> IndexMut<usize> for Rows<T> {
    fn index_mut(&mut self, row: usize) -> &mut T {
        &mut self.chunks[row / CHUNK][row % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_on_both_sides_of_every_border() {
        let mut rows = Rows::default();
        for row in 0..3 * CHUNK {
            assert_eq!((rows.len(), rows.get(row)), (row, None));
            rows.push(row);
            rows[row] *= 2;
        }
        assert!((0..3 * CHUNK).all(|row| rows[row] == 2 * row && rows.get(row) == Some(&(2 * row))));
    }
}
