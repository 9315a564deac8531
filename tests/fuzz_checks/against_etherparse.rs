//! Arbitrary octets through the readers of IPv4, IPv6 with extension headers, AH, UDP and ICMP, and through those of
//! etherparse: what both take has the same fields; where only one takes it, a rule that is written down here says why. And
//! what is built, etherparse reads as it was meant. Shared by the fuzz target and the test that replays its corpus. Its user
//! includes `built_headers.rs` beside it.

use std::net::IpAddr;

use etherparse::err::ip_auth::HeaderError as AuthError;
use etherparse::err::ipv4::{HeaderError as V4Error, SliceError as V4SliceError};
use etherparse::err::ipv6::{HeaderError as V6Error, HeaderSliceError as V6SliceError};
use etherparse::err::ipv6_exts::{HeaderError as ExtsError, HeaderSliceError as ExtsSliceError};
use etherparse::err::{Layer, ip_auth};
use etherparse::{
    Icmpv6Slice, IpAuthHeaderSlice, IpNumber, Ipv4Slice, Ipv6ExtensionSlice, Ipv6ExtensionsSlice, Ipv6HeaderSlice,
    UdpSlice,
};
use xcast_sec::ipsec::{Selectors, UpperLayer};
use xcast_sec::wire::{
    AhHeader, ChecksumPolicy, CodePoints, ExtensionHeader, Ipv4Header, Ipv6Header, PacketTooBig, ParseErrorKind,
    UdpDatagram, XcastPacket,
};

use super::built_headers::built;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTH: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;

/// Checks octets behind one that says what of them is put right first, so that they get further. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let Some((&choice, octets)) = data.split_first() else { return };
    let octets = mended(choice, octets);
    ipv4(&octets);
    ipv6(&octets);
    ah(&octets);
    udp(&octets);
    too_big(&octets);
    xcast(&octets);
    built(data);
}

/// Versions, lengths and checksums, as `choice` has it.
fn mended(choice: u8, octets: &[u8]) -> Vec<u8> {
    let mut octets = octets.to_vec();
    let len = octets.len() as u16;
    if choice & 1 != 0 && octets.len() >= 20 {
        octets[0] = 0x40 | (octets[0] & 15).max(5);
        octets[2..4].copy_from_slice(&len.to_be_bytes());
        let header_len = usize::from(octets[0] & 15) * 4;
        if choice & 4 != 0 && header_len <= octets.len() {
            octets[10..12].fill(0);
            let sum = ones_complement_sum(&octets[..header_len]);
            octets[10..12].copy_from_slice(&(!sum).to_be_bytes());
        }
        if choice & 8 != 0 && octets[9] == 1 {
            mend_icmp(octets.get_mut(header_len..).unwrap_or(&mut []), 0);
        }
    } else if choice & 2 != 0 && octets.len() >= 40 {
        octets[0] = 0x60 | (octets[0] & 15);
        octets[4..6].copy_from_slice(&(len - 40).to_be_bytes());
        if choice & 8 != 0 && octets[6] == 58 {
            let pseudo_header = [&octets[8..40], &(len - 40).to_be_bytes(), &[0, 58]].concat();
            mend_icmp(&mut octets[40..], ones_complement_sum(&pseudo_header));
        }
    }
    octets
}

fn mend_icmp(message: &mut [u8], start: u16) {
    if message.len() >= 4 {
        message[2..4].fill(0);
        let sum = (u32::from(ones_complement_sum(message)) + u32::from(start)) % 0xffff;
        message[2..4].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    }
}

/// The plain way; both zeros are 0.
fn ones_complement_sum(octets: &[u8]) -> u16 {
    let words = octets.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    words.fold(0, |sum, word| (sum + word) % 0xffff) as u16
}

