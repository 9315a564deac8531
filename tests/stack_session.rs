//! Sessions: who is in, who is served, which packets it takes, and headers prepared for them.

mod common;

use std::collections::BTreeSet;
use std::net::IpAddr;

use common::{Packet, source};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use xcast_sec::stack::{
    HeaderTemplate, Limits, MAX_HEADERS_LEN, Member, MemberError, MemberId, Origin, Session, SessionConfig,
    SessionError,
};
use xcast_sec::wire::{
    BitmapPlace, ChecksumPolicy, CodePoints, DestinationSet, Dscp, EmitError, Family, XcastPacket,
    destinations_that_fit, headers_len, largest_behind, max_destinations, protocol,
};

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];
const PLACES: [BitmapPlace; 2] = [BitmapPlace::Header, BitmapPlace::Option];
const BOTH: [bool; 2] = [false, true];

fn config(family: Family) -> SessionConfig {
    SessionConfig::new(Origin::without_channel(source(family)))
}

/// Another address for every index.
fn address(family: Family, index: usize) -> IpAddr {
    let index = u16::try_from(index).unwrap();
    let [high, low] = index.to_be_bytes();
    match family {
        Family::V4 => [198, 18, high, low].into(),
        Family::V6 => [0x2001, 0xdb8, 1, 2, 3, 4, 5, index].into(),
    }
}

fn member(family: Family, index: usize) -> Member {
    Member::new(address(family, index))
}

fn dscp(value: u8) -> Dscp {
    Dscp::new(value).unwrap()
}

fn session<const N: usize>(config: SessionConfig, members: impl IntoIterator<Item = Member>) -> Session<N> {
    let mut session = Session::new(config).unwrap();
    for member in members {
        session.add(member).unwrap();
    }
    session
}

fn every_layout() -> impl Iterator<Item = (Family, bool, bool, BitmapPlace)> {
    FAMILIES.into_iter().flat_map(|family| {
        PLACES.into_iter().flat_map(move |place| {
            BOTH.into_iter().flat_map(move |dscps| BOTH.map(move |ports| (family, dscps, ports, place)))
        })
    })
}

// --- The arithmetic ---------------------------------------------------------------------------------------------------

/// For every layout and number: what is computed is what `XcastRepr` says and writes.
#[test]
fn headers_have_the_length_computed() {
    for (family, dscps, ports, place) in every_layout() {
        for count in 1..=max_destinations(family, dscps, ports, place) {
            let packet = Packet { place, ..Packet::plain(family, count) }.with_lists(dscps, ports);
            let computed = headers_len(family, count, dscps, ports, place);
            assert_eq!(packet.encoded_len(), computed + packet.payload.len());
            assert_eq!(packet.octets().len(), computed + packet.payload.len());
        }
    }
}

/// n fit and n + 1 do not, for every n there is, at the least MTU that takes n and one octet below.
#[test]
fn as_many_destinations_fit_as_fit() {
    for (family, dscps, ports, place) in every_layout() {
        let fit = |mtu, behind| destinations_that_fit(family, dscps, ports, place, mtu, behind);
        let max = max_destinations(family, dscps, ports, place);
        for behind in [0, 1, 8, 168, 1200] {
            for count in 1..=max {
                let len = headers_len(family, count, dscps, ports, place) + behind;
                assert_eq!(fit(len, behind), count);
                assert_eq!(fit(len - 1, behind), count - 1, "{family:?} {dscps} {ports} {place:?} {count}");
                assert_eq!(largest_behind(family, count, dscps, ports, place, len), Some(behind));
            }
            assert_eq!(fit(9000, behind), max);
        }
        assert_eq!(largest_behind(family, 0, dscps, ports, place, 1500), None);
        assert_eq!(largest_behind(family, max + 1, dscps, ports, place, 65535), None);
        // No MTU makes a packet longer than its IP header can say.
        let longest = family.max_packet_len() - headers_len(family, 1, dscps, ports, place);
        assert_eq!(largest_behind(family, 1, dscps, ports, place, usize::MAX), Some(longest));
        assert_eq!((fit(usize::MAX, longest), fit(usize::MAX, longest + 1), fit(usize::MAX, usize::MAX)), (1, 0, 0));
    }
}

// --- Members ----------------------------------------------------------------------------------------------------------

