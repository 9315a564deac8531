//! What became of all packets, in numbers.
//!
//! Where Linux has a counter of the same meaning in `/proc/net/xfrm_stat`, it has that name, in the spelling of Rust.

use super::inbound::InboundError;
use super::outbound::OutboundError;
use crate::ipsec::packet::construction::Refusal;
use crate::ipsec::packet::error::{OpenError, SealError};
use crate::ipsec::replay::window::ReplayError;
use crate::wire::ParseErrorKind;

/// Packets that came in. Each is counted in `packets`, and in exactly one of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InboundCounters {
    /// All of them.
    pub packets: u64,
    /// Opened, with the protection that policy asks for.
    pub protected: u64,
    /// Let through in the clear, as policy says.
    pub bypassed: u64,
    /// Dummies (RFC 4303 §2.6): authentic, and nobody's.
    pub dummies: u64,
    /// Errors that no other counter is for, such as a crypto provider that failed (`XfrmInError`).
    pub in_error: u64,
    /// Headers that cannot be read (`XfrmInHdrError`).
    pub in_hdr_error: u64,
    /// AH or ESP on a fragment (RFC 4302 §3.4.1, RFC 4303 §3.4.1).
    pub in_fragment: u64,
    /// No association for SPI, protocol and addresses, or a reserved SPI (`XfrmInNoStates`).
    pub in_no_states: u64,
    /// The ICV does not verify, or lengths or padding are not the algorithm's (`XfrmInStateProtoError`).
    pub in_state_proto_error: u64,
    /// What is inside is not what the mode says (`XfrmInStateModeError`).
    pub in_state_mode_error: u64,
    /// Sequence numbers seen before, or too old (`XfrmInStateSeqError`).
    pub in_state_seq_error: u64,
    /// The association has ended (`XfrmInStateExpired`).
    pub in_state_expired: u64,
    /// Another protection than policy asks for, or none (`XfrmInTmplMismatch`).
    pub in_tmpl_mismatch: u64,
    /// Policy says nothing (`XfrmInNoPols`).
    pub in_no_pols: u64,
    /// Policy says DISCARD (`XfrmInPolBlock`).
    pub in_pol_block: u64,
    /// Constructions that would not be built either.
    pub in_refused: u64,
    /// Authentic, but from a sender who is not authorised.
    pub in_sender_not_authorised: u64,
    /// Authentic, from a new sender for whose window there is no room.
    pub in_sender_table_full: u64,
}

/// Packets that were to go out. Each is counted in `packets`, and in exactly one of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboundCounters {
    /// All of them.
    pub packets: u64,
    /// Sealed.
    pub protected: u64,
    /// Let through in the clear, as policy says.
    pub bypassed: u64,
    /// Errors that no other counter is for (`XfrmOutError`).
    pub out_error: u64,
    /// Headers that cannot be read.
    pub out_hdr_error: u64,
    /// Fragments that would have to be protected.
    pub out_fragment: u64,
    /// No association (`XfrmOutNoStates`).
    pub out_no_states: u64,
    /// The crypto provider or the random number generator failed (`XfrmOutStateProtoError`).
    pub out_state_proto_error: u64,
    /// What is inside does not suit the mode (`XfrmOutStateModeError`).
    pub out_state_mode_error: u64,
    /// Sequence numbers, or those reserved of them, are used up (`XfrmOutStateSeqError`).
    pub out_state_seq_error: u64,
    /// The association has ended (`XfrmOutStateExpired`).
    pub out_state_expired: u64,
    /// Policy says nothing.
    pub out_no_pols: u64,
    /// Policy says DISCARD (`XfrmOutPolBlock`).
    pub out_pol_block: u64,
    /// Constructions that are refused.
    pub out_refused: u64,
    /// Longer than the path or the IP header takes, once sealed.
    pub out_too_big: u64,
}

