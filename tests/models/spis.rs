//! Which SPIs are in use and which may be given out, as lists, written from the documentation of `group::spi` alone.

use std::net::IpAddr;

use xcast_sec::group::spi::{SpiError, SpiUse};
use xcast_sec::ipsec::Spi;

/// All SPIs that are not reserved.
pub(crate) const COUNT: u64 = (1 << 32) - 256;

/// Number `index` of all SPIs, counted round.
pub(crate) fn nth(index: u64) -> Spi {
    Spi::new((256 + index % COUNT) as u32).expect("not reserved")
}

/// Who says which candidates there are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// One server, at random; so many reports of each member.
    Central(usize),
    /// Each sender for itself, at random.
    PerSender,
    /// From the host bits behind a prefix of this length.
    Prefix(IpAddr, u8),
    /// A few for each sender, some of which others have, too.
    Few,
    /// A hash that has one value for each family.
    BadHash,
}

/// An address as a number, and its bits.
fn number(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (address.to_bits().into(), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

/// The candidates of `Rule::Few`: neighbours share them.
pub(crate) fn few(sender: IpAddr, candidate: u32) -> Result<Spi, SpiError> {
    let own = (number(sender).0 & 3) as u64;
    if candidate < 3 { Ok(nth(own + u64::from(candidate))) } else { Err(SpiError::Exhausted) }
}

impl Rule {
    /// SPI = 256 + generation · 2^h + host bits.
    fn of_prefix(prefix: IpAddr, len: u8, sender: IpAddr, generation: u32) -> Result<Spi, SpiError> {
        let ((prefix, width), (sender, sender_width)) = (number(prefix), number(sender));
        let host_bits = width - u32::from(len);
        if width != sender_width || sender >> host_bits != prefix >> host_bits {
            return Err(SpiError::OutsidePrefix);
        }
        let hosts = 1 << host_bits;
        let value = 256 + u128::from(generation) * hosts + sender % hosts;
        let last = 256 + (u128::from(generation) + 1) * hosts - 1;
        if last >> 32 == 0 { Ok(Spi::new(value as u32).expect("not reserved")) } else { Err(SpiError::Exhausted) }
    }
}

#[derive(Clone, Copy, Debug)]
struct Held {
    held: SpiUse,
    given: bool,
    reported: bool,
}

/// An allocator with room for so many.
pub(crate) struct Model {
    pub(crate) rule: Rule,
    room: usize,
    uses: Vec<Held>,
}

impl Model {
    pub(crate) fn new(rule: Rule, room: usize) -> Self {
        Self { rule, room, uses: Vec::new() }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = SpiUse> {
        self.uses.iter().map(|one| one.held)
    }

    pub(crate) fn given(&self) -> impl Iterator<Item = SpiUse> {
        self.uses.iter().filter(|one| one.given).map(|one| one.held)
    }

    pub(crate) fn conflicts(&self, one: SpiUse, other: SpiUse) -> bool {
        one.spi == other.spi && (one.source == other.source || !matches!(self.rule, Rule::PerSender))
    }

    /// What is given out if the generator says `random`.
    pub(crate) fn allocate(&mut self, sender: IpAddr, random: Option<u64>) -> Result<Spi, SpiError> {
        if self.uses.len() == self.room {
            return Err(SpiError::Full);
        }
        let mut candidates = 0..=self.room as u32;
        let spi = loop {
            let candidate = candidates.next().ok_or(SpiError::Exhausted)?;
            let spi = match self.rule {
                Rule::Central(_) | Rule::PerSender => {
                    nth(random.ok_or(SpiError::Random)? % COUNT + u64::from(candidate))
                }
                Rule::Prefix(prefix, len) => Rule::of_prefix(prefix, len, sender, candidate)?,
                Rule::Few => few(sender, candidate)?,
                // The same again, up to as many candidates as the rule has.
                Rule::BadHash if candidate == 256 => return Err(SpiError::Exhausted),
                Rule::BadHash => nth(u64::from_be_bytes([if sender.is_ipv4() { 9 } else { 21 }; 8])),
            };
            if !self.iter().any(|one| self.conflicts(one, SpiUse { source: sender, spi })) {
                break spi;
            }
        };
        self.uses.push(Held { held: SpiUse { source: sender, spi }, given: true, reported: false });
        Ok(spi)
    }

    pub(crate) fn report(&mut self, reported: SpiUse) -> Result<(), SpiError> {
        let of_member = self.uses.iter().filter(|one| one.reported && one.held.source == reported.source);
        let (count, again) = (of_member.clone().count(), of_member.clone().any(|one| one.held == reported));
        if matches!(self.rule, Rule::Central(most) if count >= most && !again) {
            return Err(SpiError::TooManyReports);
        }
        if let Some(one) = self.uses.iter_mut().find(|one| one.held == reported) {
            one.reported = true;
        } else if self.uses.len() == self.room {
            return Err(SpiError::Full);
        } else {
            self.uses.push(Held { held: reported, given: false, reported: true });
        }
        Ok(())
    }

    fn end(&mut self, which: impl Fn(&Held) -> bool, reason: impl Fn(&mut Held) -> &mut bool) -> bool {
        let mut had = false;
        for one in self.uses.iter_mut().filter(|one| which(one)) {
            had |= std::mem::take(reason(one));
        }
        self.uses.retain(|one| one.given || one.reported);
        had
    }

    pub(crate) fn withdraw(&mut self, reported: SpiUse) -> bool {
        self.end(|one| one.held == reported, |one| &mut one.reported)
    }

    pub(crate) fn release(&mut self, given: SpiUse) -> bool {
        self.end(|one| one.held == given, |one| &mut one.given)
    }

    pub(crate) fn forget_reports(&mut self, member: IpAddr) {
        self.end(|one| one.held.source == member, |one| &mut one.reported);
    }
}
