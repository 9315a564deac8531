//! Which SPI an association of a group has (draft §3.1.1).
//!
//! The receiver chooses a unicast association's SPI and so knows that it is free (RFC 4301 §4.1). A group has many receivers:
//! whoever chooses must rule out that one of them uses the value for something else. The draft names three ways, and each is
//! a [`SpiAllocator`] here:
//!
//! | rule | who chooses | no conflict because |
//! |---|---|---|
//! | [`DerivedSpis`] with [`PrefixRule`] | the sender, from its address | host bits and generation are parts of the value: no two senders of one prefix have a value in common |
//! | [`DerivedSpis`] with [`HashRule`] | the sender, from its address | unlikely, [by so much](HashRule#probability-of-a-conflict); a conflict that is noticed is [resolved](DerivedSpis#when-two-senders-conflict) |
//! | [`CentralSpis`] | a server | it knows what every member has in use |
//! | [`PerSenderSpis`] | the sender, as it likes | it does not matter: the source address is part of the look-up |
//!
//! The first three make the SPI alone identify an association, also for receivers that look it up by nothing else; they rule
//! out conflicts among those who follow the same rule, and with what was [reported](SpiAllocator::report) to be in use. The
//! last one needs associations with a [source](crate::ipsec::SaConfig::source), which the longest match of RFC 4301 §4.1 then
//! tells apart.
//!
//! Values of 0 to 255 are never given: [`Spi`] has none of them (RFC 4302 §2.4, RFC 4303 §2.1).
//!
//! ```
//! use core::net::IpAddr;
//! use xcast_sec::group::spi::{DerivedSpis, PrefixRule, SpiAllocator, SpiRule};
//!
//! let mut rng = getrandom::SysRng;
//! // All senders are in 10.20.0.0/16: 16 bits say which of them, and 65535 associations each can follow one another.
//! let rule = PrefixRule::new(IpAddr::from([10, 20, 0, 0]), 16)?;
//! assert_eq!(rule.generations(), 65_535);
//! let own = IpAddr::from([10, 20, 0x12, 0x34]);
//! let mut spis = DerivedSpis::<_, 8>::new(rule);
//! let first = spis.allocate(own, &mut rng)?;
//! let for_rekeying = spis.allocate(own, &mut rng)?;
//! assert_eq!((first.value(), for_rekeying.value()), (0x1334, 0x1_1334));
//!
//! // A receiver can tell whose it is.
//! let mut at_receiver = PrefixRule::new(IpAddr::from([10, 20, 0, 0]), 16)?;
//! assert_eq!(at_receiver.candidate(own, 1)?, for_rekeying);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod central;
mod derived;
mod hash;
mod per_sender;
mod prefix;
mod values;

pub use central::CentralSpis;
pub use derived::{DerivedSpis, SpiRule, moves};
pub use hash::{HASH_CANDIDATES, HashRule};
pub use per_sender::PerSenderSpis;
pub use prefix::{MAX_HOST_BITS, PrefixRule, PrefixRuleError};

use core::net::IpAddr;

use rand_core::TryCryptoRng;

use crate::ipsec::Spi;

/// An association of a group, as far as conflicts go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "the draft's couple, §3.1.2")]
pub struct SpiUse {
    /// Who sends under it; of a report, who has it in use.
    pub source: IpAddr,
    /// Its SPI.
    pub spi: Spi,
}

/// Why there is no SPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpiError {
    /// The allocator holds as many as it has room for: release some first.
    Full,
    /// A member reported as many as one member may.
    TooManyReports,
    /// The rule has no further value for this sender that is not in use.
    Exhausted,
    /// The sender's address is not in the prefix that the rule is for.
    OutsidePrefix,
    /// The random number generator failed.
    Random,
    /// The crypto provider failed.
    Provider,
}

impl core::fmt::Display for SpiError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Full => "no room for a further SPI",
            Self::TooManyReports => "a member reports too many SPIs",
            Self::Exhausted => "every SPI that the rule has for the sender is in use",
            Self::OutsidePrefix => "sender's address outside the prefix of the rule",
            Self::Random => "the random number generator failed",
            Self::Provider => "the crypto provider failed",
        })
    }
}

impl core::error::Error for SpiError {}

/// Gives out SPIs by a rule that all who send to the same receivers follow.
///
/// # Security
///
/// Asked once for every new association, never for a packet; a [report](Self::report) comes as often as members send them,
/// and is believed: take reports only from authenticated members. A value that is in use twice costs availability, not
/// secrecy: receivers that take the wrong association find that the ICV does not verify and drop the packet. It also costs
/// replay protection if both associations have one *key*, which key management must never make so. SPIs are not secret, and
/// an allocator need not hide which it gives next.
pub trait SpiAllocator {
    /// An SPI for a new association under which `sender` sends. It stays in use until [released](Self::release).
    ///
    /// `rng` is asked for 8 octets, by the rules that choose at random.
    ///
    /// # Errors
    ///
    /// - [`SpiError`]. Nothing was given out.
    fn allocate<G: TryCryptoRng + ?Sized>(&mut self, sender: IpAddr, rng: &mut G) -> Result<Spi, SpiError>;

    /// Takes note that somebody else has an SPI in use, for whatever it is: it is not given out where that would conflict.
    /// The same report twice counts once.
    ///
    /// What was given out already stays given out: [`conflicts`](Self::conflicts) says whether the two collide.
    ///
    /// # Errors
    ///
    /// - [`SpiError::Full`], [`SpiError::TooManyReports`]. The report is not held.
    fn report(&mut self, reported: SpiUse) -> Result<(), SpiError>;

    /// Takes a report back. Returns whether there was one.
    fn withdraw(&mut self, reported: SpiUse) -> bool;

    /// Says that the association is gone, at every receiver. Returns whether it was given out here.
    ///
    /// The value may be given out again at once: release it only when no receiver holds the association any more, or packets
    /// under the new one will be dropped there.
    fn release(&mut self, given: SpiUse) -> bool;

    /// Whether receivers that go by this rule could not tell two associations apart.
    fn conflicts(&self, one: SpiUse, other: SpiUse) -> bool;
}

impl<A: SpiAllocator + ?Sized> SpiAllocator for &mut A {
    fn allocate<G: TryCryptoRng + ?Sized>(&mut self, sender: IpAddr, rng: &mut G) -> Result<Spi, SpiError> {
        (**self).allocate(sender, rng)
    }

    fn report(&mut self, reported: SpiUse) -> Result<(), SpiError> {
        (**self).report(reported)
    }

    fn withdraw(&mut self, reported: SpiUse) -> bool {
        (**self).withdraw(reported)
    }

    fn release(&mut self, given: SpiUse) -> bool {
        (**self).release(given)
    }

    fn conflicts(&self, one: SpiUse, other: SpiUse) -> bool {
        (**self).conflicts(one, other)
    }
}
