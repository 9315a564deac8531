//! Suites, terms and keys to test with.

use std::convert::Infallible;
use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroU64};

use proptest::prelude::*;
use proptest::sample::select;
use xcast_sec::group::gdoi::{Download, emit, encoded_len};
use xcast_sec::group::{GroupLifetime, GroupMode, GroupSa, Preservation, Rollover, SaTerms, Suite};
use xcast_sec::ipsec::{Directionality, RoutingCoverage, SenderId, Spi};

use crate::algorithms::{CIPHERS, COMBINED, INTEGRITY};

pub(crate) const COVERAGES: [RoutingCoverage; 3] =
    [RoutingCoverage::DataZeroed, RoutingCoverage::FieldsZeroed, RoutingCoverage::Covered];

/// Every suite there is.
pub(crate) fn suites() -> Vec<Suite> {
    let mut suites = Vec::new();
    for integrity in INTEGRITY {
        for coverage in COVERAGES {
            suites.extend([false, true].map(|pad_to_8| Suite::Ah { integrity, coverage, pad_to_8 }));
        }
        suites.extend(CIPHERS.map(|(cipher, cipher_key_len)| Suite::Esp { cipher, cipher_key_len, integrity }));
    }
    suites.extend(COMBINED.map(|(algorithm, key_len)| Suite::EspCombined { algorithm, key_len }));
    suites
}

/// The groups of IPv4 and IPv6.
pub(crate) fn groups() -> [IpAddr; 2] {
    ["224.0.0.254".parse().unwrap(), "ff02::114".parse().unwrap()]
}

pub(crate) fn sender_in(group: IpAddr) -> IpAddr {
    if group.is_ipv4() { "192.0.2.10".parse().unwrap() } else { "2001:db8::a".parse().unwrap() }
}

pub(crate) fn spi(value: u32) -> Spi {
    Spi::new(value).unwrap()
}

/// Terms that say something in every field.
pub(crate) fn full_terms(spi_value: u32, group: IpAddr, suite: Suite) -> SaTerms {
    SaTerms {
        source: Some(sender_in(group)),
        mode: GroupMode::Tunnel(Preservation::Source),
        esn: true,
        direction: Directionality::ReceiverOnly,
        lifetime: GroupLifetime {
            seconds: NonZeroU32::new(3_600).unwrap(),
            kilobytes: NonZeroU32::new(100_000),
            packets: NonZeroU64::new(0x1_0000_0000),
        },
        epoch: 7,
        rollover: Rollover { activation_delay: 5, deactivation_delay: 30 },
        ..SaTerms::new(spi(spi_value), group, suite)
    }
}

/// Octets that count up from `next`, to tell keys and places in them apart.
pub(crate) struct Counting {
    pub(crate) next: u8,
}

impl rand_core::TryRng for Counting {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("keys are octets")
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("keys are octets")
    }
    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
        for octet in octets {
            *octet = self.next;
            self.next = self.next.wrapping_add(1);
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Counting {}

/// An association with keys that count up from 0x80.
pub(crate) fn association(terms: SaTerms) -> GroupSa {
    GroupSa::generate(terms, &mut Counting { next: 0x80 }).unwrap()
}

/// The octets of associations.
pub(crate) fn encode(associations: &[GroupSa], sender: Option<SenderId>) -> Vec<u8> {
    let mut octets = vec![0xa5; encoded_len(associations, sender)];
    assert_eq!(emit(associations, sender, &mut octets), Ok(octets.len()));
    octets
}

/// What cannot be compared of associations in any other way, as they have no `PartialEq`.
pub(crate) fn assert_same(one: &GroupSa, other: &GroupSa) {
    assert_eq!(one.terms(), other.terms());
    assert_eq!(one.encryption_key().as_octets(), other.encryption_key().as_octets());
    assert_eq!(one.integrity_key().as_octets(), other.integrity_key().as_octets());
}

/// Reads octets back and writes what was read again.
pub(crate) fn again(download: &Download<'_>) -> Vec<u8> {
    encode(&download.iter().collect::<Vec<_>>(), download.sender())
}

// --- Properties ---

fn modes() -> impl Strategy<Value = GroupMode> {
    select(vec![
        GroupMode::Transport,
        GroupMode::Tunnel(Preservation::Neither),
        GroupMode::Tunnel(Preservation::Source),
        GroupMode::Tunnel(Preservation::Destination),
        GroupMode::Tunnel(Preservation::Both),
    ])
}

fn directions() -> impl Strategy<Value = Directionality> {
    select(vec![Directionality::Symmetric, Directionality::SenderOnly, Directionality::ReceiverOnly])
}

fn lifetimes() -> impl Strategy<Value = GroupLifetime> {
    (1_u32.., any::<u32>(), any::<u64>()).prop_map(|(seconds, kilobytes, packets)| GroupLifetime {
        seconds: NonZeroU32::new(seconds).unwrap(),
        kilobytes: NonZeroU32::new(kilobytes),
        packets: NonZeroU64::new(packets),
    })
}

/// Terms that are sound, of every kind.
pub(crate) fn any_terms() -> impl Strategy<Value = SaTerms> {
    let addresses = (any::<bool>(), any::<bool>(), any::<u16>());
    let numbers = (256_u32.., any::<u32>(), any::<u16>(), any::<u16>());
    (addresses, numbers, modes(), directions(), lifetimes(), select(suites()), any::<bool>()).prop_map(
        |((v6, named, host), (spi_value, epoch, atd, dtd), mode, direction, lifetime, suite, esn)| {
            let group = groups()[usize::from(v6)];
            let [high, low] = host.to_be_bytes();
            let source: IpAddr = if v6 {
                std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host).into()
            } else {
                std::net::Ipv4Addr::new(198, 18, high, low).into()
            };
            let keeps = matches!(mode, GroupMode::Tunnel(Preservation::Neither | Preservation::Destination));
            let named = named || keeps || direction != Directionality::Symmetric;
            SaTerms {
                source: named.then_some(source),
                mode,
                esn,
                direction,
                lifetime,
                epoch,
                rollover: Rollover { activation_delay: atd, deactivation_delay: dtd },
                ..SaTerms::new(spi(spi_value), group, suite)
            }
        },
    )
}

pub(crate) fn any_sender() -> impl Strategy<Value = Option<SenderId>> {
    let one = (select(vec![8_u32, 12, 16]), any::<u16>())
        .prop_map(|(bits, value)| SenderId::new(value & u16::MAX.wrapping_shr(16 - bits), bits).unwrap());
    prop::option::of(one)
}
