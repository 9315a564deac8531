//! Sealing: AH and ESP, transport and tunnel mode (RFC 4302 §3.3, RFC 4303 §3.3).

use crate::crypto::{CryptoError, CryptoProvider, EspJob};
use crate::ipsec::association::sa::{AhTransform, EspKeys, EspTransform, Sa, Transform};
use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::coverage::{Coverable, Coverage};
use crate::ipsec::packet::error::SealError;
use crate::ipsec::packet::placement::{Place, behind_ip_header, repair_headers};
use crate::ipsec::packet::plan::{Around, Contents, Outside, Plan};
use crate::wire::{AhRepr, CodePoints, EspHeader, Family, ah, esp, ipv4, protocol, put};

/// What went wrong that [`Plan`] made sure cannot: the provider gave something of another length than it said.
const LENGTH: SealError = SealError::Crypto(CryptoError::Length);

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

    /// The upper half, which the ICV covers with ESN.
    fn high(&self, esn: bool) -> Option<[u8; 4]> {
        if esn { Some(((self.sequence >> 32) as u32).to_be_bytes()) } else { None }
    }
}

/// Seals `packet` in place.
///
/// In transport mode AH or ESP goes behind the IP and Xcast headers (draft §3.2, §3.3), in IPv4 AH in front of the Xcast4
/// header. An Xcast packet with X=0 gets X=1 first, as X2U would break what is sealed. In tunnel mode the packet goes as it
/// is inside a new one, with the [`OuterHeader`](crate::ipsec::OuterHeader) of the association. `code_points` tells Xcast packets;
/// without them nothing is taken for Xcast.
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
    let plan = Plan::new(sa, Contents::Packet, code_points, packet)?;
    plan.carry_out(sa, freshness, crypto, packet)
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
    let plan = Plan::new(sa, Contents::Dummy, code_points, packet)?;
    plan.carry_out(sa, freshness, crypto, packet)
}

impl Plan {
    /// Seals the packet that was planned for.
    pub(crate) fn carry_out<P: CryptoProvider>(
        &self,
        sa: &Sa<P>,
        freshness: Freshness<'_>,
        crypto: &mut P,
        packet: &mut PacketBuf<'_>,
    ) -> Result<(), SealError> {
        let (place, next_header, coverable) = match &self.around {
            Around::Payload { place, next_header, xcast, coverable } => {
                packet.truncate(self.len);
                if let Some(layout) = xcast {
                    layout.set_no_x2u(packet.as_mut_octets());
                }
                self.make_room(packet, place.at)?;
                (*place, *next_header, *coverable)
            }
            Around::Packet(outside) => {
                packet.truncate(self.len);
                self.make_room(packet, 0)?;
                outside.emit(freshness, packet.as_mut_octets())?;
                (behind_ip_header(packet.as_octets())?, outside.next_header, None)
            }
        };
        let high = freshness.high(sa.esn());
        match &sa.transform {
            Transform::Ah(transform) => {
                let repr = AhRepr {
                    next_header,
                    spi: sa.spi().value(),
                    sequence: freshness.low(),
                    header_len: transform.header_len(place.family),
                };
                let coverable = coverable.unwrap_or_else(|| Coverable::without_extensions(transform.coverage));
                finish_ah(transform, repr, high, &place, &coverable, crypto, packet.as_mut_octets())
            }
            Transform::Esp(transform) => {
                let header = EspHeader { spi: sa.spi().value(), sequence: freshness.low() };
                let esp = Esp { header, iv: freshness.iv, high, next_header };
                let trailer_len = self.appended.saturating_sub(self.tfc_len).saturating_sub(transform.icv_len);
                esp.finish(transform, &place, self.tfc_len, trailer_len, crypto, packet.as_mut_octets())
            }
        }
    }

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

/// Writes the AH in the octets that were inserted for it at `place`.
fn finish_ah<P: CryptoProvider>(
    transform: &AhTransform<P>,
    repr: AhRepr,
    high: Option<[u8; 4]>,
    place: &Place,
    coverable: &Coverable,
    crypto: &mut P,
    octets: &mut [u8],
) -> Result<(), SealError> {
    repr.emit(octets.get_mut(place.at..).unwrap_or(&mut [])).map_err(|_| LENGTH)?;
    repair_headers(octets, place, protocol::AH);
    let coverage = Coverage::new(octets, place, repr.header_len, transform.icv_len, coverable);
    let icv = crypto.icv(&transform.key, coverage.parts(high.as_ref()))?;
    put(octets, place.at.saturating_add(ah::FIXED_LEN), icv.as_octets()).ok_or(LENGTH)
}

/// What ESP carries in front of and behind the payload.
struct Esp<'i> {
    header: EspHeader,
    iv: &'i [u8],
    high: Option<[u8; 4]>,
    next_header: u8,
}

