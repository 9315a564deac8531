//! Sealing the plainest of packets, which most are, in few steps: transport mode, an IPv4 header without options, behind it
//! nothing that a rule is about, and room in front of it. All others, and all that are refused, go the longer way.

use crate::crypto::CryptoProvider;
use crate::ipsec::association::config::Mode;
use crate::ipsec::association::sa::{Sa, Transform};
use crate::ipsec::association::tfc::Tfc;
use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::construction::is_of_no_rule;
use crate::ipsec::packet::coverage::Coverable;
use crate::ipsec::packet::error::SealError;
use crate::ipsec::packet::laid::Laid;
use crate::ipsec::packet::placement::Place;
use crate::ipsec::packet::plan::{Contents, Plan};
use crate::ipsec::packet::seal::Freshness;
use crate::wire::{CodePoints, Family, PlainV4, ipv4, protocol};

impl Plan {
    /// The plan for a plain packet, or `None` for all others. It is the one that the longer way would make.
    #[inline(always)]
    pub(super) fn plain<P: CryptoProvider>(
        sa: &Sa<P>,
        contents: Contents,
        code_points: Option<&CodePoints>,
        packet: &PacketBuf<'_>,
    ) -> Option<Self> {
        if contents != Contents::Packet || !matches!(sa.mode(), Mode::Transport) {
            return None;
        }
        let header = PlainV4::read(packet.as_octets())?;
        let (len, next_header) = (header.total_length(), header.protocol());
        let is_for_us = sa.is_for(header.destination().into(), header.source().into());
        if header.is_fragment() || !is_of_no_rule(next_header, code_points) || !is_for_us {
            return None;
        }
        let place = Place { next_header, ..Place::behind_plain_ip(Family::V4, len) };
        let plan = match &sa.transform {
            Transform::Ah(transform) => {
                let coverable = Coverable::without_extensions(transform.coverage);
                Self::ah(len, place, next_header, coverable, transform.header_len(Family::V4))
            }
            Transform::Esp(transform) if transform.tfc == Tfc::None => {
                Self::esp(transform, len, place, next_header, 0, len.saturating_sub(ipv4::MIN_HEADER_LEN))
            }
            Transform::Esp(_) => return None,
        };
        let fits = plan.inserted <= packet.headroom() && packet.fits(len, plan.inserted, plan.appended);
        if fits && plan.sealed_len() <= ipv4::MAX_PACKET_LEN {
            Some(Self { is_plain: true, fragmentable: !header.dont_fragment(), ..plan })
        } else {
            None
        }
    }

    /// Makes a plain packet what it will be, but for what the algorithms do.
    #[inline(always)]
    pub(super) fn lay_out_plain<P: CryptoProvider>(
        &self,
        sa: &Sa<P>,
        freshness: Freshness<'_>,
        packet: &mut PacketBuf<'_>,
    ) -> Result<Laid, SealError> {
        let octets = packet.open_up(self.len, self.inserted, self.appended).ok_or_else(|| self.no_room())?;
        let header = octets.get(self.inserted..).and_then(PlainV4::read).ok_or_else(|| self.no_room())?;
        let protocol = match &sa.transform {
            Transform::Ah(_) => protocol::AH,
            Transform::Esp(_) => protocol::ESP,
        };
        let len = octets.len() as u16;
        let (front, behind) = octets.split_first_chunk_mut().ok_or_else(|| self.no_room())?;
        header.with(len, protocol).write(front);
        self.lay_out_protection(sa, freshness, behind)
    }
}

// Two conditions, as cargo-mutants tells tests by the first and does not look into a longer one.
#[cfg(test)]
#[cfg(feature = "rust-crypto")]
mod tests {
    use std::format;
    use std::vec::Vec;

    use super::*;
    use crate::crypto::{CipherAlgorithm, IntegrityAlgorithm, RustCrypto};
    use crate::ipsec::Spi;
    use crate::ipsec::association::config::{Protection, RoutingCoverage, SaConfig};

    const HEADROOM: usize = 40;
    const LEN: usize = 60;

    fn config(protection: Protection<'_>) -> SaConfig<'_> {
        SaConfig::new(Spi::new(0x1234).unwrap(), protection)
    }

    fn esp() -> Protection<'static> {
        let integrity = Some((IntegrityAlgorithm::HmacSha1_96, &[2; 20][..]));
        Protection::Esp { cipher: CipherAlgorithm::AesCbc, cipher_key: &[1; 16], integrity }
    }

