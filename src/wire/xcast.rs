//! Reading an Xcast header of either family.

use core::net::IpAddr;

use zerocopy::FromBytes;

use super::layout::{FLAG_ANONYMOUS, FLAG_DSCP, FLAG_NO_X2U, FLAG_PORTS, Layout, VERSION};
use super::octets::{array_at, u8_at, u16_at};
use super::{BitmapPlace, Checksum, DestinationSet, Dscp, Family, ParseError, ParseErrorKind, xcast4, xcast6};

/// An Xcast4 or Xcast6 header whose structure is checked: every length, the bits beyond NBR_OF_DEST, DS octets and padding.
///
/// CHECKSUM is not: see [`checksum_ok`](Self::checksum_ok). The values of the addresses are not either, as what a router
/// must refuse a person with a dump still wants to read.
#[derive(Clone, Copy, Debug)]
pub struct XcastHeader<'a> {
    octets: &'a [u8],
    layout: Layout,
}

impl<'a> XcastHeader<'a> {
    /// Splits an Xcast4 header from what follows it.
    ///
    /// # Errors
    ///
    /// - [`ParseErrorKind::XcastVersion`]: VERSION is not 1; nothing further was looked at.
    /// - [`ParseErrorKind::Truncated`], [`ParseErrorKind::NoDestination`], [`ParseErrorKind::XcastLength`],
    ///   [`ParseErrorKind::BitmapBeyondCount`], [`ParseErrorKind::DsOctet`], [`ParseErrorKind::NonzeroPadding`].
    pub fn split_v4(octets: &'a [u8], place: BitmapPlace) -> Result<(Self, &'a [u8]), ParseError> {
        let (version_flags, count) = Self::version_and_count(octets, Family::V4)?;
        let (fixed, _) = xcast4::Fixed::ref_from_prefix(octets)
            .map_err(|_| ParseError::new(ParseErrorKind::Truncated, octets.len()))?;
        let (dscps, ports) = (version_flags & FLAG_DSCP != 0, version_flags & FLAG_PORTS != 0);
        let layout = Layout::new(Family::V4, count, dscps, ports, place);
        if usize::from(fixed.length).saturating_mul(4) != layout.len {
            return Err(ParseError::new(ParseErrorKind::XcastLength, xcast4::LENGTH_AT));
        }
        Self::split(octets, layout)
    }

    /// Splits an Xcast6 Routing header from what follows it. That its Routing Type is Xcast's is the caller's knowledge.
    ///
    /// # Errors
    ///
    /// As [`split_v4`](Self::split_v4), and [`ParseErrorKind::SegmentsLeft`].
    pub fn split_v6(octets: &'a [u8], place: BitmapPlace) -> Result<(Self, &'a [u8]), ParseError> {
        let (version_flags, count) = Self::version_and_count(octets, Family::V6)?;
        let (fixed, _) = xcast6::Fixed::ref_from_prefix(octets)
            .map_err(|_| ParseError::new(ParseErrorKind::Truncated, octets.len()))?;
        if fixed.segments_left != 0 {
            return Err(ParseError::new(ParseErrorKind::SegmentsLeft, xcast6::SEGMENTS_LEFT_AT));
        }
        let layout = Layout::new(Family::V6, count, version_flags & FLAG_DSCP != 0, false, place);
        if usize::from(fixed.hdr_ext_len).saturating_add(1).saturating_mul(8) != layout.len {
            return Err(ParseError::new(ParseErrorKind::XcastLength, xcast6::HDR_EXT_LEN_AT));
        }
        Self::split(octets, layout)
    }

    /// The octet of VERSION and flags, and NBR_OF_DEST.
    fn version_and_count(octets: &[u8], family: Family) -> Result<(u8, usize), ParseError> {
        let truncated = ParseError::new(ParseErrorKind::Truncated, octets.len());
        let version_flags = u8_at(octets, Layout::flags_at(family)).ok_or(truncated)?;
        if version_flags >> 4 != VERSION {
            return Err(ParseError::new(ParseErrorKind::XcastVersion, Layout::flags_at(family)));
        }
        let count = u8_at(octets, Layout::count_at(family)).ok_or(truncated)? & 0x7f;
        if count == 0 {
            return Err(ParseError::new(ParseErrorKind::NoDestination, Layout::count_at(family)));
        }
        Ok((version_flags, usize::from(count)))
    }

    fn split(octets: &'a [u8], layout: Layout) -> Result<(Self, &'a [u8]), ParseError> {
        let truncated = ParseError::new(ParseErrorKind::Truncated, octets.len());
        let (header, rest) = octets.split_at_checked(layout.len).ok_or(truncated)?;
        let header = Self { octets: header, layout };
        header.check_contents()?;
        Ok((header, rest))
    }

    fn check_contents(&self) -> Result<(), ParseError> {
        let Layout { count, bitmap_at, ds_at, ports_at, len, .. } = self.layout;
        if self.bitmap().is_some_and(|bits| !bits.is_subset(DestinationSet::first_n(count))) {
            return Err(ParseError::new(ParseErrorKind::BitmapBeyondCount, bitmap_at));
        }
        if let Some(ds_at) = ds_at {
            let ds_end = ds_at.saturating_add(count);
            let ds = self.octets.get(ds_at..ds_end).unwrap_or(&[]);
            if let Some(index) = ds.iter().position(|octet| octet & 0x03 != 0) {
                return Err(ParseError::new(ParseErrorKind::DsOctet, ds_at.saturating_add(index)));
            }
            self.check_padding(ds_end, ports_at.unwrap_or(len))?;
        }
        if let Some(ports_at) = ports_at {
            self.check_padding(ports_at.saturating_add(count.saturating_mul(2)), len)?;
        }
        Ok(())
    }

