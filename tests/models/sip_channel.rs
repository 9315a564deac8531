//! One end of a key that host and member share, without cryptography, written from the documentation of `group::sip` alone: which bodies it
//! takes, and where its counters are then.

use xcast_sec::group::sip::{Answer, MAX_DIALOGUE_LEN, OpenError, SealError, Side};

/// Half of all counters are each direction's.
pub(crate) const COUNTERS: u64 = 1 << 63;

/// What a body belongs to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Transaction {
    /// Call-ID, From URI and tag, To URI.
    pub(crate) fields: [Vec<u8>; 4],
    pub(crate) to_tag: Option<Vec<u8>>,
    pub(crate) cseq: u32,
}

impl Transaction {
    /// Header of the body, CSeq, whether there is a To tag, and five fields behind their lengths.
    pub(crate) fn is_too_long(&self) -> bool {
        let fields = self.fields.iter().chain(&self.to_tag).map(Vec::len).sum::<usize>();
        16 + 4 + 1 + 5 * 2 + fields > MAX_DIALOGUE_LEN
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Offer { group: Vec<u8>, epoch: u32, sa: Vec<u8>, kd: Vec<u8> },
    Answer(Answer),
}

impl Content {
    pub(crate) fn of(&self) -> Side {
        if matches!(self, Self::Offer { .. }) { Side::Host } else { Side::Member }
    }

    /// Octets of the body with it.
    pub(crate) fn body_len(&self) -> usize {
        let content = match self {
            Self::Offer { group, sa, kd, .. } => 4 + 3 * 2 + group.len() + sa.len() + kd.len(),
            Self::Answer(_) => 16,
        };
        16 + content + 16
    }
}

/// A body that was made.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) octets: Vec<u8>,
    pub(crate) counter: u64,
    pub(crate) transaction: Transaction,
    pub(crate) content: Content,
}

pub(crate) struct End {
    pub(crate) side: Side,
    pub(crate) next: u64,
    pub(crate) expected: u64,
}

impl End {
    /// Whether a body can be made. If not by `Crypto`, nothing has happened.
    pub(crate) fn seals(&self, content: &Content, transaction: &Transaction, room: usize) -> Result<u64, SealError> {
        match () {
            () if content.of() != self.side => Err(SealError::Side),
            () if self.next >= COUNTERS => Err(SealError::CounterExhausted),
            () if transaction.is_too_long() => Err(SealError::DialogueTooLong),
            () if room < content.body_len() => Err(SealError::TooLong),
            () => Ok(self.next),
        }
    }

    /// What comes of a body that nobody has touched.
    pub(crate) fn open(&mut self, body: &Body, transaction: &Transaction) -> Result<(u64, Content), OpenError> {
        match () {
            () if body.content.of() == self.side => Err(OpenError::Kind),
            () if body.counter < self.expected => Err(OpenError::Stale),
            () if transaction.is_too_long() => Err(OpenError::DialogueTooLong),
            () if *transaction != body.transaction => Err(OpenError::Authentication),
            () => {
                self.expected = body.counter + 1;
                Ok((body.counter, body.content.clone()))
            }
        }
    }
}