fn ipv4(octets: &[u8]) {
    match (Ipv4Header::split(octets), Ipv4Slice::from_slice(octets)) {
        (Ok((ours, payload)), Ok(theirs)) => {
            same_ipv4(&ours, &theirs);
            match (ours.protocol(), theirs.extensions().auth) {
                (AUTH, Some(auth)) => {
                    let (ah, rest) = AhHeader::split(payload).expect("etherparse read it");
                    same_ah(&ah, &auth);
                    assert_eq!(rest, theirs.payload().payload);
                }
                (AUTH, None) => panic!("an AH that etherparse passed over"),
                (_, auth) => {
                    assert!(auth.is_none());
                    assert_eq!(payload, theirs.payload().payload);
                }
            }
        }
        // It reads AH at once, which is a reader of its own here.
        (Ok((ours, payload)), Err(error)) => {
            let of_ah = match &error {
                V4SliceError::Exts(_) => true,
                V4SliceError::Len(error) => error.layer == Layer::IpAuthHeader,
                V4SliceError::Header(_) => false,
            };
            assert!(of_ah && ours.protocol() == AUTH && AhHeader::split(payload).is_err(), "{error:?}");
        }
        (Err(error), Ok(_)) => panic!("{error} in what etherparse takes"),
        (Err(ours), Err(theirs)) => {
            let same = match (ours.kind(), &theirs) {
                (ParseErrorKind::IpVersion, V4SliceError::Header(V4Error::UnexpectedVersion { .. }))
                | (
                    ParseErrorKind::Ipv4HeaderLength,
                    V4SliceError::Header(V4Error::HeaderLengthSmallerThanHeader { .. }),
                )
                | (ParseErrorKind::Truncated, V4SliceError::Len(_)) => true,
                // Of a header that is cut off and whose Total Length is too low, one sees this first and one that.
                (ParseErrorKind::Ipv4TotalLength, V4SliceError::Len(error)) => {
                    [Layer::Ipv4Packet, Layer::Ipv4Header].contains(&error.layer)
                }
                _ => false,
            };
            assert!(same, "{ours:?}, etherparse: {theirs:?}");
        }
    }
}

fn same_ipv4(ours: &Ipv4Header<'_>, theirs: &Ipv4Slice<'_>) {
    let theirs = theirs.header();
    assert_eq!(ours.as_octets(), theirs.slice());
    assert_eq!(ours.header_len(), usize::from(theirs.ihl()) * 4);
    assert_eq!(ours.total_length(), usize::from(theirs.total_len()));
    assert_eq!(ours.tos(), theirs.dcp().value() << 2 | theirs.ecn().value());
    assert_eq!(ours.is_fragment(), theirs.is_fragmenting_payload());
    assert_eq!(ours.fragment_offset(), theirs.fragments_offset().value());
    assert_eq!(ours.dont_fragment(), theirs.dont_fragment());
    assert_eq!((ours.ttl(), ours.protocol()), (theirs.ttl(), theirs.protocol().0));
    assert_eq!((ours.source(), ours.destination()), (theirs.source_addr(), theirs.destination_addr()));
    let walked: usize = ours.options().flatten().map(|option| option.octets.len()).sum();
    let broken = ours.options().any(|option| option.is_err());
    assert!(walked <= theirs.options().len() && (broken || walked == theirs.options().len()));
    // Its header has no place for the reserved flag, and so its sum is wrong where that is set.
    if theirs.slice()[6] & 0x80 != 0 {
        assert_eq!(ours.checksum_ok(), ones_complement_sum(theirs.slice()) == 0);
        return;
    }
    // A sum of 0 may stand there as all ones (RFC 1071).
    let right = theirs.to_header().calc_header_checksum();
    let stands = theirs.header_checksum();
    assert_eq!(ours.checksum_ok(), stands == right || stands == 0xffff && right == 0);
}