#[test]
fn a_session_must_be_able_to_be() {
    for unusable in
        ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "169.254.1.1", "::", "::1", "fe80::1", "ff02::1"]
    {
        let origin = Origin::without_channel(unusable.parse().unwrap());
        assert_eq!(
            Session::<1>::new(SessionConfig::new(origin)).unwrap_err(),
            SessionError::UnusableSource,
            "{unusable}"
        );
    }
    let mut config = config(Family::V6);
    config.anonymous = true;
    assert!(Session::<1>::new(config).is_ok());
    config.bitmap = BitmapPlace::Option;
    assert_eq!(Session::<1>::new(config).unwrap_err(), SessionError::AnonymousWithSeparatedBitmap);
    config.bitmap = BitmapPlace::Header;
    for (router, usable) in [("2001:db8::9", true), ("192.0.2.9", false), ("fe80::9", false), ("ff02::114", false)] {
        config.router = Some(router.parse().unwrap());
        assert_eq!(Session::<1>::new(config).err(), (!usable).then_some(SessionError::UnusableRouter), "{router}");
    }
}

#[test]
fn each_reason_not_to_take_a_member_has_its_name() {
    for family in FAMILIES {
        let other = if family == Family::V4 { Family::V6 } else { Family::V4 };
        let mut session = session::<3>(config(family), []);
        assert_eq!(session.add(member(other, 1)), Err(MemberError::Family));
        let group: IpAddr = if family == Family::V4 { [224, 0, 0, 9].into() } else { "ff02::9".parse().unwrap() };
        assert_eq!(session.add(Member::new(group)), Err(MemberError::UnusableAddress));
        assert_eq!(session.add(Member { port: Some(0), ..member(family, 1) }), Err(MemberError::PortZero));

        // Without ports.
        let first = session.add(member(family, 1)).unwrap();
        assert_eq!(session.add(Member { port: Some(5), ..member(family, 2) }), Err(MemberError::PortUnexpected));
        assert_eq!(
            session.add(Member { dscp: Some(Dscp::EF), ..member(family, 1) }),
            Err(MemberError::Duplicate(first))
        );
        assert!(!session.has_ports());

        // With ports, once the last member without one is gone.
        assert_eq!(session.remove(first), Some(member(family, 1)));
        let first = session.add(Member { port: Some(5), ..member(family, 1) }).unwrap();
        assert!(session.has_ports());
        assert_eq!(session.add(member(family, 2)), Err(MemberError::PortMissing));
        assert_eq!(session.add(Member { port: Some(5), ..member(family, 1) }), Err(MemberError::Duplicate(first)));
        session.add(Member { port: Some(6), ..member(family, 1) }).unwrap();
        session.add(Member { port: Some(6), ..member(family, 2) }).unwrap();
        assert_eq!(session.add(Member { port: Some(7), ..member(family, 3) }), Err(MemberError::Full));
        assert_eq!((session.len(), session.members().count()), (3, 3));
    }
}

#[test]
fn a_name_never_becomes_another_members() {
    let mut session = session::<2>(config(Family::V6), []);
    let gone = session.add(member(Family::V6, 1)).unwrap();
    let stays = session.add(member(Family::V6, 2)).unwrap();
    assert!(session.remove(gone).is_some() && session.remove(gone).is_none());
    let new = session.add(member(Family::V6, 3)).unwrap();
    assert_ne!(gone, new);
    assert!(session.is_enabled(new) && session.is_enabled(stays) && !session.is_enabled(gone));
    // Nothing done under the old name reaches who has its place.
    assert!(!session.disable(gone) && !session.enable(gone) && session.remove(gone).is_none());
    assert_eq!((session.member(gone), session.is_enabled(new)), (None, true));
    assert_eq!(session.find(address(Family::V6, 3), None), Some(new));
    assert_eq!(session.find(address(Family::V6, 1), None), None);
}

#[test]
fn the_revision_tells_members_from_bits() {
    let mut session = session::<2>(config(Family::V4), []);
    let before = session.revision();
    let id = session.add(member(Family::V4, 1)).unwrap();
    let with_member = session.revision();
    assert_ne!(before, with_member);
    assert!(session.disable(id) && !session.is_enabled(id));
    assert!(session.enable(id) && session.is_enabled(id));
    assert_eq!(session.revision(), with_member);
    session.remove(id);
    assert_ne!(session.revision(), with_member);
}

