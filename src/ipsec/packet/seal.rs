//! Sealing: AH and ESP, transport and tunnel mode (RFC 4302 §3.3, RFC 4303 §3.3).

use crate::crypto::{CryptoProvider, MAX_IV_LEN};
use crate::ipsec::Spi;
use crate::ipsec::association::sa::{EspTransform, Sa, Transform};
use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::coverage::Coverable;
use crate::ipsec::packet::error::SealError;
use crate::ipsec::packet::laid::{LENGTH, Laid, Layer};
use crate::ipsec::packet::placement::repair_headers;
use crate::ipsec::packet::plan::{Contents, Outside, Plan};
use crate::wire::{AhRepr, CodePoints, EspHeader, Family, Layout, esp, ipv4, protocol, put};

/// The two values that make a sealed packet unlike any other of its association.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct Freshness<'i> {
    /// The full sequence number; its upper half is carried in the ICV only, and only with ESN.
    pub sequence: u64,
    /// The initialization vector, of [`Sa::iv_len`] octets.
    pub iv: &'i [u8],
}

impl Freshness<'_> {
    /// Whether a packet of `sa` may carry it.
    fn check<P: CryptoProvider>(&self, sa: &Sa<P>) -> Result<(), SealError> {
        if self.iv.len() != sa.iv_len() {
            return Err(SealError::IvLength);
        }
        if self.sequence == 0 {
            return Err(SealError::ZeroSequence);
        }
        if !sa.esn() && self.sequence > u64::from(u32::MAX) {
            return Err(SealError::Exhausted);
        }
        Ok(())
    }

    /// The sequence number as carried.
    const fn low(&self) -> u32 {
        self.sequence as u32
    }
}

/// Seals `packet` in place.
///
/// In transport mode AH or ESP goes behind the IP and Xcast headers (draft §3.2, §3.3), in IPv4 AH in front of the Xcast4
/// header. An Xcast packet with X=0 gets X=1 first, as X2U would break what is sealed. In tunnel mode the packet goes as it
/// is inside a new one, with the [`OuterHeader`](crate::ipsec::OuterHeader) of the association. `code_points` tells Xcast packets;
/// without them nothing is taken for Xcast, and an Xcast packet comes out as one that no Xcast router takes.
///
/// Octets behind the packet's end, by its IP header, are cut off. A packet in which nothing follows (Next Header 59) arrives
/// as a dummy if transport-mode ESP carries it (RFC 4303 §2.6), which nobody gets.
///
/// # Security
///
/// This is the raw operation, for tests and for hosts with counters of their own. A sequence number used twice is a replay
/// to every receiver; an IV used twice under one key breaks counter-mode and combined-mode ciphers altogether, and a
/// predictable one weakens CBC (RFC 3602 §6, RFC 4106 §9). [`OutboundSa`](crate::ipsec::OutboundSa) owns both, and the lifetimes,
/// which are not looked at here.
///
/// # Errors
///
/// - [`SealError`]; the packet is unchanged except after [`SealError::Crypto`].
pub fn seal_with<P: CryptoProvider>(
    sa: &Sa<P>,
    freshness: Freshness<'_>,
    crypto: &mut P,
    code_points: Option<&CodePoints>,
    packet: &mut PacketBuf<'_>,
) -> Result<(), SealError> {
    freshness.check(sa)?;
    // All of it apart, so that what is known of a plain packet is nowhere but in registers.
    match Plan::plain(sa, Contents::Packet, code_points, packet) {
        Some(plan) => plan.lay_out_plain(sa, freshness, packet)?.compute(sa, crypto, packet.as_mut_octets()),
        None => seal_any(sa, Contents::Packet, freshness, crypto, code_points, packet),
    }
}

