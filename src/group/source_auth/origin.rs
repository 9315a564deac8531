//! Which packet of whom.

use core::net::IpAddr;

use crate::crypto::{CryptoProvider, SignerId};
use crate::ipsec::{Opened, OutboundSa, SecurityProtocol, SequenceError, Spi};
use crate::wire::Family;

/// Octets of the longest name of an association.
pub const MAX_ASSOCIATION_NAME_LEN: usize = 255;

/// A packet of an association, as its sender numbered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "made by hosts that seal with numbers of their own")]
pub struct PacketId {
    /// AH or ESP. Of a packet with both, one of them, on which both ends agree.
    pub protocol: SecurityProtocol,
    /// The association's SPI.
    pub spi: Spi,
    /// Source address of the packet as it is sent: in tunnel mode that of the outer header.
    pub source: IpAddr,
    /// The full sequence number.
    pub sequence: u64,
}

/// What a packet is authenticated with besides its payload: which packet of whom it is, and in which group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "made by hosts that seal with numbers of their own")]
pub struct PacketOrigin<'a> {
    /// What both ends call the association: up to [`MAX_ASSOCIATION_NAME_LEN`] octets that no other association ever has, such
    /// as the group's name and the number of its key.
    ///
    /// An SPI comes round again, and sequence numbers start anew with every key: without a name a member could seal an old
    /// payload, signature and all, under a later association.
    pub association: &'a [u8],
    /// The packet.
    pub packet: PacketId,
}

impl<'a> PacketOrigin<'a> {
    /// Of the packet that `sa` will seal next, sent from `source`.
    ///
    /// If it is not sealed, or [`Sealed::sequence`](crate::ipsec::Sealed::sequence) is another one, what was authenticated is
    /// for nothing, and must be done again.
    ///
    /// # Errors
    ///
    /// - [`SequenceError`]: there is no next number.
    pub fn sealing<P: CryptoProvider>(
        association: &'a [u8],
        sa: &OutboundSa<P>,
        source: IpAddr,
    ) -> Result<Self, SequenceError> {
        let sequence = sa.counter().check()?;
        let (protocol, spi) = (sa.sa().protocol(), sa.sa().spi());
        Ok(Self { association, packet: PacketId { protocol, spi, source, sequence } })
    }

    /// Of a packet that was opened.
    #[must_use]
    pub const fn opened(association: &'a [u8], opened: &Opened) -> Self {
        let Opened { sa, source, sequence, .. } = *opened;
        Self { association, packet: PacketId { protocol: sa.protocol, spi: sa.spi, source, sequence } }
    }

    /// All of it as octets (project-defined), handed to `f` in parts; `None` for a name that is too long:
    ///
    /// ```text
    /// octets of the name (2) ‖ name ‖ protocol (50 or 51) ‖ 4 or 6 ‖ source as SignerId::of_address (16) ‖ SPI (4) ‖ number (8)
    /// ```
    ///
    /// No two origins have the same octets, nor does one start as another does.
    pub fn with_octets<T>(&self, f: impl FnOnce([&[u8]; 3]) -> T) -> Option<T> {
        let PacketId { protocol, spi, source, sequence } = self.packet;
        if self.association.len() > MAX_ASSOCIATION_NAME_LEN {
            return None;
        }
        let name_len = u16::try_from(self.association.len()).ok()?.to_be_bytes();
        let protocol = match protocol {
            SecurityProtocol::Ah => crate::wire::protocol::AH,
            SecurityProtocol::Esp => crate::wire::protocol::ESP,
        };
        let family = match Family::of(&source) {
            Family::V4 => 4,
            Family::V6 => 6,
        };
        let (source, spi, sequence) = (SignerId::of_address(source), spi.value().to_be_bytes(), sequence.to_be_bytes());
        let mut fixed = [0; 30];
        let octets = [&[protocol, family], &source.as_octets()[..], &spi, &sequence];
        for (to, from) in fixed.iter_mut().zip(octets.into_iter().flatten()) {
            *to = *from;
        }
        Some(f([&name_len, self.association, &fixed]))
    }
}
