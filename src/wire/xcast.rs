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
#[derive(Clone, Copy)]
pub struct XcastHeader<'a> {
    octets: &'a [u8],
    version_flags: u8,
    /// NBR_OF_DEST, in the lower seven bits.
    reserved_count: u8,
    /// Where the bitmap starts, which differs between the families.
    bitmap_at: u8,
    /// Where the addresses start, at most 40: behind the bitmap, or in its place where it is separated.
    addresses_at: u8,
}

impl core::fmt::Debug for XcastHeader<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("XcastHeader").field("octets", &self.octets).field("layout", &self.layout()).finish()
    }
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
        let Ok((fixed, _)) = xcast4::Fixed::ref_from_prefix(octets) else {
            return Err(too_short(octets, Family::V4));
        };
        let count = check_version(fixed.version_flags, fixed.reserved_count, Family::V4)?;
        let layout = layout(Family::V4, fixed.version_flags, count, place);
        if usize::from(fixed.length).saturating_mul(4) != layout.len {
            return Err(ParseError::new(ParseErrorKind::XcastLength, xcast4::LENGTH_AT));
        }
        Self::split(octets, &layout, fixed.version_flags, count)
    }

    /// Splits an Xcast6 Routing header from what follows it. That its Routing Type is Xcast's is the caller's knowledge.
    ///
    /// # Errors
    ///
    /// As [`split_v4`](Self::split_v4), and [`ParseErrorKind::SegmentsLeft`].
    pub fn split_v6(octets: &'a [u8], place: BitmapPlace) -> Result<(Self, &'a [u8]), ParseError> {
        let Ok((fixed, _)) = xcast6::Fixed::ref_from_prefix(octets) else {
            return Err(too_short(octets, Family::V6));
        };
        let count = check_version(fixed.version_flags, fixed.reserved_count, Family::V6)?;
        if fixed.segments_left != 0 {
            return Err(ParseError::new(ParseErrorKind::SegmentsLeft, xcast6::SEGMENTS_LEFT_AT));
        }
        let layout = layout(Family::V6, fixed.version_flags, count, place);
        if usize::from(fixed.hdr_ext_len).saturating_add(1).saturating_mul(8) != layout.len {
            return Err(ParseError::new(ParseErrorKind::XcastLength, xcast6::HDR_EXT_LEN_AT));
        }
        Self::split(octets, &layout, fixed.version_flags, count)
    }

    /// The Xcast6 header that starts `octets`, with its bits and what follows it, if it is sound and plain: of this Routing Type, with the bitmap
    /// and that one word, without DSCPs.
    #[inline(always)]
    pub(super) fn plain_v6(octets: &'a [u8], routing_type: u8) -> Option<(Self, DestinationSet, &'a [u8])> {
        let (xcast6::OneWord { fixed, bitmap }, _) = xcast6::OneWord::ref_from_prefix(octets).ok()?;
        let version_flags = fixed.version_flags;
        let count = usize::from(fixed.reserved_count & 0x7f);
        let units = usize::from(fixed.hdr_ext_len).wrapping_add(1);
        if [fixed.routing_type, fixed.segments_left] != [routing_type, 0]
            || version_flags & (0xf0 | FLAG_DSCP) != VERSION << 4
            || units != xcast6::units_with_one_word(count)
        {
            return None;
        }
        let (octets, rest) = octets.split_at_checked(units.wrapping_mul(8))?;
        let upper = u64::from_be_bytes(*bitmap);
        // NBR_OF_DEST reaches at least to the last bit that is set, is 1 at least and 64 at most, in one comparison.
        let behind_last = (upper | 1 << 63).trailing_zeros() as usize;
        if count.wrapping_add(behind_last).wrapping_sub(64) > behind_last {
            return None;
        }
        let (bitmap_at, addresses_at) = (xcast6::FIXED_LEN as u8, xcast6::ONE_WORD_LEN as u8);
        let header = Self { octets, version_flags, reserved_count: fixed.reserved_count, bitmap_at, addresses_at };
        Some((header, DestinationSet::from_words(upper, 0), rest))
    }

    /// Whether it is an Xcast6 header in which taking destinations away changes one word of the bitmap, and nothing else but
    /// CHECKSUM.
    pub(super) const fn changes_one_word(&self) -> bool {
        self.bitmap_at as usize == xcast6::FIXED_LEN
            && self.addresses_at as usize == xcast6::ONE_WORD_LEN
            && !self.anonymous()
    }

    fn split(octets: &'a [u8], layout: &Layout, version_flags: u8, count: u8) -> Result<(Self, &'a [u8]), ParseError> {
        let truncated = ParseError::new(ParseErrorKind::Truncated, octets.len());
        let (octets, rest) = octets.split_at_checked(layout.len).ok_or(truncated)?;
        let (bitmap_at, addresses_at) = (layout.bitmap_at as u8, layout.addresses_at as u8);
        let header = Self { octets, version_flags, reserved_count: count, bitmap_at, addresses_at };
        if !header.bitmap().is_none_or(|bits| bits.is_below(count)) {
            return Err(ParseError::new(ParseErrorKind::BitmapBeyondCount, layout.bitmap_at));
        }
        header.check_lists(layout)?;
        Ok((header, rest))
    }

    /// The low bits of DS octets, and the padding of both lists.
    fn check_lists(&self, layout: &Layout) -> Result<(), ParseError> {
        let Layout { count, ds_at, ports_at, len, .. } = *layout;
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

    /// Where everything lies.
    #[inline]
    pub(crate) const fn layout(&self) -> Layout {
        layout(self.family(), self.version_flags, self.reserved_count & 0x7f, self.bitmap_place())
    }

    /// IPv4 (Xcast4) or IPv6 (Xcast6).
    #[must_use]
    pub const fn family(&self) -> Family {
        if self.bitmap_at as usize == xcast4::FIXED_LEN { Family::V4 } else { Family::V6 }
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
    pub const fn anonymous(&self) -> bool {
        self.version_flags & FLAG_ANONYMOUS != 0
    }

    /// X: routers must not turn the packet into a unicast one (RFC 5058 §9.2.2).
    #[must_use]
    pub const fn no_x2u(&self) -> bool {
        self.version_flags & FLAG_NO_X2U != 0
    }

    /// D: there is a DSCP per destination.
    #[must_use]
    pub const fn has_dscps(&self) -> bool {
        self.version_flags & FLAG_DSCP != 0
    }

    /// P: the header itself holds a port per destination (Xcast4 only).
    #[must_use]
    pub const fn has_ports(&self) -> bool {
        matches!(self.family(), Family::V4) && self.version_flags & FLAG_PORTS != 0
    }

    /// NBR_OF_DEST, 1..=127.
    #[must_use]
    pub const fn destination_count(&self) -> usize {
        (self.reserved_count & 0x7f) as usize
    }

    /// Where the bitmap is.
    #[must_use]
    pub const fn bitmap_place(&self) -> BitmapPlace {
        // No bitmap is empty.
        if self.bitmap_at == self.addresses_at { BitmapPlace::Option } else { BitmapPlace::Header }
    }

    /// CHECKSUM as carried.
    #[must_use]
    pub fn checksum(&self) -> u16 {
        u16_at(self.octets, Layout::checksum_at(self.family())).unwrap_or(0)
    }

    /// Whether CHECKSUM is right for the header as it stands.
    #[must_use]
    pub fn checksum_ok(&self) -> bool {
        Checksum::new().add_octets(self.octets).folded() == 0xffff
    }

    /// CHANNEL IDENTIFIER: 4 octets in Xcast4, 16 in Xcast6; all zero means none.
    #[must_use]
    pub fn channel(&self) -> &'a [u8] {
        match self.family() {
            Family::V4 => self.octets.get(4..8),
            Family::V6 => self.octets.get(8..24),
        }
        .unwrap_or(&[])
    }

    /// PROT ID or Next Header.
    #[must_use]
    pub fn next_protocol(&self) -> u8 {
        let at = match self.family() {
            Family::V4 => xcast4::PROT_ID_AT,
            Family::V6 => 0,
        };
        u8_at(self.octets, at).unwrap_or(0)
    }

    /// The bitmap, unless it is separated.
    #[must_use]
    pub fn bitmap(&self) -> Option<DestinationSet> {
        match self.bitmap_place() {
            BitmapPlace::Header => {
                let (from, to) = (usize::from(self.bitmap_at), usize::from(self.addresses_at));
                self.octets.get(from..to).map(DestinationSet::from_bitmap)
            }
            BitmapPlace::Option => None,
        }
    }

    /// The address of destination `index`, or `None` beyond the last.
    #[inline]
    #[must_use]
    pub fn destination(&self, index: usize) -> Option<IpAddr> {
        if index >= self.destination_count() {
            return None;
        }
        // An index below 127 and at most 16 octets each.
        let at = usize::from(self.addresses_at).wrapping_add(index.wrapping_mul(self.family().address_len()));
        match self.family() {
            Family::V4 => array_at::<4>(self.octets, at).map(IpAddr::from),
            Family::V6 => array_at::<16>(self.octets, at).map(IpAddr::from),
        }
    }

    /// All addresses, in order.
    pub fn destinations(&self) -> impl Iterator<Item = IpAddr> + '_ {
        (0..self.destination_count()).map_while(|index| self.destination(index))
    }

    /// The DSCP of destination `index`, if D=1.
    #[must_use]
    pub fn dscp(&self, index: usize) -> Option<Dscp> {
        if !self.has_dscps() || index >= self.destination_count() {
            return None;
        }
        u8_at(self.octets, self.layout().ds_at?.saturating_add(index)).map(Dscp::from_ds_field)
    }

    /// The port of destination `index`, if P=1 (Xcast4 only).
    #[must_use]
    pub fn port(&self, index: usize) -> Option<u16> {
        if !self.has_ports() || index >= self.destination_count() {
            return None;
        }
        u16_at(self.octets, self.layout().ports_at?.saturating_add(index.saturating_mul(2)))
    }
}

