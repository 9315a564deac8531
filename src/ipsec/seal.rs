//! Sealing: AH and ESP, transport and tunnel mode (RFC 4302 §3.3, RFC 4303 §3.3).

use super::Spi;
use super::buffer::PacketBuf;
use super::construction::{Refusal, as_xcast, check_ah, check_any, check_behind};
use super::coverage::{Coverable, Coverage};
use super::error::SealError;
use super::placement::{Place, behind_ip_header, behind_routing, repair_headers};
use super::sa::{AhTransform, EspKeys, EspTransform, Sa, Transform};
use super::sa_config::{Mode, SecurityProtocol, TunnelEndpoints};
use crate::crypto::{CryptoError, CryptoProvider};
use crate::wire::{AhRepr, CodePoints, EspHeader, Family, IpHeader, PacketLayout, TunnelEnds, ah, esp, protocol, put};

/// The two values that make a sealed packet unlike any other of its association.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct Freshness<'i> {
    /// The full sequence number; its upper half is carried in the ICV only, and only with ESN.
    pub sequence: u64,
    /// The initialization vector, of [`Sa::iv_len`] octets.
    pub iv: &'i [u8],
}

/// Seals `packet` in place.
///
/// In transport mode AH or ESP goes behind the IP and Xcast headers (draft §3.2, §3.3), in IPv4 AH in front of the Xcast4
/// header. An Xcast packet with X=0 gets X=1 first, as X2U would break what is sealed. In tunnel mode the packet goes as it
/// is inside a new one: DSCP and ECN copied from it, Identification 0, DF 1, flow label 0 (project-defined, after RFC 4301
/// §5.1.2). `code_points` tells Xcast packets; without them nothing is taken for Xcast.
///
/// Octets behind the packet's end, by its IP header, are cut off. A packet in which nothing follows (Next Header 59) arrives
/// as a dummy if transport-mode ESP carries it (RFC 4303 §2.6), which nobody gets.
///
/// # Security
///
/// This is the raw operation, for tests and for hosts with counters of their own. A sequence number used twice is a replay
/// to every receiver; an IV used twice under one key breaks counter-mode and combined-mode ciphers altogether, and a
/// predictable one weakens CBC (RFC 3602 §6, RFC 4106 §9). [`OutboundSa`](super::OutboundSa) owns both.
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
    if freshness.iv.len() != sa.iv_len() {
        return Err(SealError::IvLength);
    }
    if freshness.sequence == 0 {
        return Err(SealError::ZeroSequence);
    }
    if !sa.esn() && freshness.sequence > u64::from(u32::MAX) {
        return Err(SealError::Exhausted);
    }
    let (ip, _) = IpHeader::split(packet.as_octets())?;
    let len = ip.packet_len();
    if let Mode::Transport = sa.mode()
        && !sa.is_for(ip.destination(), ip.source())
    {
        return Err(SealError::OtherAddresses);
    }
    let seal = Seal { spi: sa.spi(), esn: sa.esn(), freshness, len };
    match (&sa.transform, sa.mode()) {
        (Transform::Ah(transform), Mode::Transport) => seal.ah_transport(transform, crypto, code_points, packet),
        (Transform::Ah(transform), Mode::Tunnel(tunnel)) => seal.ah_tunnel(transform, tunnel, crypto, packet),
        (Transform::Esp(transform), Mode::Transport) => seal.esp_transport(transform, crypto, code_points, packet),
        (Transform::Esp(transform), Mode::Tunnel(tunnel)) => seal.esp_tunnel(transform, tunnel, crypto, packet),
    }
}

/// What sealing one packet needs, whichever the protocol and mode.
struct Seal<'i> {
    spi: Spi,
    esn: bool,
    freshness: Freshness<'i>,
    /// Octets of the packet by its IP header; what lies beyond is not part of it.
    len: usize,
}

