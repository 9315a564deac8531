//! What a sender makes of a router's message that a packet of its was too big (RFC 4301 §6.1.1, §8.2).

use crate::crypto::CryptoProvider;
use crate::ipsec::association::config::Mode;
use crate::ipsec::sending::outbound::OutboundSa;
use crate::ipsec::sending::quoted::QuotedPacket;
use crate::time::Instant;
use crate::wire::icmp::plateau_below;
use crate::wire::{CodePoints, Family, PacketTooBig};

/// How many sequence numbers back a message may be about (project-defined): half of those that the wire tells apart.
const RECENT: u32 = 1 << 31;

/// Why a message that a packet was too big changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ignored {
    /// No AH or ESP can be seen in what is quoted: another packet, a fragment, or too little of one. See
    /// [`QuotedPacket::read`].
    NotProtected,
    /// The message was not sent to the source of what it quotes (RFC 792, RFC 4443 §3.2).
    Misdirected,
    /// What is quoted did not go out under this association. Another one may be meant.
    OtherAssociation,
    /// What is quoted may be fragmented: no router says of it that it is too big (RFC 1191 §4).
    Fragmentable,
    /// What is quoted has a sequence number that was not given out, or one of long ago.
    NeverSent,
    /// What is quoted would have fitted (RFC 1191 §3, RFC 8201 §4: an MTU is never raised).
    NotLarger {
        /// Octets of the packet quoted, by its header.
        len: usize,
        /// The MTU reported.
        mtu: usize,
    },
    /// No link has so small an MTU: in IPv4 less than 68 (RFC 791 §3.2), in IPv6 less than 1280, which must be discarded
    /// (RFC 8201 §4).
    ImpossibleMtu {
        /// The MTU reported.
        mtu: usize,
    },
    /// An MTU at least as low is believed already, or the host believes none for any time
    /// ([`PathMtu::set_lifetime`](crate::ipsec::PathMtu::set_lifetime)).
    NoNews,
}

impl core::fmt::Display for Ignored {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotProtected => f.write_str("no AH or ESP in the packet quoted, as far as it is there"),
            Self::Misdirected => f.write_str("not sent to the source of the packet quoted"),
            Self::OtherAssociation => f.write_str("the packet quoted is of another association"),
            Self::Fragmentable => f.write_str("the packet quoted may be fragmented"),
            Self::NeverSent => f.write_str("the packet quoted was not sent, or long ago"),
            Self::NotLarger { len, mtu } => write!(f, "the packet quoted has {len} octets and fits the MTU of {mtu}"),
            Self::ImpossibleMtu { mtu } => write!(f, "no link has an MTU of {mtu}"),
            Self::NoNews => f.write_str("an MTU at least as low is believed already"),
        }
    }
}

impl core::error::Error for Ignored {}

impl<P: CryptoProvider> OutboundSa<P> {
    /// Learns from a router that a packet of this association was too big: the MTU that now counts, in octets.
    ///
    /// The message is believed only if it was sent to the source of the packet that it quotes, that packet was sealed under
    /// this association by all that can be seen of it, and is longer than the MTU reported. Then [`PathMtu::learn`] takes the
    /// MTU, never raising it. A router older than RFC 1191 reports none; it is guessed from the length of the packet
    /// (RFC 1191 §5).
    ///
    /// Without code points the header of an Xcast4 packet is not looked through. A host that has many associations finds the
    /// one meant by [`QuotedPacket::read`], or tries one after the other while they say [`Ignored::OtherAssociation`]. Where AH
    /// goes around ESP the message is AH's. IPv4 routers send none about packets to a multicast group (RFC 1812 §4.3.2.7),
    /// All_Xcast_Routers among them; IPv6 ones do (RFC 4443 §2.4).
    ///
    /// # Errors
    ///
    /// - [`Ignored`]: nothing changed.
    ///
    /// # Security
    ///
    /// Such a message is not authenticated (RFC 4301 §6.1.1), and nothing here makes it so.
    ///
    /// - Who sees the packets of the association, and who is in its group, knows all that is checked. One message then cuts the
    ///   MTU down to [`PathMtu::least`], for all destinations of the association and as long as reports are believed; longer
    ///   packets are refused with [`SealError::TooBig`]. On the path, one could have dropped them as well.
    /// - Who does not must guess the addresses, the SPI, of 32 bits, and a number that was given out; not the number under AH
    ///   in IPv4, of which a message may quote too little. SPIs that nobody can foresee keep such people out.
    /// - Nobody can raise the MTU, or bring it below [`PathMtu::least`]. To IPv6 inside a tunnel that is too low all the same: a
    ///   packet of 1280 octets, which no source may have to make shorter, then does not fit (see
    ///   [`inner_mtu`](Self::inner_mtu), case 3).
    /// - What `inner_mtu` says tells the protected side something that came from the other one.
    ///
    /// A host must let its administrator ignore such messages (RFC 4301 §6.1.1); it then hands none of them in.
    ///
    /// [`PathMtu::learn`]: crate::ipsec::PathMtu::learn
    /// [`PathMtu::least`]: crate::ipsec::PathMtu::least
    /// [`SealError::TooBig`]: crate::ipsec::SealError::TooBig
    pub fn packet_too_big(
        &mut self,
        message: &PacketTooBig<'_>,
        code_points: Option<&CodePoints>,
        now: Instant,
    ) -> Result<usize, Ignored> {
        let quoted = QuotedPacket::read(message.quoted(), code_points).ok_or(Ignored::NotProtected)?;
        // This also tells ICMP from ICMPv6.
        if quoted.source != message.destination() {
            return Err(Ignored::Misdirected);
        }
        if !self.seals(&quoted) {
            return Err(Ignored::OtherAssociation);
        }
        if quoted.fragmentable {
            return Err(Ignored::Fragmentable);
        }
        if !has_used(self.counter().last(), quoted.sequence) {
            return Err(Ignored::NeverSent);
        }
        let (family, len) = (quoted.family(), quoted.packet_len);
        let least = least_link_mtu(family);
        let mtu = message.mtu().unwrap_or_else(|| self.guess_mtu(&quoted, now).unwrap_or(least));
        if mtu >= len {
            return Err(Ignored::NotLarger { len, mtu });
        }
        if mtu < least {
            return Err(Ignored::ImpossibleMtu { mtu });
        }
        let is_news = self.path_mtu_mut().learn(mtu, family, now);
        self.path_mtu().get(now).filter(|_| is_news).ok_or(Ignored::NoNews)
    }

