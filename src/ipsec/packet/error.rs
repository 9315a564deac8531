//! Why a packet was not sealed or opened.

use crate::crypto::CryptoError;
use crate::ipsec::Spi;
use crate::ipsec::association::lifetime::LimitKind;
use crate::ipsec::packet::construction::{Refusal, Unfit};
use crate::ipsec::replay::window::ReplayError;
use crate::ipsec::sending::sequence::SequenceError;
use crate::wire::ParseError;

/// Why a packet was not sealed. Unless said otherwise it is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealError {
    /// The packet cannot be read.
    Parse(ParseError),
    /// The construction is refused.
    Refused(Refusal),
    /// The association is for other addresses.
    OtherAddresses,
    /// Sealed, the packet would be longer than its IP header can say.
    PacketTooLong {
        /// Octets it would have.
        len: usize,
    },
    /// The buffer has too little room around the packet.
    NoRoom {
        /// Octets to be inserted, taken from the headroom or else from the tailroom.
        inserted: usize,
        /// Octets to be appended, taken from the tailroom.
        appended: usize,
    },
    /// The initialization vector does not have the algorithm's length.
    IvLength,
    /// Sequence number 0, which no receiver accepts (RFC 4302 §3.3.2, RFC 4303 §3.3.3).
    ZeroSequence,
    /// No sequence number, or no nonce, is left: a new association is needed.
    Exhausted,
    /// The numbers that may be used before more are saved are used up: see [`SequenceCounter::reserve`].
    ///
    /// [`SequenceCounter::reserve`]: crate::ipsec::SequenceCounter::reserve
    NotReserved,
    /// The association has ended, or this packet would go beyond its hard lifetime: a new one is needed (RFC 4301 §4.4.2.1).
    Expired(LimitKind),
    /// Sealed, the packet would be longer than the path takes (RFC 4301 §8.2.1).
    TooBig {
        /// Octets it would have.
        len: usize,
        /// The path's MTU.
        mtu: usize,
    },
    /// TFC padding in transport mode behind something that does not say itself how long it is (RFC 4303 §2.7).
    TfcNeedsLength,
    /// A dummy packet under AH, which has none.
    NotEsp,
    /// A dummy packet under tunnel mode with address preservation: there is no inner header to take addresses from.
    NoInnerHeader,
    /// The random number generator failed.
    Random,
    /// The crypto provider failed. The packet must not be used.
    Crypto(CryptoError),
}

/// Why a packet was not opened.
///
/// Until the ICV has verified, every octet of the packet is its sender's claim; [`Icv`](Self::Icv) says that no holder of
/// the key made it. [`Padding`](Self::Padding), [`BlockLength`](Self::BlockLength), [`Inner`](Self::Inner) and what
/// [`Refused`](Self::Refused) finds inside arise only after that, so that nobody without the key can provoke them: they do
/// not tell an attacker anything about what a ciphertext decrypts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// The packet cannot be read up to and with its AH or ESP header; or, after the ICV verified, its Xcast header cannot.
    Parse(ParseError),
    /// There is neither AH nor ESP where they belong.
    NotProtected,
    /// SPI 0–255, which no association has.
    ReservedSpi {
        /// The value.
        spi: u32,
    },
    /// No association for this protocol, SPI, destination and source (RFC 4301 §5.2 step 3).
    NoSa {
        /// The SPI.
        spi: Spi,
    },
    /// The AH does not have the length that the association's ICV gives it.
    AhLength,
    /// ESP too short to hold its own fields.
    EspLength,
    /// The sequence number was not accepted.
    Replay(ReplayError),
    /// The ICV does not verify.
    Icv,
    /// Authentic, but the ciphertext is not a whole number of blocks.
    BlockLength,
    /// Authentic, but the padding is not 1, 2, 3, … or longer than there is room for.
    Padding,
    /// Authentic, but what is inside is not what Next Header and mode announce.
    Inner,
    /// The construction is refused.
    Refused(Refusal),
    /// The association has ended, or this packet would go beyond its hard lifetime (RFC 4301 §4.4.2.1).
    Expired(LimitKind),
    /// Authentic, but whoever it comes from is not among the senders allowed (draft §2.1.1.2).
    SenderNotAuthorised,
    /// The crypto provider failed, other than by finding a wrong ICV.
    Crypto(CryptoError),
}

