//! The Ports option of Xcast6 (RFC 5058 §9.3.2.2): a Destination Options header directly behind the Routing header, with
//! one port per destination.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Next Header  |  Hdr Ext Len  |  Option Type  | Opt Data Len  |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |            Port 1             |            Port 2             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                  …                            |     PadN      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use super::bitmap_option::find_option;
use super::ipv6::{hdr_ext_len, write_padding};
use super::octets::{put, round_up};
use super::{CodePoints, ExtensionHeader, ParseError, ParseErrorKind};

/// Where the Ports option lies in its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PortsOption {
    /// Where its Destination Options header starts.
    pub(crate) header_at: usize,
    /// Where that header ends.
    pub(crate) header_end: usize,
    /// Where the option starts.
    pub(crate) at: usize,
    /// Where it ends.
    pub(crate) end: usize,
}

impl PortsOption {
    /// Looks for the option in a Destination Options header; it must hold exactly `count` ports.
    pub(crate) fn find(
        header: &ExtensionHeader<'_>,
        code_points: &CodePoints,
        count: usize,
    ) -> Result<Option<Self>, ParseError> {
        let Some((at, data_len)) = find_option(header, code_points.fields().ports_option)? else { return Ok(None) };
        if data_len != count.saturating_mul(2) {
            return Err(ParseError::new(ParseErrorKind::PortCount, at.saturating_add(1)));
        }
        let end = at.saturating_add(2).saturating_add(data_len);
        Ok(Some(Self { header_at: header.at, header_end: header.end(), at, end }))
    }

    /// Where port `index` stands.
    pub(crate) const fn port_at(&self, index: usize) -> usize {
        self.at.saturating_add(2).saturating_add(index.saturating_mul(2))
    }
}

/// Octets of the Destination Options header that holds `count` ports.
pub(crate) const fn header_len(count: usize) -> usize {
    round_up(count.saturating_mul(2).saturating_add(4), 8)
}

/// Writes the header; `header` has [`header_len`] octets.
pub(crate) fn emit(header: &mut [u8], code_points: &CodePoints, next_header: u8, ports: &[u16]) {
    let units = hdr_ext_len(header.len());
    let data_len = u8::try_from(ports.len().saturating_mul(2)).unwrap_or(u8::MAX);
    put(header, 0, &[next_header, units, code_points.fields().ports_option, data_len]);
    let mut at = 4_usize;
    for port in ports {
        put(header, at, &port.to_be_bytes());
        at = at.saturating_add(2);
    }
    if let Some(padding) = header.get_mut(at..) {
        write_padding(padding);
    }
}
