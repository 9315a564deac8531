//! Verifying AH and opening ESP, with the keys of a file.
//!
//! A capture holds the same packet once for each link it was captured on, so a window that moved would call every sight
//! of it but the first a replay. Each packet is therefore opened with windows that have seen nothing. That a number was
//! seen before is told beside the verdict, and two cases are told apart: the same packet again, by its ICV (another
//! link, or a replay: a capture does not tell), and another packet under the same number, which no sender may make.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use xcast_sec::crypto::RustCrypto;
use xcast_sec::ipsec::{Content, Mode, OpenError, Opened, PacketBuf, SaId, SenderWindows, Spi, resynchronize};
use xcast_sec::wire::{AhHeader, CodePoints, Family, IpHeader};

use super::keys::Keys;

/// Any size will do, as nothing is ever left of a window that starts at 0.
const WINDOW: u32 = 64;
/// Numbers that are remembered; of more, the oldest are forgotten.
const REMEMBERED: usize = 0x1_0000;
/// Octets of the end of ESP that hold its ICV, or a part of it that is as good for comparing.
const ICV_LEN: usize = 12;

/// What became of one AH or ESP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// No keys were given.
    NotTried,
    Verified {
        sequence: u64,
        again: Again,
    },
    Failed(OpenError),
}

/// Whether a number was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    No,
    /// The same packet, first in the packet of this number.
    Same(u64),
    /// Another packet, the one of this number.
    Reused(u64),
}

/// What is left of a packet whose outermost protection was taken off.
pub(crate) enum Inside {
    /// Transport mode: the packet without the header.
    Packet(Vec<u8>),
    /// Tunnel mode: the packet that was inside.
    Tunnelled(Vec<u8>),
    Dummy,
}

/// Opens packets, and remembers their numbers.
pub(crate) struct Opener {
    keys: Keys,
    seen: HashMap<(SaId, IpAddr, u64), (u64, [u8; ICV_LEN])>,
    /// The keys of `seen`, oldest first.
    order: VecDeque<(SaId, IpAddr, u64)>,
}

impl Opener {
    pub(crate) fn new(keys: Keys) -> Self {
        Self { keys, seen: HashMap::new(), order: VecDeque::new() }
    }

    /// Opens the outermost AH or ESP of packet `number` of the capture; `icv_at` is where the ICV of an AH stands.
    pub(crate) fn open(
        &mut self,
        packet: &[u8],
        icv_at: Option<usize>,
        number: u64,
        code_points: &CodePoints,
    ) -> (Verdict, Option<Inside>) {
        let Some(mut windows) = SenderWindows::<1, 1>::new(WINDOW) else { return (Verdict::NotTried, None) };
        let mut storage = packet.to_vec();
        let len = storage.len();
        let Some(mut buffer) = PacketBuf::new(&mut storage, 0..len) else { return (Verdict::NotTried, None) };
        let (sad, tries) = (&*self.keys.sad, self.keys.tries);
        let opened = match resynchronize(sad, &mut windows, &mut RustCrypto, Some(code_points), tries, &mut buffer) {
            Ok(opened) => opened,
            Err(error) => return (Verdict::Failed(error), None),
        };
        let inside = match (opened.content, opened.mode) {
            (Content::Dummy, _) => Inside::Dummy,
            (Content::Packet, Mode::Transport) => Inside::Packet(buffer.as_octets().to_vec()),
            (Content::Packet, Mode::Tunnel(_)) => Inside::Tunnelled(buffer.as_octets().to_vec()),
        };
        let whole = packet.get(..super::anatomy::packet_len(packet).unwrap_or(len)).unwrap_or(packet);
        let icv = icv_at.and_then(|at| whole.get(at..)?.first_chunk().copied());
        let icv = icv.or_else(|| whole.last_chunk().copied()).unwrap_or_default();
        let again = self.remember(&opened, number, icv);
        (Verdict::Verified { sequence: opened.sequence, again }, Some(inside))
    }

    fn remember(&mut self, opened: &Opened, number: u64, icv: [u8; ICV_LEN]) -> Again {
        let key = (opened.sa, opened.source, opened.sequence);
        if let Some(&(first, first_icv)) = self.seen.get(&key) {
            return if first_icv == icv { Again::Same(first) } else { Again::Reused(first) };
        }
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.seen.insert(key, (number, icv));
        self.order.push_back(key);
        Again::No
    }
}

impl Verdict {
    /// In a few words, to stand behind "AH" or "ESP" and its numbers; `done` is what AH or ESP is if all is well.
    pub(crate) fn words(&self, done: &str) -> String {
        match self {
            Self::NotTried => String::new(),
            Self::Verified { again, .. } => match again {
                Again::No => format!(" {done}"),
                Again::Same(first) => format!(" {done} (as #{first})"),
                Again::Reused(first) => format!(" {done}, but #{first} HAS THE SAME NUMBER"),
            },
            Self::Failed(OpenError::NoSa { .. } | OpenError::ReservedSpi { .. }) => " NO KEY".into(),
            Self::Failed(OpenError::Icv) => " ICV WRONG".into(),
            Self::Failed(OpenError::Replay(_)) => " sequence number 0, WHICH NO RECEIVER ACCEPTS".into(),
            Self::Failed(OpenError::Refused(refusal)) => format!(" REFUSED: {refusal}"),
            Self::Failed(error) => format!(" NOT OPENED: {error}"),
        }
    }

    pub(crate) fn is_verified(&self) -> bool {
        matches!(self, Self::Verified { .. })
    }
}

/// The packet without an AH that was not verified, so that ESP in it can be opened all the same: `at` is where it
/// starts, `announced_at` where the octet that announces it is. `None` if the AH runs past the packet's end.
pub(crate) fn without_ah(packet: &[u8], announced_at: usize, at: usize) -> Option<Vec<u8>> {
    let (ip, _) = IpHeader::split(packet).ok()?;
    let (family, header_len) = (ip.family(), ip.header_len());
    let whole = packet.get(..ip.packet_len())?;
    let (ah, behind) = AhHeader::split(whole.get(at..)?).ok()?;
    let mut packet = [whole.get(..at)?, behind].concat();
    *packet.get_mut(announced_at)? = ah.next_header();
    let (len_at, counted) = match family {
        Family::V4 => (2, packet.len()),
        Family::V6 => (4, packet.len().checked_sub(header_len)?),
    };
    let len = u16::try_from(counted).ok()?.to_be_bytes();
    packet.get_mut(len_at..len_at + 2)?.copy_from_slice(&len);
    // Opening does not look at the IPv4 header checksum, nor at the Xcast CHECKSUM.
    Some(packet)
}

/// An SPI as the library shows it; 0 to 255, which no association has, too.
pub(crate) fn spi_text(spi: u32) -> String {
    Spi::new(spi).map_or_else(|| format!("{spi:#010x}"), |spi| spi.to_string())
}
