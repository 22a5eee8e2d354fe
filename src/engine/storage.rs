//! Storage that networks trained one after another on a thread hand on to each other.

use crate::real::Real;
use std::ops::{Deref, DerefMut};

/// Numbers in the largest array of a network, its noise overlaps: hundreds of MiB, which an operating system takes as long to
/// hand out as it takes to fill them. So a thread keeps the last array that it has done with, and uses it again.
#[derive(Debug)]
pub struct Storage<R: Real> {
    values: Vec<R>,
    len: usize,
}

impl<R: Real> Storage<R> {
    /// `len` numbers, of any value: left behind by an earlier network, or 0.
    pub fn stale(len: usize) -> Self {
        let mut values = R::spare().take();
        if values.len() < len {
            values = vec![R::zero(); len];
        }
        Self { values, len }
    }
}

impl<R: Real> From<Vec<R>> for Storage<R> {
    fn from(values: Vec<R>) -> Self {
        let len = values.len();
        Self { values, len }
    }
}

impl<R: Real> Drop for Storage<R> {
    fn drop(&mut self) {
        // On a thread that ends nothing is kept.
        let _ = R::spare().try_with(|spare| spare.set(std::mem::take(&mut self.values)));
    }
}

impl<R: Real> Clone for Storage<R> {
    fn clone(&self) -> Self {
        let mut copy = Self::stale(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl<R: Real> Deref for Storage<R> {
    type Target = [R];

    fn deref(&self) -> &[R] {
        &self.values[..self.len]
    }
}

impl<R: Real> DerefMut for Storage<R> {
    fn deref_mut(&mut self) -> &mut [R] {
        &mut self.values[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_is_handed_on_and_a_copy_is_its_own() {
        let mut first = Storage::<f64>::stale(1000);
        first.fill(3.0);
        let place = first.as_ptr();
        drop(first);
        let mut second = Storage::<f64>::stale(10);
        assert_eq!((second.as_ptr(), second.len()), (place, 10));
        second.fill(1.0);
        let mut copy = second.clone();
        copy[0] = 2.0;
        assert_eq!((second[0], copy[0], copy[9]), (1.0, 2.0, 1.0));
        drop(copy);
        assert_eq!(Storage::<f64>::stale(2000).len(), 2000);
    }
}
