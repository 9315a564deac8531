//! The input of checks that make of it what they need, octet by octet.
#![allow(dead_code, reason = "each check uses some of it")]

/// What is left of the input; behind its end there are zeros.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn octet(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// One octet as a choice of `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::from(self.octet()) % count
    }

    pub(crate) fn number(&mut self, octets: usize) -> u64 {
        (0..octets).fold(0, |number, _| number << 8 | u64::from(self.octet()))
    }

    /// `len` octets, or as many as there are.
    pub(crate) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.0
    }
}
