//! The classic format: a header of 24 octets, then packets, each behind a header of 16.

use std::io::Read;

use super::super::time::Time;
use super::input::Input;
use super::{CaptureError, MAX_PACKET, MAX_SNAP_LENGTH, Order, Record};

/// The version of the format, which has not changed since 1998.
const MAJOR_VERSION: u16 = 2;

#[derive(Debug)]
pub(super) struct Classic {
    order: Order,
    /// Digits of the fraction of a second: 6 or 9.
    digits: u8,
    link_type: u16,
    /// Packets read.
    packets: u64,
}

/// What the first four octets tell: the order of octets, and the digits of time stamps.
pub(super) fn magic(octets: [u8; 4]) -> Option<(Order, u8)> {
    match octets {
        [0xa1, 0xb2, 0xc3, 0xd4] => Some((Order::Big, 6)),
        [0xd4, 0xc3, 0xb2, 0xa1] => Some((Order::Little, 6)),
        [0xa1, 0xb2, 0x3c, 0x4d] => Some((Order::Big, 9)),
        [0x4d, 0x3c, 0xb2, 0xa1] => Some((Order::Little, 9)),
        _ => None,
    }
}

impl Classic {
    /// Reads what follows the magic number.
    pub(super) fn new<R: Read>(input: &mut Input<R>, order: Order, digits: u8) -> Result<Self, CaptureError> {
        let header = input.array::<20>("the file header of 24 octets")?;
        let version = order.u16_at(&header, 0);
        if version != MAJOR_VERSION {
            return Err(CaptureError::wrong(4, format!("version {version} of the format; only 2 is known")));
        }
        let snap_length = order.u32_at(&header, 12);
        if snap_length > MAX_SNAP_LENGTH {
            return Err(CaptureError::wrong(16, format!("a snap length of {snap_length} octets is absurd")));
        }
        // The upper half may tell of a frame check sequence behind each packet, which an IP length leaves out anyway.
        let link_type = (order.u32_at(&header, 16) & 0xffff) as u16;
        Ok(Self { order, digits, link_type, packets: 0 })
    }

    pub(super) fn next_record<'b, R: Read>(
        &mut self,
        input: &mut Input<R>,
        buffer: &'b mut Vec<u8>,
    ) -> Result<Option<Record<'b>>, CaptureError> {
        let (start, number) = (input.at(), self.packets + 1);
        let within = format!("the header of packet {number}, which starts at octet {start}");
        let Some(header) = input.array_or_end::<16>(within)? else { return Ok(None) };
        let [seconds, fraction, len, original_len] = [0, 4, 8, 12].map(|at| self.order.u32_at(&header, at));
        // Not held against the snap length, which writers are known to exceed.
        if len > MAX_PACKET {
            let what = format!("packet {number} has {len} octets; no IP packet has more than {MAX_PACKET}");
            return Err(CaptureError::wrong(start + 8, what));
        }
        self.packets = number;
        let at = input.at();
        buffer.resize(len as usize, 0);
        input.fill(buffer, format!("packet {number}, {len} octets from octet {at} on"))?;
        let nanos = if self.digits == 9 { fraction } else { fraction.saturating_mul(1000) };
        let time = Some(Time::new(seconds.into(), nanos, self.digits));
        Ok(Some(Record { time, link_type: self.link_type, interface: None, at, octets: buffer, original_len }))
    }
}
