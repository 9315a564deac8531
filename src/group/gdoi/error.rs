//! Why octets are no associations, and why associations do not become octets.

use crate::group::TermsError;

/// What is wrong with the octets offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GdoiErrorKind {
    /// Ends before what its lengths announce.
    Truncated,
    /// A Payload Length or KD Length below that of its own header, or beyond what it lies in.
    Length,
    /// Octets behind the last payload.
    TrailingOctets,
    /// A reserved field is not 0.
    Reserved,
    /// A Next Payload that cannot stand there, or that this crate does not read (an SA KEK payload).
    NextPayload(u8),
    /// The DOI is not GDOI.
    Doi,
    /// The Situation is not 0.
    Situation,
    /// A Protocol-ID other than ESP and AH.
    ProtocolId(u8),
    /// The association is for one next protocol or port only, which this crate does not hand out.
    Selector,
    /// An ID Type other than an IPv4 or IPv6 address.
    IdType(u8),
    /// Identification Data of a length that its ID Type does not have.
    IdLength,
    /// Three octets for any sender that are not 0.
    AnySender,
    /// A Transform ID that this crate does not have.
    Transform(u8),
    /// A reserved SPI, 0–255.
    Spi,
    /// Two associations with one SPI: their keys could not be told apart.
    DuplicateSpi,
    /// More associations than [`MAX_ASSOCIATIONS`](super::MAX_ASSOCIATIONS).
    TooManyAssociations,
    /// An attribute that is not defined, or defined and not supported.
    Attribute(u16),
    /// A basic attribute encoded as variable, or the other way round.
    AttributeFormat(u16),
    /// An attribute of a length or value that it cannot have.
    AttributeValue(u16),
    /// An attribute, of SA Life Type one with the same value, that occurs earlier.
    DuplicateAttribute(u16),
    /// An attribute that has to be there is not.
    MissingAttribute(u16),
    /// An attribute that does not go with protocol, transform, mode or algorithm.
    AttributeConflict(u16),
    /// A KD Type that this crate does not read (KEK, LKH), or that is not defined.
    KeyType(u8),
    /// Another number of key packets than Number of Key Packets says.
    KeyCount,
    /// An SPI Size that the KD Type does not have.
    SpiSize,
    /// A key packet for an SPI that no SA TEK payload has, or that has had one.
    UnexpectedKey,
    /// An association without a key packet.
    MissingKey,
    /// A key of another length than its algorithm takes.
    KeyLength,
    /// A size of sender identifiers other than 8, 12 and 16 bits (RFC 6054), or an identifier that does not fit it.
    SenderId,
    /// The terms of an association are not sound.
    Terms(TermsError),
}

/// Octets that are no associations: what is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GdoiError {
    kind: GdoiErrorKind,
    offset: usize,
}

impl GdoiError {
    pub(super) const fn new(kind: GdoiErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(self) -> GdoiErrorKind {
        self.kind
    }

    /// The octet where what is in error begins, counted from the start of what was offered. Of something missing, the
    /// start of the payload or key packet that it is missing from.
    #[must_use]
    pub const fn offset(self) -> usize {
        self.offset
    }
}

impl core::fmt::Display for GdoiError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        use GdoiErrorKind as K;
        match self.kind {
            K::Truncated => f.write_str("ends too early"),
            K::Length => f.write_str("length does not fit"),
            K::TrailingOctets => f.write_str("octets behind the last payload"),
            K::Reserved => f.write_str("reserved field not 0"),
            K::NextPayload(kind) => write!(f, "unexpected payload of type {kind}"),
            K::Doi => f.write_str("DOI is not GDOI"),
            K::Situation => f.write_str("Situation not 0"),
            K::ProtocolId(id) => write!(f, "unsupported Protocol-ID {id}"),
            K::Selector => f.write_str("protocol or port of an identity not 0"),
            K::IdType(id) => write!(f, "unsupported ID Type {id}"),
            K::IdLength => f.write_str("Identification Data of a length that does not fit its type"),
            K::AnySender => f.write_str("Identification Data for any sender not 0"),
            K::Transform(id) => write!(f, "unsupported Transform ID {id}"),
            K::Spi => f.write_str("reserved SPI"),
            K::DuplicateSpi => f.write_str("SPI of an earlier association"),
            K::TooManyAssociations => f.write_str("too many associations"),
            K::Attribute(kind) => write!(f, "unsupported attribute {kind}"),
            K::AttributeFormat(kind) => write!(f, "attribute {kind} in the wrong one of basic and variable encoding"),
            K::AttributeValue(kind) => write!(f, "attribute {kind} has a length or value that is not supported"),
            K::DuplicateAttribute(kind) => write!(f, "attribute {kind} occurs twice"),
            K::MissingAttribute(kind) => write!(f, "attribute {kind} is missing"),
            K::AttributeConflict(kind) => write!(f, "attribute {kind} does not go with the others"),
            K::KeyType(kind) => write!(f, "unsupported KD Type {kind}"),
            K::KeyCount => f.write_str("Number of Key Packets does not fit"),
            K::SpiSize => f.write_str("SPI Size does not fit"),
            K::UnexpectedKey => f.write_str("key packet for no association, or a second one"),
            K::MissingKey => f.write_str("association without a key packet"),
            K::KeyLength => f.write_str("key of a length that its algorithm does not take"),
            K::SenderId => f.write_str("sender identifier of a size that is not supported"),
            K::Terms(error) => error.fmt(f),
        }?;
        write!(f, " (octet {})", self.offset)
    }
}

impl core::error::Error for GdoiError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match &self.kind {
            GdoiErrorKind::Terms(error) => Some(error),
            _ => None,
        }
    }
}

/// Why associations were not written. Nothing of the buffer was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GdoiEmitError {
    /// The buffer is too small.
    BufferTooSmall {
        /// Octets needed.
        needed: usize,
    },
    /// No association given.
    NoAssociation,
    /// More associations than [`MAX_ASSOCIATIONS`](super::MAX_ASSOCIATIONS).
    TooManyAssociations,
    /// An association with the SPI of an earlier one: their keys could not be told apart.
    DuplicateSpi {
        /// Its index.
        index: usize,
    },
    /// An association of another epoch or rollover than the first one: both are the whole group's.
    Rollover {
        /// Its index.
        index: usize,
    },
    /// [`SenderId::ONLY`](crate::ipsec::SenderId::ONLY), which identifies nobody.
    SenderId,
}

impl core::fmt::Display for GdoiEmitError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::BufferTooSmall { needed } => write!(f, "buffer too small, {needed} octets needed"),
            Self::NoAssociation => f.write_str("no association"),
            Self::TooManyAssociations => f.write_str("too many associations"),
            Self::DuplicateSpi { index } => write!(f, "association {index} has the SPI of an earlier one"),
            Self::Rollover { index } => write!(f, "association {index} is of another epoch or rollover"),
            Self::SenderId => f.write_str("a sender identifier of no bits"),
        }
    }
}

impl core::error::Error for GdoiEmitError {}
