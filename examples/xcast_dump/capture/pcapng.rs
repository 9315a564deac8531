//! The newer format (draft-ietf-opsawg-pcapng): sections of blocks, in the order of octets that each section's header
//! shows.

use std::io::Read;

use super::super::time::Time;
use super::input::Input;
use super::{CaptureError, MAX_PACKET, MAX_SNAP_LENGTH, Order, Record, array_at};

/// The same in both orders.
pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER_MAGIC: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];
const MAJOR_VERSION: u16 = 1;

/// Octets of type and both lengths.
const FRAME_LEN: u32 = 12;
/// Octets of the longest block that is read into memory: a packet and all its comments. Others are passed over.
const MAX_BLOCK: u32 = MAX_PACKET * 2;
/// Interfaces of one section that are remembered.
const MAX_INTERFACES: usize = 0x1_0000;

const OPTION_END: u16 = 0;
const OPTION_TIME_RESOLUTION: u16 = 9;
const OPTION_TIME_OFFSET: u16 = 14;

#[derive(Debug)]
pub(super) struct Pcapng {
    order: Order,
    /// Of the section.
    interfaces: Vec<Interface>,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link_type: u16,
    snap_length: u32,
    /// Parts of a second that time stamps count.
    per_second: u128,
    /// Added to time stamps, in seconds.
    offset: i64,
}

/// The block being read.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// Where it starts.
    at: u64,
    kind: u32,
    /// Octets of all of it.
    len: u32,
}

impl Block {
    fn body_len(&self) -> u32 {
        self.len - FRAME_LEN
    }

    fn name(&self) -> String {
        let name = match self.kind {
            SECTION_HEADER => "Section Header".into(),
            INTERFACE_DESCRIPTION => "Interface Description".into(),
            SIMPLE_PACKET => "Simple Packet".into(),
            ENHANCED_PACKET => "Enhanced Packet".into(),
            other => format!("type {other:#010x}"),
        };
        format!("the block ({name}) that starts at octet {}", self.at)
    }

    fn wrong(&self, offset: u32, what: impl Into<String>) -> CaptureError {
        CaptureError::wrong(self.at + u64::from(offset), what)
    }
}

impl Pcapng {
    /// Reads the first section's header, whose type was read.
    pub(super) fn new<R: Read>(input: &mut Input<R>) -> Result<Self, CaptureError> {
        let mut pcapng = Self { order: Order::Big, interfaces: Vec::new() };
        pcapng.start_section(input, 0)?;
        Ok(pcapng)
    }

    /// Reads a section's header; its type, which starts at `at`, was read.
    fn start_section<R: Read>(&mut self, input: &mut Input<R>, at: u64) -> Result<(), CaptureError> {
        let within = format!("the block (Section Header) that starts at octet {at}");
        let len = input.array::<4>(within.clone())?;
        let magic = input.array::<4>(within.clone())?;
        let mut reversed = BYTE_ORDER_MAGIC;
        reversed.reverse();
        self.order = match magic {
            BYTE_ORDER_MAGIC => Order::Big,
            magic if magic == reversed => Order::Little,
            _ => return Err(CaptureError::wrong(at + 8, "no byte-order magic in the Section Header")),
        };
        let block = Block { at, kind: SECTION_HEADER, len: self.order.u32(len) };
        // Versions and the section's length follow the magic.
        self.check_len(&block, 16)?;
        let version = input.array::<4>(within.clone())?;
        let major = self.order.u16_at(&version, 0);
        if major != MAJOR_VERSION {
            return Err(block.wrong(12, format!("version {major} of the format; only 1 is known")));
        }
        self.interfaces.clear();
        input.skip(u64::from(block.body_len() - 8), within)?;
        self.end_block(input, &block)
    }

    /// Whether a block's length can be that of a block with `least` octets of body.
    fn check_len(&self, block: &Block, least: u32) -> Result<(), CaptureError> {
        if !block.len.is_multiple_of(4) || block.len < FRAME_LEN + least {
            return Err(block
                .wrong(4, format!("block length {}: not a multiple of 4 from {} on", block.len, FRAME_LEN + least)));
        }
        Ok(())
    }

    /// Reads the length that stands behind a block once more.
    fn end_block<R: Read>(&self, input: &mut Input<R>, block: &Block) -> Result<(), CaptureError> {
        let len = self.order.u32(input.array::<4>(block.name())?);
        if len != block.len {
            let what = format!("block length {len} behind the block, {} in front of it", block.len);
            return Err(block.wrong(block.len - 4, what));
        }
        Ok(())
    }