    fn ah() -> Protection<'static> {
        let (integrity, coverage) = (IntegrityAlgorithm::HmacSha2_256_128, RoutingCoverage::FieldsZeroed);
        Protection::Ah { integrity, key: &[3; 32], coverage, pad_to_8: false }
    }

    /// A packet of UDP, and room around it.
    fn buffer() -> [u8; 160] {
        let mut buffer: [u8; 160] = core::array::from_fn(|at| at as u8);
        let (source, destination) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let payload_len = LEN - ipv4::MIN_HEADER_LEN;
        let repr =
            crate::wire::Ipv4Repr { tos: 8, ttl: 9, protocol: 17, source, destination, options_len: 0, payload_len };
        repr.emit(&mut buffer[HEADROOM..]).unwrap();
        buffer
    }

    /// What becomes of `buffer`, whose packet starts at `start`: as a plain packet, if it is one, and the longer way.
    fn both(sa: &Sa<RustCrypto>, buffer: &[u8; 160], start: usize) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        let points = CodePoints::rfc4727_experiment();
        let freshness = Freshness { sequence: 77, iv: &[9; 16][..sa.iv_len()] };
        let (mut one, mut other) = (*buffer, *buffer);
        let mut packet = PacketBuf::new(&mut one, start..start + LEN + 5).unwrap();
        let plain = Plan::plain(sa, Contents::Packet, Some(&points), &packet);
        let any = Plan::any(sa, Contents::Packet, Some(&points), &packet);
        if let Some(plan) = &plain {
            let unlike = Plan { is_plain: false, ..*plan };
            let mut expected = any.unwrap();
            // Which Routing headers are Xcast's matters in IPv6 alone.
            expected.coverable = unlike.coverable;
            assert_eq!(format!("{unlike:?}"), format!("{expected:?}"));
            plan.lay_out_plain(sa, freshness, &mut packet).unwrap();
        }
        let plain = plain.map(|_| packet.as_octets().to_vec());
        let mut packet = PacketBuf::new(&mut other, start..start + LEN + 5).unwrap();
        let any = any.ok().map(|plan| {
            plan.lay_out_any(sa, freshness, &mut packet).unwrap();
            packet.as_octets().to_vec()
        });
        (plain, any)
    }

    #[test]
    fn is_sealed_as_the_longer_way_would() {
        for protection in [esp(), ah()] {
            let sa = Sa::new(&config(protection), &mut RustCrypto).unwrap();
            for (at, value) in
                [(1, 0xb9), (4, 1), (6, 0), (6, 0x80), (8, 0), (9, 6), (9, 59), (10, 0), (12, 1), (19, 1)]
            {
                let mut buffer = buffer();
                buffer[HEADROOM + at] = value;
                let (plain, any) = both(&sa, &buffer, HEADROOM);
                assert!(plain.is_some() && plain == any, "{at} {value}");
            }
            // Every length, and so every padding.
            for len in 20..=LEN {
                let mut buffer = buffer();
                buffer[HEADROOM + 3] = len as u8;
                let (plain, any) = both(&sa, &buffer, HEADROOM);
                assert!(plain.is_some() && plain == any, "{len} octets");
            }
        }
    }

    #[test]
    fn all_others_go_the_longer_way() {
        let xcast4 = CodePoints::rfc4727_experiment().fields().xcast4_protocol;
        for protection in [esp(), ah()] {
            let sa = Sa::new(&config(protection), &mut RustCrypto).unwrap();
            for (at, value) in [(0, 0x46), (0, 0x65), (2, 1), (3, 19), (6, 0x20), (7, 1), (9, 50), (9, 51), (9, xcast4)]
            {
                let mut buffer = buffer();
                buffer[HEADROOM + at] = value;
                assert_eq!(both(&sa, &buffer, HEADROOM).0, None, "{at} {value}");
            }
            let mut without_room = buffer();
            without_room.copy_within(HEADROOM.., 10);
            let (plain, any) = both(&sa, &without_room, 10);
            assert!(plain.is_none() && any.is_some());
            let other = SaConfig { destination: Some([192, 0, 2, 3].into()), ..config(protection) };
            let other = Sa::new(&other, &mut RustCrypto).unwrap();
            assert_eq!(both(&other, &buffer(), HEADROOM), (None, None));
        }
        let padded = SaConfig { tfc: Tfc::AtLeast(100), ..config(esp()) };
        let padded = Sa::new(&padded, &mut RustCrypto).unwrap();
        assert_eq!(both(&padded, &buffer(), HEADROOM).0, None);
    }
}
