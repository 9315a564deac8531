//! What gives out SPIs, by every rule that there is, beside a model: nothing that is reserved or in use is given, and nothing else
//! withheld; who has none left says why, and the same value comes round once it is released. Shared by the fuzz target and the test
//! that replays its corpus. Its user includes `gullible.rs`, `input.rs`, `models/spis.rs` and `common/failed.rs` beside it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rand_core::{TryCryptoRng, TryRng};
use xcast_sec::group::spi::{
    CentralSpis, DerivedSpis, HashRule, PerSenderSpis, PrefixRule, SpiAllocator, SpiError, SpiRule, SpiUse, moves,
};
use xcast_sec::ipsec::Spi;

use super::failed::Failed;
use super::gullible::Gullible;
use super::input::Input;
use super::spis_model::{COUNT, Model, Rule, few, nth};

/// No input goes on for longer.
const STEPS: usize = 96;

/// Says one number, or fails.
struct Once(Option<u64>);

impl TryRng for Once {
    type Error = Failed;

    fn try_next_u32(&mut self) -> Result<u32, Failed> {
        Err(Failed)
    }

    fn try_next_u64(&mut self) -> Result<u64, Failed> {
        Err(Failed)
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Failed> {
        assert_eq!(octets.len(), 8);
        octets.copy_from_slice(&self.0.ok_or(Failed)?.to_be_bytes());
        Ok(())
    }
}

impl TryCryptoRng for Once {}

#[derive(Debug)]
struct FewRule;

impl SpiRule for FewRule {
    fn candidate(&mut self, sender: IpAddr, number: u32) -> Result<Spi, SpiError> {
        few(sender, number)
    }
}

/// Checks what the octets make happen. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.octet();
    match choice & 7 {
        0 | 1 => World::<CentralSpis<8>>::play(&mut input, CentralSpis::new(3), Rule::Central(3), 8),
        2 => World::<PerSenderSpis<6>>::play(&mut input, PerSenderSpis::new(), Rule::PerSender, 6),
        3 => World::<DerivedSpis<_, 5>>::play(&mut input, DerivedSpis::new(FewRule), Rule::Few, 5),
        4 => {
            let rule = HashRule::new(Gullible).expect("any key fits");
            World::<DerivedSpis<_, 4>>::play(&mut input, DerivedSpis::new(rule), Rule::BadHash, 4);
        }
        _ => {
            let prefix: (IpAddr, u8) = match choice >> 3 & 3 {
                0 => (Ipv4Addr::new(192, 0, 0, 0).into(), 1 + (choice >> 5)),
                1 => (Ipv4Addr::new(192, 0, 2, 0).into(), 30),
                2 => (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0).into(), 97 + (choice >> 5)),
                _ => (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2).into(), 128),
            };
            let Ok(rule) = PrefixRule::new(prefix.0, prefix.1) else { return };
            World::<DerivedSpis<_, 7>>::play(&mut input, DerivedSpis::new(rule), Rule::Prefix(prefix.0, prefix.1), 7);
        }
    }
}

fn sender(input: &mut Input<'_>) -> IpAddr {
    let choice = input.octet();
    let low = choice >> 2 & 3;
    match choice & 3 {
        0 | 1 => Ipv4Addr::new(192, 0, 2, low).into(),
        2 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, low.into()).into(),
        // Outside of all prefixes, or at the end of one.
        _ if choice & 16 == 0 => Ipv4Addr::from([low; 4]).into(),
        _ => Ipv4Addr::BROADCAST.into(),
    }
}

/// Near to the first or the last SPI, or beyond it.
fn random(input: &mut Input<'_>) -> Option<u64> {
    let choice = input.octet();
    let some = u64::from(choice >> 2 & 7);
    match (choice & 3, choice >> 5) {
        (_, 7) => None,
        (0, _) => Some(some),
        (1, _) => Some(COUNT - 1 - some),
        (2, times) => Some((u64::MAX / COUNT).wrapping_mul(times.into()).wrapping_mul(COUNT).wrapping_add(some)),
        _ => Some(u64::MAX - some),
    }
}

/// What only some of the allocators have.
trait Subject: SpiAllocator {
    /// All that is in use, in no order, if it can be said.
    fn all(&self) -> Option<Vec<SpiUse>>;
    /// What was given out and not released, in no order, if it can be said.
    fn given(&self) -> Option<Vec<SpiUse>> {
        None
    }
    fn is_in_use(&self, wanted: SpiUse) -> Option<bool>;
    fn forget_reports(&mut self, _: IpAddr) -> bool {
        false
    }
}

