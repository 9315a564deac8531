//! Opening many packets of the plainest kind: transport-mode ESP directly behind an IPv4 header without options. What is done, and in
//! which order, is what [`open_through`] does; but little is known of such a packet, and that stays in registers.

use core::net::Ipv4Addr;

use crate::crypto::{CryptoError, CryptoProvider, EspJob};
use crate::ipsec::association::config::{Mode, SecurityProtocol};
use crate::ipsec::association::sa::{EspKeys, Sa, Transform, high_half};
use crate::ipsec::association::sad::SadLookup;
use crate::ipsec::association::spi::Spi;
use crate::ipsec::packet::arrived::Arrived;
use crate::ipsec::packet::batch::CHUNK;
use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::error::OpenError;
use crate::ipsec::packet::laid::EspJobOf;
use crate::ipsec::packet::open::{Content, Open, Opened, open_through};
use crate::ipsec::packet::placement::repaired_v4;
use crate::ipsec::packet::tried::{Trial, Tried};
use crate::ipsec::replay::senders::{ReplayStore, SenderKey};
use crate::ipsec::replay::window::Unverified;
use crate::wire::{CodePoints, UdpDatagram, esp, ipv4, protocol};

/// Octets of the IPv4 header, SPI and Sequence Number.
const FRONT_LEN: usize = ipv4::MIN_HEADER_LEN + esp::HEADER_LEN;

/// In the first 16 octets of a header, in big-endian order: version and length, More Fragments and Fragment Offset, Protocol.
const KIND: u128 = 0xff00_0000_0000_3fff_00ff_0000_0000_0000;
/// What stands there if it is version 4, five words long, no fragment, and ESP is next.
const ESP_BEHIND_PLAIN_V4: u128 = (0x45 << 120) | ((protocol::ESP as u128) << 48);

/// What the headers of such a packet claim.
#[derive(Clone, Copy, Debug)]
struct Plain {
    /// Octets of the whole packet, by its IP header.
    packet_len: usize,
    spi: Spi,
    sequence: u32,
    source: u32,
    destination: u32,
}

impl Plain {
    /// `None` if it is any other packet, or one that is refused.
    #[inline(always)]
    fn read(packet: &[u8]) -> Option<Self> {
        let (front, rest) = packet.first_chunk::<FRONT_LEN>()?.split_first_chunk()?;
        let front = u128::from_be_bytes(*front);
        let packet_len = usize::from((front >> 96) as u16);
        if front & KIND != ESP_BEHIND_PLAIN_V4 || packet_len < FRONT_LEN || packet_len > packet.len() {
            return None;
        }
        let ([destination, spi, sequence], []) = rest.as_chunks() else { return None };
        Some(Self {
            packet_len,
            spi: Spi::new(u32::from_be_bytes(*spi))?,
            sequence: u32::from_be_bytes(*sequence),
            source: front as u32,
            destination: u32::from_be_bytes(*destination),
        })
    }

    #[inline(always)]
    const fn source(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.source)
    }

    #[inline(always)]
    fn check_sequence<'r, P, R>(&self, sa: &Sa<P>, replay: &'r mut R) -> Option<Unverified<'r>>
    where
        P: CryptoProvider,
        R: ReplayStore + ?Sized,
    {
        replay.check(SenderKey { sa: sa.id(), source: self.source().into() }, self.sequence, sa.esn()).ok()
    }
}

/// What was computed of a packet before its turn came.
#[derive(Debug)]
struct Row<'s, P: CryptoProvider> {
    plain: Plain,
    sa: &'s Sa<P>,
    /// The sequence number that it was taken to have.
    sequence: u64,
    result: Result<(), CryptoError>,
}

/// What is known of the packets of a chunk.
type Rows<'s, P> = [Option<Row<'s, P>>; CHUNK];

