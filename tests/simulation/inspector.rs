//! What has to hold of everything that is sent, and of every call, whatever came in.

use xcast_sec::forward::{CopyKind, Counters, Egress, Outcome, PacketCopy};
use xcast_sec::wire::xcast6_v2::{CodePointsV2, PacketV2};
use xcast_sec::wire::{ChecksumPolicy, CodePoints, DestinationSet, EmitError, Encapsulated, IpHeader, XcastPacket};

use crate::call::tally;

pub(crate) fn code_points() -> CodePoints {
    CodePoints::rfc4727_experiment()
}

/// Looks at every copy.
pub(crate) struct Inspector {
    checksum: ChecksumPolicy,
    v2: bool,
    pub(crate) served: DestinationSet,
    pub(crate) copies: usize,
    /// Of every so many copies one cannot be sent.
    failing: usize,
    tried: usize,
}

impl Inspector {
    pub(crate) fn new(checksum: ChecksumPolicy, v2: bool, failing: usize) -> Self {
        Self { checksum, v2, served: DestinationSet::EMPTY, copies: 0, failing, tried: 0 }
    }

    fn check_content(&self, copy: &PacketCopy<'_>, whole: &[u8]) {
        let (ip, _) = IpHeader::split(whole).expect("an IP packet");
        assert_eq!(ip.packet_len(), whole.len());
        assert!(ip.hop_limit() > 0);
        if let IpHeader::V4(header) = ip {
            assert!(header.checksum_ok());
        }
        let bits = match copy.kind() {
            CopyKind::Unicast => {
                assert_eq!(copy.destinations().len(), 1);
                let read = XcastPacket::parse(whole, &code_points(), ChecksumPolicy::Ignore);
                assert!(read.is_err(), "nothing of Xcast is left");
                return;
            }
            CopyKind::Xcast if self.v2 => {
                let read = PacketV2::parse(whole, &CodePointsV2::xcast_jp_deployment()).expect("XCAST6 2.0");
                read.bits()
            }
            CopyKind::Xcast => XcastPacket::parse(whole, &code_points(), self.checksum).expect("Xcast").bits(),
            kind => {
                let tunnel = Encapsulated::parse(whole, &code_points()).expect("sound").expect("a tunnel");
                assert_eq!(tunnel.is_semi_permeable(), kind == CopyKind::SemiPermeable);
                XcastPacket::parse(tunnel.inner(), &code_points(), self.checksum).expect("Xcast").bits()
            }
        };
        assert_eq!(bits, copy.destinations());
    }
}

impl Egress<u64> for Inspector {
    type Error = ();

    fn transmit(&mut self, _: u64, copy: &PacketCopy<'_>) -> Result<(), ()> {
        let mut whole = vec![0xa5; copy.len() + 1];
        assert_eq!(copy.emit(&mut whole), Ok(copy.len()));
        assert_eq!(whole.pop(), Some(0xa5), "none is written beyond");
        let mut header = vec![0x5a; copy.header_len()];
        assert_eq!(copy.emit_header(&mut header), Ok(copy.header_len()));
        assert_eq!([&header, copy.payload()].concat(), whole, "both ways of writing give the same octets");
        let mut short = vec![0x77; copy.len() - 1];
        assert_eq!(copy.emit(&mut short), Err(EmitError::BufferTooSmall { needed: copy.len() }));
        let mut short_header = vec![0x77; copy.header_len() - 1];
        let error = EmitError::BufferTooSmall { needed: copy.header_len() };
        assert_eq!(copy.emit_header(&mut short_header), Err(error));
        assert!(short.iter().chain(&short_header).all(|&octet| octet == 0x77), "unchanged");

        assert!(!copy.destinations().is_empty());
        self.check_content(copy, &whole);
        self.tried += 1;
        if self.failing > 0 && self.tried.is_multiple_of(self.failing) {
            return Err(());
        }
        assert!(self.served.intersection(copy.destinations()).is_empty(), "nobody is served twice");
        self.served = self.served.union(copy.destinations());
        self.copies += 1;
        Ok(())
    }
}

/// Every packet and every destination is counted once.
pub(crate) fn check_counters(counters: &Counters, result: Option<&Outcome>, inspector: &Inspector) {
    let mut left = tally(counters);
    let mut take = |names: &[&str]| names.iter().map(|name| left.remove(*name).unwrap_or(0)).sum::<u64>();
    assert_eq!(take(&["packets"]), 1);
    let errors = take(&[
        "not_xcast",
        "unsupported",
        "checksum",
        "malformed",
        "not_for_us",
        "refused",
        "unusable_tunnel",
        "not_a_member",
        "reverse_path",
        "unusable_source",
        "unusable_destination",
    ]);
    let idle = take(&["echo_requests", "nothing_to_do"]);
    let destinations = take(&["destinations"]);
    let local = take(&["local"]);
    let sent = ["forwarded", "tunnelled", "semi_permeable"].map(|name| take(&[name]));
    let unicast = take(&["unicast"]);
    let copies = take(&["xcast_copies", "tunnel_copies", "semi_permeable_copies"]) + unicast;
    let dropped =
        take(&["duplicate", "hop_limit", "no_route", "not_capable", "too_big", "over_copy_limit", "egress_failed"]);
    take(&["reports", "reports_suppressed"]);
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(errors, u64::from(result.is_none()));
    assert_eq!(destinations > 0, errors + idle == 0, "{counters:?}");
    let served = sent.iter().sum::<u64>() + unicast;
    assert_eq!(destinations, local + served + dropped, "{counters:?}");
    assert!(copies <= destinations);
    let outcome = result.copied().unwrap_or_default();
    assert_eq!((outcome.copies, outcome.sent), (inspector.copies, inspector.served));
    assert_eq!((outcome.copies as u64, outcome.sent.len() as u64), (copies, served));
    assert_eq!((outcome.local_destinations.len() as u64, outcome.local), (local, local > 0));
}