impl From<ParseError> for SealError {
    fn from(error: ParseError) -> Self {
        Self::Parse(error)
    }
}

impl From<Refusal> for SealError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Unfit> for SealError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Parse(error) => Self::Parse(error),
            Unfit::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

impl From<Unfit> for OpenError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Parse(error) => Self::Parse(error),
            Unfit::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

impl From<SequenceError> for SealError {
    fn from(error: SequenceError) -> Self {
        match error {
            SequenceError::Exhausted => Self::Exhausted,
            SequenceError::NotReserved => Self::NotReserved,
        }
    }
}

impl From<CryptoError> for SealError {
    fn from(error: CryptoError) -> Self {
        Self::Crypto(error)
    }
}

impl From<ParseError> for OpenError {
    fn from(error: ParseError) -> Self {
        Self::Parse(error)
    }
}

impl From<Refusal> for OpenError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<ReplayError> for OpenError {
    fn from(error: ReplayError) -> Self {
        Self::Replay(error)
    }
}

impl From<CryptoError> for OpenError {
    fn from(error: CryptoError) -> Self {
        if error == CryptoError::Mismatch { Self::Icv } else { Self::Crypto(error) }
    }
}

impl core::fmt::Display for SealError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Parse(error) => error.fmt(f),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
            Self::OtherAddresses => f.write_str("the security association is for other addresses"),
            Self::PacketTooLong { len } => write!(f, "the packet would have {len} octets"),
            Self::NoRoom { inserted, appended } => {
                write!(f, "no room to insert {inserted} and append {appended} octets")
            }
            Self::IvLength => f.write_str("initialization vector of another length than the algorithm's"),
            Self::ZeroSequence => f.write_str("sequence number 0"),
            Self::Exhausted => f.write_str("sequence numbers exhausted, a new security association is needed"),
            Self::NotReserved => f.write_str("reserved sequence numbers used up, more must be reserved and saved"),
            Self::Expired(limit) => write!(f, "the security association has used up its {limit}"),
            Self::TooBig { len, mtu } => write!(f, "the packet would have {len} octets, the path takes {mtu}"),
            Self::TfcNeedsLength => f.write_str("TFC padding behind a payload without a length of its own"),
            Self::NotEsp => f.write_str("AH has no dummy packets"),
            Self::NoInnerHeader => f.write_str("a dummy packet has no addresses to preserve"),
            Self::Random => f.write_str("the random number generator failed"),
            Self::Crypto(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SealError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Parse(error) => Some(error),
            Self::Refused(refusal) => Some(refusal),
            Self::Crypto(error) => Some(error),
            _ => None,
        }
    }
}

impl core::fmt::Display for OpenError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Parse(error) => error.fmt(f),
            Self::NotProtected => f.write_str("neither AH nor ESP"),
            Self::ReservedSpi { spi } => write!(f, "reserved SPI {spi}"),
            Self::NoSa { spi } => write!(f, "no security association for SPI {spi}"),
            Self::AhLength => f.write_str("AH of another length than its association's"),
            Self::EspLength => f.write_str("ESP too short"),
            Self::Replay(error) => error.fmt(f),
            Self::Icv => f.write_str("integrity check value does not verify"),
            Self::BlockLength => f.write_str("ciphertext not a whole number of blocks"),
            Self::Padding => f.write_str("wrong padding"),
            Self::Inner => f.write_str("what is inside is not what Next Header announces"),
            Self::Expired(limit) => write!(f, "the security association has used up its {limit}"),
            Self::SenderNotAuthorised => f.write_str("sender not authorised"),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
            Self::Crypto(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Parse(error) => Some(error),
            Self::Refused(refusal) => Some(refusal),
            Self::Replay(error) => Some(error),
            Self::Crypto(error) => Some(error),
            _ => None,
        }
    }
}
