//! A sender's end of an association.

use rand_core::TryCryptoRng;

use crate::crypto::{CipherAlgorithm, CryptoProvider, MAX_IV_LEN};
use crate::ipsec::association::config::{Mode, SaError};
use crate::ipsec::association::lifetime::{LimitKind, Share, Usage};
use crate::ipsec::association::sa::{EspKeys, Sa, Transform};
use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::error::SealError;
use crate::ipsec::packet::laid::Laid;
use crate::ipsec::packet::plan::{Contents, Plan};
use crate::ipsec::packet::seal::Freshness;
use crate::ipsec::sending::path_mtu::PathMtu;
use crate::ipsec::sending::sender_id::SenderId;
use crate::ipsec::sending::sequence::{Reservation, SequenceCounter};
use crate::time::Instant;
use crate::wire::{CodePoints, Family, IpHeader, TunnelEnds, put};

/// Whether the initialization vectors are a counter, which no two senders under one key may share.
const fn counts_its_vectors<P: CryptoProvider>(sa: &Sa<P>) -> bool {
    match &sa.transform {
        Transform::Esp(esp) => match &esp.keys {
            EspKeys::Separate { algorithm, .. } => matches!(algorithm, CipherAlgorithm::AesCtr),
            EspKeys::Combined(_) => true,
        },
        Transform::Ah(_) => false,
    }
}

/// What sealing a packet did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sealed {
    /// The full sequence number.
    pub sequence: u64,
    /// A soft limit that is passed: another association should be set up. Said of every packet from then on.
    pub soft_limit: Option<LimitKind>,
}

/// What a packet that is laid out will use up of a lifetime.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owed {
    octets: u64,
}

/// What a protection needs that will go around another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beneath {
    /// Octets it inserts.
    inserted: usize,
    /// The MTU known of its path.
    mtu: Option<usize>,
    /// Octets left of its hard lifetime.
    octets_left: u64,
}

impl Beneath {
    /// Whether a packet, sealed as planned, leaves it that.
    fn check(&self, plan: &Plan, packet: &PacketBuf<'_>) -> Result<(), SealError> {
        let len = plan.sealed_len().saturating_add(self.inserted);
        if len > plan.family().max_packet_len() {
            return Err(SealError::PacketTooLong { len });
        }
        if let Some(mtu) = self.mtu
            && len > mtu
            && !plan.fragmentable
        {
            return Err(SealError::TooBig { len, mtu });
        }
        if len as u64 > self.octets_left {
            return Err(SealError::Expired(LimitKind::Octets));
        }
        // Each of the two is inserted in front if there is room for it, else behind.
        let (mut headroom, mut behind) = (packet.headroom(), plan.appended);
        for inserted in [plan.inserted, self.inserted] {
            match headroom.checked_sub(inserted) {
                Some(left) => headroom = left,
                None => behind = behind.saturating_add(inserted),
            }
        }
        let inserted = plan.inserted.saturating_add(self.inserted);
        let no_room = SealError::NoRoom { inserted, appended: plan.appended };
        if packet.fits(plan.len, 0, behind) { Ok(()) } else { Err(no_room) }
    }
}

/// An association and what its sender keeps of it: seals packets, each with a sequence number and an initialization vector of
/// its own, as long as the association lasts.
#[derive(Debug)]
pub struct OutboundSa<P: CryptoProvider> {
    sa: Sa<P>,
    counter: SequenceCounter,
    sender: SenderId,
    usage: Usage,
    /// Of packets that are laid out, and not sealed yet.
    set_aside: Share,
    path_mtu: PathMtu,
}

