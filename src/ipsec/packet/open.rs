//! Opening: AH and ESP, transport and tunnel mode (RFC 4302 §3.4, RFC 4303 §3.4).

use core::net::IpAddr;

use crate::crypto::CryptoProvider;
use crate::ipsec::association::config::{Mode, SaId, SecurityProtocol};
use crate::ipsec::association::sa::{Sa, Transform};
use crate::ipsec::association::sad::SadLookup;
use crate::ipsec::packet::arrived::Arrived;
use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::error::OpenError;
use crate::ipsec::packet::tried::Tried;
use crate::ipsec::policy::PolicyId;
use crate::ipsec::replay::senders::{ReplayStore, SenderKey};
use crate::ipsec::replay::window::ReplayError;
use crate::wire::CodePoints;

/// What opening a packet found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opened {
    /// The association.
    pub sa: SaId,
    /// The protection that the association was made for.
    pub policy: Option<PolicyId>,
    /// Its mode.
    pub mode: Mode,
    /// The full sequence number.
    pub sequence: u64,
    /// Source address of the packet as it arrived. A holder of the key sent it; which one, only an association for a single
    /// sender tells, and that only as far as the others who hold the key do not lie (draft §2.2.3, §2.2.4).
    pub source: IpAddr,
    /// What was inside.
    pub content: Content,
}

/// What was inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a packet is either for somebody or not")]
pub enum Content {
    /// A packet, which now stands in the buffer: of transport mode the same one without AH or ESP, of tunnel mode the inner
    /// one.
    Packet,
    /// A dummy packet (RFC 4303 §2.6): nothing is to be delivered.
    Dummy,
}

/// What a host has a say in while a packet is opened.
pub(crate) trait Gate<P: CryptoProvider> {
    /// Asked before any computing. Everything about the packet is a claim.
    fn admit(&mut self, arrived: &Arrived, sa: &Sa<P>, octets: u64) -> Result<(), OpenError>;

    /// Asked once the packet proved authentic and valid, before its window moves: whether it moves now. Else [`Pending`] moves
    /// it later.
    fn accept(&mut self, arrived: &Arrived, sa: &Sa<P>) -> Result<Moves, OpenError>;
}

/// When the window of an authentic packet moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moves {
    /// At once.
    Now,
    /// When all else is decided.
    Later,
}

/// An authentic packet whose window has not moved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    sender: SenderKey,
    /// Where its window is, if that is known.
    window_at: Option<usize>,
    received: u32,
    esn: bool,
    sequence: u64,
}

impl Pending {
    /// Moves the window, as nothing else has since.
    pub(crate) fn commit<R: ReplayStore + ?Sized>(&self, replay: &mut R) -> Result<(), ReplayError> {
        let Self { sender, window_at, received, esn, .. } = *self;
        let mut unverified = match window_at {
            Some(place) => replay.check_at(place, sender, received, esn)?,
            None => replay.check(sender, received, esn)?,
        };
        while unverified.number() < self.sequence {
            unverified = unverified.in_next_subspace().ok_or(ReplayError::Replayed)?;
        }
        if unverified.number() != self.sequence {
            return Err(ReplayError::Replayed);
        }
        unverified.commit()
    }
}

/// Lets everything pass.
pub(super) struct Open;

impl<P: CryptoProvider> Gate<P> for Open {
    fn admit(&mut self, _arrived: &Arrived, _sa: &Sa<P>, _octets: u64) -> Result<(), OpenError> {
        Ok(())
    }

    fn accept(&mut self, _arrived: &Arrived, _sa: &Sa<P>) -> Result<Moves, OpenError> {
        Ok(Moves::Now)
    }
}

