//! Events that wait to be polled.

/// The most events that wait (project-defined).
const WAITING: usize = 32;

/// Events in order. When too many wait the oldest go, and are counted: whatever they told can be asked of the machine.
#[derive(Debug)]
pub(super) struct Events<E> {
    waiting: heapless::Deque<E, WAITING>,
    lost: u64,
}

impl<E> Events<E> {
    pub(super) const fn new() -> Self {
        Self { waiting: heapless::Deque::new(), lost: 0 }
    }

    pub(super) fn push(&mut self, event: E) {
        if self.waiting.is_full() && self.waiting.pop_front().is_some() {
            self.lost = self.lost.saturating_add(1);
        }
        // There is room.
        let _ = self.waiting.push_back(event);
    }

    pub(super) fn poll(&mut self) -> Option<E> {
        self.waiting.pop_front()
    }

    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }
}
