//! A queue that mostly holds one thing, and then needs no memory of its own.

use std::collections::VecDeque;

/// First in, first out.
pub(super) struct Fifo<T> {
    first: Option<T>,
    /// Behind `first`.
    more: VecDeque<T>,
}

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Self { first: None, more: VecDeque::new() }
    }
}

impl<T> Fifo<T> {
    pub(super) fn push_back(&mut self, item: T) {
        match self.first {
            None => self.first = Some(item),
            Some(_) => self.more.push_back(item),
        }
    }

    pub(super) fn pop_front(&mut self) -> Option<T> {
        let first = self.first.take();
        self.first = self.more.pop_front();
        if self.first.is_none() {
            // A burst is over.
            self.more = VecDeque::new();
        }
        first
    }

    /// What comes out next.
    pub(super) fn front_mut(&mut self) -> Option<&mut T> {
        self.first.as_mut()
    }

    /// In the order in which they come out.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.more)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.more.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_come_out_in_the_order_in_which_they_went_in() {
        let (mut fifo, mut next, mut due) = (Fifo::default(), 0, 0);
        for round in 1..20 {
            for _ in 0..round % 7 {
                fifo.push_back(next);
                next += 1;
            }
            assert_eq!(fifo.len(), next - due);
            assert!(fifo.iter().copied().eq(due..next));
            for _ in 0..round % 5 {
                if let Some(item) = fifo.pop_front() {
                    assert_eq!(item, due);
                    due += 1;
                }
            }
            assert_eq!(fifo.is_empty(), next == due);
        }
    }
}