    pub(super) fn next_record<'b, R: Read>(
        &mut self,
        input: &mut Input<R>,
        buffer: &'b mut Vec<u8>,
    ) -> Result<Option<Record<'b>>, CaptureError> {
        loop {
            let at = input.at();
            let within = format!("the type of the block that starts at octet {at}");
            let Some(kind) = input.array_or_end::<4>(within)? else { return Ok(None) };
            let kind = self.order.u32(kind);
            if kind == SECTION_HEADER {
                self.start_section(input, at)?;
                continue;
            }
            let within = format!("the length of the block that starts at octet {at}");
            let len = self.order.u32(input.array::<4>(within)?);
            let block = Block { at, kind, len };
            let least = match kind {
                INTERFACE_DESCRIPTION => 8,
                SIMPLE_PACKET => 4,
                ENHANCED_PACKET => 20,
                _ => 0,
            };
            self.check_len(&block, least)?;
            if least == 0 {
                input.skip(block.body_len().into(), block.name())?;
                self.end_block(input, &block)?;
                continue;
            }
            if len > MAX_BLOCK {
                return Err(
                    block.wrong(4, format!("block length {len}; no block of a packet has more than {MAX_BLOCK}"))
                );
            }
            buffer.resize(block.body_len() as usize, 0);
            input.fill(buffer, block.name())?;
            self.end_block(input, &block)?;
            match kind {
                INTERFACE_DESCRIPTION => self.add_interface(&block, buffer)?,
                SIMPLE_PACKET => return self.simple_packet(&block, buffer).map(Some),
                _ => return self.enhanced_packet(&block, buffer).map(Some),
            }
        }
    }

    fn add_interface(&mut self, block: &Block, body: &[u8]) -> Result<(), CaptureError> {
        let number = self.interfaces.len();
        if number >= MAX_INTERFACES {
            return Err(block.wrong(0, format!("more than {MAX_INTERFACES} interfaces in one section")));
        }
        let snap_length = self.order.u32_at(body, 4);
        if snap_length > MAX_SNAP_LENGTH {
            return Err(block.wrong(12, format!("interface {number}: a snap length of {snap_length} octets is absurd")));
        }
        let link_type = self.order.u16_at(body, 0);
        let mut interface = Interface { link_type, snap_length, per_second: 1_000_000, offset: 0 };
        let mut at = 8;
        while let Some(head) = body.get(at..).and_then(<[u8]>::first_chunk::<4>) {
            let (code, len) = (self.order.u16_at(head, 0), self.order.u16_at(head, 2));
            if code == OPTION_END {
                break;
            }
            // The frame's first 8 octets stand in front of the body.
            let option_at = u32::try_from(at + 8).unwrap_or(u32::MAX);
            let Some(data) = body.get(at + 4..at + 4 + usize::from(len)) else {
                let what = format!("interface {number}: option {code} of {len} octets runs past its block");
                return Err(block.wrong(option_at, what));
            };
            match (code, data) {
                (OPTION_TIME_RESOLUTION, &[resolution]) => {
                    interface.per_second = per_second(resolution).ok_or_else(|| {
                        block.wrong(
                            option_at + 4,
                            format!("interface {number}: time resolution {resolution:#04x} is absurd"),
                        )
                    })?;
                }
                (OPTION_TIME_OFFSET, data) if data.len() == 8 => {
                    interface.offset = self.order.u64(array_at(data, 0)) as i64;
                }
                _ => {}
            }
            at += 4 + usize::from(len).next_multiple_of(4);
        }
        self.interfaces.push(interface);
        Ok(())
    }

    fn interface(&self, block: &Block, number: u32, offset: u32) -> Result<Interface, CaptureError> {
        let found = usize::try_from(number).ok().and_then(|number| self.interfaces.get(number)).copied();
        found.ok_or_else(|| {
            let known = self.interfaces.len();
            block.wrong(offset, format!("a packet of interface {number}, but the section describes {known} so far"))
        })
    }

    fn enhanced_packet<'b>(&self, block: &Block, body: &'b [u8]) -> Result<Record<'b>, CaptureError> {
        let [number, high, low, len, original_len] = [0, 4, 8, 12, 16].map(|at| self.order.u32_at(body, at));
        let interface = self.interface(block, number, 8)?;
        let octets = body
            .get(20..)
            .and_then(|rest| rest.get(..len as usize))
            .ok_or_else(|| block.wrong(20, format!("a packet of {len} octets in a block of {}", block.len)))?;
        let at = block.at + 28;
        let time = Time::from_ticks((u64::from(high) << 32) | u64::from(low), interface.per_second, interface.offset);
        Ok(Record {
            time: Some(time),
            link_type: interface.link_type,
            interface: Some(number),
            at,
            octets,
            original_len,
        })
    }

    /// Of the first interface, without a time, as long as its interface's snap length let it be.
    fn simple_packet<'b>(&self, block: &Block, body: &'b [u8]) -> Result<Record<'b>, CaptureError> {
        let interface = self.interface(block, 0, 0)?;
        let original_len = self.order.u32_at(body, 0);
        let limit = if interface.snap_length == 0 { u32::MAX } else { interface.snap_length };
        let len = original_len.min(limit) as usize;
        let octets = body
            .get(4..)
            .and_then(|rest| rest.get(..len))
            .ok_or_else(|| block.wrong(8, format!("a packet of {len} octets in a block of {}", block.len)))?;
        let at = block.at + 12;
        Ok(Record { time: None, link_type: interface.link_type, interface: Some(0), at, octets, original_len })
    }
}

/// What an if_tsresol octet says: parts of a second, a power of ten or, with the upper bit, of two. `None` if no time
/// stamp of 64 bits would reach a second.
fn per_second(resolution: u8) -> Option<u128> {
    let exponent = u32::from(resolution & 0x7f);
    if resolution & 0x80 == 0 {
        if exponent > 19 { None } else { 10_u128.checked_pow(exponent) }
    } else if exponent > 63 {
        None
    } else {
        Some(1 << exponent)
    }
}
