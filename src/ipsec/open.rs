//! Opening: AH and ESP, transport and tunnel mode (RFC 4302 §3.4, RFC 4303 §3.4).

use core::net::IpAddr;

use super::Spi;
use super::buffer::PacketBuf;
use super::construction::{Refusal, as_xcast, check_ah, check_any, check_behind};
use super::coverage::{Coverable, Coverage};
use super::error::OpenError;
use super::placement::{Place, ah_at, find_protection, take_out};
use super::replay::{ReplayError, Unverified};
use super::sa::{AhTransform, EspKeys, EspTransform, Sa, Transform};
use super::sa_config::{Mode, SecurityProtocol};
use super::sad::SadLookup;
use super::seal::AeadAad;
use super::senders::{ReplayStore, SenderKey};
use crate::crypto::{AEAD_TAG_LEN, CryptoProvider};
use crate::wire::{CodePoints, EspHeader, ExtensionHeader, Family, IpHeader, UdpDatagram, XcastPacket, esp, protocol};

/// What opening a packet found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opened {
    /// AH or ESP.
    pub protocol: SecurityProtocol,
    /// Security Parameters Index.
    pub spi: Spi,
    /// The full sequence number.
    pub sequence: u64,
    /// Source address of the packet as it arrived. A holder of the key sent it; which one, only an association for a single
    /// sender tells, and that only as far as the others who hold the key do not lie (draft §2.2.3, §2.2.4).
    pub source: IpAddr,
    /// What was inside.
    pub content: Content,
}

/// What was inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a packet is either for somebody or not")]
pub enum Content {
    /// A packet, which now stands in the buffer: of transport mode the same one without AH or ESP, of tunnel mode the inner
    /// one.
    Packet,
    /// A dummy packet (RFC 4303 §2.6): nothing is to be delivered.
    Dummy,
}

/// Opens the outermost AH or ESP of `packet` in place. A packet with both is opened twice.
///
/// The order is: association, sequence number, ICV, construction, and only then the window moves. `code_points` tells Xcast
/// packets; without them nothing is taken for Xcast. The Xcast CHECKSUM is not looked at.
///
/// What is refused to be built is refused here too, such as X=0 over transport-mode protection (draft §3.2, §3.3).
///
/// # Errors
///
/// - [`OpenError`]. The window has not moved and no sender was added. The packet is unchanged, but for octets behind its end,
///   by its IP header, which may be cut off; ESP that fails after its ICV verified leaves it decrypted: it must be dropped.
pub fn open<P, S, R>(
    sad: &S,
    replay: &mut R,
    crypto: &mut P,
    code_points: Option<&CodePoints>,
    packet: &mut PacketBuf<'_>,
) -> Result<Opened, OpenError>
where
    P: CryptoProvider,
    S: SadLookup<P> + ?Sized,
    R: ReplayStore + ?Sized,
{
    let arrived = Arrived::read(packet.as_octets(), code_points)?;
    let sa = arrived.find_sa(sad)?;
    // What a link layer padded is no part of the packet.
    packet.truncate(arrived.place.packet_len);
    let unverified = arrived.check_sequence(sa, replay)?;
    let sequence = unverified.number();
    let content = match &sa.transform {
        Transform::Ah(transform) => {
            arrived.verify_ah(sa, transform, sequence, crypto, code_points, packet.as_octets())?;
            unverified.commit()?;
            arrived.take_out_ah(sa.mode(), packet)?
        }
        Transform::Esp(transform) => {
            let inside = arrived.open_esp(sa, transform, sequence, crypto, code_points, packet)?;
            unverified.commit()?;
            arrived.take_out_esp(sa.mode(), transform, inside, packet)
        }
    };
    Ok(arrived.opened(sequence, content))
}

/// Verifies the AH of `packet` without changing a single octet of it, for a node that passes the packet on as it is.
///
/// # Errors
///
/// - Those of [`open()`]; [`OpenError::NotProtected`] if the outermost protection is ESP.
pub fn verify_ah<P, S, R>(
    sad: &S,
    replay: &mut R,
    crypto: &mut P,
    code_points: Option<&CodePoints>,
    packet: &[u8],
) -> Result<Opened, OpenError>
where
    P: CryptoProvider,
    S: SadLookup<P> + ?Sized,
    R: ReplayStore + ?Sized,
{
    let arrived = Arrived::read(packet, code_points)?;
    if arrived.protocol != SecurityProtocol::Ah {
        return Err(OpenError::NotProtected);
    }
    let sa = arrived.find_sa(sad)?;
    let Transform::Ah(transform) = &sa.transform else { return Err(OpenError::NoSa { spi: arrived.spi }) };
    let unverified = arrived.check_sequence(sa, replay)?;
    let sequence = unverified.number();
    let octets = packet.get(..arrived.place.packet_len).unwrap_or(packet);
    arrived.verify_ah(sa, transform, sequence, crypto, code_points, octets)?;
    unverified.commit()?;
    Ok(arrived.opened(sequence, Content::Packet))
}

