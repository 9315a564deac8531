//! What is known of the path that an association's packets take (RFC 4301 §8.2).

use core::time::Duration;

use crate::ipsec::packet::error::SealError;
use crate::time::Instant;
use crate::wire::Family;

/// The longest packet that the path takes, as far as a router said so, and for as long as that is believed.
///
/// To a group there are many paths: the shortest MTU reported counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathMtu {
    learned: Option<(usize, Instant)>,
    lifetime: Duration,
}

impl PathMtu {
    /// How long a report is believed unless the host says otherwise: ten minutes (RFC 1191 §6.3, RFC 8201 §4).
    pub const LIFETIME: Duration = Duration::from_secs(600);

    /// Nothing is known.
    pub const UNKNOWN: Self = Self { learned: None, lifetime: Self::LIFETIME };

    /// The least MTU that a report can bring about: in IPv6 that of every link, 1280 (RFC 8200 §5); in IPv4 576, which every
    /// host takes (RFC 791 §3.1), though a link need not. Reports are not authenticated, and one of a trivial size must not
    /// stop traffic (RFC 4301 §6.1.1).
    #[must_use]
    pub const fn least(family: Family) -> usize {
        match family {
            Family::V4 => 576,
            Family::V6 => 1280,
        }
    }

    /// Sets how long a report is believed (RFC 4301 §8.2.2).
    pub const fn set_lifetime(&mut self, lifetime: Duration) {
        self.lifetime = lifetime;
    }

    /// A router said that packets of `family` may have `mtu` octets. Whether that is now what counts: a report that would
    /// raise the MTU is not believed, and one below [`least`](Self::least) counts as that. None is while reports are believed
    /// for no time, and none is kept for later.
    ///
    /// [`OutboundSa::packet_too_big`](crate::ipsec::OutboundSa::packet_too_big) looks at the report first.
    pub fn learn(&mut self, mtu: usize, family: Family, now: Instant) -> bool {
        let mtu = mtu.max(Self::least(family));
        if self.lifetime.is_zero() || self.get(now).is_some_and(|known| known <= mtu) {
            return false;
        }
        self.learned = Some((mtu, now));
        true
    }

    /// Octets of the longest packet that the path takes, if that is known.
    #[must_use]
    pub fn get(&self, now: Instant) -> Option<usize> {
        self.learned.filter(|&(_, since)| now.since(since) < self.lifetime).map(|(mtu, _)| mtu)
    }

    /// Whether the path takes a packet of `len` octets, as far as is known.
    pub(crate) fn check(&self, now: Instant, len: usize) -> Result<(), SealError> {
        match self.get(now) {
            Some(mtu) if len > mtu => Err(SealError::TooBig { len, mtu }),
            _ => Ok(()),
        }
    }
}

impl Default for PathMtu {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn believes_lower_values_for_a_while() {
        let start = Instant::from_secs(1000);
        let mut mtu = PathMtu::default();
        assert_eq!((mtu.get(start), mtu.check(start, 70_000)), (None, Ok(())));
        assert!(mtu.learn(1400, Family::V6, start));
        assert!(!mtu.learn(1400, Family::V6, start) && !mtu.learn(1500, Family::V6, start));
        assert_eq!(mtu.get(start), Some(1400));
        assert_eq!(mtu.check(start, 1400), Ok(()));
        assert_eq!(mtu.check(start, 1401), Err(SealError::TooBig { len: 1401, mtu: 1400 }));
        assert!(mtu.learn(100, Family::V6, start));
        assert_eq!(mtu.get(start), Some(1280), "no report stops traffic");
        let end = start.after(PathMtu::LIFETIME);
        assert_eq!(mtu.get(Instant::from_micros(end.as_micros() - 1)), Some(1280));
        assert_eq!(mtu.get(end), None);
        assert!(mtu.learn(1500, Family::V4, end));
        mtu.set_lifetime(Duration::from_secs(1));
        assert_eq!(mtu.get(end.after(Duration::from_secs(1))), None);
        assert!(mtu.learn(1, Family::V4, end.after(Duration::from_secs(5))));
        assert_eq!(mtu.get(end.after(Duration::from_secs(5))), Some(576));
    }

    /// What came while the host believed nothing does not count once it does.
    #[test]
    fn a_report_that_is_not_believed_is_not_kept() {
        let start = Instant::from_secs(1000);
        let mut mtu = PathMtu::default();
        mtu.set_lifetime(Duration::ZERO);
        assert!(!mtu.learn(1400, Family::V4, start));
        mtu.set_lifetime(PathMtu::LIFETIME);
        assert_eq!(mtu.get(start), None);
        assert!(mtu.learn(1400, Family::V4, start));
    }
}
