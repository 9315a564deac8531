//! A member that survives restarts.

use super::servers::{Held, Server};
use super::{Member, MemberConfig, MemberState};
use crate::crypto::CryptoProvider;
use crate::group::membership::key_server::{put_left, take_left};
use crate::group::membership::message::{Change, Roles};
use crate::group::membership::octets::Reader;
use crate::group::membership::retry::Retry;
use crate::group::membership::rollover::{Edge, Rollover};
use crate::group::membership::saved::{Kind, SaveError, Saved, SavedError, take_association, take_epoch, take_member};
use crate::group::membership::{Boot, Incarnation, Version};
use crate::time::Instant;

const fn state_code(state: MemberState) -> u8 {
    match state {
        MemberState::Out => 0,
        MemberState::Joining => 1,
        MemberState::In => 2,
        MemberState::Leaving => 3,
    }
}

const fn state_from(code: u8) -> Option<MemberState> {
    Some(match code {
        0 => MemberState::Out,
        1 => MemberState::Joining,
        2 => MemberState::In,
        3 => MemberState::Leaving,
        _ => return None,
    })
}

impl<const N: usize, const K: usize, const S: usize> Member<N, K, S> {
    /// Writes where it stands, whom it listens to, and the keys it holds, at the start of `out`;
    /// [`SAVED_OVERHEAD`](crate::group::membership::SAVED_OVERHEAD) octets, 20, 25 for each member it knows of, 18 for each key
    /// server, and for each of [`MAX_EPOCHS`](crate::group::membership::MAX_EPOCHS) epochs of it 38 and `S` always suffice.
    ///
    /// # Errors
    ///
    /// - Every [`SaveError`]. It then still [needs to be saved](Self::needs_save).
    pub fn save<P: CryptoProvider>(
        &mut self,
        now: Instant,
        saved: Saved<'_, P>,
        out: &mut [u8],
    ) -> Result<usize, SaveError> {
        // Lists of at most 255: no group and no number of its key servers is larger.
        let count = |len: usize| u8::try_from(len).unwrap_or(u8::MAX);
        let len = saved.write(Kind::Member, self.config.group, &self.numbers, out, |writer| {
            writer.u8(state_code(self.state));
            writer.u8(self.roles.bits());
            writer.u64(self.incarnation.value());
            writer.u64(self.version.value());
            writer.u8(count(self.members.len()));
            self.members.iter().for_each(|entry| Change::joined(*entry).emit(writer));
            writer.u8(count(self.servers.iter().flatten().count()));
            for server in self.servers.iter().flatten().take(usize::from(u8::MAX)) {
                writer.put(&match server.address {
                    core::net::IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                    core::net::IpAddr::V6(address) => address.octets(),
                });
                writer.u8(count(server.epochs.iter().count()));
                for edge in server.epochs.iter() {
                    writer.u64(edge.epoch.value());
                    put_left(writer, edge.activate_at, now);
                    put_left(writer, edge.ends_older_at, now);
                    writer.flag(edge.cut);
                    writer.flag(edge.value.sender.is_some());
                    writer.u16(edge.value.sender.unwrap_or(0));
                    writer.u64(edge.value.reserved);
                    let association = edge.value.association.as_octets();
                    // At most 65519.
                    writer.u16(u16::try_from(association.len()).unwrap_or(u16::MAX));
                    writer.put(association);
                }
            }
        })?;
        self.unsaved = false;
        Ok(len)
    }

    /// A member as it was saved, at `now` by a clock that may have restarted: old epochs may be taken longer by the time that
    /// the host was down.
    ///
    /// The host installs what [`receiving`](Self::receiving) lists and [`offer`](Self::offer) gives, and sends with sequence
    /// numbers after those [reserved](Self::reserved).
    ///
    /// # Security
    ///
    /// What was received under an epoch before the restart can be replayed to it afterwards, unless the host has also kept where
    /// its [windows](crate::ipsec::SenderWindows::start_after) were. A host that has not leaves, and joins anew.
    ///
    /// # Errors
    ///
    /// - Every [`SavedError`].
    pub fn restore<P: CryptoProvider>(
        config: MemberConfig,
        boot: Boot,
        seed: u64,
        now: Instant,
        saved: Saved<'_, P>,
        octets: &[u8],
    ) -> Result<Self, SavedError> {
        let content = SavedError::Content;
        let mut state = saved.read(Kind::Member, config.group, boot, octets)?;
        let mut member = Self::new(config, boot, seed);
        member.state = state.u8().and_then(state_from).ok_or(content)?;
        member.roles = state.u8().and_then(Roles::from_bits).ok_or(content)?;
        member.incarnation = Incarnation::new(state.u64().ok_or(content)?);
        member.version = Version::new(state.u64().ok_or(content)?);
        if matches!(member.state, MemberState::Joining | MemberState::Leaving) {
            member.retry = Retry::START;
        }
        for _ in 0..state.u8().ok_or(content)? {
            let entry = take_member(&mut state)?;
            if member.members.iter().any(|other| other.address == entry.address) {
                return Err(content);
            }
            member.members.push(entry).map_err(|_| SavedError::NoRoom)?;
        }
        for _ in 0..state.u8().ok_or(content)? {
            let address = core::net::Ipv6Addr::from(state.array::<16>().ok_or(content)?).to_canonical();
            let epochs = take_epochs(&mut state, now)?;
            if member.server(address).is_some() {
                return Err(content);
            }
            let free = member.servers.iter_mut().find(|slot| slot.is_none()).ok_or(SavedError::NoRoom)?;
            *free = Some(Server { address, epochs });
        }
        if state.rest().is_empty() && member.is_consistent() { Ok(member) } else { Err(content) }
    }
}

impl<const N: usize, const K: usize, const S: usize> Member<N, K, S> {
    /// Whether it holds nothing that has no place where it stands: a stay has a number, and what belonged to one ends with it.
    fn is_consistent(&self) -> bool {
        let stays = matches!(self.state, MemberState::Joining | MemberState::In);
        let holds = self.servers.iter().flatten().any(|server| server.epochs.newest().is_some());
        let nothing = self.members.is_empty() && self.version == Version::NONE && !holds;
        let has_number = self.state == MemberState::Out || self.incarnation != Incarnation::NONE;
        has_number && self.numbers.is_past(self.incarnation.value()) && (stays || nothing)
    }
}

fn take_epochs<const S: usize>(state: &mut Reader<'_>, now: Instant) -> Result<Rollover<Held<S>>, SavedError> {
    let content = SavedError::Content;
    let mut epochs = Rollover::new();
    for _ in 0..state.u8().ok_or(content)? {
        let epoch = take_epoch(state)?;
        let activate_at = take_left(state, now).ok_or(content)?;
        let ends_older_at = take_left(state, now).ok_or(content)?;
        let cut = state.flag().ok_or(content)?;
        let may_send = state.flag().ok_or(content)?;
        let number = state.u16().ok_or(content)?;
        let reserved = state.u64().ok_or(content)?;
        let association = take_association(state)?;
        if epochs.is_full() || epochs.find(epoch).is_some() {
            return Err(content);
        }
        let value = Held { association, sender: may_send.then_some(number), reserved };
        epochs.insert(Edge { epoch, activate_at, ends_older_at, cut, value });
    }
    Ok(epochs)
}