    fn check_padding(&self, from: usize, to: usize) -> Result<(), ParseError> {
        match self.octets.get(from..to).unwrap_or(&[]).iter().position(|&octet| octet != 0) {
            None => Ok(()),
            Some(index) => Err(ParseError::new(ParseErrorKind::NonzeroPadding, from.saturating_add(index))),
        }
    }

    pub(crate) const fn layout(&self) -> &Layout {
        &self.layout
    }

    fn version_flags(&self) -> u8 {
        u8_at(self.octets, Layout::flags_at(self.layout.family)).unwrap_or(0)
    }

    /// IPv4 (Xcast4) or IPv6 (Xcast6).
    #[must_use]
    pub const fn family(&self) -> Family {
        self.layout.family
    }

    /// The header's octets.
    #[must_use]
    pub const fn as_octets(&self) -> &'a [u8] {
        self.octets
    }

    /// VERSION, which is 1.
    #[must_use]
    pub const fn version(&self) -> u8 {
        VERSION
    }

    /// A: routers overwrite the addresses of destinations already served elsewhere (RFC 5058 §9.2.2).
    #[must_use]
    pub fn anonymous(&self) -> bool {
        self.version_flags() & FLAG_ANONYMOUS != 0
    }

    /// X: routers must not turn the packet into a unicast one (RFC 5058 §9.2.2).
    #[must_use]
    pub fn no_x2u(&self) -> bool {
        self.version_flags() & FLAG_NO_X2U != 0
    }

    /// D: there is a DSCP per destination.
    #[must_use]
    pub const fn has_dscps(&self) -> bool {
        self.layout.ds_at.is_some()
    }

    /// P: the header itself holds a port per destination (Xcast4 only).
    #[must_use]
    pub const fn has_ports(&self) -> bool {
        self.layout.ports_at.is_some()
    }

    /// NBR_OF_DEST, 1..=127.
    #[must_use]
    pub const fn destination_count(&self) -> usize {
        self.layout.count
    }

    /// Where the bitmap is.
    #[must_use]
    pub const fn bitmap_place(&self) -> BitmapPlace {
        self.layout.place
    }

    /// CHECKSUM as carried.
    #[must_use]
    pub fn checksum(&self) -> u16 {
        u16_at(self.octets, Layout::checksum_at(self.layout.family)).unwrap_or(0)
    }

    /// Whether CHECKSUM is right for the header as it stands.
    #[must_use]
    pub fn checksum_ok(&self) -> bool {
        Checksum::new().add_octets(self.octets).folded() == 0xffff
    }

    /// CHANNEL IDENTIFIER: 4 octets in Xcast4, 16 in Xcast6; all zero means none.
    #[must_use]
    pub fn channel(&self) -> &'a [u8] {
        match self.layout.family {
            Family::V4 => self.octets.get(4..8),
            Family::V6 => self.octets.get(8..24),
        }
        .unwrap_or(&[])
    }

    /// PROT ID or Next Header.
    #[must_use]
    pub fn next_protocol(&self) -> u8 {
        let at = match self.layout.family {
            Family::V4 => xcast4::PROT_ID_AT,
            Family::V6 => 0,
        };
        u8_at(self.octets, at).unwrap_or(0)
    }

    /// The bitmap, unless it is separated.
    #[must_use]
    pub fn bitmap(&self) -> Option<DestinationSet> {
        match self.layout.place {
            BitmapPlace::Header => {
                self.octets.get(self.layout.bitmap_at..self.layout.addresses_at).map(DestinationSet::from_bitmap)
            }
            BitmapPlace::Option => None,
        }
    }

    /// The address of destination `index`, or `None` beyond the last.
    #[must_use]
    pub fn destination(&self, index: usize) -> Option<IpAddr> {
        if index >= self.layout.count {
            return None;
        }
        let at = self.layout.address_at(index);
        match self.layout.family {
            Family::V4 => array_at::<4>(self.octets, at).map(IpAddr::from),
            Family::V6 => array_at::<16>(self.octets, at).map(IpAddr::from),
        }
    }

    /// All addresses, in order.
    pub fn destinations(&self) -> impl Iterator<Item = IpAddr> + '_ {
        (0..self.layout.count).map_while(|index| self.destination(index))
    }

    /// The DSCP of destination `index`, if D=1.
    #[must_use]
    pub fn dscp(&self, index: usize) -> Option<Dscp> {
        let at = self.layout.ds_at?.saturating_add(index);
        if index >= self.layout.count { None } else { u8_at(self.octets, at).map(Dscp::from_ds_field) }
    }

    /// The port of destination `index`, if P=1 (Xcast4 only).
    #[must_use]
    pub fn port(&self, index: usize) -> Option<u16> {
        let at = self.layout.ports_at?.saturating_add(index.saturating_mul(2));
        if index >= self.layout.count { None } else { u16_at(self.octets, at) }
    }
}