const fn add(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

impl InboundCounters {
    /// Nothing counted.
    pub const ZERO: Self = Self {
        packets: 0,
        protected: 0,
        bypassed: 0,
        dummies: 0,
        in_error: 0,
        in_hdr_error: 0,
        in_fragment: 0,
        in_no_states: 0,
        in_state_proto_error: 0,
        in_state_mode_error: 0,
        in_state_seq_error: 0,
        in_state_expired: 0,
        in_tmpl_mismatch: 0,
        in_no_pols: 0,
        in_pol_block: 0,
        in_refused: 0,
        in_sender_not_authorised: 0,
        in_sender_table_full: 0,
    };

    pub(super) const fn count_error(&mut self, error: &InboundError) {
        add(match error {
            InboundError::Unreadable(_) => &mut self.in_hdr_error,
            InboundError::NoPolicy => &mut self.in_no_pols,
            InboundError::Discarded => &mut self.in_pol_block,
            InboundError::Unprotected { .. } | InboundError::WrongProtection => &mut self.in_tmpl_mismatch,
            InboundError::OutOfStep => &mut self.in_state_proto_error,
            InboundError::Open(error) => self.of_open_error(error),
        });
    }

    const fn of_open_error(&mut self, error: &OpenError) -> &mut u64 {
        match error {
            OpenError::Parse(error) if matches!(error.kind(), ParseErrorKind::Fragment) => &mut self.in_fragment,
            OpenError::Parse(_) | OpenError::NotProtected => &mut self.in_hdr_error,
            OpenError::NoSa { .. } | OpenError::ReservedSpi { .. } => &mut self.in_no_states,
            OpenError::Replay(ReplayError::Replayed) => &mut self.in_state_seq_error,
            OpenError::Replay(ReplayError::TableFull) => &mut self.in_sender_table_full,
            OpenError::Icv
            | OpenError::AhLength
            | OpenError::EspLength
            | OpenError::BlockLength
            | OpenError::Padding => &mut self.in_state_proto_error,
            OpenError::Inner | OpenError::Refused(Refusal::NotPreserved) => &mut self.in_state_mode_error,
            OpenError::Refused(_) => &mut self.in_refused,
            OpenError::Expired(_) => &mut self.in_state_expired,
            OpenError::SenderNotAuthorised => &mut self.in_sender_not_authorised,
            OpenError::Crypto(_) => &mut self.in_error,
        }
    }

    pub(super) const fn count_protected(&mut self) {
        add(&mut self.protected);
    }

    pub(super) const fn count_bypassed(&mut self) {
        add(&mut self.bypassed);
    }

    pub(super) const fn count_dummy(&mut self) {
        add(&mut self.dummies);
    }

    pub(super) const fn count_packet(&mut self) {
        add(&mut self.packets);
    }
}

impl OutboundCounters {
    /// Nothing counted.
    pub const ZERO: Self = Self {
        packets: 0,
        protected: 0,
        bypassed: 0,
        out_error: 0,
        out_hdr_error: 0,
        out_fragment: 0,
        out_no_states: 0,
        out_state_proto_error: 0,
        out_state_mode_error: 0,
        out_state_seq_error: 0,
        out_state_expired: 0,
        out_no_pols: 0,
        out_pol_block: 0,
        out_refused: 0,
        out_too_big: 0,
    };

    pub(super) const fn count_error(&mut self, error: &OutboundError) {
        add(match error {
            OutboundError::Unreadable(_) => &mut self.out_hdr_error,
            OutboundError::NoPolicy => &mut self.out_no_pols,
            OutboundError::Discarded => &mut self.out_pol_block,
            OutboundError::NoSa { .. } => &mut self.out_no_states,
            OutboundError::Seal(error) => self.of_seal_error(error),
        });
    }

    const fn of_seal_error(&mut self, error: &SealError) -> &mut u64 {
        match error {
            SealError::Parse(error) if matches!(error.kind(), ParseErrorKind::Fragment) => &mut self.out_fragment,
            SealError::Parse(_) => &mut self.out_hdr_error,
            SealError::Refused(Refusal::PreservationFamilies)
            | SealError::NoInnerHeader
            | SealError::TfcNeedsLength => &mut self.out_state_mode_error,
            SealError::Refused(_) => &mut self.out_refused,
            SealError::OtherAddresses => &mut self.out_no_states,
            SealError::PacketTooLong { .. } | SealError::TooBig { .. } => &mut self.out_too_big,
            SealError::Exhausted | SealError::NotReserved => &mut self.out_state_seq_error,
            SealError::Expired(_) => &mut self.out_state_expired,
            SealError::Random | SealError::Crypto(_) => &mut self.out_state_proto_error,
            SealError::NoRoom { .. } | SealError::IvLength | SealError::ZeroSequence | SealError::NotEsp => {
                &mut self.out_error
            }
        }
    }

    pub(super) const fn count_protected(&mut self) {
        add(&mut self.protected);
    }

    pub(super) const fn count_bypassed(&mut self) {
        add(&mut self.bypassed);
    }

    pub(super) const fn count_packet(&mut self) {
        add(&mut self.packets);
    }
}