/// Seals what `packet` holds as a dummy packet, which every receiver authenticates, counts and throws away (RFC 4303 §2.6).
/// What [`OutboundSa::seal_dummy`](crate::ipsec::OutboundSa::seal_dummy) says of the packet holds.
///
/// # Errors
///
/// - [`SealError::NotEsp`]: AH has no dummies.
/// - [`SealError::NoInnerHeader`]: tunnel mode with address preservation.
/// - Otherwise as [`seal_with`], whose warnings hold here too.
pub fn seal_dummy_with<P: CryptoProvider>(
    sa: &Sa<P>,
    freshness: Freshness<'_>,
    crypto: &mut P,
    code_points: Option<&CodePoints>,
    packet: &mut PacketBuf<'_>,
) -> Result<(), SealError> {
    freshness.check(sa)?;
    seal_any(sa, Contents::Dummy, freshness, crypto, code_points, packet)
}

/// Seals a packet of any kind.
#[inline(never)]
fn seal_any<P: CryptoProvider>(
    sa: &Sa<P>,
    contents: Contents,
    freshness: Freshness<'_>,
    crypto: &mut P,
    code_points: Option<&CodePoints>,
    packet: &mut PacketBuf<'_>,
) -> Result<(), SealError> {
    let laid = lay_out_any(sa, contents, freshness, code_points, packet);
    laid.as_ref().map_err(|error| *error)?.compute(sa, crypto, packet.as_mut_octets())
}

/// Plans, and makes the packet what it will be, but for what the algorithms do.
pub(super) fn lay_out<P: CryptoProvider>(
    sa: &Sa<P>,
    contents: Contents,
    freshness: Freshness<'_>,
    code_points: Option<&CodePoints>,
    packet: &mut PacketBuf<'_>,
) -> Result<Laid, SealError> {
    freshness.check(sa)?;
    match Plan::plain(sa, contents, code_points, packet) {
        Some(plan) => plan.lay_out_plain(sa, freshness, packet),
        None => lay_out_any(sa, contents, freshness, code_points, packet),
    }
}

/// The same for a packet of any kind.
#[inline(always)]
fn lay_out_any<P: CryptoProvider>(
    sa: &Sa<P>,
    contents: Contents,
    freshness: Freshness<'_>,
    code_points: Option<&CodePoints>,
    packet: &mut PacketBuf<'_>,
) -> Result<Laid, SealError> {
    // Not moved: plans are long.
    let planned = Plan::any(sa, contents, code_points, packet);
    planned.as_ref().map_err(|error| *error)?.lay_out_any(sa, freshness, packet)
}

impl Plan {
    /// Makes the packet what it will be, but for what the algorithms do.
    #[inline]
    pub(crate) fn lay_out<P: CryptoProvider>(
        &self,
        sa: &Sa<P>,
        freshness: Freshness<'_>,
        packet: &mut PacketBuf<'_>,
    ) -> Result<Laid, SealError> {
        if self.is_plain { self.lay_out_plain(sa, freshness, packet) } else { self.lay_out_any(sa, freshness, packet) }
    }

    /// Makes a packet of any kind what it will be.
    #[inline(never)]
    pub(super) fn lay_out_any<P: CryptoProvider>(
        &self,
        sa: &Sa<P>,
        freshness: Freshness<'_>,
        packet: &mut PacketBuf<'_>,
    ) -> Result<Laid, SealError> {
        let place = &self.place;
        packet.truncate(self.len);
        match &self.outside {
            None => {
                if let Some(header) = self.xcast_at.and_then(|at| packet.as_mut_octets().get_mut(at..)) {
                    Layout::set_no_x2u(place.family, header);
                }
                self.make_room(packet, place.at)?;
            }
            Some(outside) => {
                self.make_room(packet, 0)?;
                outside.emit(freshness, packet.as_mut_octets())?;
            }
        }
        let octets = packet.as_mut_octets();
        let protocol = match &sa.transform {
            Transform::Ah(_) => protocol::AH,
            Transform::Esp(_) => protocol::ESP,
        };
        repair_headers(octets, place, protocol);
        self.lay_out_protection(sa, freshness, octets.get_mut(place.at..).ok_or(LENGTH)?)
    }