fn ipv6(octets: &[u8]) {
    match (Ipv6Header::split(octets), Ipv6HeaderSlice::from_slice(octets)) {
        (Ok((ours, payload)), Ok(theirs)) => {
            assert_eq!(ours.traffic_class(), theirs.traffic_class());
            assert_eq!(ours.flow_label(), theirs.flow_label().value());
            assert_eq!(ours.payload_length(), usize::from(theirs.payload_length()));
            assert_eq!((ours.next_header(), ours.hop_limit()), (theirs.next_header().0, theirs.hop_limit()));
            assert_eq!((ours.source(), ours.destination()), (theirs.source_addr(), theirs.destination_addr()));
            chain(octets, &ours, payload);
        }
        // It looks at the header alone; there is more to a packet than that.
        (Err(ours), Ok(theirs)) => {
            assert_eq!(ours.kind(), ParseErrorKind::Truncated);
            assert!(octets.len() < 40 + usize::from(theirs.payload_length()));
        }
        (Ok(_), Err(error)) => panic!("etherparse refuses it: {error:?}"),
        (Err(ours), Err(theirs)) => {
            let same = match &theirs {
                V6SliceError::Len(_) => ours.kind() == ParseErrorKind::Truncated,
                V6SliceError::Content(V6Error::UnexpectedVersion { .. }) => ours.kind() == ParseErrorKind::IpVersion,
            };
            assert!(same, "{ours:?}, etherparse: {theirs:?}");
        }
    }
}

/// What stands behind the headers that policy looks through, as etherparse finds it.
enum Behind {
    /// A header of this number, at this octet.
    At(u8, usize),
    /// Behind the Fragment header of a later fragment.
    Unseen(u8),
    Refused(ParseErrorKind),
}

fn chain(octets: &[u8], ours: &Ipv6Header<'_>, payload: &[u8]) {
    // The payload as we cut it: with a Payload Length of 0 etherparse would take all there is, as if it were a jumbogram, which
    // here is not supported.
    let (read, after, rest, error) = Ipv6ExtensionsSlice::from_slice_lax(IpNumber(ours.next_header()), payload);
    let whole = read.slice().len();
    let mut at = 40;
    let mut behind = None;
    let mut kind = ours.next_header();
    let mut headers = read.into_iter();
    // Where it stopped at an error its iterator would go on, beyond what is there.
    while at - 40 < whole {
        let header = headers.next().expect("as long as it says");
        let (number, len, next) = match &header {
            Ipv6ExtensionSlice::HopByHop(header) => (HOP_BY_HOP, header.slice().len(), header.next_header()),
            Ipv6ExtensionSlice::Routing(header) => (ROUTING, header.slice().len(), header.next_header()),
            Ipv6ExtensionSlice::DestinationOptions(header) => {
                (DESTINATION_OPTIONS, header.slice().len(), header.next_header())
            }
            Ipv6ExtensionSlice::Fragment(header) => (FRAGMENT, header.slice().len(), header.next_header()),
            Ipv6ExtensionSlice::Authentication(header) => (AUTH, header.slice().len(), header.next_header()),
        };
        assert_eq!(number, kind);
        match &header {
            Ipv6ExtensionSlice::HopByHop(theirs)
            | Ipv6ExtensionSlice::Routing(theirs)
            | Ipv6ExtensionSlice::DestinationOptions(theirs) => {
                let packet = &octets[..40 + payload.len()];
                let ours = ExtensionHeader::read(packet, kind, at).expect("etherparse read it");
                assert_eq!((ours.octets, ours.next_header()), (theirs.slice(), next.0));
                assert_eq!(ours.end(), at + len);
                let is_routing = kind == ROUTING;
                assert_eq!(ours.routing_type(), is_routing.then(|| theirs.payload()[0]));
                assert_eq!(ours.segments_left(), is_routing.then(|| theirs.payload()[1]));
            }
            Ipv6ExtensionSlice::Authentication(theirs) => {
                let (ah, _) = AhHeader::split(&payload[at - 40..]).expect("etherparse read it");
                same_ah(&ah, theirs);
                // AH is a next layer here (RFC 4301 §4.4.1.1).
                behind = behind.or(Some(Behind::At(AUTH, at)));
            }
            Ipv6ExtensionSlice::Fragment(theirs) if theirs.fragment_offset().value() != 0 => {
                behind = behind.or(Some(Behind::Unseen(next.0)));
            }
            Ipv6ExtensionSlice::Fragment(_) => {}
        }
        (kind, at) = (next.0, at + len);
    }
    assert_eq!(at - 40 + rest.len(), payload.len());
    let behind = behind.unwrap_or(match error {
        None => Behind::At(after.0, at),
        // AH is not looked into.
        Some(_) if after.0 == AUTH => Behind::At(AUTH, at),
        Some((ExtsSliceError::Len(_), _)) => Behind::Refused(ParseErrorKind::Truncated),
        Some((ExtsSliceError::Content(ExtsError::HopByHopNotAtStart), _)) => {
            Behind::Refused(ParseErrorKind::HopByHopPlace)
        }
        Some((ExtsSliceError::Content(ExtsError::IpAuth(error)), _)) => panic!("no AH: {error:?}"),
    });
    let packet = &octets[..40 + payload.len()];
    match (Selectors::of(octets, None), behind) {
        (Ok(ours), Behind::At(number, at)) => assert_eq!(ours.next_layer, upper(number, &packet[at..])),
        (Ok(ours), Behind::Unseen(HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION_OPTIONS)) => {
            assert_eq!(ours.next_layer, UpperLayer::Opaque);
        }
        (Ok(ours), Behind::Unseen(number)) => assert_eq!(ours.next_layer, UpperLayer::Hidden(number)),
        (Err(ours), Behind::Refused(kind)) => assert_eq!(ours.kind(), kind),
        (Ok(ours), Behind::Refused(kind)) => panic!("{ours:?}, but for etherparse {kind:?}"),
        (Err(error), Behind::At(..) | Behind::Unseen(_)) => panic!("{error:?}"),
    }
}