    /// Octets of the longest packet of `family` that can be sealed, by what is known of the path, or else by what an IP header
    /// can say; `None` if there is none. Every shorter packet can be sealed as well, and no longer one.
    ///
    /// In transport mode `headers_len` counts what stands in front of what is protected: the IP header, the Xcast headers and
    /// other IPv6 headers that AH or ESP goes behind. In tunnel mode, where the whole packet is protected, it does not matter.
    /// Where AH goes around ESP see [`Sa::largest_payload`](crate::ipsec::Sa::largest_payload).
    ///
    /// What a host does with a longer packet is for it to do, before it is sealed (RFC 4301 §8.2.1):
    ///
    /// 1. IPv4 with Don't Fragment: it discards the packet and sends its source an ICMP "fragmentation needed and DF set" with
    ///    this MTU.
    /// 2. IPv4 without: in front of a tunnel it makes fragments no longer than this and seals each of them; it sends no ICMP
    ///    message. Transport mode protects whole packets only (RFC 4302 §3.3.4, RFC 4303 §3.3.4): they must be made shorter.
    /// 3. IPv6: it discards the packet and sends its source an ICMPv6 Packet Too Big with this MTU. Less than 1280 no source
    ///    believes (RFC 8201 §4): a path that does not take 1280 octets and the overhead of a tunnel is none for IPv6 inside.
    ///
    /// In a host that makes the packets itself, this is the MTU that their makers are told instead.
    #[must_use]
    pub fn inner_mtu(&self, family: Family, headers_len: usize, now: Instant) -> Option<usize> {
        let (headers_len, outer_family) = match self.sa().mode() {
            Mode::Transport => (headers_len, family),
            Mode::Tunnel(outer) => (0, outer.family(family)),
        };
        let mtu = self.path_mtu().get(now).unwrap_or(outer_family.max_packet_len());
        self.sa().largest_payload(family, headers_len, mtu)?.checked_add(headers_len)
    }

    /// Whether a packet like this goes out under the association, number aside.
    fn seals(&self, quoted: &QuotedPacket) -> bool {
        let sa = self.sa();
        // The addresses that its tunnel fixes are its own.
        (sa.protocol(), sa.spi()) == (quoted.protocol, quoted.spi) && sa.is_for(quoted.destination, quoted.source)
    }

    /// The MTU that a router means which does not say it. Some say that a packet is longer than it was, by its IP header; a
    /// length that cannot be right is taken for such (RFC 1191 §5).
    fn guess_mtu(&self, quoted: &QuotedPacket, now: Instant) -> Option<usize> {
        let len = quoted.packet_len;
        match self.path_mtu().get(now) {
            Some(known) if len < known => plateau_below(len),
            _ => plateau_below(len.saturating_sub(quoted.ip_header_len)),
        }
    }
}

/// The least MTU that a link may have: RFC 791 §3.2, RFC 8200 §5.
const fn least_link_mtu(family: Family) -> usize {
    match family {
        Family::V4 => 68,
        Family::V6 => 1280,
    }
}

/// Whether a sender that gave out the numbers up to `last` can have sent a packet, lately, with a number of which `sequence` is
/// the low half. One that cannot be seen is any.
const fn has_used(last: u64, sequence: Option<u32>) -> bool {
    let behind = match sequence {
        Some(sequence) => (last as u32).wrapping_sub(sequence),
        None => 0,
    };
    // Number 0 is never given out.
    behind < RECENT && (behind as u64) < last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_given_out_lately_are_used() {
        for sequence in [None, Some(0), Some(1), Some(u32::MAX)] {
            assert!(!has_used(0, sequence), "nothing was sent: {sequence:?}");
        }
        assert!(has_used(1, None));
        for (sequence, used) in [(0, false), (1, true), (5, true), (6, false), (u32::MAX, false)] {
            assert_eq!(has_used(5, Some(sequence)), used, "{sequence}");
        }
        let last = (7 << 32) | 0x8000_0010;
        for (sequence, used) in [(0x8000_0010, true), (0x11, true), (0x10, false), (0x8000_0011, false), (0, false)] {
            assert_eq!(has_used(last, Some(sequence)), used, "{sequence:#x}");
        }
        // Behind a turn of the low half: 2^32 itself is a number, and so are those before it.
        let last = (1 << 32) + 2;
        for (sequence, used) in [(2, true), (0, true), (u32::MAX, true), (0x8000_0003, true), (0x8000_0002, false)] {
            assert_eq!(has_used(last, Some(sequence)), used, "{sequence:#x}");
        }
        assert!(!has_used(u64::from(RECENT) + 1, Some(1)) && has_used(u64::from(RECENT), Some(1)));
    }
}