    /// Writes AH, or ESP around the payload, in `octets`, which begin with what was inserted for its header.
    #[inline(always)]
    pub(super) fn lay_out_protection<P: CryptoProvider>(
        &self,
        sa: &Sa<P>,
        freshness: Freshness<'_>,
        octets: &mut [u8],
    ) -> Result<Laid, SealError> {
        let place = &self.place;
        let next_header = self.next_header;
        let layer = match &sa.transform {
            Transform::Ah(transform) => {
                let header_len = transform.header_len(place.family);
                let repr = AhRepr { next_header, spi: sa.spi().value(), sequence: freshness.low(), header_len };
                repr.emit(octets).map_err(|_| LENGTH)?;
                let plain = || Coverable::without_extensions(transform.coverage);
                let coverable = self.coverable.unwrap_or_else(plain);
                Layer::Ah { ip_header_len: place.ip_header_len, header_len, coverable }
            }
            Transform::Esp(transform) => {
                let trailer_len = self.appended.saturating_sub(self.tfc_len).saturating_sub(transform.icv_len);
                let esp = Esp { spi: sa.spi(), freshness, next_header, tfc_len: self.tfc_len, trailer_len };
                esp.lay_out(transform, octets)?;
                Layer::Esp
            }
        };
        Ok(Laid { at: place.at, sequence: freshness.sequence, layer })
    }

    #[inline]
    fn make_room(&self, packet: &mut PacketBuf<'_>, at: usize) -> Result<(), SealError> {
        packet.insert(at, self.inserted).ok_or_else(|| self.no_room())?;
        packet.extend(self.appended).ok_or_else(|| self.no_room())
    }
}

impl Outside {
    /// Writes the header at the start of `octets`.
    fn emit(&self, freshness: Freshness<'_>, octets: &mut [u8]) -> Result<(), SealError> {
        let payload_len = octets.len().saturating_sub(self.ends.family().min_header_len());
        // The protocol is put right together with the lengths, by `repair_headers`.
        self.ends
            .emit(protocol::NO_NEXT_HEADER, self.traffic_class, self.hop_limit, payload_len, octets)
            .map_err(|_| LENGTH)?;
        if self.fragmentable && self.ends.family() == Family::V4 {
            ipv4::allow_fragments(octets, freshness.low() as u16);
        }
        Ok(())
    }
}

/// What ESP carries in front of and behind the payload.
struct Esp<'i> {
    spi: Spi,
    freshness: Freshness<'i>,
    next_header: u8,
    tfc_len: usize,
    trailer_len: usize,
}

impl Esp<'_> {
    /// Writes ESP around the payload, in `esp`, which begins with the octets that were inserted for its header. Behind the
    /// payload lie TFC padding, the trailer, and the ICV.
    #[inline(always)]
    fn lay_out<P: CryptoProvider>(&self, transform: &EspTransform<P>, esp: &mut [u8]) -> Result<(), SealError> {
        let header = EspHeader { spi: self.spi.value(), sequence: self.freshness.low() };
        header.emit(esp).map_err(|_| LENGTH)?;
        let iv = esp.get_mut(esp::HEADER_LEN..).ok_or(LENGTH)?;
        match (self.freshness.iv.try_into(), iv.first_chunk_mut::<MAX_IV_LEN>()) {
            // Most often; of a length that the compiler knows.
            (Ok(from), Some(to)) => *to = from,
            _ => put(iv, 0, self.freshness.iv).ok_or(LENGTH)?,
        }
        let icv_at = esp.len().saturating_sub(transform.icv_len);
        let trailer_at = icv_at.saturating_sub(self.trailer_len);
        if self.tfc_len > 0 {
            esp.get_mut(trailer_at.saturating_sub(self.tfc_len)..trailer_at).ok_or(LENGTH)?.fill(0);
        }
        esp::emit_trailer(esp.get_mut(trailer_at..icv_at).ok_or(LENGTH)?, self.next_header).map_err(|_| LENGTH)
    }
}