impl Esp<'_> {
    /// Writes ESP around the payload: its header was inserted at `place`; behind the payload lie `tfc_len` octets of padding,
    /// `trailer_len` of trailer, and the ICV.
    fn finish<P: CryptoProvider>(
        &self,
        transform: &EspTransform<P>,
        place: &Place,
        tfc_len: usize,
        trailer_len: usize,
        crypto: &mut P,
        octets: &mut [u8],
    ) -> Result<(), SealError> {
        repair_headers(octets, place, protocol::ESP);
        let esp = octets.get_mut(place.at..).ok_or(LENGTH)?;
        self.header.emit(esp).map_err(|_| LENGTH)?;
        put(esp, esp::HEADER_LEN, self.iv).ok_or(LENGTH)?;
        let icv_at = esp.len().saturating_sub(transform.icv_len);
        let trailer_at = icv_at.saturating_sub(trailer_len);
        esp.get_mut(trailer_at.saturating_sub(tfc_len)..trailer_at).ok_or(LENGTH)?.fill(0);
        esp::emit_trailer(esp.get_mut(trailer_at..icv_at).ok_or(LENGTH)?, self.next_header).map_err(|_| LENGTH)?;
        match &transform.keys {
            EspKeys::Separate { cipher, integrity, .. } => {
                let (iv_len, icv_len) = (transform.iv_len, transform.icv_len);
                let mut job = EspJob::new(cipher, integrity, esp, iv_len, icv_len, self.high).ok_or(LENGTH)?;
                Ok(crypto.esp_seal(&mut job)?)
            }
            EspKeys::Combined(key) => {
                let (protected, icv_field) = esp.split_at_mut_checked(icv_at).ok_or(LENGTH)?;
                let data = protected.get_mut(transform.header_len()..).ok_or(LENGTH)?;
                let iv = self.iv.first_chunk().ok_or(LENGTH)?;
                let aad = AeadAad::new(self.header, self.high);
                let tag = crypto.aead_seal(key, iv, aad.as_octets(), data)?;
                put(icv_field, 0, &tag).ok_or(LENGTH)
            }
        }
    }
}

/// The additional authenticated data of a combined-mode algorithm: SPI and sequence number, 8 octets or, with ESN, 12
/// (RFC 4106 §5).
pub(crate) struct AeadAad {
    octets: [u8; 12],
    len: usize,
}

impl AeadAad {
    pub(crate) fn new(header: EspHeader, high: Option<[u8; 4]>) -> Self {
        let mut octets = [0; 12];
        put(&mut octets, 0, &header.spi.to_be_bytes());
        let low = header.sequence.to_be_bytes();
        let len = match high {
            Some(high) => {
                put(&mut octets, 4, &high);
                put(&mut octets, 8, &low);
                12
            }
            None => {
                put(&mut octets, 4, &low);
                8
            }
        };
        Self { octets, len }
    }

    pub(crate) fn as_octets(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or(&self.octets)
    }
}