/// Opens the outermost AH or ESP of `packet` in place. A packet with both is opened twice.
///
/// The order is: association, sequence number, ICV, construction, and only then the window moves. `code_points` tells Xcast
/// packets; without them nothing is taken for Xcast. The Xcast CHECKSUM is not looked at.
///
/// What is refused to be built is refused here too, such as X=0 over transport-mode protection (draft §3.2, §3.3). In tunnel
/// mode a congestion signal of the outer header goes over to the inner one (RFC 4301 §5.1.2.1).
///
/// This is one step of inbound processing. Lifetimes, policy and authorised senders are not looked at:
/// [`Inbound`](crate::ipsec::Inbound) does, and counts and audits what it finds.
///
/// # Errors
///
/// - [`OpenError`]. The window has not moved and no sender was added. The packet is unchanged, but for octets behind its end,
///   by its IP header, which may be cut off; ESP that fails after its ICV verified leaves it decrypted: it must be dropped.
pub fn open<P, S, R>(
    sad: &S,
    replay: &mut R,
    crypto: &mut P,
    code_points: Option<&CodePoints>,
    packet: &mut PacketBuf<'_>,
) -> Result<Opened, OpenError>
where
    P: CryptoProvider,
    S: SadLookup<P> + ?Sized,
    R: ReplayStore + ?Sized,
{
    let mut tried = Tried::nothing();
    Ok(open_through(&mut Open, sad, replay, crypto, code_points, 0, None, &mut tried, packet)?.opened())
}

/// Opens `packet` as [`open()`] does, and if its ICV does not verify tries the next `tries` upper halves of its extended
/// sequence number: a receiver that lost 2^32 packets in a row finds its place again (RFC 4302 §B3, RFC 4303 §A3), and so does
/// one that joins when the sender's upper half is not 0 any more.
///
/// What is tried is a packet whose number the window would take; one that it refuses as seen or too old is not, and a later one
/// finds the place.
///
/// The host decides when: RFC 4303 §A3.1 says after a number of packets in a row that did not verify, in the background. A
/// packet that [`open()`] refused with [`OpenError::Icv`] is unchanged and can be handed in here.
///
/// # Security
///
/// Costs up to `tries` times what opening does, on the word of a packet that anybody can have sent: keep both `tries` and
/// the rate of calls low. A packet from the past cannot move a window: numbers only grow, and what is left of the window
/// stays refused.
///
/// # Errors
///
/// - Those of [`open()`].
pub fn resynchronize<P, S, R>(
    sad: &S,
    replay: &mut R,
    crypto: &mut P,
    code_points: Option<&CodePoints>,
    tries: u32,
    packet: &mut PacketBuf<'_>,
) -> Result<Opened, OpenError>
where
    P: CryptoProvider,
    S: SadLookup<P> + ?Sized,
    R: ReplayStore + ?Sized,
{
    let mut tried = Tried::nothing();
    Ok(open_through(&mut Open, sad, replay, crypto, code_points, tries, None, &mut tried, packet)?.opened())
}

/// A packet that was opened, and what is to be said of it: put together where it goes, as it is long.
pub(crate) struct Done<'d, P: CryptoProvider> {
    arrived: &'d Arrived,
    sa: &'d Sa<P>,
    window_at: Option<usize>,
    sequence: u64,
    content: Content,
}

impl<P: CryptoProvider> Done<'_, P> {
    #[inline(always)]
    pub(crate) fn opened(&self) -> Opened {
        self.arrived.opened(self.sa, self.sequence, self.content)
    }

    pub(crate) fn pending(&self) -> Pending {
        let Self { arrived, sa, window_at, sequence, .. } = *self;
        Pending { sender: arrived.sender(sa), window_at, received: arrived.sequence, esn: sa.esn(), sequence }
    }
}

