//! A sender, what it sealed, and any messages that it was too big, beside a model of what is believed: a sound message about a packet that
//! went out does what RFC 1191 and RFC 8201 say, no other one does anything; and what fits is sealed, what does not fit is not.
//! Shared by the fuzz target and the test that replays its corpus. Its user includes `gullible.rs`, `input.rs` and
//! `models/xcast_packet.rs` beside it.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm};
use xcast_sec::ipsec::{
    Ignored, Mode, OutboundSa, OuterHeader, PacketBuf, PathMtu, Protection, RoutingCoverage, Sa, SaConfig, SealError,
    SenderId, Spi,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{CodePoints, Family, PacketTooBig};

use super::gullible::{Gullible, Zeros};
use super::input::Input;
use super::xcast_model::{Packet, ip, octets_of, source, sum};

const ROOM: usize = 400;

struct World {
    sender: OutboundSa<Gullible>,
    /// Of the packets that are sealed.
    v6: bool,
    xcast: bool,
    transport: bool,
    now: Instant,
    sealed: Vec<Vec<u8>>,
    /// What is believed, and since when.
    known: Option<(usize, Instant)>,
    lifetime: Duration,
}

fn far_end(v6: bool) -> IpAddr {
    if v6 { Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 2).into() } else { [203, 0, 113, 2].into() }
}

