//! What key management asks of a host, through references.

use std::net::IpAddr;

use rand_core::TryCryptoRng;
use xcast_sec::crypto::IntegrityAlgorithm;
use xcast_sec::group::membership::Offer;
use xcast_sec::group::membership::{
    Admission, Decision, Directory, Epoch, KeySink, RefuseReason, RejectReason, Roles, Suite,
};
use xcast_sec::group::source_auth::{
    AuthenticateError, PacketId, PacketOrigin, SourceAuthenticator, SourceError, SourceVerifier, Verdict,
};
use xcast_sec::group::spi::{SpiAllocator, SpiError, SpiRule, SpiUse};
use xcast_sec::ipsec::{SecurityProtocol, Spi};
use xcast_sec::time::Instant;

use super::{Calls, Rng, address, shown, spi};

#[derive(Default)]
struct Noting(Calls);

fn packet() -> PacketId {
    PacketId { protocol: SecurityProtocol::Esp, spi: spi(400), source: address(1), sequence: 9 }
}

impl SourceAuthenticator for Noting {
    fn trailer_len(&self) -> usize {
        self.0.note("trailer_len");
        3
    }

    fn authenticate(
        &mut self,
        now: Instant,
        origin: &PacketOrigin<'_>,
        payload: &[u8],
        trailer: &mut [u8],
    ) -> Result<(), AuthenticateError> {
        self.0.note(format!("authenticate {now:?} {origin:?} {payload:?}"));
        trailer.fill(0x7a);
        Err(AuthenticateError::Exhausted)
    }
}

impl SourceVerifier for Noting {
    fn verify<'p>(
        &mut self,
        now: Instant,
        origin: &PacketOrigin<'_>,
        payload: &'p [u8],
    ) -> Result<Verdict<'p>, SourceError> {
        self.0.note(format!("verify {now:?} {origin:?} {payload:?}"));
        Ok(Verdict::Authentic(&payload[..1]))
    }

    fn next_ready(&mut self) -> Option<PacketId> {
        self.0.note("next_ready");
        Some(packet())
    }
}

impl SpiRule for Noting {
    fn candidate(&mut self, sender: IpAddr, number: u32) -> Result<Spi, SpiError> {
        self.0.note(format!("candidate {sender} {number}"));
        Ok(spi(401))
    }
}

impl SpiAllocator for Noting {
    fn allocate<G: TryCryptoRng + ?Sized>(&mut self, sender: IpAddr, rng: &mut G) -> Result<Spi, SpiError> {
        self.0.note(format!("allocate {sender} {:?}", rng.try_next_u32().ok()));
        Ok(spi(402))
    }

    fn report(&mut self, reported: SpiUse) -> Result<(), SpiError> {
        self.0.note(format!("report {reported:?}"));
        Err(SpiError::TooManyReports)
    }

    fn withdraw(&mut self, reported: SpiUse) -> bool {
        self.0.note(format!("withdraw {reported:?}"));
        true
    }

    fn release(&mut self, given: SpiUse) -> bool {
        self.0.note(format!("release {given:?}"));
        false
    }

    fn conflicts(&self, one: SpiUse, other: SpiUse) -> bool {
        self.0.note(format!("conflicts {one:?} {other:?}"));
        one.source < other.source
    }
}

impl Admission for Noting {
    fn admit(&mut self, applicant: IpAddr, wanted: Roles) -> Decision {
        self.0.note(format!("admit {applicant} {wanted:?}"));
        Decision::Refuse(RefuseReason::Declined)
    }
}

impl KeySink for Noting {
    fn install(&mut self, offer: Offer<'_>) -> Result<(), RejectReason> {
        self.0.note(format!("install {offer:?}"));
        Err(RejectReason::NoRoom)
    }

    fn remove(&mut self, server: IpAddr, epoch: Epoch) {
        self.0.note(format!("remove {server} {epoch:?}"));
    }
}

impl Directory for Noting {
    fn supports(&self, member: IpAddr, suite: &Suite) -> Option<bool> {
        self.0.note(format!("supports {member} {suite:?}"));
        Some(false)
    }
}

fn proved<A: SourceAuthenticator>(mut both: A) -> Vec<String> {
    let origin = PacketOrigin { association: b"name", packet: packet() };
    let mut trailer = [0; 3];
    let result = both.authenticate(Instant::START, &origin, &[1, 2], &mut trailer);
    vec![shown(&both.trailer_len()), shown(&result), shown(&trailer)]
}

fn believed<V: SourceVerifier>(mut verifier: V) -> Vec<String> {
    let origin = PacketOrigin { association: b"name", packet: packet() };
    vec![shown(&verifier.verify(Instant::START, &origin, &[1, 2])), shown(&verifier.next_ready())]
}

fn candidate<R: SpiRule>(mut rule: R) -> String {
    shown(&rule.candidate(address(1), 2))
}

fn spis<A: SpiAllocator>(mut allocator: A) -> Vec<String> {
    let [one, other] = [1, 2].map(|last| SpiUse { source: address(last), spi: spi(403) });
    vec![
        shown(&allocator.allocate(address(1), &mut Rng)),
        shown(&allocator.report(one)),
        shown(&[allocator.withdraw(one), allocator.release(other)]),
        shown(&[allocator.conflicts(one, other), allocator.conflicts(other, one)]),
    ]
}

fn admitted<D: Admission>(mut admission: D) -> String {
    shown(&admission.admit(address(1), Roles::SENDER))
}

/// What is installed comes from members alone; to be told what is over needs nothing.
fn removed<K: KeySink>(mut sink: K) {
    sink.remove(address(1), Epoch::new(2));
}

fn supported<D: Directory>(directory: D) -> String {
    shown(&directory.supports(address(1), &Suite::Ah(IntegrityAlgorithm::HmacSha1_96)))
}

macro_rules! same {
    ($($drive:ident => $calls:literal),+ $(,)?) => {$(
        let mut noting = Noting::default();
        let through = ($drive(&mut noting), noting.0.take());
        assert_eq!(through.1.len(), $calls, "{:?}", through.1);
        assert_eq!($drive(noting), through.0);
    )+};
}

#[test]
fn what_key_management_asks_behind_references() {
    same!(proved => 2, believed => 2, candidate => 1, spis => 6, admitted => 1, removed => 1);
    let noting = Noting::default();
    assert_eq!((supported(&noting), noting.0.take().len()), ("Some(false)".to_owned(), 1));
}