impl<P: CryptoProvider> OutboundSa<P> {
    /// The only sender under a fresh association, set up at `now`, whose keys do not survive a restart of the host.
    ///
    /// # Security
    ///
    /// With AES-CTR, AES-GCM and ChaCha20-Poly1305 it must be the only sender under the *key*, not just under this association:
    /// another association with the same key, be it for another sender or the other direction, would use the same nonces, and
    /// one nonce used twice gives the key stream away. Several associations of one key need [`shared`](Self::shared), each with
    /// a [`SenderId`] of its own, all of one size.
    ///
    /// # Errors
    ///
    /// - [`SaError::SenderIdNeeded`]: the association is for any sender, and its algorithm makes nonces of a counter: two
    ///   senders would use the same ones. [`shared`](Self::shared) takes a [`SenderId`].
    pub fn new(sa: Sa<P>, now: Instant) -> Result<Self, SaError> {
        Self::shared(sa, SenderId::ONLY, now)
    }

    /// One of several senders under a fresh association and its key.
    ///
    /// # Security
    ///
    /// `sender` must be unlike that of every other sender with this key: combined-mode and counter-mode nonces are made of it
    /// and the sequence number, and one used twice gives the key stream away (RFC 6054 §2).
    ///
    /// # Errors
    ///
    /// - [`SaError::SenderIdNeeded`], as [`new`](Self::new), if `sender` is [`SenderId::ONLY`].
    pub fn shared(sa: Sa<P>, sender: SenderId, now: Instant) -> Result<Self, SaError> {
        let counter = SequenceCounter::new(sa.esn());
        Self::with_counter(sa, counter, sender, Usage::new(now))
    }

    /// A sender that goes on after a restart of the host, or that is to survive the next one. `saved` is what
    /// [`reserve`](Self::reserve) said should be saved, or 0 if nothing was yet. Nothing is sealed before numbers are
    /// reserved, so that none can be used twice. Of `usage` at least `saved` packets count; octets sealed since it was saved
    /// are the host's to add.
    ///
    /// # Errors
    ///
    /// - [`SaError::SenderIdNeeded`], as [`new`](Self::new), if `sender` is [`SenderId::ONLY`].
    pub fn resume(sa: Sa<P>, saved: u64, sender: SenderId, usage: Usage) -> Result<Self, SaError> {
        let counter = SequenceCounter::resume(saved, sa.esn());
        // Every number reserved may have been a packet.
        Self::with_counter(sa, counter, sender, usage.at_least(saved))
    }

    fn with_counter(sa: Sa<P>, counter: SequenceCounter, sender: SenderId, usage: Usage) -> Result<Self, SaError> {
        if sa.source().is_none() && counts_its_vectors(&sa) && sender == SenderId::ONLY {
            return Err(SaError::SenderIdNeeded);
        }
        let last = if counts_its_vectors(&sa) { sender.last_number() } else { u64::MAX };
        let counter = counter.limited_to(last);
        Ok(Self { sa, counter, sender, usage, set_aside: Share::NOTHING, path_mtu: PathMtu::UNKNOWN })
    }

    /// The association.
    #[must_use]
    pub const fn sa(&self) -> &Sa<P> {
        &self.sa
    }

    /// The counter, to see how many numbers are left.
    #[must_use]
    pub const fn counter(&self) -> &SequenceCounter {
        &self.counter
    }

