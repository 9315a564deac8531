//! Keys, packets and randomness for the tests.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};

use rand_core::{TryCryptoRng, TryRng};
use xcast_sec::crypto::{AeadAlgorithm, RustCrypto};
use xcast_sec::group::membership::message::{Body, Header, Message};
use xcast_sec::group::membership::{
    Epoch, GroupId, GroupSetup, Incarnation, KeySink, KeySource, KeySourceError, Offer, RejectReason, Version,
};
use xcast_sec::ipsec::SenderId;
use xcast_sec::ipsec::{OutboundSa, PacketBuf, Protection, Sa, SaConfig, SenderWindows, Spi, Usage, open};
use xcast_sec::time::Instant;
use xcast_sec::wire::{BitmapPlace, Family, Ipv6Repr, UdpRepr, protocol};

pub(crate) const GROUP: GroupId = GroupId::new(0x6772_6f75_7000_0001);
/// Octets of an association here: SPI, key, salt.
pub(crate) const ASSOCIATION: usize = 24;
const ROOM: usize = 64;

pub(crate) fn address(index: usize) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::try_from(index).unwrap()).into()
}

pub(crate) fn controller() -> IpAddr {
    address(0xc0)
}

pub(crate) fn setup() -> GroupSetup {
    GroupSetup { family: Family::V6, ah: None, bitmap: BitmapPlace::Header, tunnel: false }
}

/// Draws that a seed decides.
#[derive(Clone, Debug)]
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.0 ^ (self.0 >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed ^ (mixed >> 29)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

impl TryRng for Draw {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::try_from(self.next() >> 32).unwrap())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
        octets.iter_mut().for_each(|octet| *octet = u8::try_from(self.next() >> 56).unwrap());
        Ok(())
    }
}

impl TryCryptoRng for Draw {}

/// Makes AES-GCM associations.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) failures: usize,
    pub(crate) made: Vec<Epoch>,
    pub(crate) asked_for: Vec<Vec<IpAddr>>,
}

impl KeySource for Source {
    fn generate<G: TryCryptoRng + ?Sized>(
        &mut self,
        epoch: Epoch,
        members: impl Iterator<Item = IpAddr> + Clone,
        rng: &mut G,
        out: &mut [u8],
    ) -> Result<usize, KeySourceError> {
        if self.failures > 0 {
            self.failures -= 1;
            return Err(KeySourceError::Random);
        }
        let place = out.get_mut(..ASSOCIATION).ok_or(KeySourceError::NoRoom)?;
        rng.try_fill_bytes(place).map_err(|_| KeySourceError::Random)?;
        // No reserved SPI.
        place[0] |= 0x80;
        assert!(!self.made.contains(&epoch), "{epoch:?} was made before");
        self.made.push(epoch);
        self.asked_for.push(members.collect());
        Ok(ASSOCIATION)
    }
}

/// Takes associations, and forgets none.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    /// Those installed now.
    pub(crate) held: BTreeMap<(IpAddr, Epoch), Vec<u8>>,
    /// Those installed at any time, as somebody would keep them who wants to read on.
    pub(crate) seen: BTreeMap<(IpAddr, Epoch), Vec<u8>>,
    pub(crate) reject: Option<RejectReason>,
}

impl KeySink for Sink {
    fn install(&mut self, offer: Offer<'_>) -> Result<(), RejectReason> {
        if let Some(reason) = self.reject {
            return Err(reason);
        }
        let key = (offer.server, offer.epoch);
        assert!(!self.held.contains_key(&key), "{key:?} was installed before");
        self.held.insert(key, offer.association.to_vec());
        self.seen.insert(key, offer.association.to_vec());
        Ok(())
    }

    fn remove(&mut self, server: IpAddr, epoch: Epoch) {
        assert!(self.held.remove(&(server, epoch)).is_some(), "{epoch:?} is not installed");
    }
}

pub(crate) fn sa(association: &[u8], source: Option<IpAddr>) -> Sa<RustCrypto> {
    let (spi, key) = association.split_first_chunk::<4>().unwrap();
    let protection = Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key };
    let config = SaConfig { source, ..SaConfig::new(Spi::new(u32::from_be_bytes(*spi)).unwrap(), protection) };
    Sa::new(&config, &mut RustCrypto).unwrap()
}

/// A sender that goes on after `saved`.
pub(crate) fn outbound(association: &[u8], source: IpAddr, saved: u64, now: Instant) -> OutboundSa<RustCrypto> {
    OutboundSa::resume(sa(association, Some(source)), saved, SenderId::ONLY, Usage::new(now)).unwrap()
}

/// A datagram to the group, sealed.
pub(crate) fn seal(sender: &mut OutboundSa<RustCrypto>, source: IpAddr, now: Instant, text: &[u8]) -> (u64, Vec<u8>) {
    let IpAddr::V6(source) = source else { panic!("an IPv6 address") };
    let destination: Ipv6Addr = "ff0e::114".parse().unwrap();
    let udp = UdpRepr { source_port: 4000, destination_port: 5000, payload: text };
    let (start, payload_len) = (ROOM, udp.encoded_len());
    let end = start + 40 + payload_len;
    let mut storage = vec![0; end + ROOM];
    let next_header = protocol::UDP;
    Ipv6Repr { traffic_class: 0, hop_limit: 64, next_header, source, destination, payload_len }
        .emit(&mut storage[start..])
        .unwrap();
    udp.emit(source.into(), destination.into(), &mut storage[start + 40..end]).unwrap();
    let mut packet = PacketBuf::new(&mut storage, start..end).unwrap();
    let sealed = sender.seal(now, &mut RustCrypto, &mut Draw(1), None, &mut packet).unwrap();
    (sealed.sequence, packet.as_octets().to_vec())
}

/// Whether a packet opens under an association, and to what was sealed.
pub(crate) fn opens(association: &[u8], octets: &[u8], text: &[u8]) -> bool {
    let mut storage = octets.to_vec();
    let len = storage.len();
    let mut packet = PacketBuf::new(&mut storage, 0..len).unwrap();
    let mut windows = SenderWindows::<2, 1>::new(64).unwrap();
    let opened = open(&sa(association, None), &mut windows, &mut RustCrypto, None, &mut packet).is_ok();
    assert!(!opened || packet.as_octets().ends_with(text));
    opened
}

/// A message about the group.
pub(crate) fn message(version: u64, epoch: u64, stay: u64, body: Body<'_>) -> Vec<u8> {
    let header = Header {
        group: GROUP,
        version: Version::new(version),
        epoch: Epoch::new(epoch),
        incarnation: Incarnation::new(stay),
    };
    let mut out = vec![0xee; 8192];
    let len = Message { header, body }.emit(&mut out).unwrap();
    out.truncate(len);
    out
}