/// What policy sees of a header of `number`: ports and types where its first four octets are there (RFC 4301 §4.4.1.1).
fn upper(number: u8, octets: &[u8]) -> UpperLayer {
    match (number, octets) {
        (6 | 17 | 33 | 132 | 136, &[a, b, c, d, ..]) => UpperLayer::Ports {
            protocol: number,
            source: u16::from_be_bytes([a, b]),
            destination: u16::from_be_bytes([c, d]),
        },
        (1 | 58, &[kind, code, ..]) => UpperLayer::TypeAndCode { protocol: number, kind, code },
        (135, &[_, _, kind, ..]) => UpperLayer::MobilityHeader(kind),
        (1 | 6 | 17 | 33 | 58 | 132 | 135 | 136, _) => UpperLayer::Hidden(number),
        _ => UpperLayer::Protocol(number),
    }
}

fn same_ah(ours: &AhHeader<'_>, theirs: &IpAuthHeaderSlice<'_>) {
    assert_eq!(ours.header_len(), theirs.slice().len());
    assert_eq!(ours.next_header(), theirs.next_header().0);
    assert_eq!((ours.spi(), ours.sequence()), (theirs.spi(), theirs.sequence_number()));
    assert_eq!(ours.icv_field(), theirs.raw_icv());
}

fn ah(octets: &[u8]) {
    match (AhHeader::split(octets), IpAuthHeaderSlice::from_slice(octets)) {
        (Ok((ours, rest)), Ok(theirs)) => {
            same_ah(&ours, &theirs);
            assert_eq!(rest.len(), octets.len() - theirs.slice().len());
        }
        (Err(ours), Err(ip_auth::HeaderSliceError::Len(_))) => assert_eq!(ours.kind(), ParseErrorKind::Truncated),
        (Err(ours), Err(ip_auth::HeaderSliceError::Content(AuthError::ZeroPayloadLen))) => {
            assert_eq!(ours.kind(), ParseErrorKind::AhPayloadLen);
        }
        (ours, theirs) => panic!("{ours:?}, etherparse: {theirs:?}"),
    }
}

