//! The database (RFC 4301 §4.4.1).

use super::action::{Action, PolicyId, Required};
use super::entry::{Direction, Match, PolicyEntry, SelectorSet};
use super::next_layer::is_skipped;
use super::selectors::{Selectors, UpperLayer};

/// Says what is done with a packet.
///
/// # Security
///
/// Asked for every packet that crosses the IPsec boundary, before it is sealed; and for every one received, with what an
/// attacker chose: for one without protection as it arrived, for one with protection once it is opened. For an Xcast packet it
/// is asked twice, or twice for each port it lists, as such a packet passes only if policy says the same of everything that it
/// may be taken for. A wrong
/// [`Bypass`](Action::Bypass) lets traffic out in the clear, or lets in what anybody can forge. An implementation that cannot
/// tell answers [`Discard`](Action::Discard).
///
/// A received packet whose answer is [`Protect`](Action::Protect) passes only if it arrived with just that protection; one
/// that arrived with protection and whose answer is [`Bypass`](Action::Bypass) does not match the association that it came
/// under (RFC 4301 §5.2 steps 4 and 5). Both are for the caller to see to.
///
/// One policy for everything:
///
/// ```
/// use xcast_sec::ipsec::{Action, Direction, ModeKind, PolicyId, PolicyLookup, Required, Selectors};
///
/// struct ProtectAll(PolicyId);
///
/// impl PolicyLookup for ProtectAll {
///     fn lookup(&self, _: Direction, _: &Selectors) -> Option<Action> {
///         Some(Action::Protect { policy: self.0, required: Required::Esp(ModeKind::Transport) })
///     }
///     fn required(&self, policy: PolicyId) -> Option<Required> {
///         (policy == self.0).then_some(Required::Esp(ModeKind::Transport))
///     }
/// }
/// ```
pub trait PolicyLookup {
    /// What is done with a packet. `None` if no entry is for it: it is discarded (RFC 4301 §5.2 step 3b).
    fn lookup(&self, direction: Direction, selectors: &Selectors) -> Option<Action>;

    /// The protection that `policy` is the name of, for dummy packets, which have nothing else to be judged by. `None` if there
    /// is none, or not only one: no dummy then passes.
    fn required(&self, policy: PolicyId) -> Option<Required>;
}

impl<T: PolicyLookup + ?Sized> PolicyLookup for &T {
    fn lookup(&self, direction: Direction, selectors: &Selectors) -> Option<Action> {
        (**self).lookup(direction, selectors)
    }

    fn required(&self, policy: PolicyId) -> Option<Required> {
        (**self).required(policy)
    }
}

impl<T: PolicyLookup + ?Sized> PolicyLookup for &mut T {
    fn lookup(&self, direction: Direction, selectors: &Selectors) -> Option<Action> {
        (**self).lookup(direction, selectors)
    }

    fn required(&self, policy: PolicyId) -> Option<Required> {
        (**self).required(policy)
    }
}

/// Why an entry was not taken. It is handed back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpdError {
    /// There is no room.
    Full(PolicyEntry),
    /// The place is behind the end.
    NoSuchPlace(PolicyEntry),
    /// The first of a range of ports or types lies behind the last: no packet would match.
    EmptyRange(PolicyEntry),
    /// Local and remote addresses are of two families: no packet would match (RFC 4301 §4.4.1.1).
    Families(PolicyEntry),
    /// The next layer named is 0, 43, 44 or 60. In IPv6 these are headers that are skipped, never the next layer
    /// (RFC 4301 §4.4.1.1), and in IPv4 nothing uses them: no packet would match, where key management writes 0 for any
    /// protocol. Refused in every entry (project-defined).
    ExtensionHeader(PolicyEntry),
}

impl SpdError {
    /// The entry.
    #[must_use]
    pub const fn entry(&self) -> &PolicyEntry {
        match self {
            Self::Full(entry)
            | Self::NoSuchPlace(entry)
            | Self::EmptyRange(entry)
            | Self::Families(entry)
            | Self::ExtensionHeader(entry) => entry,
        }
    }
}

impl core::fmt::Display for SpdError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "policy database full",
            Self::NoSuchPlace(_) => "place behind the end of the policy database",
            Self::EmptyRange(_) => "policy entry with an empty range",
            Self::Families(_) => "policy entry with addresses of two families",
            Self::ExtensionHeader(_) => "policy entry for an extension header",
        })
    }
}

impl core::error::Error for SpdError {}

