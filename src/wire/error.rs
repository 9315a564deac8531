//! Why octets are not what a codec reads, and why it could not write them.

/// What is wrong with the octets offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// Ends before what its lengths announce.
    Truncated,
    /// IP version other than the one expected, or neither 4 nor 6.
    IpVersion,
    /// IPv4 IHL below 5.
    Ipv4HeaderLength,
    /// IPv4 Total Length below the header's own.
    Ipv4TotalLength,
    /// IPv4 header checksum is wrong.
    Ipv4HeaderChecksum,
    /// An IPv4 or IPv6 option runs past the end of its header, or an IPv4 one claims less than its own two octets.
    OptionLength,
    /// A fragment: Xcast, AH and ESP stand on whole packets only.
    Fragment,
    /// A Hop-by-Hop Options header that does not directly follow the IPv6 header (RFC 8200 §4.1).
    HopByHopPlace,
    /// Nothing in the packet is Xcast, or no code points are configured.
    NotXcast,
    /// Xcast VERSION other than 1.
    XcastVersion,
    /// NBR_OF_DEST is 0.
    NoDestination,
    /// LENGTH or HdrExtLen is not what NBR_OF_DEST and the flags ask for.
    XcastLength,
    /// The fourth octet of the Xcast6 Routing header is not 0.
    SegmentsLeft,
    /// A bit of the bitmap at or beyond NBR_OF_DEST is set.
    BitmapBeyondCount,
    /// Padding that must be zero is not.
    NonzeroPadding,
    /// One of the two low bits of a DS octet is set.
    DsOctet,
    /// A bitmap or Ports option occurs twice.
    RepeatedOption,
    /// The IPv4 bitmap option does not directly follow the 20 fixed octets.
    BitmapOptionPlace,
    /// A bitmap option does not hold exactly the bitmap for NBR_OF_DEST.
    BitmapOptionLength,
    /// The Ports option does not hold exactly NBR_OF_DEST ports.
    PortCount,
    /// The Xcast CHECKSUM is wrong.
    XcastChecksum,
    /// AH Payload Len gives no room for the fixed fields.
    AhPayloadLen,
    /// An IPv6 packet with AH in front of its Xcast Routing header, where routers do not look (refused).
    RoutingBehindAh,
    /// UDP Length is below 8 or beyond the end.
    UdpLength,
    /// The semi-permeable tunnel option holds data, or stands in front of an IPv4 packet.
    TunnelOption,
    /// An option in front of an inner packet that must not be passed over by those who do not know it (RFC 8200 §4.2).
    UnrecognisedOption,
}

/// Octets that cannot be read: what is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParseError {
    kind: ParseErrorKind,
    pointer: usize,
}

impl ParseError {
    pub(crate) const fn new(kind: ParseErrorKind, pointer: usize) -> Self {
        Self { kind, pointer }
    }

    /// The same error, seen from `base` octets further out.
    pub(crate) const fn shifted(self, base: usize) -> Self {
        Self { kind: self.kind, pointer: self.pointer.saturating_add(base) }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(self) -> ParseErrorKind {
        self.kind
    }

    /// The octet in error, counted from the start of what was offered: where an ICMP Parameter Problem would point.
    #[must_use]
    pub const fn pointer(self) -> usize {
        self.pointer
    }
}

impl core::fmt::Display for ParseError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        use ParseErrorKind as K;
        let what = match self.kind {
            K::Truncated => "ends too early",
            K::IpVersion => "unexpected IP version",
            K::Ipv4HeaderLength => "IPv4 header length below 20 octets",
            K::Ipv4TotalLength => "IPv4 Total Length below its header",
            K::Ipv4HeaderChecksum => "wrong IPv4 header checksum",
            K::OptionLength => "option runs past its header",
            K::Fragment => "fragment",
            K::HopByHopPlace => "Hop-by-Hop header not directly after the IPv6 header",
            K::NotXcast => "not Xcast",
            K::XcastVersion => "unsupported Xcast VERSION",
            K::NoDestination => "NBR_OF_DEST is 0",
            K::XcastLength => "Xcast header length does not fit NBR_OF_DEST and flags",
            K::SegmentsLeft => "fourth octet of the Xcast Routing header not 0",
            K::BitmapBeyondCount => "bit set beyond NBR_OF_DEST",
            K::NonzeroPadding => "padding not zero",
            K::DsOctet => "low bit set in a DS octet",
            K::RepeatedOption => "bitmap or Ports option repeated",
            K::BitmapOptionPlace => "bitmap option not directly after the fixed IPv4 header",
            K::BitmapOptionLength => "bitmap option does not fit NBR_OF_DEST",
            K::PortCount => "Ports option does not hold NBR_OF_DEST ports",
            K::XcastChecksum => "wrong Xcast CHECKSUM",
            K::AhPayloadLen => "AH Payload Len too small",
            K::RoutingBehindAh => "Xcast Routing header behind AH",
            K::UdpLength => "UDP Length does not fit",
            K::UnrecognisedOption => "option that must not be passed over",
            K::TunnelOption => "tunnel option with data or in front of an IPv4 packet",
        };
        write!(f, "{what} (octet {})", self.pointer)
    }
}

