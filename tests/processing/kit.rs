//! Packets, associations, and the two ends.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, CryptoProvider, IntegrityAlgorithm, RustCrypto};
use xcast_sec::ipsec::{
    Action, Addresses, Directionality, FixedSpd, Freshness, Mode, ModeKind, OutboundSa, OuterHeader, PacketBuf,
    PolicyEntry, PolicyId, Protection, Required, RoutingCoverage, Sa, SaConfig, SecurityProtocol, SelectorSet,
    SenderId, Spi, Usage, seal_with,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{
    BitmapPlace, CodePoints, DestinationSet, Destinations, Family, IpHeader, Ipv4Repr, Ipv6Repr, UdpRepr, XcastRepr,
    protocol,
};

pub(crate) const NOW: Instant = Instant::from_secs(1_000_000);
/// The policy that traffic is protected under, and another one.
pub(crate) const OWN: PolicyId = PolicyId::new(7);
pub(crate) const OTHER: PolicyId = PolicyId::new(8);
pub(crate) const PAYLOAD: &[u8] = b"all of you";
pub(crate) const PORTS: (u16, u16) = (5000, 4000);

pub(crate) const ALL_REQUIRED: [Required; 6] = [
    Required::Ah(ModeKind::Transport),
    Required::Ah(ModeKind::Tunnel),
    Required::Esp(ModeKind::Transport),
    Required::Esp(ModeKind::Tunnel),
    Required::AhAroundEsp { esp: ModeKind::Transport },
    Required::AhAroundEsp { esp: ModeKind::Tunnel },
];

pub(crate) fn code_points() -> CodePoints {
    CodePoints::rfc4727_experiment()
}

pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

// --- Packets ----------------------------------------------------------------------------------------------------------

/// Whose packets: of a group, or between two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// With the bitmap apart, as AH needs it.
    Xcast4,
    Xcast6,
    Unicast4,
    Unicast6,
}

/// A host that sends.
pub(crate) fn host(family: Family, number: u8) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(192, 0, 2, number).into(),
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into()).into(),
    }
}

/// An end of a tunnel.
pub(crate) fn gateway(family: Family, number: u8) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(203, 0, 113, number).into(),
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, number.into()).into(),
    }
}

impl Traffic {
    pub(crate) const ALL: [Self; 4] = [Self::Xcast4, Self::Xcast6, Self::Unicast4, Self::Unicast6];

    pub(crate) const fn family(self) -> Family {
        match self {
            Self::Xcast4 | Self::Unicast4 => Family::V4,
            Self::Xcast6 | Self::Unicast6 => Family::V6,
        }
    }

    pub(crate) fn source(self) -> IpAddr {
        host(self.family(), 1)
    }

    /// Where the IP header says it goes.
    pub(crate) fn destination(self) -> IpAddr {
        match self {
            Self::Xcast4 => code_points().fields().routers_v4.into(),
            Self::Xcast6 => code_points().fields().routers_v6.into(),
            Self::Unicast4 => address("198.51.100.9"),
            Self::Unicast6 => address("2001:db8:9::9"),
        }
    }

    pub(crate) fn is_xcast(self) -> bool {
        matches!(self, Self::Xcast4 | Self::Xcast6)
    }

    /// What a sender's policy knows such packets by.
    pub(crate) fn sent(self) -> SelectorSet {
        SelectorSet { remote: Addresses::one(self.destination()), ..SelectorSet::ANY }
    }

    /// What a receiver's policy knows such packets by: to a group as the sender's does (RFC 5374 §4.1.1), else with the ends
    /// exchanged (RFC 4301 §4.4.1).
    pub(crate) fn received(self) -> SelectorSet {
        let local = Addresses::one(self.destination());
        if self.is_xcast() { self.sent() } else { SelectorSet { local, ..SelectorSet::ANY } }
    }

    pub(crate) fn packet(self) -> Vec<u8> {
        self.packet_of(self.source(), PAYLOAD)
    }

    /// A UDP datagram.
    pub(crate) fn packet_of(self, source: IpAddr, payload: &[u8]) -> Vec<u8> {
        let udp = UdpRepr { source_port: PORTS.0, destination_port: PORTS.1, payload };
        let mut datagram = vec![0; udp.encoded_len()];
        udp.emit(source, self.destination(), &mut datagram).unwrap();
        if self.is_xcast() { self.xcast(source, &datagram, true) } else { self.plain(source, protocol::UDP, &datagram) }
    }