impl World {
    fn new(choice: u8) -> Option<Self> {
        let flag = |bit: u8| choice & bit != 0;
        let (v6, xcast) = (flag(1), flag(2));
        let integrity = IntegrityAlgorithm::HmacSha1_96;
        let protection = match choice >> 2 & 3 {
            0 => Protection::Ah { integrity, key: &[], coverage: RoutingCoverage::DataZeroed, pad_to_8: false },
            1 => {
                Protection::Esp { cipher: CipherAlgorithm::AesCbc, cipher_key: &[], integrity: Some((integrity, &[])) }
            }
            2 => Protection::Esp { cipher: CipherAlgorithm::Null, cipher_key: &[], integrity: Some((integrity, &[])) },
            _ => Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &[] },
        };
        let mode = match choice >> 4 & 3 {
            0 => Mode::Transport,
            1 => Mode::Tunnel(OuterHeader::preserving(9)),
            outer => Mode::Tunnel(OuterHeader::between(source(outer == 3), far_end(outer == 3), 9)),
        };
        let spi = Spi::new(0x1000)?;
        let config = SaConfig { mode, esn: flag(64), ..SaConfig::new(spi, protection) };
        let sa = Sa::new(&config, &mut Gullible).ok()?;
        let sender = OutboundSa::shared(sa, SenderId::new(1, 8)?, Instant::START).ok()?;
        Some(Self {
            sender,
            v6,
            xcast,
            transport: mode == Mode::Transport,
            now: Instant::from_secs(1000),
            sealed: Vec::new(),
            known: None,
            lifetime: PathMtu::LIFETIME,
        })
    }

    fn known(&self) -> Option<usize> {
        let (mtu, since) = self.known?;
        (self.now.since(since) < self.lifetime).then_some(mtu)
    }

    /// A packet of `len` octets at least, and how many of them are headers.
    fn packet(&self, len: usize) -> (Vec<u8>, usize) {
        let udp = |len: usize| {
            let [high, low] = u16::try_from(len).expect("short").to_be_bytes();
            [&[0, 9, 0, 9, high, low, 0, 0][..], &vec![0x3c; len - 8]].concat()
        };
        if self.xcast {
            let mut packet = Packet {
                v6: self.v6,
                hop_limit: 64,
                traffic_class: 0,
                label: 0,
                channel: [0; 16],
                addresses: vec![far_end(self.v6)],
                bits: vec![true],
                dscps: None,
                ports: None,
                anonymous: false,
                no_x2u: true,
                separated: false,
                ah: false,
                alert: false,
                options: false,
                reserved: false,
                next: 17,
                payload: Vec::new(),
            };
            let headers_len = packet.octets().len();
            packet.payload = udp(len.saturating_sub(headers_len).max(8));
            (packet.octets(), headers_len)
        } else {
            let headers_len = if self.v6 { 40 } else { 20 };
            let ends = (source(self.v6), far_end(self.v6));
            (ip(ends, 0, 0, 64, 17, &[], &udp(len.saturating_sub(headers_len).max(8))), headers_len)
        }
    }

    fn seal(&mut self, len: usize) {
        let (packet, headers_len) = self.packet(len);
        let family = if self.v6 { Family::V6 } else { Family::V4 };
        let headers_len = if self.transport { headers_len } else { 0 };
        let most = self.sender.inner_mtu(family, headers_len, self.now);
        let mut storage = vec![0; packet.len() + 2 * ROOM];
        storage[ROOM..ROOM + packet.len()].copy_from_slice(&packet);
        let mut buffer = PacketBuf::new(&mut storage, ROOM..ROOM + packet.len()).expect("in range");
        let code_points = CodePoints::rfc4727_experiment();
        let result = self.sender.seal(self.now, &mut Gullible, &mut Zeros, Some(&code_points), &mut buffer);
        match result {
            Ok(_) => {
                assert!(most.is_some_and(|most| packet.len() <= most), "{most:?}");
                let sealed = buffer.as_octets().to_vec();
                assert!(self.known().is_none_or(|mtu| sealed.len() <= mtu));
                self.sealed.push(sealed);
            }
            Err(SealError::TooBig { len, mtu }) => {
                assert_eq!((Some(mtu), len > mtu), (self.known(), true));
                assert!(most.is_none_or(|most| packet.len() > most), "{most:?}");
                assert_eq!(buffer.as_octets(), packet);
            }
            // Xcast4 with its bitmap in the header is not covered by AH.
            Err(SealError::Refused(_)) => assert!(self.xcast && self.transport),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn report(&mut self, input: &mut Input<'_>) {
        let back = input.octet();
        let Some(sealed) = self.sealed.iter().rev().nth(usize::from(back & 3)) else { return };
        let len = sealed.len();
        let v6 = sealed[0] >> 4 == 6;
        // About what is told apart: lengths of packets, what is known, what links have.
        let base = match input.octet() & 7 {
            0 => 0,
            1 => 68,
            2 => 576,
            3 => 1280,
            4 => self.known().unwrap_or(1500),
            5 => 9000,
            _ => len,
        };
        let mtu = (base + usize::from(input.octet())).saturating_sub(128);
        let mtu = if base == 0 { 0 } else { mtu };
        let mut quoted = sealed[..len.min(64 + usize::from(back >> 2) * 4)].to_vec();
        let mut to = address_in(if v6 { &quoted[8..24] } else { &quoted[12..16] });
        let damage = input.octet();
        match damage {
            0..=159 => {}
            160..=169 => to = far_end(v6),
            _ => {
                let at = usize::from(damage - 170) % quoted.len();
                quoted[at] ^= input.octet();
            }
        }
        // 40 octets, 48 of a Routing header, 12 of AH.
        let sound = damage < 160 && quoted.len() >= 100.min(len);
        let octets = message(v6, to, mtu, &quoted);
        let message = PacketTooBig::parse(&octets).expect("its checksums are right");
        assert_eq!(message.mtu(), (v6 || mtu != 0).then_some(mtu));
        let result = self.sender.packet_too_big(&message, Some(&CodePoints::rfc4727_experiment()), self.now);
        let family = if v6 { Family::V6 } else { Family::V4 };
        if sound && message.mtu().is_some() {
            assert_eq!(result, self.expected(family, len, mtu));
        }
        match result {
            Ok(learned) => {
                assert!(learned >= PathMtu::least(family) && self.known().is_none_or(|known| learned < known));
                self.known = Some((learned, self.now));
            }
            Err(ignored) => assert!(!ignored.to_string().is_empty()),
        }
    }

    /// What is to become of a sound report about a packet of `len` octets (RFC 1191 §3, RFC 8201 §4, RFC 4301 §6.1.1).
    fn expected(&self, family: Family, len: usize, mtu: usize) -> Result<usize, Ignored> {
        let (of_links, least) = match family {
            Family::V4 => (68, 576),
            Family::V6 => (1280, 1280),
        };
        let learned = mtu.max(least);
        if mtu >= len {
            Err(Ignored::NotLarger { len, mtu })
        } else if mtu < of_links {
            Err(Ignored::ImpossibleMtu { mtu })
        } else if self.known().is_some_and(|known| known <= learned) || self.lifetime.is_zero() {
            Err(Ignored::NoNews)
        } else {
            Ok(learned)
        }
    }
}

fn address_in(octets: &[u8]) -> IpAddr {
    match <[u8; 4]>::try_from(octets) {
        Ok(octets) => octets.into(),
        Err(_) => (*octets.first_chunk::<16>().expect("an address")).into(),
    }
}

/// A router's message to `to` that quotes a packet.
fn message(v6: bool, to: IpAddr, mtu: usize, quoted: &[u8]) -> Vec<u8> {
    let router: IpAddr =
        if v6 { Ipv6Addr::new(0x2001, 0xdb8, 0xe, 0, 0, 0, 0, 1).into() } else { [10, 9, 9, 9].into() };
    let start = if v6 { [2, 0, 0, 0] } else { [3, 4, 0, 0] };
    let mtu = u32::try_from(if v6 { mtu } else { mtu.min(0xffff) }).expect("small").to_be_bytes();
    let mut icmp = [&start[..], &mtu, quoted].concat();
    let covered = if v6 {
        let len = u32::try_from(icmp.len()).expect("small").to_be_bytes();
        [&octets_of(router)[..], &octets_of(to), &len, &[0, 0, 0, 58], &icmp].concat()
    } else {
        icmp.clone()
    };
    icmp[2..4].copy_from_slice(&(!sum(&covered)).to_be_bytes());
    ip((router, to), 0, 0, 60, if v6 { 58 } else { 1 }, &[], &icmp)
}

/// Checks what the octets make happen. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let Some(mut world) = World::new(input.octet()) else { return };
    while !input.is_empty() {
        match input.octet() {
            0..=99 => {
                let len = 28 + usize::from(input.octet()) * 8 + input.below(8);
                world.seal(len);
            }
            choice @ 100..=119 => {
                // About the length that fits, by one octet.
                let family = if world.v6 { Family::V6 } else { Family::V4 };
                let headers_len = if world.transport { world.packet(0).1 } else { 0 };
                if let Some(most) = world.sender.inner_mtu(family, headers_len, world.now).filter(|most| *most < 9000) {
                    world.seal(most + usize::from(choice & 1));
                }
            }
            120..=135 => world.now = world.now.after(Duration::from_secs(u64::from(input.octet()) * 4)),
            136..=139 => {
                world.lifetime = Duration::from_secs(u64::from(input.octet()) * 8);
                world.sender.path_mtu_mut().set_lifetime(world.lifetime);
            }
            _ => world.report(&mut input),
        }
        assert_eq!(world.sender.path_mtu().get(world.now), world.known());
    }
}