impl<const N: usize> Subject for CentralSpis<N> {
    fn all(&self) -> Option<Vec<SpiUse>> {
        None
    }
    fn given(&self) -> Option<Vec<SpiUse>> {
        Some(Self::given(self).collect())
    }
    fn is_in_use(&self, wanted: SpiUse) -> Option<bool> {
        Some(Self::is_in_use(self, wanted.spi))
    }
    fn forget_reports(&mut self, member: IpAddr) -> bool {
        Self::forget_reports(self, member);
        true
    }
}

impl<const N: usize> Subject for PerSenderSpis<N> {
    fn all(&self) -> Option<Vec<SpiUse>> {
        None
    }
    fn is_in_use(&self, wanted: SpiUse) -> Option<bool> {
        Some(Self::is_in_use(self, wanted))
    }
}

impl<R: SpiRule, const N: usize> Subject for DerivedSpis<R, N> {
    fn all(&self) -> Option<Vec<SpiUse>> {
        Some(self.iter().collect())
    }
    fn is_in_use(&self, _: SpiUse) -> Option<bool> {
        None
    }
}

struct World<A> {
    subject: A,
    model: Model,
    /// All that was ever seen, so that it can be asked for again.
    seen: Vec<SpiUse>,
}

impl<A: Subject> World<A> {
    fn play(input: &mut Input<'_>, subject: A, rule: Rule, room: usize) {
        let mut world = Self { subject, model: Model::new(rule, room), seen: Vec::new() };
        for _ in 0..STEPS {
            if input.is_empty() {
                break;
            }
            match input.octet() & 15 {
                0..=5 => world.allocate(input),
                6..=8 => {
                    let known = world.pick(input);
                    assert_eq!(world.subject.release(known), world.model.release(known));
                }
                9..=11 => {
                    let reported = world.pick(input);
                    assert_eq!(world.subject.report(reported), world.model.report(reported));
                }
                12 | 13 => {
                    let reported = world.pick(input);
                    assert_eq!(world.subject.withdraw(reported), world.model.withdraw(reported));
                }
                14 => {
                    let member = sender(input);
                    if world.subject.forget_reports(member) {
                        world.model.forget_reports(member);
                    }
                }
                _ => world.judge(input),
            }
            world.compare();
        }
    }

    /// What was seen before, or what somebody chose: near to the first SPI, or to the last.
    fn pick(&mut self, input: &mut Input<'_>) -> SpiUse {
        let choice = input.octet();
        let back = usize::from(choice >> 2);
        match self.seen.len().checked_sub(1 + back) {
            Some(at) if choice & 3 != 0 => self.seen[at],
            _ => {
                let near = u64::from(choice >> 3);
                let spi = nth(if choice & 4 == 0 { near } else { COUNT - 1 - near });
                let one = SpiUse { source: sender(input), spi };
                self.seen.push(one);
                one
            }
        }
    }

    fn allocate(&mut self, input: &mut Input<'_>) {
        let (source, random) = (sender(input), random(input));
        let before: Vec<SpiUse> = self.model.iter().collect();
        let result = self.subject.allocate(source, &mut Once(random));
        assert_eq!(result, self.model.allocate(source, random));
        let Ok(spi) = result else { return };
        assert!(spi.value() >= 256);
        let new = SpiUse { source, spi };
        assert!(before.into_iter().all(|other| !self.subject.conflicts(new, other)), "in use");
        if let Rule::Prefix(prefix, len) = self.model.rule {
            let rule = PrefixRule::new(prefix, len).expect("it was one");
            assert!(rule.owner(spi).is_some_and(|(owner, _)| owner == source), "whose it is can be read back");
        }
        self.seen.push(new);
    }

    fn judge(&mut self, input: &mut Input<'_>) {
        let (one, other) = (self.pick(input), self.pick(input));
        assert_eq!(self.subject.conflicts(one, other), self.model.conflicts(one, other));
        if one.source != other.source {
            assert!(moves(one.source, other.source) != moves(other.source, one.source), "one of both moves");
        }
    }

    fn compare(&self) {
        let sorted = |uses: Vec<SpiUse>| uses.into_iter().map(|one| (one.source, one.spi)).collect::<BTreeSet<_>>();
        if let Some(all) = self.subject.all() {
            assert_eq!((all.len(), sorted(all)), (self.model.iter().count(), sorted(self.model.iter().collect())));
        }
        if let Some(given) = self.subject.given() {
            assert_eq!(
                (given.len(), sorted(given)),
                (self.model.given().count(), sorted(self.model.given().collect()))
            );
        }
        for known in self.seen.iter().rev().take(8) {
            if let Some(in_use) = self.subject.is_in_use(*known) {
                assert_eq!(in_use, self.model.iter().any(|one| self.model.conflicts(one, *known)));
            }
        }
    }
}