/// A database of up to `N` entries, in order: the first that is for a packet decides.
///
/// # Groups
///
/// Received packets are judged with source and destination exchanged, those to a multicast address as they are
/// (RFC 5374 §4.1.1). So an Xcast session has one entry for both directions, senders at the local end and All_Xcast_Routers
/// at the remote one. It says nothing of unicast packets, which an Xcast packet may have become on the way (X2U): they need
/// an entry of their own, or somebody without the key sends that form of packet instead. Nor does an entry for unicast
/// addresses at the remote end ever speak of what those send to a group.
///
/// # What is hidden
///
/// A range of ports does not match a fragment without ports (RFC 4301 §4.4.1.1). Were it passed on to later entries, a laxer
/// one could let through in the clear what this one protects. So where all that is seen of a packet fits and it hides what
/// the entry selects by, an entry that protects or discards discards it, and one that bypasses does not count
/// (project-defined). Entries with [`Any`](super::PortSelector::Any) or [`Opaque`](super::PortSelector::Opaque) in front of it
/// say otherwise. The fragments of a packet are not held together: no port range lets any but the first pass
/// (RFC 4301 §7.4 asks for more).
///
/// Three more rules, all project-defined:
///
/// - An IPv4 address mapped into IPv6 hides whether it is the IPv4 address.
/// - The fragments of an IPv6 packet may say different things of its protocol, and only the first is believed when they are
///   put together (RFC 8200 §4.5). An IPv6 packet that is [`UpperLayer::Hidden`] is therefore discarded where it would be
///   bypassed, unless it were as [`UpperLayer::Opaque`] too.
/// - A packet from a multicast address, which nobody may send (RFC 5374 §4.1.1), is discarded.
///
/// ```
/// use core::net::{IpAddr, Ipv4Addr};
/// use xcast_sec::ipsec::{
///     Action, Addresses, Direction, Directionality, FixedSpd, ModeKind, NextLayer, PolicyEntry, PolicyId, PolicyLookup,
///     PortSelector, Required, SelectorSet, Selectors, UpperLayer,
/// };
///
/// let group = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 254));
/// let esp = Action::Protect { policy: PolicyId::new(1), required: Required::Esp(ModeKind::Transport) };
/// let registration = NextLayer::Ports { protocol: 17, local: PortSelector::Any, remote: PortSelector::one(848) };
/// let mut spd = FixedSpd::<4>::new();
/// for (selectors, action) in [
///     (SelectorSet { next_layer: registration, ..SelectorSet::ANY }, Action::Bypass),
///     (SelectorSet { remote: Addresses::one(group), ..SelectorSet::ANY }, esp),
///     (SelectorSet::ANY, Action::Discard),
/// ] {
///     spd.push(PolicyEntry { directionality: Directionality::Symmetric, selectors, action })?;
/// }
/// let packet = Selectors {
///     source: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
///     destination: group,
///     next_layer: UpperLayer::Ports { protocol: 17, source: 5000, destination: 5000 },
/// };
/// assert_eq!(spd.lookup(Direction::Outbound, &packet), Some(esp));
/// assert_eq!(spd.lookup(Direction::Inbound, &packet), Some(esp));
/// # Ok::<(), xcast_sec::ipsec::SpdError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FixedSpd<const N: usize> {
    entries: heapless::Vec<PolicyEntry, N>,
}

impl<const N: usize> FixedSpd<N> {
    /// An empty database, which discards everything.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: heapless::Vec::new() }
    }

    /// Adds an entry behind the others.
    ///
    /// # Errors
    ///
    /// - Every [`SpdError`] but [`SpdError::NoSuchPlace`]; nothing is changed.
    pub fn push(&mut self, entry: PolicyEntry) -> Result<(), SpdError> {
        self.insert(self.entries.len(), entry)
    }

    /// Adds an entry in front of the one at `index`, counted from 0, or behind the last.
    ///
    /// # Errors
    ///
    /// - Every [`SpdError`]; nothing is changed.
    pub fn insert(&mut self, index: usize, entry: PolicyEntry) -> Result<(), SpdError> {
        check(entry)?;
        if index > self.entries.len() {
            return Err(SpdError::NoSuchPlace(entry));
        }
        self.entries.insert(index, entry).map_err(SpdError::Full)
    }

    /// Takes the entry at `index` out; those behind it move up.
    pub fn remove(&mut self, index: usize) -> Option<PolicyEntry> {
        if index < self.entries.len() { Some(self.entries.remove(index)) } else { None }
    }

    /// Takes all entries out. Everything is then discarded.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// The entries, in order.
    pub fn iter(&self) -> impl Iterator<Item = &PolicyEntry> {
        self.entries.iter()
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What the first entry says that is, or may be, for a packet whose source is the local end.
    fn decide(&self, direction: Direction, packet: &Selectors) -> Option<Action> {
        self.entries.iter().filter(|entry| entry.directionality.covers(direction)).find_map(|entry| {
            match (entry.selectors.compare(packet), entry.action) {
                (Match::Yes, action) => Some(action),
                (Match::Unknown, Action::Protect { .. } | Action::Discard) => Some(Action::Discard),
                (Match::Unknown, Action::Bypass) | (Match::No, _) => None,
            }
        })
    }
}

/// Whether an entry means what it says.
fn check(entry: PolicyEntry) -> Result<(), SpdError> {
    let SelectorSet { local, remote, next_layer } = entry.selectors;
    if next_layer.has_empty_range() {
        return Err(SpdError::EmptyRange(entry));
    }
    if local.are_of_another_family_than(&remote) {
        return Err(SpdError::Families(entry));
    }
    if next_layer.protocol().is_some_and(is_skipped) {
        return Err(SpdError::ExtensionHeader(entry));
    }
    Ok(())
}

impl<const N: usize> PolicyLookup for FixedSpd<N> {
    fn lookup(&self, direction: Direction, selectors: &Selectors) -> Option<Action> {
        // Exchanged with its destination, such a source would match entries that are for packets to the group.
        if selectors.has_multicast_source() {
            return Some(Action::Discard);
        }
        let packet = selectors.local_to_remote(direction);
        let found = self.decide(direction, &packet);
        let is_hearsay = packet.source.is_ipv6() && matches!(packet.next_layer, UpperLayer::Hidden(_));
        if found.is_some() && is_hearsay {
            let opaque = Selectors { next_layer: UpperLayer::Opaque, ..packet };
            return self.decide(direction, &opaque).filter(|action| Some(*action) == found).or(Some(Action::Discard));
        }
        found
    }

    fn required(&self, policy: PolicyId) -> Option<Required> {
        let mut all = self.entries.iter().filter_map(|entry| match entry.action {
            Action::Protect { policy: own, required } if own == policy => Some(required),
            _ => None,
        });
        let first = all.next()?;
        all.all(|other| other == first).then_some(first)
    }
}