    /// Reserves the next `count` sequence numbers: see [`SequenceCounter::reserve`].
    #[must_use = "nothing is reserved before it is committed"]
    pub fn reserve(&mut self, count: u64) -> Reservation<'_> {
        self.counter.reserve(count)
    }

    /// What was used up so far, to be saved.
    #[must_use]
    pub const fn usage(&self) -> &Usage {
        &self.usage
    }

    /// What is known of the path.
    #[must_use]
    pub const fn path_mtu(&self) -> &PathMtu {
        &self.path_mtu
    }

    /// What is known of the path, to be told more.
    #[must_use]
    pub const fn path_mtu_mut(&mut self) -> &mut PathMtu {
        &mut self.path_mtu
    }

    /// The soft limit that is passed, if one is: another association should be set up.
    #[must_use]
    pub fn soft_limit(&self, now: Instant) -> Option<LimitKind> {
        let near_end = if self.counter.is_near_end() { Some(LimitKind::SequenceNumbers) } else { None };
        self.usage.beyond(&self.sa.lifetimes().soft, now).or(near_end)
    }

    /// Seals `packet` in place, as [`seal_with`](crate::ipsec::seal_with) does.
    ///
    /// AES-CBC takes its vector from `rng`; counter-mode and combined-mode algorithms take theirs from the counter (RFC 3686
    /// §3.1, RFC 4106 §3.1).
    ///
    /// # Errors
    ///
    /// - [`SealError::Exhausted`], [`SealError::Expired`]: the association must be replaced.
    /// - [`SealError::NotReserved`]: more numbers must be reserved.
    /// - [`SealError::TooBig`]: the path takes no packet as long as this, and routers may not fragment it.
    /// - [`SealError::Random`]: no vector.
    /// - Those of [`seal_with`](crate::ipsec::seal_with). A number given out for a packet that was then not sealed is skipped, never
    ///   used again.
    pub fn seal<G: TryCryptoRng + ?Sized>(
        &mut self,
        now: Instant,
        crypto: &mut P,
        rng: &mut G,
        code_points: Option<&CodePoints>,
        packet: &mut PacketBuf<'_>,
    ) -> Result<Sealed, SealError> {
        self.seal_contents(Contents::Packet, None, now, crypto, rng, code_points, packet)
    }

    /// Seals a dummy packet, which hides from an observer when there is traffic: every receiver authenticates, counts and
    /// throws it away (RFC 4303 §2.6).
    ///
    /// In tunnel mode `packet` is any octets, as many as a packet would have; what the outer header would copy of an inner one
    /// is 0, DF 1. In transport mode it is a packet like the real ones, and behind those of its headers that ESP goes behind
    /// it holds any octets. Only encryption hides which packets are dummies: NULL encryption hides nothing.
    ///
    /// # Errors
    ///
    /// - [`SealError::NotEsp`]: AH has no dummies.
    /// - [`SealError::NoInnerHeader`]: tunnel mode with address preservation.
    /// - Those of [`seal`](Self::seal).
    pub fn seal_dummy<G: TryCryptoRng + ?Sized>(
        &mut self,
        now: Instant,
        crypto: &mut P,
        rng: &mut G,
        code_points: Option<&CodePoints>,
        packet: &mut PacketBuf<'_>,
    ) -> Result<Sealed, SealError> {
        self.seal_contents(Contents::Dummy, None, now, crypto, rng, code_points, packet)
    }

    /// Seals `packet` beneath another protection, which will need room as well.
    pub(crate) fn seal_beneath<G: TryCryptoRng + ?Sized>(
        &mut self,
        outer: Option<Beneath>,
        now: Instant,
        crypto: &mut P,
        rng: &mut G,
        code_points: Option<&CodePoints>,
        packet: &mut PacketBuf<'_>,
    ) -> Result<Sealed, SealError> {
        self.seal_contents(Contents::Packet, outer, now, crypto, rng, code_points, packet)
    }

    /// Whether this association can go around `packet` once that is sealed by another one, as far as can be told before: what
    /// it will need. In a tunnel it gets a header of `family` to stand behind, and does not see this one.
    pub(crate) fn prepare(
        &self,
        in_tunnel: bool,
        family: Family,
        now: Instant,
        code_points: Option<&CodePoints>,
        packet: &PacketBuf<'_>,
    ) -> Result<Beneath, SealError> {
        if !in_tunnel {
            Plan::new(&self.sa, Contents::Packet, code_points, packet)?;
        }
        self.usage.check(&self.sa.lifetimes().hard, now, 0).map_err(SealError::Expired)?;
        self.counter.check()?;
        let octets_left = self.usage.octets_left(&self.sa.lifetimes().hard);
        Ok(Beneath { inserted: self.sa.headroom(family), mtu: self.path_mtu.get(now), octets_left })
    }

    /// The addresses that `packet` has once it is sealed.
    pub(crate) fn ends_around(&self, packet: &PacketBuf<'_>) -> Result<TunnelEnds, SealError> {
        let (ip, _) = IpHeader::split(packet.as_octets())?;
        match self.sa.mode() {
            Mode::Transport => TunnelEnds::new(ip.source(), ip.destination()).ok_or(SealError::OtherAddresses),
            Mode::Tunnel(outer) => Ok(outer.ends(&ip)?),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one packet, and everything that has a say in it")]
    fn seal_contents<G: TryCryptoRng + ?Sized>(
        &mut self,
        contents: Contents,
        outer: Option<Beneath>,
        now: Instant,
        crypto: &mut P,
        rng: &mut G,
        code_points: Option<&CodePoints>,
        packet: &mut PacketBuf<'_>,
    ) -> Result<Sealed, SealError> {
        let (laid, owed) = self.begin(contents, outer, now, rng, code_points, packet)?;
        let outcome = laid.compute(&self.sa, crypto, packet.as_mut_octets());
        self.settle(laid.sequence(), owed, now, outcome)
    }

    /// Plans, gives a packet its number and its vector, and makes it what it will be, but for what the algorithms do. What it
    /// uses up is owed, and set aside until it is [settled](Self::settle) how that went.
    pub(crate) fn begin<G: TryCryptoRng + ?Sized>(
        &mut self,
        contents: Contents,
        outer: Option<Beneath>,
        now: Instant,
        rng: &mut G,
        code_points: Option<&CodePoints>,
        packet: &mut PacketBuf<'_>,
    ) -> Result<(Laid, Owed), SealError> {
        // Not moved: plans are long.
        let planned = Plan::new(&self.sa, contents, code_points, packet);
        let plan = planned.as_ref().map_err(|error| *error)?;
        if let Some(outer) = outer {
            outer.check(plan, packet)?;
        }
        if !plan.fragmentable {
            self.path_mtu.check(now, plan.sealed_len())?;
        }
        let hard = &self.sa.lifetimes().hard;
        self.usage.and(&self.set_aside).check(hard, now, plan.processed).map_err(SealError::Expired)?;
        let sequence = self.counter.advance()?;
        let mut iv = [0; MAX_IV_LEN];
        let iv = iv.get_mut(..self.sa.iv_len()).ok_or(SealError::IvLength)?;
        if counts_its_vectors(&self.sa) {
            put(iv, 0, &self.sender.vector(sequence).ok_or(SealError::Exhausted)?).ok_or(SealError::IvLength)?;
        } else if !iv.is_empty() {
            rng.try_fill_bytes(iv).map_err(|_| SealError::Random)?;
        }
        let laid = plan.lay_out(&self.sa, Freshness { sequence, iv }, packet)?;
        self.set_aside.add(plan.processed);
        Ok((laid, Owed { octets: plan.processed }))
    }

    /// Counts a packet that was laid out, if all went well.
    pub(crate) fn settle(
        &mut self,
        sequence: u64,
        owed: Owed,
        now: Instant,
        outcome: Result<(), SealError>,
    ) -> Result<Sealed, SealError> {
        self.set_aside.take_back(owed.octets);
        outcome?;
        self.usage.add(owed.octets);
        let near_end = self.counter.was_near_end(sequence).then_some(LimitKind::SequenceNumbers);
        Ok(Sealed { sequence, soft_limit: self.usage.beyond(&self.sa.lifetimes().soft, now).or(near_end) })
    }

    /// Whether `error` might not have been, were the packets settled that are laid out: those that fail use nothing up.
    pub(crate) const fn is_premature(&self, error: &SealError) -> bool {
        matches!(error, SealError::Expired(LimitKind::Octets | LimitKind::Packets)) && !self.set_aside.is_nothing()
    }
}
