//! A member: takes keys, and opens packets under them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use xcast_sec::crypto::RustCrypto;
use xcast_sec::group::GroupSa;
use xcast_sec::group::membership::{Boot, Epoch, KeySink, Member, MemberConfig, Offer, RejectReason};
use xcast_sec::ipsec::{
    AnySender, FixedSad, FixedSpd, Inbound, NoAudit, PacketBuf, SaId, SadError, SenderWindows, Usage,
};
use xcast_sec::stack::{Incoming, Receiver, ReceiverPolicy};
use xcast_sec::time::Instant;

use super::terms::{self, GROUP, RETRY, ROOM};

type Opener<const N: usize> = Receiver<FixedSad<RustCrypto, N>, SenderWindows<N, 1>, FixedSpd<1>, AnySender, NoAudit>;

fn opener<const N: usize>() -> Opener<N> {
    let windows = SenderWindows::new(64).expect("the table allows windows of this size");
    let inbound = Inbound::new(FixedSad::new(), windows, terms::policy(), AnySender, NoAudit);
    Receiver::new(inbound, terms::code_points(), ReceiverPolicy::default())
}

/// Opens a packet and returns its payload.
fn open<const N: usize>(
    opener: &mut Opener<N>,
    now: Instant,
    is_local: impl Fn(IpAddr) -> bool,
    octets: &[u8],
) -> Result<String, String> {
    let mut storage = octets.to_vec();
    let len = storage.len();
    let mut packet = PacketBuf::new(&mut storage, 0..len).expect("the range is all of the storage");
    match opener.receive(&mut RustCrypto, now, is_local, &mut packet) {
        Ok(Incoming::Packet(delivery)) => Ok(String::from_utf8_lossy(delivery.payload()).into_owned()),
        Ok(Incoming::Dummy(_)) => Err("a dummy".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// A member and what it does with its keys.
pub(crate) struct Host {
    pub(crate) address: IpAddr,
    pub(crate) member: Member<8, 1, ROOM>,
    pub(crate) keys: Keys,
    /// How often it heard which word.
    pub(crate) heard: BTreeMap<String, usize>,
}

impl Host {
    pub(crate) fn new(index: usize, seed: u64) -> Self {
        let config = MemberConfig { retry: RETRY, ..MemberConfig::new(GROUP, terms::speaker()) };
        let mut member = Member::new(config, Boot::new(1), seed);
        member.allow_server(terms::speaker()).expect("there is room for one key server");
        let address = terms::member(index);
        let keys = Keys { now: Instant::START, opener: opener(), installed: Vec::new(), hoard: Vec::new() };
        Self { address, member, keys, heard: BTreeMap::new() }
    }

    /// Takes a packet from its link. Returns what it heard.
    pub(crate) fn hear(&mut self, now: Instant, octets: &[u8]) -> Result<String, String> {
        let own = self.address;
        let word = open(&mut self.keys.opener, now, |address| address == own, octets)?;
        *self.heard.entry(word.clone()).or_default() += 1;
        Ok(word)
    }

    /// Whether any key it ever had opens a packet, be it for whom it may: what somebody tries who records a wire.
    pub(crate) fn could_open(&self, now: Instant, octets: &[u8]) -> bool {
        let mut opener = opener::<16>();
        for group in &self.keys.hoard {
            let sa = terms::to_sa(group).expect("it was made before");
            opener.inbound.sad.insert(sa, Usage::new(now)).expect("fewer than 16 epochs");
        }
        open(&mut opener, now, |_| true, octets).is_ok()
    }
}

/// The keys of a member.
pub(crate) struct Keys {
    /// When [`KeySink`] is called.
    pub(crate) now: Instant,
    opener: Opener<8>,
    installed: Vec<(Epoch, SaId)>,
    /// What an honest member does not do: every key there ever was, to see what can be opened with it.
    hoard: Vec<GroupSa>,
}

impl KeySink for Keys {
    fn install(&mut self, offer: Offer<'_>) -> Result<(), RejectReason> {
        let group = terms::read(offer.association)?;
        let sa = terms::to_sa(&group).map_err(|_| RejectReason::Provider)?;
        let id = sa.id();
        self.opener.inbound.sad.insert(sa, Usage::new(self.now)).map_err(|(error, _)| match error {
            SadError::Duplicate => RejectReason::SpiInUse,
            _ => RejectReason::NoRoom,
        })?;
        self.installed.push((offer.epoch, id));
        self.hoard.push(group);
        Ok(())
    }

    fn remove(&mut self, _server: IpAddr, epoch: Epoch) {
        let Some(at) = self.installed.iter().position(|(own, _)| *own == epoch) else { return };
        let (_, id) = self.installed.remove(at);
        self.opener.inbound.sad.remove(&id);
        self.opener.inbound.replay.forget(&id);
    }
}