    /// An Xcast packet to three members.
    pub(crate) fn xcast(self, source: IpAddr, datagram: &[u8], no_x2u: bool) -> Vec<u8> {
        let v4: Vec<Ipv4Addr> = (1..=3).map(|member| Ipv4Addr::new(10, 0, 0, member)).collect();
        let v6: Vec<Ipv6Addr> = (1..=3).map(|member| Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, member)).collect();
        let (destinations, bitmap) = match source {
            IpAddr::V4(source) => (Destinations::V4 { source, channel: [1; 4], addresses: &v4 }, BitmapPlace::Option),
            IpAddr::V6(source) => (Destinations::V6 { source, channel: [1; 16], addresses: &v6 }, BitmapPlace::Header),
        };
        let header = XcastRepr {
            destinations,
            bits: DestinationSet::first_n(3),
            dscps: None,
            ports: None,
            anonymous: false,
            no_x2u,
            bitmap,
            hop_limit: 64,
            next_protocol: protocol::UDP,
        };
        let mut packet = vec![0; header.encoded_len(datagram.len())];
        header.emit(&code_points(), datagram.len(), &mut packet).unwrap().copy_from_slice(datagram);
        packet
    }

    /// `payload` behind an IP header without options.
    pub(crate) fn plain(self, source: IpAddr, next: u8, payload: &[u8]) -> Vec<u8> {
        ip_packet(source, self.destination(), next, payload)
    }
}

pub(crate) fn ip_packet(source: IpAddr, destination: IpAddr, next: u8, payload: &[u8]) -> Vec<u8> {
    let payload_len = payload.len();
    let mut packet = vec![0; 40];
    let header_len = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let repr = Ipv4Repr { tos: 0, ttl: 64, protocol: next, source, destination, options_len: 0, payload_len };
            repr.emit(&mut packet).unwrap();
            20
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let repr =
                Ipv6Repr { traffic_class: 0, hop_limit: 64, next_header: next, source, destination, payload_len };
            repr.emit(&mut packet).unwrap();
            40
        }
        families => panic!("{families:?}"),
    };
    packet.truncate(header_len);
    packet.extend_from_slice(payload);
    packet
}

/// Gives an IPv6 packet a flow label.
pub(crate) fn set_flow_label(packet: &mut [u8], label: u32) {
    packet[1] = packet[1] & 0xf0 | (label >> 16) as u8;
    packet[2..4].copy_from_slice(&(label as u16).to_be_bytes());
}

/// Puts the header checksum of an IPv4 packet right.
pub(crate) fn set_header_checksum(packet: &mut [u8]) {
    let header_len = usize::from(packet[0] & 15) * 4;
    packet[10..12].fill(0);
    let mut sum: u32 = packet[..header_len].chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    packet[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

/// Writes another source address over that of a packet, as somebody without any key can.
pub(crate) fn set_source(packet: &mut [u8], source: IpAddr) {
    match source {
        IpAddr::V4(source) => packet[12..16].copy_from_slice(&source.octets()),
        IpAddr::V6(source) => packet[8..24].copy_from_slice(&source.octets()),
    }
}

pub(crate) fn ends(packet: &[u8]) -> (IpAddr, IpAddr) {
    let (ip, _) = IpHeader::split(packet).unwrap();
    (ip.source(), ip.destination())
}

/// A packet that somebody without the key made of `packet`: its last octet is another one.
pub(crate) fn forged(packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    *packet.last_mut().unwrap() ^= 1;
    packet
}

// --- Associations -----------------------------------------------------------------------------------------------------

pub(crate) const AH_KEY: [u8; 32] = [0xa1; 32];
pub(crate) const ESP_KEY: [u8; 20] = [0xe5; 20];
pub(crate) const CBC_KEY: [u8; 16] = [0xcb; 16];

pub(crate) const fn ah() -> Protection<'static> {
    Protection::Ah {
        integrity: IntegrityAlgorithm::HmacSha2_256_128,
        key: &AH_KEY,
        coverage: RoutingCoverage::DataZeroed,
        pad_to_8: false,
    }
}

pub(crate) const fn esp() -> Protection<'static> {
    Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &ESP_KEY }
}

/// ESP whose vectors are random.
pub(crate) const fn esp_cbc() -> Protection<'static> {
    Protection::Esp {
        cipher: CipherAlgorithm::AesCbc,
        cipher_key: &CBC_KEY,
        integrity: Some((IntegrityAlgorithm::HmacSha2_256_128, &AH_KEY)),
    }
}

pub(crate) fn spi(value: u32) -> Spi {
    Spi::new(value).unwrap()
}

