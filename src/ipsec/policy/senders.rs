//! Who may send under an association (draft §2.1.1.2).

use core::net::IpAddr;

use super::action::PolicyId;
use crate::ipsec::SenderKey;

/// Says whether a packet's sender may send: receivers filter by themselves, as no router can (draft §2.1.1.2).
///
/// # Security
///
/// Asked for every packet whose ICV verified, and for no other. Whoever holds a key can write any source address into a packet
/// that verifies under it. Where a group shares a key, this therefore narrows down whose name is believed; it does not prove
/// who sent (RFC 4301 §4.6, draft §2.2.3, §2.2.4). It does keep somebody without the key from having a captured ESP packet,
/// whose source address ESP does not cover, accepted again from addresses that are not listed. Answering `true` for all
/// leaves everybody who holds the key free to send.
pub trait SenderFilter {
    /// Whether `sender` may send under an association made for `policy`, which is `None` if it was made for none.
    fn is_authorised(&self, policy: Option<PolicyId>, sender: &SenderKey) -> bool;
}

impl<T: SenderFilter + ?Sized> SenderFilter for &T {
    fn is_authorised(&self, policy: Option<PolicyId>, sender: &SenderKey) -> bool {
        (**self).is_authorised(policy, sender)
    }
}

impl<T: SenderFilter + ?Sized> SenderFilter for &mut T {
    fn is_authorised(&self, policy: Option<PolicyId>, sender: &SenderKey) -> bool {
        (**self).is_authorised(policy, sender)
    }
}

/// Everybody who holds the key may send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "there is nothing to it")]
pub struct AnySender;

impl SenderFilter for AnySender {
    fn is_authorised(&self, _: Option<PolicyId>, _: &SenderKey) -> bool {
        true
    }
}

/// The list of senders is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SendersFull;

impl core::fmt::Display for SendersFull {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("list of senders full")
    }
}

impl core::error::Error for SendersFull {}

/// A list of up to `N` source addresses that may send, each under a policy. Nobody else may: not under a policy for which
/// nothing is listed, nor under an association made for none.
///
/// ```
/// use core::net::{IpAddr, Ipv4Addr};
/// use xcast_sec::ipsec::{FixedSenders, PolicyId, SaId, SecurityProtocol, SenderFilter, SenderKey, Spi};
///
/// let (policy, source) = (PolicyId::new(1), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
/// let spi = Spi::new(0x1234).ok_or("reserved")?;
/// let sa = SaId { protocol: SecurityProtocol::Esp, spi, destination: None, source: None };
/// let mut senders = FixedSenders::<8>::new();
/// senders.allow(policy, source).map_err(|_| "full")?;
/// assert!(senders.is_authorised(Some(policy), &SenderKey { sa, source }));
/// assert!(!senders.is_authorised(Some(PolicyId::new(2)), &SenderKey { sa, source }));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FixedSenders<const N: usize> {
    allowed: heapless::Vec<(PolicyId, IpAddr), N>,
}

impl<const N: usize> FixedSenders<N> {
    /// An empty list: nobody may send.
    #[must_use]
    pub const fn new() -> Self {
        Self { allowed: heapless::Vec::new() }
    }

    /// Lets `source` send under `policy`, if it may not already.
    ///
    /// # Errors
    ///
    /// - [`SendersFull`].
    pub fn allow(&mut self, policy: PolicyId, source: IpAddr) -> Result<(), SendersFull> {
        if self.position(policy, source).is_some() {
            return Ok(());
        }
        self.allowed.push((policy, source)).map_err(|_| SendersFull)
    }

    /// Lets `source` no longer send under `policy`. Returns whether it could.
    pub fn disallow(&mut self, policy: PolicyId, source: IpAddr) -> bool {
        self.position(policy, source).map(|index| self.allowed.swap_remove(index)).is_some()
    }

    fn position(&self, policy: PolicyId, source: IpAddr) -> Option<usize> {
        self.allowed.iter().position(|allowed| *allowed == (policy, source))
    }

    /// Who may send under which policy, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (PolicyId, IpAddr)> {
        self.allowed.iter().copied()
    }

    /// How many are listed; one that may send under two policies counts twice.
    #[must_use]
    pub fn len(&self) -> usize {
        self.allowed.len()
    }

    /// Whether nobody is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.allowed.is_empty()
    }
}

impl<const N: usize> SenderFilter for FixedSenders<N> {
    fn is_authorised(&self, policy: Option<PolicyId>, sender: &SenderKey) -> bool {
        policy.is_some_and(|policy| self.position(policy, sender.source).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipsec::{SaId, SecurityProtocol, Spi};

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn sender(source: &str) -> SenderKey {
        let spi = Spi::new(0x1234).unwrap();
        let sa = SaId { protocol: SecurityProtocol::Esp, spi, destination: None, source: None };
        SenderKey { sa, source: address(source) }
    }

    #[test]
    fn only_those_listed_for_the_policy_may_send() {
        let (one, two) = (PolicyId::new(1), PolicyId::new(2));
        let mut senders = FixedSenders::<3>::new();
        assert!(senders.is_empty());
        assert!(!senders.is_authorised(Some(one), &sender("10.0.0.1")), "nothing listed");
        senders.allow(one, address("10.0.0.1")).unwrap();
        senders.allow(two, address("10.0.0.2")).unwrap();
        senders.allow(two, address("2001:db8::1")).unwrap();
        for (policy, source, expected) in [
            (Some(one), "10.0.0.1", true),
            (Some(one), "10.0.0.2", false),
            (Some(two), "10.0.0.1", false),
            (Some(two), "10.0.0.2", true),
            (Some(two), "2001:db8::1", true),
            (Some(two), "2001:db8::2", false),
            (Some(one), "::ffff:10.0.0.1", false),
            (Some(PolicyId::new(3)), "10.0.0.1", false),
            (None, "10.0.0.1", false),
        ] {
            assert_eq!(senders.is_authorised(policy, &sender(source)), expected, "{policy:?} {source}");
            let (mut again, key) = (senders.clone(), sender(source));
            let by_mut: &mut dyn SenderFilter = &mut again;
            assert_eq!(SenderFilter::is_authorised(&by_mut, policy, &key), expected);
            let by_ref: &dyn SenderFilter = &senders;
            assert_eq!(SenderFilter::is_authorised(&by_ref, policy, &key), expected);
            assert!(AnySender.is_authorised(policy, &key));
        }
    }

    #[test]
    fn the_list_is_kept() {
        let one = PolicyId::new(1);
        let mut senders = FixedSenders::<2>::default();
        senders.allow(one, address("10.0.0.1")).unwrap();
        senders.allow(one, address("10.0.0.1")).unwrap();
        assert_eq!(senders.len(), 1, "twice is once");
        senders.allow(one, address("10.0.0.2")).unwrap();
        assert_eq!(senders.allow(one, address("10.0.0.3")), Err(SendersFull));
        senders.allow(one, address("10.0.0.2")).unwrap();
        assert!(!senders.disallow(PolicyId::new(2), address("10.0.0.1")));
        assert!(senders.disallow(one, address("10.0.0.1")));
        assert!(!senders.disallow(one, address("10.0.0.1")), "gone");
        assert!(!senders.is_authorised(Some(one), &sender("10.0.0.1")));
        assert!(senders.is_authorised(Some(one), &sender("10.0.0.2")));
        let listed: std::vec::Vec<_> = senders.iter().collect();
        assert_eq!(listed, [(one, address("10.0.0.2"))]);
    }
}