#[inline]
const fn layout(family: Family, version_flags: u8, count: u8, place: BitmapPlace) -> Layout {
    let (dscps, ports) = (version_flags & FLAG_DSCP != 0, version_flags & FLAG_PORTS != 0);
    Layout::new(family, count as usize, dscps, ports, place)
}

/// NBR_OF_DEST, if VERSION is 1 and it is not 0.
#[inline]
fn check_version(version_flags: u8, reserved_count: u8, family: Family) -> Result<u8, ParseError> {
    if version_flags >> 4 != VERSION {
        return Err(ParseError::new(ParseErrorKind::XcastVersion, Layout::flags_at(family)));
    }
    match reserved_count & 0x7f {
        0 => Err(ParseError::new(ParseErrorKind::NoDestination, Layout::count_at(family))),
        count => Ok(count),
    }
}

/// What is wrong with a header shorter than its fixed part: what VERSION and NBR_OF_DEST say goes first.
#[cold]
fn too_short(octets: &[u8], family: Family) -> ParseError {
    let truncated = ParseError::new(ParseErrorKind::Truncated, octets.len());
    let Some(version_flags) = u8_at(octets, Layout::flags_at(family)) else { return truncated };
    // Any number will do for one that is not there.
    let reserved_count = u8_at(octets, Layout::count_at(family)).unwrap_or(1);
    check_version(version_flags, reserved_count, family).err().unwrap_or(truncated)
}
