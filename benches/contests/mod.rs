//! Every measured operation beside its anchor: the same work done by somebody else, or the part of it that nobody can leave out.
//!
//! Who measures is a [`Course`]: the table of ratios has one, criterion another. What is measured is said once, here.

// Not every program that includes these files uses all of them.
#![allow(dead_code, reason = "shared by several programs")]

pub(crate) mod batch;
pub(crate) mod checksums;
pub(crate) mod codecs;
pub(crate) mod forwarding;
pub(crate) mod lookup;
pub(crate) mod packets;
pub(crate) mod raw;
pub(crate) mod replay;
pub(crate) mod rounds;
pub(crate) mod single;
pub(crate) mod table;
pub(crate) mod whole;

/// One side of a contest.
pub(crate) trait Entry {
    /// Makes ready what [`run`](Self::run) uses up. Not timed.
    fn prepare(&mut self) {}

    /// Does the work, [`Row::operations`] times.
    fn run(&mut self);
}

/// Nothing to prepare.
impl<F: FnMut()> Entry for F {
    fn run(&mut self) {
        self();
    }
}

/// Something to prepare: both closures work on the state.
pub(crate) struct Prepared<S, P, R> {
    state: S,
    prepare: P,
    run: R,
}

impl<S, P: FnMut(&mut S), R: FnMut(&mut S)> Prepared<S, P, R> {
    pub(crate) fn new(state: S, prepare: P, run: R) -> Self {
        Self { state, prepare, run }
    }

    /// Does the work once, and shows the state.
    pub(crate) fn once(&mut self) -> &S {
        (self.prepare)(&mut self.state);
        (self.run)(&mut self.state);
        &self.state
    }
}

impl<S, P: FnMut(&mut S), R: FnMut(&mut S)> Entry for Prepared<S, P, R> {
    fn prepare(&mut self) {
        (self.prepare)(&mut self.state);
    }

    fn run(&mut self) {
        (self.run)(&mut self.state);
    }
}

/// What is measured.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What ours does.
    pub(crate) operation: String,
    /// On how much: octets, senders, copies.
    pub(crate) size: String,
    /// What it is measured against.
    pub(crate) anchor: &'static str,
    /// How often one run does it.
    pub(crate) operations: usize,
    /// The most of the anchor's time that ours may take, if the row is held to something.
    pub(crate) target: Option<f64>,
}

impl Row {
    pub(crate) fn new(operation: &str, size: impl ToString, anchor: &'static str, operations: usize) -> Self {
        Self { operation: operation.into(), size: size.to_string(), anchor, operations, target: None }
    }

    /// Ours may take `ratio` of the anchor's time.
    pub(crate) fn at_most(self, ratio: f64) -> Self {
        Self { target: Some(ratio), ..self }
    }

    /// Ours must have `factor` times the anchor's throughput.
    pub(crate) fn throughput(self, factor: f64) -> Self {
        self.at_most(1.0 / factor)
    }
}

/// Who measures.
pub(crate) trait Course {
    /// Whether `row` is wanted at all.
    fn wants(&self, row: &Row) -> bool;

    fn contest(&mut self, row: Row, ours: &mut dyn Entry, anchor: &mut dyn Entry);
}

/// All contests for which Rust suffices.
pub(crate) fn all(course: &mut dyn Course) {
    single::all(course);
    batch::all(course);
    codecs::all(course);
    checksums::all(course);
    replay::all(course);
    lookup::all(course);
    forwarding::all(course);
}