/// Opens a packet as far as `gate` agrees. An association that was `found` before is not looked for, and what was `tried` before
/// is neither read nor computed again.
#[allow(clippy::too_many_arguments, reason = "one packet, and everything that has a say in it")]
#[inline]
pub(crate) fn open_through<'d, P, S, R, G>(
    gate: &mut G,
    sad: &'d S,
    replay: &mut R,
    crypto: &mut P,
    code_points: Option<&CodePoints>,
    tries: u32,
    found: Option<&'d Sa<P>>,
    tried: &'d mut Tried,
    packet: &mut PacketBuf<'_>,
) -> Result<Done<'d, P>, OpenError>
where
    P: CryptoProvider,
    S: SadLookup<P> + ?Sized,
    R: ReplayStore + ?Sized,
    G: Gate<P> + ?Sized,
{
    // Of the headers nothing has changed since they were read.
    let Tried { read, guess } = tried;
    let arrived = Arrived::read_into(read, packet.as_octets(), code_points)?;
    let sa = match found {
        Some(sa) => sa,
        None => arrived.find_sa(sad)?,
    };
    // What a link layer padded is no part of the packet.
    packet.truncate(arrived.place.packet_len);
    let octets = arrived.processed_len(sa)?;
    gate.admit(arrived, sa, octets as u64)?;
    let window_at = guess.and_then(|guess| guess.place);
    // Not moved: what is to be known of a new sender is long.
    let mut checked = arrived.check_sequence(sa, window_at, replay);
    let unverified = checked.as_mut().map_err(|error| *error)?;
    let mut tries = if sa.esn() { tries } else { 0 };
    let inside = loop {
        let sequence = unverified.number();
        let known = guess.and_then(|guess| guess.under(arrived.protocol, sequence));
        let result = match &sa.transform {
            Transform::Ah(transform) => arrived
                .verify_ah(sa, transform, sequence, known, crypto, code_points, packet.as_octets())
                .map(|()| None),
            Transform::Esp(transform) => arrived
                .decrypt_esp(sa, transform, octets, sequence, known, crypto, code_points, packet.as_mut_octets())
                .map(Some),
        };
        match result {
            Err(OpenError::Icv) if tries > 0 => {
                tries = tries.saturating_sub(1);
                unverified.next_subspace().ok_or(OpenError::Icv)?;
            }
            result => break result?,
        }
    };
    let sequence = unverified.number();
    if gate.accept(arrived, sa)? == Moves::Now {
        checked?.commit()?;
    }
    let content = match (&sa.transform, inside) {
        (Transform::Esp(transform), Some(inside)) => arrived.take_out_esp(sa.mode(), transform, inside, packet),
        _ => {
            arrived.take_out_ah(sa.mode(), packet)?;
            Content::Packet
        }
    };
    Ok(Done { arrived, sa, window_at, sequence, content })
}

/// Verifies the AH of `packet` without changing a single octet of it, for a node that passes the packet on as it is.
///
/// # Errors
///
/// - Those of [`open()`]; [`OpenError::NotProtected`] if the outermost protection is ESP.
pub fn verify_ah<P, S, R>(
    sad: &S,
    replay: &mut R,
    crypto: &mut P,
    code_points: Option<&CodePoints>,
    packet: &[u8],
) -> Result<Opened, OpenError>
where
    P: CryptoProvider,
    S: SadLookup<P> + ?Sized,
    R: ReplayStore + ?Sized,
{
    let mut read = None;
    let arrived = Arrived::read_into(&mut read, packet, code_points)?;
    if arrived.protocol != SecurityProtocol::Ah {
        return Err(OpenError::NotProtected);
    }
    let sa = arrived.find_sa(sad)?;
    let Transform::Ah(transform) = &sa.transform else { return Err(OpenError::NoSa { spi: arrived.spi }) };
    let unverified = arrived.check_sequence(sa, None, replay)?;
    let sequence = unverified.number();
    let octets = packet.get(..arrived.place.packet_len).unwrap_or(packet);
    arrived.verify_ah(sa, transform, sequence, None, crypto, code_points, octets)?;
    unverified.commit()?;
    Ok(arrived.opened(sa, sequence, Content::Packet))
}

impl Arrived {
    /// Octets that the algorithm is applied to.
    pub(super) fn processed_len<P: CryptoProvider>(&self, sa: &Sa<P>) -> Result<usize, OpenError> {
        match &sa.transform {
            Transform::Ah(_) => Ok(self.place.packet_len),
            Transform::Esp(transform) => self.encrypted_len(transform),
        }
    }

    #[inline(always)]
    const fn opened<P: CryptoProvider>(&self, sa: &Sa<P>, sequence: u64, content: Content) -> Opened {
        Opened { sa: sa.id(), policy: sa.policy(), mode: *sa.mode(), sequence, source: self.source(), content }
    }
}