impl Seal<'_> {
    /// The sequence number as carried.
    const fn low(&self) -> u32 {
        self.freshness.sequence as u32
    }

    /// The upper half that the ICV covers.
    fn high(&self) -> Option<[u8; 4]> {
        if self.esn { Some(((self.freshness.sequence >> 32) as u32).to_be_bytes()) } else { None }
    }

    /// The packet without what lies behind it.
    fn octets<'p>(&self, packet: &'p PacketBuf<'_>) -> &'p [u8] {
        let octets = packet.as_octets();
        octets.get(..self.len).unwrap_or(octets)
    }

    /// Cuts off what lies behind the packet and makes room in it: `inserted` octets at `at` and `appended` at its end, as
    /// long as its IP header and the buffer take that. An Xcast packet gets X=1 on the way.
    fn make_room(
        &self,
        packet: &mut PacketBuf<'_>,
        (family, at): (Family, usize),
        inserted: usize,
        appended: usize,
        xcast: Option<PacketLayout>,
    ) -> Result<(), SealError> {
        let len = self.len.saturating_add(inserted).saturating_add(appended);
        if len > family.max_packet_len() {
            return Err(SealError::PacketTooLong { len });
        }
        let no_room = SealError::NoRoom { inserted, appended };
        // What lies behind the packet is room as well.
        if !packet.fits(self.len, inserted, appended) {
            return Err(no_room);
        }
        packet.truncate(self.len);
        if let Some(layout) = xcast {
            layout.set_no_x2u(packet.as_mut_octets());
        }
        packet.insert(at, inserted).ok_or(no_room)?;
        packet.extend(appended).ok_or(no_room)
    }

    /// Puts an outer IP header in front of the packet, with room for `header_len` octets behind it and `appended` at the end.
    fn enter_tunnel(
        &self,
        packet: &mut PacketBuf<'_>,
        tunnel: &TunnelEndpoints,
        header_len: usize,
        appended: usize,
    ) -> Result<Place, SealError> {
        // An association's tunnel is of one family, or it would not have been made.
        let ends = TunnelEnds::new(tunnel.source, tunnel.destination).ok_or(SealError::OtherAddresses)?;
        let (inner, _) = IpHeader::split(packet.as_octets())?;
        let (inner, traffic_class) = (inner.family(), inner.traffic_class());
        let outer_len = ends.family().min_header_len();
        let inserted = outer_len.saturating_add(header_len);
        self.make_room(packet, (ends.family(), 0), inserted, appended, None)?;
        let payload_len = packet.len().saturating_sub(outer_len);
        ends.emit(inner, traffic_class, tunnel.hop_limit, payload_len, packet.as_mut_octets())
            .map_err(|_| SealError::NoRoom { inserted, appended })?;
        Ok(behind_ip_header(packet.as_octets())?)
    }

    fn ah_transport<P: CryptoProvider>(
        &self,
        transform: &AhTransform<P>,
        crypto: &mut P,
        code_points: Option<&CodePoints>,
        packet: &mut PacketBuf<'_>,
    ) -> Result<(), SealError> {
        let octets = self.octets(packet);
        let xcast = as_xcast(octets, code_points)?;
        if let Some(xcast) = &xcast {
            check_ah(xcast, transform.coverage)?;
        }
        let place = match IpHeader::split(octets)?.0.family() {
            Family::V4 => behind_ip_header(octets)?,
            Family::V6 => behind_routing(octets, xcast.as_ref())?,
        };
        check_behind(SecurityProtocol::Ah, place.family, place.next_header, octets, place.at, code_points)?;
        let coverable = Coverable::read(octets, &place, transform.coverage, code_points)?;
        if coverable.has_routing_type_0 {
            return Err(Refusal::RoutingHeader.into());
        }
        let layout = xcast.map(|xcast| *xcast.layout());
        let header_len = transform.header_len(place.family);
        self.make_room(packet, (place.family, place.at), header_len, 0, layout)?;
        self.finish_ah(transform, &place, &coverable, crypto, packet)
    }

    fn ah_tunnel<P: CryptoProvider>(
        &self,
        transform: &AhTransform<P>,
        tunnel: &TunnelEndpoints,
        crypto: &mut P,
        packet: &mut PacketBuf<'_>,
    ) -> Result<(), SealError> {
        let header_len = transform.header_len(Family::of(&tunnel.source));
        let place = self.enter_tunnel(packet, tunnel, header_len, 0)?;
        let coverable = Coverable::read(packet.as_octets(), &place, transform.coverage, None)?;
        self.finish_ah(transform, &place, &coverable, crypto, packet)
    }

    /// Writes the AH in the octets that were inserted for it at `place`.
    fn finish_ah<P: CryptoProvider>(
        &self,
        transform: &AhTransform<P>,
        place: &Place,
        coverable: &Coverable,
        crypto: &mut P,
        packet: &mut PacketBuf<'_>,
    ) -> Result<(), SealError> {
        let header_len = transform.header_len(place.family);
        let repr = AhRepr { next_header: place.next_header, spi: self.spi.value(), sequence: self.low(), header_len };
        let no_room = SealError::NoRoom { inserted: header_len, appended: 0 };
        let octets = packet.as_mut_octets();
        repr.emit(octets.get_mut(place.at..).unwrap_or(&mut [])).map_err(|_| no_room)?;
        repair_headers(octets, place, protocol::AH);
        let high = self.high();
        let coverage = Coverage::new(octets, place, header_len, transform.icv_len, coverable);
        let icv = crypto.icv(&transform.key, coverage.parts(high.as_ref()))?;
        put(octets, place.at.saturating_add(ah::FIXED_LEN), icv.as_octets()).ok_or(no_room)
    }

    fn esp_transport<P: CryptoProvider>(
        &self,
        transform: &EspTransform<P>,
        crypto: &mut P,
        code_points: Option<&CodePoints>,
        packet: &mut PacketBuf<'_>,
    ) -> Result<(), SealError> {
        let octets = self.octets(packet);
        let xcast = as_xcast(octets, code_points)?;
        if let Some(xcast) = &xcast {
            check_any(xcast)?;
            if xcast.is_behind_ah() {
                return Err(Refusal::NestedProtection.into());
            }
        }
        let place = behind_routing(octets, xcast.as_ref())?;
        check_behind(SecurityProtocol::Esp, place.family, place.next_header, octets, place.at, code_points)?;
        let layout = xcast.map(|xcast| *xcast.layout());
        let appended = transform.trailer_len(self.len.saturating_sub(place.at));
        self.make_room(packet, (place.family, place.at), transform.header_len(), appended, layout)?;
        self.finish_esp(transform, &place, appended, crypto, packet)
    }

    fn esp_tunnel<P: CryptoProvider>(
        &self,
        transform: &EspTransform<P>,
        tunnel: &TunnelEndpoints,
        crypto: &mut P,
        packet: &mut PacketBuf<'_>,
    ) -> Result<(), SealError> {
        let appended = transform.trailer_len(self.len);
        let place = self.enter_tunnel(packet, tunnel, transform.header_len(), appended)?;
        self.finish_esp(transform, &place, appended, crypto, packet)
    }

    /// Writes ESP around the payload: its header was inserted at `place`, and `appended` octets lie behind the payload.
    fn finish_esp<P: CryptoProvider>(
        &self,
        transform: &EspTransform<P>,
        place: &Place,
        appended: usize,
        crypto: &mut P,
        packet: &mut PacketBuf<'_>,
    ) -> Result<(), SealError> {
        const LENGTH: SealError = SealError::Crypto(CryptoError::Length);
        repair_headers(packet.as_mut_octets(), place, protocol::ESP);
        let esp = packet.as_mut_octets().get_mut(place.at..).ok_or(LENGTH)?;
        let header = EspHeader { spi: self.spi.value(), sequence: self.low() };
        header.emit(esp).map_err(|_| LENGTH)?;
        put(esp, esp::HEADER_LEN, self.freshness.iv).ok_or(LENGTH)?;
        let icv_at = esp.len().saturating_sub(transform.icv_len);
        let (protected, icv_field) = esp.split_at_mut_checked(icv_at).ok_or(LENGTH)?;
        let trailer_at = icv_at.saturating_sub(appended.saturating_sub(transform.icv_len));
        let trailer = protected.get_mut(trailer_at..).ok_or(LENGTH)?;
        esp::emit_trailer(trailer, place.next_header).map_err(|_| LENGTH)?;
        let high = self.high();
        match &transform.keys {
            EspKeys::Separate { cipher, integrity, .. } => {
                let data = protected.get_mut(transform.header_len()..).ok_or(LENGTH)?;
                crypto.encrypt(cipher, self.freshness.iv, data)?;
                let parts: [&[u8]; 2] = [protected, high.as_ref().map_or(&[], |high| high)];
                let icv = crypto.icv(integrity, parts)?;
                put(icv_field, 0, icv.as_octets()).ok_or(LENGTH)
            }
            EspKeys::Combined(key) => {
                let iv = self.freshness.iv.first_chunk().ok_or(LENGTH)?;
                let data = protected.get_mut(transform.header_len()..).ok_or(LENGTH)?;
                let aad = AeadAad::new(header, high);
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