fn udp(octets: &[u8]) {
    match (UdpDatagram::parse(octets), UdpSlice::from_slice(octets)) {
        (Ok(ours), Ok(theirs)) => {
            assert_eq!(ours.len(), usize::from(theirs.length()));
            assert_eq!(
                (ours.source_port(), ours.destination_port()),
                (theirs.source_port(), theirs.destination_port())
            );
            assert_eq!(ours.payload(), theirs.payload());
            let header = theirs.to_header();
            let (one, other) = ([10, 1, 2, 3], [192, 0, 2, 77]);
            let right = header.calc_checksum_ipv4_raw(one, other, theirs.payload()).expect("not too long");
            // In IPv4 there need not be one (RFC 768).
            let ok = theirs.checksum() == 0 || theirs.checksum() == right;
            assert_eq!(ours.checksum_ok(one.into(), other.into()), ok);
            let (one, other) = ([0x2a; 16], [0x3b; 16]);
            let right = header.calc_checksum_ipv6_raw(one, other, theirs.payload()).expect("not too long");
            assert_eq!(ours.checksum_ok(one.into(), other.into()), theirs.checksum() == right);
        }
        // A Length of 0 is for it "all that is there", as in jumbograms (RFC 2675), which here are not supported.
        (Err(ours), Ok(theirs)) => {
            assert_eq!((ours.kind(), theirs.length()), (ParseErrorKind::UdpLength, 0));
        }
        (Ok(_), Err(error)) => panic!("etherparse refuses it: {error:?}"),
        (Err(ours), Err(_)) => {
            let short = octets.len() < 8;
            assert_eq!(ours.kind(), if short { ParseErrorKind::Truncated } else { ParseErrorKind::UdpLength });
        }
    }
}

/// A message that a packet was too big is one for etherparse, too.
fn too_big(octets: &[u8]) {
    let Ok(ours) = PacketTooBig::parse(octets) else { return };
    match Ipv4Slice::from_slice(octets) {
        Ok(packet) => {
            let message = packet.payload().payload;
            assert_eq!((packet.payload_ip_number().0, &message[..2]), (1, &[3, 4][..]));
            assert_eq!(ones_complement_sum(message), 0);
            let mtu = usize::from(u16::from_be_bytes([message[6], message[7]]));
            assert_eq!(ours.mtu(), (mtu != 0).then_some(mtu));
            assert!(message[8..].starts_with(ours.quoted()));
            assert_eq!(ours.destination(), IpAddr::from(packet.header().destination()));
        }
        Err(_) => {
            let header = Ipv6HeaderSlice::from_slice(octets).expect("IPv6");
            let payload = &octets[40..40 + usize::from(header.payload_length())];
            let (_, number, message) =
                Ipv6ExtensionsSlice::from_slice(header.next_header(), payload).expect("headers that can be read");
            let message = Icmpv6Slice::from_slice(message).expect("long enough");
            assert_eq!((number.0, message.type_u8()), (58, 2));
            assert!(message.is_checksum_valid(header.source(), header.destination()));
            let mtu = u32::from_be_bytes(message.bytes5to8());
            assert_eq!(ours.mtu(), usize::try_from(mtu).ok());
            assert_eq!(ours.quoted(), &message.slice()[8..]);
            assert_eq!(ours.destination(), IpAddr::from(header.destination()));
        }
    }
}

/// An Xcast packet is one in a chain of headers that etherparse reads.
fn xcast(octets: &[u8]) {
    let Ok(ours) = XcastPacket::parse(octets, &CodePoints::rfc4727_experiment(), ChecksumPolicy::Ignore) else {
        return;
    };
    if let Ok(packet) = Ipv4Slice::from_slice(octets) {
        assert_eq!((packet.payload_ip_number().0, packet.is_payload_fragmented()), (253, false));
        assert_eq!(packet.extensions().auth.is_some(), ours.is_behind_ah());
        let payload = packet.payload().payload;
        assert!(payload.starts_with(ours.header().as_octets()));
        assert_eq!(ours.payload(), &payload[ours.header().as_octets().len()..]);
        return;
    }
    let header = Ipv6HeaderSlice::from_slice(octets).expect("IPv6");
    let payload = &octets[40..40 + usize::from(header.payload_length())];
    let (read, ..) = Ipv6ExtensionsSlice::from_slice_lax(header.next_header(), payload);
    // The iterator stops at what is sought, and so not beyond what is there.
    let mut routing = read.into_iter().filter_map(|header| match header {
        Ipv6ExtensionSlice::Routing(header) if header.payload()[0] == 253 => Some(header),
        _ => None,
    });
    let found = routing.next().expect("an Xcast6 Routing header");
    assert_eq!(found.slice(), ours.header().as_octets());
    assert!(octets[..40 + payload.len()].ends_with(ours.payload()));
}
