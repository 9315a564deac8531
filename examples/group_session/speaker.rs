//! A: group controller, key server, and the group's one sender.

use std::convert::Infallible;
use std::net::IpAddr;

use xcast_sec::crypto::RustCrypto;
use xcast_sec::group::GroupSaSource;
use xcast_sec::group::membership::{
    Boot, Controller, ControllerConfig, Epoch, FixedAdmission, Gcks, KeyServer, KeyServerConfig, RekeyPolicy, Roles,
};
use xcast_sec::group::spi::CentralSpis;
use xcast_sec::ipsec::{FixedOutboundSad, FixedSpd, Limits, NoAudit, Outbound, OutboundSa, SaId};
use xcast_sec::stack::{Datagram, FnLink, Means, Member, Origin, Sender, Session, SessionConfig};
use xcast_sec::time::Instant;

use super::draw::Draw;
use super::routers::MTU;
use super::terms::{self, GROUP, PORT, RETRY, ROOM};

/// A word that was sent.
pub(crate) struct Said {
    pub(crate) epoch: Epoch,
    pub(crate) to: Vec<IpAddr>,
    pub(crate) packets: Vec<Vec<u8>>,
}

/// The speaker's host.
pub(crate) struct Speaker {
    pub(crate) gcks: Gcks<8, ROOM>,
    pub(crate) source: GroupSaSource<CentralSpis<16>>,
    pub(crate) admission: FixedAdmission<8>,
    pub(crate) draw: Draw,
    sender: Sender<FixedOutboundSad<RustCrypto, 1>, FixedSpd<1>, NoAudit>,
    session: Session<8>,
    /// The epoch whose association is in the database.
    under: Option<(Epoch, SaId)>,
}

impl Speaker {
    pub(crate) fn new(now: Instant, mut draw: Draw) -> Self {
        let config = ControllerConfig { retry: RETRY, ..ControllerConfig::new(GROUP, terms::setup()) };
        // Who is expelled reads nothing of what is sent from then on; who comes in, nothing of what was sent before.
        let lifetime = Limits { time: Some(terms::LIFETIME), ..Limits::NONE };
        let rekey = RekeyPolicy { lifetime, ..RekeyPolicy::STRICT };
        let keys = KeyServerConfig { rekey, retry: RETRY, ..KeyServerConfig::new(GROUP, terms::delays()) };
        let boot = Boot::new(1);
        let controller = Controller::new(config, boot, draw.next()).expect("nobody is to be hidden");
        let gcks = Gcks::new(controller, KeyServer::new(keys, boot, draw.next()), now).expect("both are of one group");
        let mut admission = FixedAdmission::new();
        for index in 0..terms::NAMES.len() {
            assert!(admission.allow(terms::member(index), Roles::RECEIVER), "there is room for six");
        }
        let outbound = Outbound::new(FixedOutboundSad::new(), terms::policy(), NoAudit);
        let origin = Origin::without_channel(terms::speaker());
        Self {
            gcks,
            source: GroupSaSource::new(CentralSpis::new(4), terms::speaker(), terms::sa_terms()),
            admission,
            draw,
            sender: Sender::new(outbound, terms::code_points()),
            session: Session::new(SessionConfig::new(origin)).expect("an address that can be routed from"),
            under: None,
        }
    }

    /// Sends a word to all who have the keys that it goes out under; `None` if nothing may be sent now.
    pub(crate) fn say(&mut self, now: Instant, word: &str) -> Option<Said> {
        let epoch = self.gcks.keys().sending(now)?;
        self.switch_to(epoch, now);
        let mut to: Vec<IpAddr> = self.gcks.keys().holders(epoch).map(|entry| entry.address).collect();
        to.sort_unstable();
        self.serve(&to);
        let datagram = Datagram { source_port: PORT, destination_port: PORT, payload: word.as_bytes() };
        let scratch = &mut [0; MTU];
        let means = Means { crypto: &mut RustCrypto, rng: &mut self.draw, now, mtu: MTU, scratch };
        let mut packets = Vec::new();
        let mut link = FnLink(|packet: &[u8]| {
            packets.push(packet.to_vec());
            Ok::<(), Infallible>(())
        });
        let report = self.sender.send(&self.session, &datagram, means, &mut link).expect("a word fits");
        assert_eq!((report.failed, report.members_sent), (0, to.len()), "{report:?}");
        Some(Said { epoch, to, packets })
    }

    /// Puts an epoch's association in the place of the one before.
    fn switch_to(&mut self, epoch: Epoch, now: Instant) {
        if self.under.is_some_and(|(own, _)| own == epoch) {
            return;
        }
        let association = self.gcks.keys().association(epoch).expect("it is sent under");
        let sa = terms::to_sa(&terms::read(association).expect("it was made here")).expect("its keys fit");
        let id = sa.id();
        let sad = &mut self.sender.outbound.sad;
        if let Some((old, old_id)) = self.under.replace((epoch, id)) {
            // Its sequence numbers would start anew.
            assert!(old < epoch, "an epoch that was left does not come back");
            sad.remove(&old_id);
        }
        sad.insert(OutboundSa::new(sa, now).expect("one sender")).expect("there is room for one");
    }

    /// Makes the session's list that of the members with keys.
    fn serve(&mut self, to: &[IpAddr]) {
        let gone: Vec<_> =
            self.session.members().filter(|(_, member)| !to.contains(&member.address)).map(|(id, _)| id).collect();
        for id in gone {
            self.session.remove(id);
        }
        for address in to {
            if self.session.find(*address, None).is_none() {
                self.session.add(Member::new(*address)).expect("there is room for eight");
            }
        }
    }
}