/// A protected packet before anything of it is believed.
struct Arrived {
    place: Place,
    protocol: SecurityProtocol,
    spi: Spi,
    sequence: u32,
    source: IpAddr,
    destination: IpAddr,
}

/// What ESP held.
struct Inside {
    next_header: u8,
    /// Octets of payload, padding taken off.
    len: usize,
}

impl Arrived {
    fn read(packet: &[u8], code_points: Option<&CodePoints>) -> Result<Self, OpenError> {
        let place = find_protection(packet, code_points)?;
        let (ip, _) = IpHeader::split(packet)?;
        let octets = packet.get(place.at..place.packet_len).unwrap_or(&[]);
        let (protocol, spi, sequence) = match place.next_header {
            protocol::AH => {
                let header = ah_at(packet.get(..place.packet_len).unwrap_or(packet), &place)?;
                (SecurityProtocol::Ah, header.spi(), header.sequence())
            }
            protocol::ESP => {
                let (header, _) = EspHeader::split(octets).map_err(|error| error.shifted(place.at))?;
                (SecurityProtocol::Esp, header.spi, header.sequence)
            }
            _ => return Err(OpenError::NotProtected),
        };
        let spi = Spi::new(spi).ok_or(OpenError::ReservedSpi { spi })?;
        Ok(Self { place, protocol, spi, sequence, source: ip.source(), destination: ip.destination() })
    }