/// One list of DSCPs for the session as soon as one member has one; the others get the default.
#[test]
fn members_without_a_dscp_get_the_default() {
    for family in FAMILIES {
        let mut session = session::<3>(config(family), [member(family, 0)]);
        assert!(!session.has_dscps());
        let id = session.add(Member { dscp: Some(dscp(8)), ..member(family, 1) }).unwrap();
        assert!(session.has_dscps());
        let packet = session.packets(&Limits::new(1500, 0)).unwrap().next().unwrap();
        let mut buffer = [0; 256];
        packet.emit(&CodePoints::rfc4727_experiment(), protocol::UDP, 0, &mut buffer).unwrap();
        let read = XcastPacket::parse(&buffer, &CodePoints::rfc4727_experiment(), ChecksumPolicy::Verify).unwrap();
        assert_eq!((read.dscp(0), read.dscp(1)), (Some(Dscp::DEFAULT), Some(dscp(8))));
        session.remove(id);
        assert!(!session.has_dscps());
    }
}

// --- Splitting --------------------------------------------------------------------------------------------------------

fn sizes<const N: usize>(session: &Session<N>, limits: &Limits) -> Vec<usize> {
    session.packets(limits).unwrap().map(|packet| packet.len()).collect()
}

/// What the header takes, and one more.
#[test]
fn lists_split_at_the_headers_limit() {
    for (family, dscps, ports, place) in every_layout() {
        let max = match (family, dscps, place) {
            (Family::V4, _, _) => 127,
            (Family::V6, false, BitmapPlace::Header) => 125,
            (Family::V6, true, BitmapPlace::Header) => 118,
            (Family::V6, false, BitmapPlace::Option) => 126,
            (Family::V6, true, BitmapPlace::Option) => 119,
        };
        let mut config = config(family);
        config.bitmap = place;
        for (count, expected) in [
            (1, vec![1]),
            (33, vec![33]),
            (65, vec![65]),
            (max, vec![max]),
            (max + 1, vec![max, 1]),
            (2 * max, vec![max, max]),
            (2 * max + 1, vec![max, max, 1]),
        ] {
            let members = (0..count).map(|index| Member {
                port: ports.then_some(9),
                dscp: dscps.then_some(Dscp::EF),
                ..member(family, index)
            });
            let session = session::<300>(config, members);
            assert_eq!(sizes(&session, &Limits::new(9000, 100)), expected, "{family:?} {dscps} {ports} {place:?}");
        }
    }
}

#[test]
fn nothing_fits_with_the_numbers() {
    for (family, dscps, ports, place) in every_layout() {
        let mut config = config(family);
        config.bitmap = place;
        let only = Member { port: ports.then_some(9), dscp: dscps.then_some(Dscp::EF), ..member(family, 0) };
        let session = session::<1>(config, [only]);
        let needed = headers_len(family, 1, dscps, ports, place) + 100;
        assert_eq!(sizes(&session, &Limits::new(needed, 100)), [1]);
        let error = session.packets(&Limits::new(needed - 1, 100)).unwrap_err();
        assert_eq!((error.needed, error.mtu), (needed, needed - 1));
        // Longer than the IP header can say, whatever the link takes.
        let error = session.packets(&Limits::new(usize::MAX, 65_536)).unwrap_err();
        assert_eq!(error.mtu, family.max_packet_len());
    }
}

/// As a router groups them: first fit, each with every member it joins (RFC 5058 §8.2).
#[test]
fn members_whose_dscps_do_not_merge_go_apart() {
    let values = [10, 18, 12, 0, 8, 46, 20, 63, 16];
    let session = session::<9>(
        config(Family::V6),
        values
            .iter()
            .enumerate()
            .map(|(index, &value)| Member { dscp: Some(dscp(value)), ..member(Family::V6, index) }),
    );
    let groups = session
        .packets(&Limits::new(1500, 0))
        .unwrap()
        .map(|packet| packet.members().map(|member| member.dscp.unwrap().value()).collect::<Vec<_>>());
    // AF11 takes AF12, the default and EF; AF21 takes AF22, but not CS1; the rest follow in order.
    assert_eq!(groups.collect::<Vec<_>>(), [vec![10, 12, 0, 46], vec![18, 20], vec![8, 16], vec![63]]);
}

