//! Sealing and opening of bodies.

use zeroize::Zeroize;

use super::content::{Answer, Content, Offer};
use super::dialogue::{Dialogue, MAX_DIALOGUE_LEN};
use crate::crypto::{AEAD_TAG_LEN, AeadAlgorithm, CryptoError, CryptoProvider, KeyError};
use crate::group::cursor::{Reader, Writer};

/// Octets of a body's header, which is authenticated and not encrypted.
pub const HEADER_LEN: usize = 16;

const MAGIC: [u8; 4] = [b'X', b'G', b'S', 1];
/// Set in the counters of the member's bodies: the nonces of the two directions differ.
const OF_MEMBER: u64 = 1 << 63;

/// Which end of the shared key we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "the key is shared by two")]
pub enum Side {
    /// Who offers.
    Host,
    /// Who answers.
    Member,
}

/// Why a body was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealError {
    /// It does not fit into the buffer, or a field exceeds 65535 octets.
    TooLong,
    /// The fields of the dialogue are longer than [`MAX_DIALOGUE_LEN`] allows.
    DialogueTooLong,
    /// Offers are made by the host's end, answers by the member's.
    Side,
    /// All counters are used: a new key is needed.
    CounterExhausted,
    /// The crypto provider failed.
    Crypto(CryptoError),
}

impl core::fmt::Display for SealError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TooLong => f.write_str("the body does not fit"),
            Self::DialogueTooLong => f.write_str("the dialogue's fields are too long"),
            Self::Side => f.write_str("not what this end sends"),
            Self::CounterExhausted => f.write_str("the key has no counter left"),
            Self::Crypto(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SealError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Crypto(error) => Some(error),
            _ => None,
        }
    }
}

/// Why a body is not taken. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// Too short for a header and a tag.
    Length,
    /// Not such a body, another version of it, or a reserved octet that is not zero.
    Header,
    /// An offer where an answer is expected, or the other way round; or what this end itself would send.
    Kind,
    /// Its counter is not higher than that of the last: a replay, or overtaken by another.
    Stale,
    /// The fields of the dialogue are longer than [`MAX_DIALOGUE_LEN`] allows.
    DialogueTooLong,
    /// It is damaged, of another key, or of another dialogue or transaction.
    Authentication,
    /// Authentic, but it does not hold what it should.
    Content,
    /// The crypto provider failed.
    Crypto(CryptoError),
}

impl core::fmt::Display for OpenError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Length => f.write_str("the body is too short"),
            Self::Header => f.write_str("not a body of this kind and version"),
            Self::Kind => f.write_str("not what this end takes"),
            Self::Stale => f.write_str("the body's counter was used or passed"),
            Self::DialogueTooLong => f.write_str("the dialogue's fields are too long"),
            Self::Authentication => f.write_str("the body is not authentic in this dialogue"),
            Self::Content => f.write_str("the body's content is malformed"),
            Self::Crypto(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Crypto(error) => Some(error),
            _ => None,
        }
    }
}

/// How far the counters of a key are. To be saved by an end whose key outlives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "one number for each direction")]
pub struct Counters {
    /// The next to be sent: 0 with a new key, below 2⁶³.
    pub next: u64,
    /// The one below which nothing is taken any more.
    pub expected: u64,
}

/// One end of a key that a host and one member share.
///
/// # Security
///
/// The counter is the nonce: with [`Counters`] that lie behind those in use the same nonce would encrypt twice, which
/// gives away plaintexts and, with AES-GCM, the authentication key. An end that keeps its key over a restart saves
/// [`counters`](Self::counters) before each body that it sends, or starts with a `next` beyond any that it can have reached.
pub struct Channel<P: CryptoProvider> {
    key: P::AeadKey,
    side: Side,
    counters: Counters,
}

impl<P: CryptoProvider> core::fmt::Debug for Channel<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Channel").field("side", &self.side).field("counters", &self.counters).finish_non_exhaustive()
    }
}

impl<P: CryptoProvider> Channel<P> {
    /// Takes the key, followed by the 4-octet salt. It must be used for nothing else.
    ///
    /// # Errors
    ///
    /// - [`KeyError`].
    pub fn new(
        algorithm: AeadAlgorithm,
        key: &[u8],
        side: Side,
        counters: Counters,
        crypto: &mut P,
    ) -> Result<Self, KeyError> {
        Ok(Self { key: crypto.aead_key(algorithm, key)?, side, counters })
    }

    /// Where the counters are.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Octets of the body of an offer, in binary.
    #[must_use]
    pub fn offer_len(offer: &Offer<'_>) -> usize {
        offer.encoded_len().saturating_add(HEADER_LEN).saturating_add(AEAD_TAG_LEN)
    }

    /// Octets of the body of an answer, in binary.
    pub const ANSWER_LEN: usize = 48;

    /// Writes the body of an INVITE or re-INVITE, in binary. Returns its length and its counter, which the answer names.
    ///
    /// # Errors
    ///
    /// - [`SealError`]. What is in `buffer` then is not to be sent; no key is in it.
    pub fn seal_offer(
        &mut self,
        crypto: &mut P,
        dialogue: &Dialogue<'_>,
        offer: &Offer<'_>,
        buffer: &mut [u8],
    ) -> Result<(usize, u64), SealError> {
        if self.side != Side::Host {
            return Err(SealError::Side);
        }
        self.seal(crypto, dialogue, offer, buffer)
    }

