//! The separated bitmap (draft §3.2.1, §3.2.2): an IPv4 option or an IPv6 Hop-by-Hop option, so that AH can cover the whole
//! Xcast header while routers still change the bitmap.
//!
//! ```text
//! IPv4 option:                        Hop-by-Hop option:
//! +--------+--------+----------+      +--------+--------+----------+
//! |  type  | length |  bitmap  |      |  type  |  data  |  bitmap  |
//! |        | (all)  |          |      |        | length |          |
//! +--------+--------+----------+      +--------+--------+----------+
//! ```

use super::ipv4::{MIN_HEADER_LEN, OPTION_EOL};
use super::ipv6::{hdr_ext_len, write_padding};
use super::layout::bitmap_len;
use super::octets::{put, round_up};
use super::{CodePoints, DestinationSet, ExtensionHeader, Family, Ipv4Header, ParseError, ParseErrorKind};

/// Where a separated bitmap lies in its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BitmapOption {
    /// Where the option starts.
    pub(crate) at: usize,
    /// Octets of bitmap, behind the option's type and length.
    pub(crate) len: usize,
}

impl BitmapOption {
    /// Where the bitmap starts.
    pub(crate) const fn bitmap_at(&self) -> usize {
        self.at.saturating_add(2)
    }

    /// Where the option ends.
    pub(crate) const fn end(&self) -> usize {
        self.bitmap_at().saturating_add(self.len)
    }

    /// Keeps of the destinations in the bitmap those in `keep`.
    #[inline(never)]
    pub(crate) fn retain(&self, headers: &mut [u8], keep: DestinationSet) {
        if let Some(bitmap) = headers.get_mut(self.bitmap_at()..self.end()) {
            DestinationSet::from_bitmap(bitmap).intersection(keep).write_bitmap(bitmap);
        }
    }

    /// Looks for the option in an IPv4 header. With it there, nothing but zeros may follow an End of Options List.
    pub(crate) fn find_v4(header: &Ipv4Header<'_>, code_points: &CodePoints) -> Result<Option<Self>, ParseError> {
        let mut found = None;
        let mut nonzero_behind_eol = None;
        for option in header.options() {
            let option = option?;
            if option.kind == code_points.fields().bitmap_option_v4 {
                if found.is_some() {
                    return Err(ParseError::new(ParseErrorKind::RepeatedOption, option.at));
                }
                if option.at != MIN_HEADER_LEN {
                    return Err(ParseError::new(ParseErrorKind::BitmapOptionPlace, option.at));
                }
                found = Some(Self { at: option.at, len: option.data().len() });
            }
            if option.kind == OPTION_EOL {
                nonzero_behind_eol =
                    option.octets.iter().position(|&octet| octet != 0).map(|index| option.at.saturating_add(index));
            }
        }
        match (found, nonzero_behind_eol) {
            (Some(_), Some(at)) => Err(ParseError::new(ParseErrorKind::NonzeroPadding, at)),
            _ => Ok(found),
        }
    }

    /// Looks for the option in a Hop-by-Hop header. With it there, the padding in the header must be zero.
    pub(crate) fn find_v6(header: &ExtensionHeader<'_>, code_points: &CodePoints) -> Result<Option<Self>, ParseError> {
        let found = find_option(header, code_points.fields().bitmap_option_v6)?;
        Ok(found.map(|(at, data_len)| Self { at, len: data_len }))
    }

    /// Whether it has the length for `count` destinations, and no bit beyond them.
    pub(crate) fn check(&self, packet: &[u8], family: Family, count: usize) -> Result<DestinationSet, ParseError> {
        if self.len != bitmap_len(family, count) {
            return Err(ParseError::new(ParseErrorKind::BitmapOptionLength, self.at.saturating_add(1)));
        }
        let bits = DestinationSet::from_bitmap(packet.get(self.bitmap_at()..self.end()).unwrap_or(&[]));
        if bits.is_subset(DestinationSet::first_n(count)) {
            Ok(bits)
        } else {
            Err(ParseError::new(ParseErrorKind::BitmapBeyondCount, self.bitmap_at()))
        }
    }
}

/// The one option of `kind` in a Hop-by-Hop or Destination Options header: where it starts, and the length of its data.
/// With it there, PadN must hold zeros (no covert channel).
pub(crate) fn find_option(header: &ExtensionHeader<'_>, kind: u8) -> Result<Option<(usize, usize)>, ParseError> {
    let mut found = None;
    let mut nonzero_padding = None;
    for option in header.options() {
        let option = option?;
        if option.kind == kind {
            if found.is_some() {
                return Err(ParseError::new(ParseErrorKind::RepeatedOption, option.at));
            }
            found = Some((option.at, option.data().len()));
        } else if option.is_padding() && option.data().iter().any(|&octet| octet != 0) {
            nonzero_padding = nonzero_padding.or(Some(option.at));
        }
    }
    match (found, nonzero_padding) {
        (Some(_), Some(at)) => Err(ParseError::new(ParseErrorKind::NonzeroPadding, at)),
        _ => Ok(found),
    }
}

/// Octets of the IPv4 options that hold a bitmap for `count` destinations, padded to 4.
pub(crate) const fn v4_options_len(count: usize) -> usize {
    round_up(bitmap_len(Family::V4, count).saturating_add(2), 4)
}

/// Octets of the Hop-by-Hop header that holds a bitmap for `count` destinations.
pub(crate) const fn v6_header_len(count: usize) -> usize {
    round_up(bitmap_len(Family::V6, count).saturating_add(4), 8)
}

/// Writes the IPv4 options; `options` has [`v4_options_len`] octets.
pub(crate) fn emit_v4(options: &mut [u8], code_points: &CodePoints, count: usize, bits: DestinationSet) {
    options.fill(OPTION_EOL);
    let len = bitmap_len(Family::V4, count);
    let octets = u8::try_from(len.saturating_add(2)).unwrap_or(u8::MAX);
    put(options, 0, &[code_points.fields().bitmap_option_v4, octets]);
    if let Some(bitmap) = options.get_mut(2..len.saturating_add(2)) {
        bits.write_bitmap(bitmap);
    }
}

/// Writes the Hop-by-Hop header; `header` has [`v6_header_len`] octets.
pub(crate) fn emit_v6(
    header: &mut [u8],
    code_points: &CodePoints,
    next_header: u8,
    count: usize,
    bits: DestinationSet,
) {
    let len = bitmap_len(Family::V6, count);
    let units = hdr_ext_len(header.len());
    let data_len = u8::try_from(len).unwrap_or(u8::MAX);
    put(header, 0, &[next_header, units, code_points.fields().bitmap_option_v6, data_len]);
    let end = len.saturating_add(4);
    if let Some(bitmap) = header.get_mut(4..end) {
        bits.write_bitmap(bitmap);
    }
    if let Some(padding) = header.get_mut(end..) {
        write_padding(padding);
    }
}