/// The oracle: each member, in order, goes into the first packet that has room and merges with it.
fn first_fit(members: &[Member], capacity: usize) -> Vec<Vec<IpAddr>> {
    let mut packets: Vec<Vec<Member>> = Vec::new();
    let of = |member: &Member| member.dscp.unwrap_or_default();
    for member in members {
        let fits = |packet: &Vec<Member>| {
            packet.len() < capacity && packet.iter().all(|present| of(present).merge(of(member)).is_some())
        };
        match packets.iter().position(fits) {
            Some(index) => packets[index].push(*member),
            None => packets.push(vec![*member]),
        }
    }
    packets.iter().map(|packet| packet.iter().map(|member| member.address).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn splitting_is_first_fit_whoever_is_enabled(
        family in common::family(),
        place in common::place(),
        values in vec(proptest::option::of(select(vec![0_u8, 8, 10, 12, 18, 26, 46, 63])), 1..200),
        ports in any::<bool>(),
        mtu in 300..2600_usize,
        behind in 0..160_usize,
        disabled in vec(any::<bool>(), 200),
    ) {
        let mut config = config(family);
        config.bitmap = place;
        let members: Vec<Member> = values.iter().enumerate().map(|(index, value)| Member {
            port: ports.then_some(1000),
            dscp: value.map(dscp),
            ..member(family, index)
        }).collect();
        let mut session = session::<200>(config, members.iter().copied());
        let limits = Limits::new(mtu, behind);
        let with_dscps = values.iter().any(Option::is_some);
        let capacity = destinations_that_fit(family, with_dscps, ports, place, mtu, behind);
        prop_assert!(capacity > 0);
        let expected = first_fit(&members, capacity);
        let listed = |session: &Session<200>| -> Vec<Vec<IpAddr>> {
            let packets = session.packets(&limits).unwrap();
            packets.map(|packet| packet.members().map(|member| member.address).collect()).collect()
        };
        prop_assert_eq!(&listed(&session), &expected);

        let ids: Vec<MemberId> = session.members().map(|(id, _)| id).collect();
        for (id, off) in ids.iter().zip(&disabled) {
            session.set_enabled(*id, !off);
        }
        prop_assert_eq!(&listed(&session), &expected);
        let mut served = BTreeSet::new();
        for packet in session.packets(&limits).unwrap() {
            prop_assert!(packet.header_len() + behind <= mtu);
            prop_assert_eq!(packet.is_idle(), packet.bits().is_empty());
            let mut buffer = vec![0; mtu];
            packet.emit(&CodePoints::rfc4727_experiment(), protocol::UDP, behind, &mut buffer).unwrap();
            let read = XcastPacket::parse(&buffer, &CodePoints::rfc4727_experiment(), ChecksumPolicy::Verify).unwrap();
            prop_assert_eq!(read.bits(), packet.bits());
            served.extend(read.bits().iter().map(|index| read.destination(index).unwrap()));
        }
        let enabled: BTreeSet<IpAddr> =
            members.iter().zip(&disabled).filter(|(_, off)| !**off).map(|(member, _)| member.address).collect();
        prop_assert_eq!(served, enabled);
    }
}

// --- Prepared headers -------------------------------------------------------------------------------------------------

/// A session, and by test's own means what its one packet must be.
fn session_of(packet: &Packet, bits: DestinationSet) -> (Session<127>, Packet) {
    let origin = match packet.source {
        IpAddr::V4(source) => Origin::V4 { source, channel: *packet.channel.first_chunk().unwrap() },
        IpAddr::V6(source) => Origin::V6 { source, channel: packet.channel },
    };
    let mut config = SessionConfig::new(origin);
    config.hop_limit = packet.hop_limit;
    config.anonymous = packet.anonymous;
    config.no_x2u = packet.no_x2u;
    config.bitmap = packet.place;
    let mut session = Session::new(config).unwrap();
    for (index, &address) in packet.addresses.iter().enumerate() {
        let dscp = packet.dscps.as_ref().map(|dscps| dscps[index]);
        let port = packet.ports.as_ref().map(|ports| ports[index].max(1));
        let id = session.add(Member { address, port, dscp }).unwrap();
        session.set_enabled(id, bits.contains(index));
    }
    let mut expected = packet.clone();
    expected.bits = bits;
    expected.ports = packet.ports.as_ref().map(|ports| ports.iter().map(|port| *port.max(&1)).collect());
    if packet.anonymous {
        for (index, address) in expected.addresses.iter_mut().enumerate() {
            if !bits.contains(index) {
                *address = if address.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
            }
        }
    }
    (session, expected)
}

proptest! {
    /// To the octet what `XcastRepr` writes, prepared or not, with one set of bits after another.
    #[test]
    fn headers_are_what_a_builder_writes(
        packet in common::packet(),
        others in vec(common::subset(127), 1..4),
        filling in any::<u8>(),
    ) {
        let count = packet.addresses.len();
        let code_points = CodePoints::rfc4727_experiment();
        let (session, _) = session_of(&packet, packet.bits);
        let listed = session.packets(&Limits::new(70_000, 100)).unwrap().next().unwrap();
        prop_assert_eq!(listed.len(), count);
        let template = HeaderTemplate::<MAX_HEADERS_LEN>::new(&listed, &code_points, packet.next_protocol).unwrap();
        prop_assert_eq!(template.bits(&session), packet.bits);
        for bits in core::iter::once(packet.bits).chain(others) {
            let bits = bits.intersection(DestinationSet::first_n(count));
            let (session, expected) = session_of(&packet, bits);
            let expected = expected.octets();
            let mut written = vec![filling; expected.len()];
            let payload = template.emit(bits, packet.payload.len(), &mut written).unwrap();
            prop_assert_eq!(payload.len(), packet.payload.len());
            payload.copy_from_slice(&packet.payload);
            prop_assert_eq!(&written, &expected);

            let listed = session.packets(&Limits::new(70_000, 100)).unwrap().next().unwrap();
            let mut written = vec![filling; expected.len()];
            let payload = listed.emit(&code_points, packet.next_protocol, packet.payload.len(), &mut written).unwrap();
            payload.copy_from_slice(&packet.payload);
            prop_assert_eq!(&written, &expected);
        }
    }
}

#[test]
fn a_template_refuses_what_would_be_wrong_and_writes_nothing() {
    for family in FAMILIES {
        let session = session::<3>(config(family), (0..3).map(|index| member(family, index)));
        let packet = session.packets(&Limits::new(1500, 0)).unwrap().next().unwrap();
        let code_points = CodePoints::rfc4727_experiment();
        let needed = packet.header_len();
        let too_small = HeaderTemplate::<40>::new(&packet, &code_points, protocol::UDP).unwrap_err();
        assert_eq!(too_small, EmitError::BufferTooSmall { needed });
        let template = HeaderTemplate::<128>::new(&packet, &code_points, protocol::UDP).unwrap();
        assert_eq!((template.header_len(), template.ids()), (needed, packet.ids()));
        let mut buffer = [0xee; 200];
        let all = DestinationSet::first_n(3);
        let refused = [
            template.emit(DestinationSet::single(3), 0, &mut buffer).unwrap_err(),
            template.emit(all, 201 - needed, &mut buffer).unwrap_err(),
            template.emit(all, 70_000, &mut buffer).unwrap_err(),
        ];
        let len = needed + 70_000;
        assert_eq!(
            refused,
            [EmitError::BitBeyondCount, EmitError::BufferTooSmall { needed: 201 }, EmitError::PacketTooLong { len }]
        );
        assert_eq!(buffer, [0xee; 200]);
        assert!(template.emit(all, 200 - needed, &mut buffer).is_ok());
    }
}

/// Whoever has left is served no more, by headers prepared before, and their address is gone with A=1.
#[test]
fn prepared_headers_forget_who_has_left() {
    for family in FAMILIES {
        let mut config = config(family);
        config.anonymous = true;
        let mut session = session::<3>(config, (0..3).map(|index| member(family, index)));
        let ids: Vec<MemberId> = session.members().map(|(id, _)| id).collect();
        let packet = session.packets(&Limits::new(1500, 0)).unwrap().next().unwrap();
        let code_points = CodePoints::rfc4727_experiment();
        let template = HeaderTemplate::<128>::new(&packet, &code_points, protocol::UDP).unwrap();
        session.remove(ids[1]);
        session.add(member(family, 7)).unwrap();
        assert_eq!(template.bits(&session), DestinationSet::from_iter([0, 2]));
        let mut buffer = [0; 200];
        template.emit(template.bits(&session), 0, &mut buffer).unwrap();
        let read = XcastPacket::parse(&buffer, &code_points, ChecksumPolicy::Verify).unwrap();
        assert!(read.destination(1).unwrap().is_unspecified());
        assert_eq!(read.destination(2), Some(address(family, 2)));
    }
}

/// The list of destinations follows the places; a new member takes the first that is free.
#[test]
fn members_keep_their_places() {
    let mut session = session::<5>(config(Family::V4), (0..4).map(|index| member(Family::V4, index)));
    let ids: Vec<MemberId> = session.members().map(|(id, _)| id).collect();
    session.remove(ids[1]);
    session.add(member(Family::V4, 9)).unwrap();
    let listed: Vec<IpAddr> = session.members().map(|(_, member)| member.address).collect();
    assert_eq!(listed, [0, 9, 2, 3].map(|index| address(Family::V4, index)));
}