    /// Writes the body of the response, in binary. Returns its length.
    ///
    /// # Errors
    ///
    /// - [`SealError`].
    pub fn seal_answer(
        &mut self,
        crypto: &mut P,
        dialogue: &Dialogue<'_>,
        answer: &Answer,
        buffer: &mut [u8],
    ) -> Result<usize, SealError> {
        if self.side != Side::Member {
            return Err(SealError::Side);
        }
        self.seal(crypto, dialogue, answer, buffer).map(|(len, _)| len)
    }

    /// Opens the body of an INVITE or re-INVITE in place. Returns its counter, too.
    ///
    /// # Errors
    ///
    /// - [`OpenError`].
    pub fn open_offer<'b>(
        &mut self,
        crypto: &mut P,
        dialogue: &Dialogue<'_>,
        body: &'b mut [u8],
    ) -> Result<(u64, Offer<'b>), OpenError> {
        if self.side != Side::Member {
            return Err(OpenError::Kind);
        }
        self.open(crypto, dialogue, body)
    }

    /// Opens the body of a response in place. Whether it answers what was offered last is for the host to compare
    /// ([`Answer::offer`]), and so is the response's status code ([`Answer::status_code`]), which nothing protects.
    ///
    /// # Errors
    ///
    /// - [`OpenError`].
    pub fn open_answer(
        &mut self,
        crypto: &mut P,
        dialogue: &Dialogue<'_>,
        body: &mut [u8],
    ) -> Result<Answer, OpenError> {
        if self.side != Side::Host {
            return Err(OpenError::Kind);
        }
        self.open(crypto, dialogue, body).map(|(_, answer)| answer)
    }

    const fn bit(of_member: bool) -> u64 {
        if of_member { OF_MEMBER } else { 0 }
    }

    fn seal<'c, C: Content<'c>>(
        &mut self,
        crypto: &mut P,
        dialogue: &Dialogue<'_>,
        content: &C,
        buffer: &mut [u8],
    ) -> Result<(usize, u64), SealError> {
        let counter = self.counters.next;
        if counter >= OF_MEMBER {
            return Err(SealError::CounterExhausted);
        }
        let iv = (counter | Self::bit(self.side == Side::Member)).to_be_bytes();
        let mut header = [0; HEADER_LEN];
        let mut writer = Writer::new(&mut header);
        let written = writer.put(&MAGIC).and_then(|()| writer.put(&[C::KIND, 0, 0, 0])).and_then(|()| writer.put(&iv));
        written.ok_or(SealError::TooLong)?;
        let mut associated = [0; MAX_DIALOGUE_LEN];
        let associated = associated_data(&header, dialogue, &mut associated).ok_or(SealError::DialogueTooLong)?;

        let len = content.encoded_len();
        let (head, rest) = buffer.split_at_mut_checked(HEADER_LEN).ok_or(SealError::TooLong)?;
        let (plain, rest) = rest.split_at_mut_checked(len).ok_or(SealError::TooLong)?;
        let tag_place = rest.get_mut(..AEAD_TAG_LEN).ok_or(SealError::TooLong)?;
        if content.emit(&mut Writer::new(plain)).is_none() {
            plain.zeroize();
            return Err(SealError::TooLong);
        }
        // The counter is used up, whatever comes.
        self.counters.next = counter.saturating_add(1);
        match crypto.aead_seal(&self.key, &iv, associated, plain) {
            Ok(tag) => tag_place.copy_from_slice(&tag),
            Err(error) => {
                plain.zeroize();
                return Err(SealError::Crypto(error));
            }
        }
        head.copy_from_slice(&header);
        Ok((HEADER_LEN.saturating_add(len).saturating_add(AEAD_TAG_LEN), counter))
    }

    fn open<'b, C: Content<'b>>(
        &mut self,
        crypto: &mut P,
        dialogue: &Dialogue<'_>,
        body: &'b mut [u8],
    ) -> Result<(u64, C), OpenError> {
        let (header, rest) = body.split_first_chunk_mut::<HEADER_LEN>().ok_or(OpenError::Length)?;
        let (data, tag) = rest.split_last_chunk_mut::<AEAD_TAG_LEN>().ok_or(OpenError::Length)?;
        let header = &*header;
        let mut reader = Reader::new(header);
        if reader.array() != Some(MAGIC) {
            return Err(OpenError::Header);
        }
        let [kind, reserved @ ..] = reader.array::<4>().ok_or(OpenError::Length)?;
        if reserved != [0; 3] {
            return Err(OpenError::Header);
        }
        let iv = reader.array().ok_or(OpenError::Length)?;
        let number = u64::from_be_bytes(iv);
        if kind != C::KIND || number & OF_MEMBER != Self::bit(self.side == Side::Host) {
            return Err(OpenError::Kind);
        }
        let counter = number & !OF_MEMBER;
        if counter < self.counters.expected {
            return Err(OpenError::Stale);
        }
        let mut associated = [0; MAX_DIALOGUE_LEN];
        let associated = associated_data(header, dialogue, &mut associated).ok_or(OpenError::DialogueTooLong)?;
        crypto.aead_open(&self.key, &iv, associated, data, tag).map_err(|error| match error {
            CryptoError::Mismatch => OpenError::Authentication,
            error => OpenError::Crypto(error),
        })?;
        // It is authentic and must not come again, even if there is nothing in it that can be used.
        self.counters.expected = counter.saturating_add(1);
        Ok((counter, C::parse(data)?))
    }
}

fn associated_data<'b>(header: &[u8], dialogue: &Dialogue<'_>, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let mut writer = Writer::new(buffer);
    dialogue.emit(header, &mut writer)?;
    let len = writer.len();
    buffer.get(..len)
}
