//! The rules of draft §3.1.1: that none of them ever makes two associations that a receiver cannot tell apart.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use rand_core::{TryCryptoRng, TryRng};
use xcast_sec::group::spi::{
    CentralSpis, DerivedSpis, MAX_HOST_BITS, PerSenderSpis, PrefixRule, SpiAllocator, SpiError, SpiRule, SpiUse, moves,
};
use xcast_sec::ipsec::Spi;

// --- Randomness -------------------------------------------------------------------------------------------------------

/// Says the same few numbers for ever: the worst that a generator may do to an allocator.
#[derive(Debug)]
struct Few(Vec<u64>, usize);

impl TryRng for Few {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|number| number as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.1 += 1;
        Ok(self.0[self.1 % self.0.len()])
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
        for part in octets.chunks_mut(8) {
            let number = self.try_next_u64()?.to_be_bytes();
            part.copy_from_slice(&number[..part.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Few {}

struct Broken;

impl TryRng for Broken {
    type Error = std::fmt::Error;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Err(std::fmt::Error)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Err(std::fmt::Error)
    }

    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self::Error> {
        Err(std::fmt::Error)
    }
}

impl TryCryptoRng for Broken {}

/// Numbers close to each other and to the ends of the range, so that searches meet and go round.
fn few() -> impl Strategy<Value = Few> {
    let number = prop_oneof![0..6_u64, (1 << 32) - 260..(1_u64 << 32) - 256, any::<u64>()];
    vec(number, 1..4).prop_map(|numbers| Few(numbers, 0))
}

fn sender(number: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, number).into()
}

/// Whether any two of these associations conflict.
fn any_conflict(rule: &impl SpiAllocator, all: &[SpiUse]) -> bool {
    (0..all.len()).any(|one| (0..one).any(|other| rule.conflicts(all[one], all[other])))
}

// --- Derived: inside a prefix -----------------------------------------------------------------------------------------

/// A prefix with room for it in an SPI, of either family, and two hosts in it.
fn prefix() -> impl Strategy<Value = (PrefixRule, IpAddr, IpAddr)> {
    (any::<bool>(), 0..=MAX_HOST_BITS, any::<u128>(), any::<u32>(), any::<u32>()).prop_map(|(v6, bits, base, a, b)| {
        let mask = (1_u128 << bits) - 1;
        let address = |value: u128| match v6 {
            true => IpAddr::V6(value.into()),
            false => IpAddr::V4((value as u32).into()),
        };
        let len = if v6 { 128 } else { 32 } - bits;
        let rule = PrefixRule::new(address(base & !mask), len).unwrap();
        let host = |host: u32| address(base & !mask | u128::from(host) & mask);
        (rule, host(a), host(b))
    })
}

proptest! {
    /// Two senders, or two generations, never have one value: it can be read back.
    #[test]
    fn prefix_rule_never_conflicts(
        (mut rule, one, other) in prefix(),
        generations in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
    ) {
        let pick = |index: &prop::sample::Index| index.index(rule.generations() as usize) as u32;
        let (first, second) = (pick(&generations.0), pick(&generations.1));
        let (a, b) = (rule.candidate(one, first).unwrap(), rule.candidate(other, second).unwrap());
        prop_assert!(a.value() >= 256 && b.value() >= 256);
        prop_assert_eq!(a == b, (one, first) == (other, second));
        prop_assert_eq!(rule.owner(a), Some((one, first)));
        prop_assert_eq!(rule.candidate(one, rule.generations()), Err(SpiError::Exhausted));
    }

    /// What the rule calls a sender's is the sender's, for any value on the wire.
    #[test]
    fn prefix_rule_knows_whose_a_value_is((mut rule, ..) in prefix(), value in 256_u32..) {
        let spi = Spi::new(value).unwrap();
        match rule.owner(spi) {
            Some((address, generation)) => prop_assert_eq!(rule.candidate(address, generation), Ok(spi)),
            // Values behind the last whole generation, of which there are fewer than hosts.
            None => prop_assert!(u64::from(u32::MAX - value) < (1 << 31)),
        }
    }

    /// Senders of one prefix, none of which knows of the others, take and release as they like.
    #[test]
    fn senders_of_a_prefix_need_not_talk(steps in vec((0..4_u8, any::<bool>()), 1..60)) {
        let rule = PrefixRule::new([192, 0, 2, 0].into(), 24).unwrap();
        let mut allocators: Vec<_> = (0..4).map(|_| DerivedSpis::<_, 8>::new(rule)).collect();
        let mut live = Vec::new();
        for (who, take) in steps {
            let allocator = &mut allocators[usize::from(who)];
            let source = sender(who);
            if take {
                match allocator.allocate(source, &mut Broken) {
                    Ok(spi) => live.push(SpiUse { source, spi }),
                    Err(error) => {
                        prop_assert_eq!(error, SpiError::Full);
                        prop_assert_eq!(live.iter().filter(|known| known.source == source).count(), 8);
                    }
                }
            } else if let Some(index) = live.iter().position(|known| known.source == source) {
                prop_assert!(allocator.release(live.remove(index)));
            }
            prop_assert!(!any_conflict(&*allocator, &live));
        }
    }
}

#[test]
fn a_prefix_without_a_further_generation_says_so() {
    let rule = PrefixRule::new([128, 0, 0, 0].into(), 1).unwrap();
    let mut spis = DerivedSpis::<_, 4>::new(rule);
    let source = IpAddr::from([192, 0, 2, 1]);
    let spi = spis.allocate(source, &mut Broken).unwrap();
    assert_eq!(spis.allocate(source, &mut Broken), Err(SpiError::Exhausted));
    assert_eq!(spis.allocate(Ipv6Addr::LOCALHOST.into(), &mut Broken), Err(SpiError::OutsidePrefix));
    assert!(spis.release(SpiUse { source, spi }));
    assert_eq!(spis.allocate(source, &mut Broken), Ok(spi));
}

// --- Derived: with conflicts ------------------------------------------------------------------------------------------

/// A hash with so few values that conflicts are the rule: senders have a value each of `values`, another one for each number.
#[derive(Clone, Copy)]
struct Narrow {
    values: u64,
}

impl SpiRule for Narrow {
    fn candidate(&mut self, sender: IpAddr, number: u32) -> Result<Spi, SpiError> {
        let IpAddr::V4(sender) = sender else { return Err(SpiError::OutsidePrefix) };
        let mixed = (u64::from(sender.to_bits()) << 32 | u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        Spi::new(256 + (mixed % self.values) as u32).ok_or(SpiError::Exhausted)
    }
}

proptest! {
    /// Senders come one after the other; each is told, by whoever holds the first association, that its SPI is taken.
    #[test]
    fn the_newcomer_moves(senders in prop::collection::btree_set(any::<u8>(), 1..12), values in 64_u64..4096) {
        let mut live: Vec<SpiUse> = Vec::new();
        for source in senders.into_iter().map(sender) {
            let mut spis = DerivedSpis::<_, 64>::new(Narrow { values });
            let mut spi = spis.allocate(source, &mut Broken).unwrap();
            let mut moved = 0;
            while let Some(first) = live.iter().find(|known| spis.conflicts(**known, SpiUse { source, spi })) {
                spis.report(*first).unwrap();
                let old = SpiUse { source, spi };
                prop_assert!(spis.release(old));
                spi = spis.allocate(source, &mut Broken).unwrap();
                moved += 1;
                // Every move rules out one value that is another's: there is no going back.
                prop_assert!(moved <= live.len());
            }
            // A receiver finds it among the sender's candidates.
            let mut rule = Narrow { values };
            prop_assert!((0..64).any(|number| rule.candidate(source, number) == Ok(spi)));
            live.push(SpiUse { source, spi });
        }
        let rule = DerivedSpis::<_, 1>::new(Narrow { values });
        prop_assert!(!any_conflict(&rule, &live));
    }

    /// All start at once, and each hears of all the others' SPIs after each round: the larger address moves, until all differ.
    #[test]
    fn of_two_at_once_the_larger_address_moves(
        senders in prop::collection::btree_set(any::<u8>(), 2..12),
        values in 256_u64..4096,
    ) {
        let mut hosts: Vec<_> = senders
            .into_iter()
            .map(|number| {
                let mut spis = DerivedSpis::<_, 128>::new(Narrow { values });
                let spi = spis.allocate(sender(number), &mut Broken).unwrap();
                (SpiUse { source: sender(number), spi }, spis)
            })
            .collect();
        let mut rounds = 0;
        loop {
            let told: Vec<_> = hosts.iter().map(|(own, _)| *own).collect();
            let mut quiet = true;
            for (own, spis) in &mut hosts {
                let before = *own;
                let others = told.iter().filter(|other| other.source != before.source);
                for other in others.filter(|other| spis.conflicts(before, **other)).copied().collect::<Vec<_>>() {
                    quiet = false;
                    prop_assert_ne!(moves(before.source, other.source), moves(other.source, before.source));
                    if moves(before.source, other.source) {
                        spis.report(other).unwrap();
                        if *own == before {
                            prop_assert!(spis.release(before));
                            own.spi = spis.allocate(own.source, &mut Broken).unwrap();
                        }
                    }
                }
            }
            if quiet {
                break;
            }
            rounds += 1;
            prop_assert!(rounds < 64, "it does not settle");
        }
        let live: Vec<_> = hosts.iter().map(|(own, _)| *own).collect();
        prop_assert!(!any_conflict(&hosts[0].1, &live));
    }
}

#[test]
fn of_two_families_the_newer_one_moves() {
    let (v4, v6) = (IpAddr::from([255, 255, 255, 255]), IpAddr::from(Ipv6Addr::UNSPECIFIED));
    assert!(moves(v6, v4) && !moves(v4, v6) && !moves(v4, v4));
    assert!(moves([192, 0, 2, 10].into(), [192, 0, 2, 9].into()));
}

// --- Derived: the hash ------------------------------------------------------------------------------------------------

#[cfg(feature = "rust-crypto")]
mod hash {
    use super::*;
    use xcast_sec::crypto::RustCrypto;
    use xcast_sec::group::spi::{HASH_CANDIDATES, HashRule};

    fn rule() -> HashRule<RustCrypto> {
        HashRule::new(RustCrypto).unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Computed with another implementation of HMAC and of the arithmetic.
    #[test]
    fn values() {
        let value =
            |rule: &mut HashRule<RustCrypto>, text, number| rule.candidate(address(text), number).unwrap().value();
        let mut public = rule();
        assert_eq!(value(&mut public, "192.0.2.1", 0), 0xc3f0_404f);
        assert_eq!(value(&mut public, "192.0.2.1", 1), 0xd1b6_782a);
        assert_eq!(value(&mut public, "2001:db8::1", 0), 0x96ea_af41);
        assert_eq!(value(&mut public, "2001:db8::1", 255), 0x8548_05db);
        let mut crypto = RustCrypto;
        let mut keyed = HashRule::with_key(&mut crypto, &[0x42; 32]).unwrap();
        assert_eq!(keyed.candidate(address("2001:db8::1"), 0).unwrap().value(), 0x644a_ff93);
        assert_eq!(public.candidate(address("2001:db8::1"), HASH_CANDIDATES), Err(SpiError::Exhausted));
    }

    /// A conflict is reported, the next candidate is taken, and a receiver recomputes which one it is.
    #[test]
    fn the_next_candidate_is_recomputed() {
        let source = address("2001:db8::1");
        let mut spis = DerivedSpis::<_, 8>::new(rule());
        let first = spis.allocate(source, &mut Broken).unwrap();
        spis.report(SpiUse { source: address("2001:db8::2"), spi: first }).unwrap();
        assert!(spis.release(SpiUse { source, spi: first }));
        let second = spis.allocate(source, &mut Broken).unwrap();
        assert_ne!(first, second);
        assert_eq!(rule().number_of(source, first), Ok(Some(0)));
        assert_eq!(rule().number_of(source, second), Ok(Some(1)));
        assert_eq!(rule().number_of(address("2001:db8::2"), second), Ok(None));
        // The other one's association ends.
        assert!(spis.withdraw(SpiUse { source: address("2001:db8::2"), spi: first }));
        assert_eq!(spis.allocate(source, &mut Broken), Ok(first));
    }

    proptest! {
        #[test]
        fn never_a_reserved_value_and_always_the_same(bits in any::<u128>(), number in 0..HASH_CANDIDATES) {
            let source = IpAddr::V6(bits.into());
            let spi = rule().candidate(source, number).unwrap();
            prop_assert!(spi.value() >= 256);
            prop_assert_eq!(rule().candidate(source, number), Ok(spi));
        }
    }

    /// Addresses that follow one another fall like random ones: of 65536 drawn out of 65536 classes, 1/e of the classes stay
    /// empty. The addresses are fixed, and so is the outcome; by chance it would be within a percent in all but one of 10^8 cases.
    #[test]
    fn neighbouring_addresses_spread() {
        let mut rule = rule();
        for class in [|spi: u32| spi & 0xffff, |spi: u32| spi >> 16] {
            let mut seen = vec![false; 1 << 16];
            for host in 0..1_u128 << 16 {
                let source = IpAddr::V6((0x2001_0db8_u128 << 96 | host).into());
                seen[class(rule.candidate(source, 0).unwrap().value()) as usize] = true;
            }
            let empty = seen.iter().filter(|seen| !**seen).count() as f64 / f64::from(1 << 16);
            assert!((empty - (-1_f64).exp()).abs() < 0.01, "{empty}");
        }
    }
}

/// The table in the documentation of `HashRule`.
#[test]
fn probabilities_of_a_conflict() {
    let values = 2_f64.powi(32) - 256.0;
    let probability = |senders: u32| -(1..senders).map(|i| (-f64::from(i) / values).ln_1p()).sum::<f64>().exp_m1();
    for (senders, documented, digit) in [
        (2, 2.3e-10, 1e-11),
        (10, 1.0e-8, 1e-9),
        (100, 1.2e-6, 1e-7),
        (127, 1.9e-6, 1e-7),
        (1000, 1.2e-4, 1e-5),
        (10_000, 0.012, 1e-3),
    ] {
        let exact = probability(senders);
        assert!((exact - documented).abs() <= digit / 2.0, "{senders}: {exact}");
        assert!(exact <= f64::from(senders) * f64::from(senders - 1) / 2.0 / values);
    }
    assert!(probability(77_163) < 0.5 && probability(77_164) >= 0.5);
}

// --- From a server ----------------------------------------------------------------------------------------------------

#[derive(Clone, Debug)]
enum Step {
    Allocate(u8),
    Report(u8, u32),
    /// Of a report, or of what is no report.
    Withdraw(u8, u32),
    Release(prop::sample::Index),
    Forget(u8),
}

/// Values that the generator of [`few`] leads to.
fn value() -> impl Strategy<Value = u32> {
    prop_oneof![256..264_u32, u32::MAX - 6..=u32::MAX]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_u8).prop_map(Step::Allocate),
        3 => (0..3_u8, value()).prop_map(|(who, value)| Step::Report(who, value)),
        2 => (0..3_u8, value()).prop_map(|(who, value)| Step::Withdraw(who, value)),
        2 => any::<prop::sample::Index>().prop_map(Step::Release),
        1 => (0..3_u8).prop_map(Step::Forget),
    ]
}

const PLACES: usize = 12;
const PER_MEMBER: usize = 3;

proptest! {
    /// Against a model of two plain sets: what is given out is in neither of them, whatever the members say and do.
    #[test]
    fn central_is_unique_across_all_that_is_reported(steps in vec(step(), 1..80), mut rng in few()) {
        let mut central = CentralSpis::<PLACES>::new(PER_MEMBER);
        let (mut given, mut reported) = (Vec::<SpiUse>::new(), BTreeSet::<(IpAddr, Spi)>::new());
        for step in steps {
            let places = {
                let mut all = reported.clone();
                all.extend(given.iter().map(|known| (known.source, known.spi)));
                all
            };
            let of = |who: u8| reported.iter().filter(|(member, _)| *member == sender(who)).count();
            match step {
                Step::Allocate(who) => match central.allocate(sender(who), &mut rng) {
                    Ok(spi) => {
                        prop_assert!(spi.value() >= 256);
                        prop_assert!(places.iter().all(|(_, known)| *known != spi), "{spi} is in use");
                        prop_assert!(places.len() < PLACES);
                        given.push(SpiUse { source: sender(who), spi });
                    }
                    Err(error) => prop_assert_eq!((error, places.len()), (SpiError::Full, PLACES)),
                },
                Step::Report(who, value) => {
                    let report = SpiUse { source: sender(who), spi: Spi::new(value).unwrap() };
                    let key = (report.source, report.spi);
                    let expected = if !reported.contains(&key) && of(who) >= PER_MEMBER {
                        Err(SpiError::TooManyReports)
                    } else if !places.contains(&key) && places.len() == PLACES {
                        Err(SpiError::Full)
                    } else {
                        Ok(())
                    };
                    prop_assert_eq!(central.report(report), expected);
                    if expected.is_ok() {
                        reported.insert(key);
                    }
                }
                Step::Withdraw(who, value) => {
                    let report = SpiUse { source: sender(who), spi: Spi::new(value).unwrap() };
                    prop_assert_eq!(central.withdraw(report), reported.remove(&(report.source, report.spi)));
                }
                Step::Release(index) => {
                    if !given.is_empty() {
                        let gone = given.swap_remove(index.index(given.len()));
                        prop_assert!(central.release(gone) && !central.release(gone));
                    }
                }
                Step::Forget(who) => {
                    central.forget_reports(sender(who));
                    reported.retain(|(member, _)| *member != sender(who));
                }
            }
            prop_assert!(!any_conflict(&central, &given));
            prop_assert_eq!(central.given().count(), given.len());
            for (_, spi) in &reported {
                prop_assert!(central.is_in_use(*spi));
            }
        }
    }
}

#[test]
fn a_member_cannot_free_what_was_given_out() {
    let mut central = CentralSpis::<8>::new(4);
    let mut rng = Few(vec![7], 0);
    let spi = central.allocate(sender(1), &mut rng).unwrap();
    assert_eq!(spi.value(), 263);
    let own = SpiUse { source: sender(1), spi };
    central.report(own).unwrap();
    assert!(central.withdraw(own) && central.is_in_use(spi));
    central.forget_reports(sender(1));
    assert!(!central.release(SpiUse { source: sender(2), ..own }), "not that one's");
    assert_ne!(central.allocate(sender(2), &mut rng), Ok(spi));
    // Nor is a value free while somebody reports it.
    central.report(SpiUse { source: sender(3), spi }).unwrap();
    assert!(central.release(own) && central.is_in_use(spi));
    assert!(central.withdraw(SpiUse { source: sender(3), spi }) && !central.is_in_use(spi));
    assert_eq!(central.allocate(sender(2), &mut rng), Ok(spi));
}

#[test]
fn without_random_numbers_nothing_is_given_out() {
    let mut central = CentralSpis::<8>::new(4);
    assert_eq!(central.allocate(sender(1), &mut Broken), Err(SpiError::Random));
    assert_eq!(central.given().count(), 0);
    assert_eq!(PerSenderSpis::<8>::new().allocate(sender(1), &mut Broken), Err(SpiError::Random));
}

// --- Per sender -------------------------------------------------------------------------------------------------------

proptest! {
    /// No sender has an SPI twice at a time; between senders nothing is coordinated.
    #[test]
    fn per_sender_never_the_same_source_and_spi(
        steps in vec((0..3_u8, select(vec![true, true, false])), 1..60),
        numbers in vec(0..4_u64, 1..3),
    ) {
        let mut allocators: Vec<_> = (0..3).map(|_| (PerSenderSpis::<6>::new(), Few(numbers.clone(), 0))).collect();
        let mut live: BTreeMap<IpAddr, Vec<Spi>> = BTreeMap::new();
        for (who, take) in steps {
            let (spis, rng) = &mut allocators[usize::from(who)];
            let source = sender(who);
            let own = live.entry(source).or_default();
            if take {
                match spis.allocate(source, rng) {
                    Ok(spi) => {
                        prop_assert!(!own.contains(&spi));
                        own.push(spi);
                    }
                    Err(error) => prop_assert_eq!((error, own.len()), (SpiError::Full, 6)),
                }
            } else if let Some(spi) = own.pop() {
                let old = SpiUse { source, spi };
                prop_assert!(spis.release(old));
            }
            let all: Vec<_> =
                live.iter().flat_map(|(&source, spis)| spis.iter().map(move |&spi| SpiUse { source, spi })).collect();
            prop_assert!(!any_conflict(&allocators[0].0, &all));
        }
    }
}

/// Two senders drew one SPI. A receiver opens the packets of each under its own association, and not those of one that come in
/// the name of the other.
#[cfg(feature = "rust-crypto")]
#[test]
fn one_spi_of_two_senders_is_two_associations() {
    use xcast_sec::crypto::{CipherAlgorithm, IntegrityAlgorithm, RustCrypto};
    use xcast_sec::ipsec::{
        FixedSad, Freshness, OpenError, PacketBuf, Protection, Sa, SaConfig, SenderWindows, Usage, open, seal_with,
    };
    use xcast_sec::time::Instant;
    use xcast_sec::wire::{Ipv4Repr, UdpRepr};

    let sources = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];
    let receiver = Ipv4Addr::new(192, 0, 2, 3);
    let [mut one, mut two] = [(); 2].map(|()| PerSenderSpis::<4>::new());
    let mut rng = Few(vec![9], 0);
    let spi = one.allocate(sources[0].into(), &mut rng).unwrap();
    assert_eq!(two.allocate(sources[1].into(), &mut rng), Ok(spi));
    assert!(!one.conflicts(SpiUse { source: sources[0].into(), spi }, SpiUse { source: sources[1].into(), spi }));

    let association = |source: Ipv4Addr, key: &[u8; 32]| {
        let protection = Protection::Esp {
            cipher: CipherAlgorithm::Null,
            cipher_key: &[],
            integrity: Some((IntegrityAlgorithm::HmacSha2_256_128, key)),
        };
        let config = SaConfig { source: Some(source.into()), ..SaConfig::new(spi, protection) };
        Sa::new(&config, &mut RustCrypto).unwrap()
    };
    let mut sad = FixedSad::<RustCrypto, 2>::new();
    for (source, key) in sources.into_iter().zip([[1; 32], [2; 32]]) {
        sad.insert(association(source, &key), Usage::new(Instant::START)).ok().unwrap();
    }
    let mut windows = SenderWindows::<4, 1>::new(64).unwrap();
    for ((source, key), sequence) in sources.into_iter().zip([[1; 32], [2; 32]]).zip(1..) {
        let mut buffer = [0; 256];
        let udp = UdpRepr { source_port: 1, destination_port: 2, payload: b"mine" };
        let header = Ipv4Repr {
            tos: 0,
            ttl: 64,
            protocol: 17,
            source,
            destination: receiver,
            options_len: 0,
            payload_len: udp.encoded_len(),
        };
        let len = 20 + udp.encoded_len();
        header.emit(&mut buffer[64..]).unwrap();
        udp.emit(source.into(), receiver.into(), &mut buffer[84..64 + len]).unwrap();
        let mut packet = PacketBuf::new(&mut buffer, 64..64 + len).unwrap();
        let freshness = Freshness { sequence, iv: &[] };
        seal_with(&association(source, &key), freshness, &mut RustCrypto, None, &mut packet).unwrap();

        let other = sources.into_iter().find(|other| *other != source).unwrap();
        let mut forged = packet.as_octets().to_vec();
        forged[12..16].copy_from_slice(&other.octets());
        let end = forged.len();
        let mut forged = PacketBuf::new(&mut forged, 0..end).unwrap();
        assert_eq!(open(&sad, &mut windows, &mut RustCrypto, None, &mut forged), Err(OpenError::Icv));

        let opened = open(&sad, &mut windows, &mut RustCrypto, None, &mut packet).unwrap();
        assert_eq!((opened.sa.spi, opened.sa.source), (spi, Some(source.into())));
    }
    assert_eq!(windows.len(), 2);
}