/// Whether all packets of a chunk are of this kind. Xcast4 must not have the number of ESP.
pub(super) fn are_plain(packets: &[&mut PacketBuf<'_>], code_points: Option<&CodePoints>) -> bool {
    let other = code_points.is_none_or(|code_points| code_points.fields().xcast4_protocol != protocol::ESP);
    let is_plain = |octets: &[u8]| {
        octets.first_chunk().is_some_and(|front| u128::from_be_bytes(*front) & KIND == ESP_BEHIND_PLAIN_V4)
    };
    other && packets.iter().all(|packet| is_plain(packet.as_octets()))
}

impl<'a, S, R, P> Trial<'a, S, R, P>
where
    P: CryptoProvider,
    S: SadLookup<P> + ?Sized,
    R: ReplayStore + ?Sized,
{
    /// Opens the packets of a chunk of which [`are_plain`] says so; `done` is called for each, in order.
    #[inline(never)]
    pub(super) fn open_plain<D>(mut self, first: usize, packets: &mut [&mut PacketBuf<'_>], mut done: D)
    where
        D: FnMut(usize, &mut PacketBuf<'_>, Result<Opened, OpenError>),
    {
        let mut rows: Rows<'a, P> = [const { None }; CHUNK];
        self.try_plain(packets, &mut rows);
        for ((index, packet), row) in (first..).zip(packets).zip(&rows) {
            let result = match row.as_ref().and_then(|row| self.finish_plain(row, packet)) {
                Some(opened) => Ok(opened),
                None => self.open_other(row.as_ref(), packet),
            };
            done(index, packet, result);
        }
    }

    /// Computes what can be computed together. No state changes.
    #[inline(never)]
    fn try_plain(&mut self, packets: &mut [&mut PacketBuf<'_>], rows: &mut Rows<'a, P>) {
        let sad = self.sad;
        let mut jobs = heapless::Vec::<EspJobOf<'_, P>, CHUNK>::new();
        for (packet, row) in packets.iter_mut().zip(&mut *rows) {
            let Some(plain) = Plain::read(packet.as_octets()) else { continue };
            let (destination, source) = (Ipv4Addr::from_bits(plain.destination), plain.source());
            let found = sad.lookup(SecurityProtocol::Esp, plain.spi, destination.into(), source.into());
            let Some((sa, Transform::Esp(transform))) = found.map(|sa| (sa, &sa.transform)) else { continue };
            let EspKeys::Separate { cipher, integrity, .. } = &transform.keys else { continue };
            let Some(sequence) = plain.check_sequence(sa, self.replay).map(|unverified| unverified.number()) else {
                continue;
            };
            let octets = packet.as_mut_octets().get_mut(ipv4::MIN_HEADER_LEN..plain.packet_len).unwrap_or_default();
            // Without a trailer it is refused before anything is computed.
            if octets.len() < transform.header_len().saturating_add(esp::TRAILER_LEN).saturating_add(transform.icv_len)
            {
                continue;
            }
            let high = high_half(sa, sequence);
            let job = EspJob::new(cipher, integrity, octets, transform.iv_len, transform.icv_len, high);
            if let Some(job) = job
                && jobs.push(job).is_ok()
            {
                *row = Some(Row { plain, sa, sequence, result: Err(CryptoError::Provider) });
            }
        }
        if !jobs.is_empty() {
            self.crypto.esp_open_many(&mut jobs);
        }
        for (row, job) in rows.iter_mut().flatten().zip(&jobs) {
            row.result = job.result();
        }
    }

    /// Takes ESP off a packet that verified. `None` if anything is not as it is nearly always: the packet is what it was, but for
    /// octets behind its end, and its window has not moved.
    #[inline(always)]
    fn finish_plain(&mut self, row: &Row<'_, P>, packet: &mut PacketBuf<'_>) -> Option<Opened> {
        let Row { plain, sa, sequence, result: Ok(()) } = row else { return None };
        let (Transform::Esp(transform), Mode::Transport) = (&sa.transform, sa.mode()) else { return None };
        let header_len = transform.header_len();
        let data_at = ipv4::MIN_HEADER_LEN.checked_add(header_len)?;
        let octets = packet.as_octets();
        let data = octets.get(data_at..plain.packet_len.checked_sub(transform.icv_len)?)?;
        let (payload, next_header) = esp::split_trailer(data)?;
        let len = match next_header {
            // What follows the datagram is padding.
            protocol::UDP => UdpDatagram::parse(payload).map_or(payload.len(), |datagram| datagram.len()),
            protocol::ESP | protocol::AH | protocol::NO_NEXT_HEADER => return None,
            // Not where routers would need to see it.
            xcast if self.code_points.is_some_and(|points| points.fields().xcast4_protocol == xcast) => return None,
            _ => payload.len(),
        };
        let header = repaired_v4(octets.first_chunk()?, ipv4::MIN_HEADER_LEN.checked_add(len)?, next_header);
        let unverified = plain.check_sequence(sa, self.replay).filter(|now| now.number() == *sequence)?;
        unverified.commit().ok()?;
        packet.truncate(data_at.saturating_add(len));
        packet.remove_behind_plain(header_len, &header);
        Some(Opened {
            sa: sa.id(),
            policy: sa.policy(),
            mode: Mode::Transport,
            sequence: *sequence,
            source: plain.source().into(),
            content: Content::Packet,
        })
    }

    /// Opens any other packet, or says why not.
    #[inline(never)]
    fn open_other(&mut self, row: Option<&Row<'_, P>>, packet: &mut PacketBuf<'_>) -> Result<Opened, OpenError> {
        let Trial { sad, replay, crypto, code_points } = self;
        let tried = match row {
            Some(Row { sequence, result, .. }) => {
                Some(Tried::new(Arrived::read(packet.as_octets(), *code_points)?, *sequence, *result))
            }
            None => None,
        };
        let opened = open_through(&mut Open, *sad, *replay, *crypto, *code_points, 0, tried.as_ref(), packet);
        opened.map(|(opened, _)| opened)
    }
}