/// Of policy [`OWN`], for any sender, in transport mode.
pub(crate) fn config(number: u32, protection: Protection<'_>) -> SaConfig<'_> {
    SaConfig { policy: Some(OWN), ..SaConfig::new(spi(number), protection) }
}

pub(crate) fn sa(config: &SaConfig<'_>) -> Sa<RustCrypto> {
    Sa::new(config, &mut RustCrypto).unwrap()
}

/// Between two gateways.
pub(crate) fn tunnel(family: Family) -> Mode {
    Mode::Tunnel(OuterHeader::between(gateway(family, 1), gateway(family, 2), 64))
}

/// The mode that `kind` stands for.
pub(crate) fn mode(kind: ModeKind, family: Family) -> Mode {
    if kind == ModeKind::Tunnel { tunnel(family) } else { Mode::Transport }
}

/// The layers of a protection, outermost first.
pub(crate) fn layers_of(required: Required) -> Vec<(SecurityProtocol, ModeKind)> {
    match required {
        Required::Ah(mode) => vec![(SecurityProtocol::Ah, mode)],
        Required::Esp(mode) => vec![(SecurityProtocol::Esp, mode)],
        Required::AhAroundEsp { esp } => {
            vec![(SecurityProtocol::Ah, ModeKind::Transport), (SecurityProtocol::Esp, esp)]
        }
    }
}

/// One association for each layer of `required`, from SPI 0x1000 on; outermost first.
pub(crate) fn configs_of(required: Required, family: Family) -> Vec<SaConfig<'static>> {
    let layers = layers_of(required).into_iter().zip(0x1000..);
    let each = layers.map(|((protocol, kind), number)| {
        let protection = if protocol == SecurityProtocol::Ah { ah() } else { esp() };
        SaConfig { mode: mode(kind, family), ..config(number, protection) }
    });
    each.collect()
}

/// A sender's end of an association, fresh, with a nonce of its own wherever it needs one.
pub(crate) fn sender_of(config: &SaConfig<'_>) -> OutboundSa<RustCrypto> {
    OutboundSa::shared(sa(config), SenderId::new(1, 8).unwrap(), NOW).unwrap()
}

/// A sender that has used the numbers up to `last`, and may use all the others.
pub(crate) fn sender_after(config: &SaConfig<'_>, last: u64) -> OutboundSa<RustCrypto> {
    let sender = SenderId::new(1, 8).unwrap();
    let mut outbound = OutboundSa::resume(sa(config), last, sender, Usage::new(NOW)).unwrap();
    outbound.reserve(u64::MAX).commit();
    outbound
}

/// `packet`, sealed under `sa` with number `sequence`.
pub(crate) fn seal(sa: &Sa<RustCrypto>, sequence: u64, packet: &[u8]) -> Vec<u8> {
    let mut storage = vec![0; packet.len() + 300];
    storage[150..150 + packet.len()].copy_from_slice(packet);
    let mut buffer = PacketBuf::new(&mut storage, 150..150 + packet.len()).unwrap();
    let freshness = Freshness { sequence, iv: &[0x77; 16][..sa.iv_len()] };
    seal_with(sa, freshness, &mut RustCrypto, Some(&code_points()), &mut buffer).unwrap();
    buffer.as_octets().to_vec()
}

/// An ESP packet with NULL encryption of which everything is given, and whose ICV is right under [`esp_null`].
pub(crate) fn esp_by_hand(traffic: Traffic, number: u32, sequence: u32, data: &[u8]) -> Vec<u8> {
    let mut payload = [number.to_be_bytes(), sequence.to_be_bytes()].concat();
    payload.extend_from_slice(data);
    let key = RustCrypto.integrity_key(IntegrityAlgorithm::HmacSha2_256_128, &AH_KEY).unwrap();
    let icv = RustCrypto.icv(&key, [&payload[..]]).unwrap();
    payload.extend_from_slice(icv.as_octets());
    traffic.plain(traffic.source(), protocol::ESP, &payload)
}

pub(crate) const fn esp_null() -> Protection<'static> {
    Protection::Esp {
        cipher: CipherAlgorithm::Null,
        cipher_key: &[],
        integrity: Some((IntegrityAlgorithm::HmacSha2_256_128, &AH_KEY)),
    }
}

// --- Policy -----------------------------------------------------------------------------------------------------------

pub(crate) fn protect(required: Required) -> Action {
    Action::Protect { policy: OWN, required }
}

/// Entries for both directions, in order.
pub(crate) fn spd(entries: &[(SelectorSet, Action)]) -> FixedSpd<8> {
    let mut spd = FixedSpd::new();
    for &(selectors, action) in entries {
        spd.push(PolicyEntry { directionality: Directionality::Symmetric, selectors, action }).unwrap();
    }
    spd
}

/// Protects what `selectors` name, and lets everything else pass.
pub(crate) fn protecting(selectors: SelectorSet, required: Required) -> FixedSpd<8> {
    spd(&[(selectors, protect(required)), (SelectorSet::ANY, Action::Bypass)])
}