impl core::error::Error for ParseError {}

/// Why a header or packet was not written. Nothing of the buffer was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EmitError {
    /// The buffer is too small.
    BufferTooSmall {
        /// Octets needed.
        needed: usize,
    },
    /// The packet would be longer than its IP header can say.
    PacketTooLong {
        /// Octets it would have.
        len: usize,
    },
    /// No destination given.
    NoDestination,
    /// More destinations than the header holds with these flags.
    TooManyDestinations {
        /// The most it holds.
        max: usize,
    },
    /// A bit of the set lies at or beyond the number of destinations.
    BitBeyondCount,
    /// The DSCP list has another length than the destination list.
    DscpCount,
    /// The port list has another length than the destination list.
    PortCount,
    /// A source that no packet can be routed from (multicast, unspecified, loopback, limited broadcast, link-local).
    UnusableSource,
    /// A router's address that is of the other family, or that no packet can be routed to.
    UnusableRouter,
    /// A destination that no packet can be routed to (multicast, unspecified, loopback, limited broadcast, link-local).
    UnusableDestination {
        /// Its index.
        index: usize,
    },
    /// A destination (with its port, if there are ports) that occurs earlier, both bits set.
    DuplicateDestination {
        /// Its index.
        index: usize,
    },
    /// The DSCPs of the destinations still to be served do not merge: send one packet per group of those that do.
    DscpsDoNotMerge,
    /// Anonymity together with a separated bitmap: routers would have to change an immutable header.
    AnonymousWithSeparatedBitmap,
    /// AH directly behind the Xcast4 header: the destinations must precede IPsec (draft §3.2.1).
    AhBehindXcast4,
}

impl core::fmt::Display for EmitError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::BufferTooSmall { needed } => write!(f, "buffer too small, {needed} octets needed"),
            Self::PacketTooLong { len } => write!(f, "packet of {len} octets exceeds what IP can carry"),
            Self::NoDestination => f.write_str("no destination"),
            Self::TooManyDestinations { max } => write!(f, "more destinations than the {max} that fit"),
            Self::BitBeyondCount => f.write_str("bit set beyond the destination list"),
            Self::DscpCount => f.write_str("not one DSCP per destination"),
            Self::PortCount => f.write_str("not one port per destination"),
            Self::UnusableSource => f.write_str("the source cannot be routed from"),
            Self::UnusableRouter => f.write_str("the router's address cannot be used"),
            Self::UnusableDestination { index } => write!(f, "destination {index} cannot be routed to"),
            Self::DuplicateDestination { index } => write!(f, "destination {index} is a duplicate"),
            Self::DscpsDoNotMerge => f.write_str("DSCPs of the destinations do not merge"),
            Self::AnonymousWithSeparatedBitmap => f.write_str("anonymity and a separated bitmap exclude each other"),
            Self::AhBehindXcast4 => f.write_str("AH cannot follow the Xcast4 header"),
        }
    }
}

impl core::error::Error for EmitError {}