    fn find_sa<'s, P, S>(&self, sad: &'s S) -> Result<&'s Sa<P>, OpenError>
    where
        P: CryptoProvider,
        S: SadLookup<P> + ?Sized,
    {
        let found = sad.lookup(self.protocol, self.spi, self.destination, self.source);
        found.ok_or(OpenError::NoSa { spi: self.spi })
    }

    fn check_sequence<'r, P, R>(&self, sa: &Sa<P>, replay: &'r mut R) -> Result<Unverified<'r>, ReplayError>
    where
        P: CryptoProvider,
        R: ReplayStore + ?Sized,
    {
        replay.check(SenderKey { sa: sa.id(), source: self.source }, self.sequence, sa.esn())
    }

    const fn opened(&self, sequence: u64, content: Content) -> Opened {
        Opened { protocol: self.protocol, spi: self.spi, sequence, source: self.source, content }
    }

    fn verify_ah<P: CryptoProvider>(
        &self,
        sa: &Sa<P>,
        transform: &AhTransform<P>,
        sequence: u64,
        crypto: &mut P,
        code_points: Option<&CodePoints>,
        octets: &[u8],
    ) -> Result<(), OpenError> {
        let place = &self.place;
        // Behind an Xcast4 header: what AH would cover there is not defined.
        if place.family == Family::V4 && place.at != place.ip_header_len {
            return Err(Refusal::AhBehindXcast4.into());
        }
        let header = ah_at(octets, place)?;
        if !transform.accepts_header_len(place.family, header.header_len()) {
            return Err(OpenError::AhLength);
        }
        let coverable = Coverable::read(octets, place, transform.coverage, code_points)?;
        let coverage = Coverage::new(octets, place, header.header_len(), transform.icv_len, &coverable);
        let high = high_half(sa, sequence);
        let received = header.icv_field().get(..transform.icv_len).unwrap_or(&[]);
        crypto.verify_icv(&transform.key, coverage.parts(high.as_ref()), received)?;
        let behind = place.at.saturating_add(header.header_len());
        let next = header.next_header();
        let is_transport = *sa.mode() == Mode::Transport;
        if is_transport {
            check_behind(SecurityProtocol::Ah, place.family, next, octets, behind, code_points)?;
        }
        if let Some(xcast) = as_xcast(octets, code_points)? {
            check_ah(&xcast, transform.coverage)?;
            if is_transport {
                check_x2u_forbidden(&xcast)?;
            }
        }
        if is_transport { Ok(()) } else { check_inner(next, octets.get(behind..).unwrap_or(&[])) }
    }

    /// Takes a verified AH out.
    fn take_out_ah(&self, mode: &Mode, packet: &mut PacketBuf<'_>) -> Result<Content, OpenError> {
        let header = ah_at(packet.as_octets(), &self.place)?;
        let (next_header, len) = (header.next_header(), header.header_len());
        match mode {
            Mode::Transport => take_out(packet, &self.place, len, next_header),
            Mode::Tunnel(_) => {
                packet.remove(0, self.place.at.saturating_add(len));
                truncate_to_inner(packet);
            }
        }
        Ok(Content::Packet)
    }

    /// Authenticates and decrypts, in place; the headers stay.
    fn open_esp<P: CryptoProvider>(
        &self,
        sa: &Sa<P>,
        transform: &EspTransform<P>,
        sequence: u64,
        crypto: &mut P,
        code_points: Option<&CodePoints>,
        packet: &mut PacketBuf<'_>,
    ) -> Result<Inside, OpenError> {
        let high = high_half(sa, sequence);
        let esp = packet.as_mut_octets().get_mut(self.place.at..).ok_or(OpenError::EspLength)?;
        let icv_at = esp.len().checked_sub(transform.icv_len).ok_or(OpenError::EspLength)?;
        let data_len = icv_at.checked_sub(transform.header_len()).ok_or(OpenError::EspLength)?;
        if data_len < esp::TRAILER_LEN {
            return Err(OpenError::EspLength);
        }
        let (protected, icv) = esp.split_at_mut_checked(icv_at).ok_or(OpenError::EspLength)?;
        if let EspKeys::Separate { integrity, .. } = &transform.keys {
            let parts: [&[u8]; 2] = [protected, high.as_ref().map_or(&[], |high| high)];
            crypto.verify_icv(integrity, parts, icv)?;
        }
        let (header, data) = protected.split_at_mut_checked(transform.header_len()).ok_or(OpenError::EspLength)?;
        let iv = header.get(esp::HEADER_LEN..).unwrap_or(&[]);
        match &transform.keys {
            EspKeys::Separate { cipher, .. } => {
                if !data.len().is_multiple_of(transform.block_len) {
                    return Err(OpenError::BlockLength);
                }
                crypto.decrypt(cipher, iv, data)?;
            }
            EspKeys::Combined(key) => {
                let esp_header = EspHeader { spi: self.spi.value(), sequence: self.sequence };
                let aad = AeadAad::new(esp_header, high);
                let iv = iv.first_chunk().ok_or(OpenError::EspLength)?;
                let tag: &[u8; AEAD_TAG_LEN] = icv.first_chunk().ok_or(OpenError::EspLength)?;
                crypto.aead_open(key, iv, aad.as_octets(), data, tag)?;
            }
        }
        let (payload, next_header) = esp::split_trailer(data).ok_or(OpenError::Padding)?;
        let len = payload.len();
        match sa.mode() {
            _ if next_header == protocol::NO_NEXT_HEADER => {}
            Mode::Tunnel(_) => check_inner(next_header, payload)?,
            Mode::Transport => {
                check_behind(SecurityProtocol::Esp, self.place.family, next_header, payload, 0, code_points)?;
            }
        }
        if let Some(xcast) = as_xcast(packet.as_octets(), code_points)? {
            check_any(&xcast)?;
            if *sa.mode() == Mode::Transport {
                check_x2u_forbidden(&xcast)?;
            }
        }
        Ok(Inside { next_header, len })
    }

    /// Takes the ESP header and trailer off a decrypted packet, and TFC padding (RFC 4303 §2.7).
    fn take_out_esp<P: CryptoProvider>(
        &self,
        mode: &Mode,
        transform: &EspTransform<P>,
        inside: Inside,
        packet: &mut PacketBuf<'_>,
    ) -> Content {
        let payload_at = self.place.at.saturating_add(transform.header_len());
        if inside.next_header == protocol::NO_NEXT_HEADER {
            packet.truncate(0);
            return Content::Dummy;
        }
        packet.truncate(payload_at.saturating_add(inside.len));
        match mode {
            Mode::Tunnel(_) => {
                packet.remove(0, payload_at);
                truncate_to_inner(packet);
            }
            Mode::Transport => {
                if let Some(end) = self.udp_end(packet.as_octets(), inside.next_header, payload_at) {
                    packet.truncate(end);
                }
                take_out(packet, &self.place, transform.header_len(), inside.next_header);
            }
        }
        Content::Packet
    }

    /// Where the UDP datagram ends that starts at `at`, in IPv6 behind Destination Options headers.
    fn udp_end(&self, octets: &[u8], next_header: u8, at: usize) -> Option<usize> {
        let (mut kind, mut at) = (next_header, at);
        while self.place.family == Family::V6 && kind == protocol::DESTINATION_OPTIONS {
            let header = ExtensionHeader::read(octets, kind, at).ok()?;
            (kind, at) = (header.next_header(), header.end());
        }
        if kind != protocol::UDP {
            return None;
        }
        UdpDatagram::parse(octets.get(at..)?).ok().map(|datagram| at.saturating_add(datagram.len()))
    }
}

/// The upper half of the sequence number, where the ICV covers it.
fn high_half<P: CryptoProvider>(sa: &Sa<P>, sequence: u64) -> Option<[u8; 4]> {
    if sa.esn() { Some(((sequence >> 32) as u32).to_be_bytes()) } else { None }
}

/// Whether `inner` is a whole packet of the version that `next_header` announces; what follows it is padding.
fn check_inner(next_header: u8, inner: &[u8]) -> Result<(), OpenError> {
    match IpHeader::split(inner) {
        Ok((ip, _)) if ip.family().protocol() == next_header => Ok(()),
        _ => Err(OpenError::Inner),
    }
}

fn truncate_to_inner(packet: &mut PacketBuf<'_>) {
    if let Ok((ip, _)) = IpHeader::split(packet.as_octets()) {
        let len = ip.packet_len();
        packet.truncate(len);
    }
}

/// X=0 is refused under transport-mode protection.
fn check_x2u_forbidden(xcast: &XcastPacket<'_>) -> Result<(), OpenError> {
    if xcast.header().no_x2u() { Ok(()) } else { Err(Refusal::X2uAllowed.into()) }
}
