//! Why octets are not an XCAST6 2.0 packet.

/// What is wrong with the octets offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParseErrorKindV2 {
    /// Ends before what its lengths announce.
    Truncated,
    /// The outer header is of neither IPv4 nor IPv6, or the inner one not of IPv6.
    IpVersion,
    /// Some other packet: of IPv4, without the mark, or with something else in it than an IPv6 packet to the group whose
    /// first header is the Routing header.
    NotXcast6V2,
    /// The inner packet is longer or shorter than the outer header says.
    InnerLength,
    /// The inner Hop Limit is not 1.
    InnerHopLimit,
    /// The fourth octet of the Routing header is not 0.
    SegmentsLeft,
    /// The number of destinations is 0.
    NoDestination,
    /// The number of destinations exceeds 126.
    TooManyDestinations,
    /// HdrExtLen is not 2 + 2N.
    HeaderLength,
    /// A flag bit other than the two that have a meaning, or a bit of the octet that is always 0, is set.
    Reserved,
    /// A bit of the bitmap at or beyond the number of destinations is set.
    BitmapBeyondCount,
    /// The outer header does not lead to the first remaining destination.
    OuterDestination,
}

/// Octets that cannot be read: what is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParseErrorV2 {
    kind: ParseErrorKindV2,
    pointer: usize,
}

impl ParseErrorV2 {
    pub(super) const fn new(kind: ParseErrorKindV2, pointer: usize) -> Self {
        Self { kind, pointer }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(self) -> ParseErrorKindV2 {
        self.kind
    }

    /// The octet in error, counted from the start of the packet; where octets are missing, the first that is.
    #[must_use]
    pub const fn pointer(self) -> usize {
        self.pointer
    }
}

impl core::fmt::Display for ParseErrorV2 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        use ParseErrorKindV2 as K;
        let what = match self.kind {
            K::Truncated => "ends too early",
            K::IpVersion => "unexpected IP version",
            K::NotXcast6V2 => "not an XCAST6 2.0 packet",
            K::InnerLength => "inner packet does not fill the outer one",
            K::InnerHopLimit => "inner Hop Limit not 1",
            K::SegmentsLeft => "fourth octet of the Routing header not 0",
            K::NoDestination => "number of destinations is 0",
            K::TooManyDestinations => "more than 126 destinations",
            K::HeaderLength => "HdrExtLen does not fit the number of destinations",
            K::Reserved => "reserved bit set",
            K::BitmapBeyondCount => "bit set beyond the number of destinations",
            K::OuterDestination => "outer destination not the first remaining one",
        };
        write!(f, "{what} (octet {})", self.pointer)
    }
}

impl core::error::Error for ParseErrorV2 {}
