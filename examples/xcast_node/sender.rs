//! The role `sender`: datagrams that come to a UDP socket go to all members.

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, RawFd};

use xcast_sec::crypto::RustCrypto;
use xcast_sec::ipsec::{
    Action, Directionality, FixedOutboundSad, FixedSpd, NoAudit, Outbound, OutboundSa, PolicyEntry, PolicyId, SaError,
    SadError, SelectorSet, SenderId, Usage,
};
use xcast_sec::stack::{Datagram, FnLink, Means, Sender};
use xcast_sec::time::Instant;
use xcast_sec::wire::CodePoints;

use super::config::{MAX_MEMBERS, SenderConfig};
use super::host::KernelRandom;
use super::keys::{self, Purpose};
use super::log::{self, Log};
use super::network::{Network, NextHop};
use super::node::{AT_ONCE, Node};
use super::state::State;

/// Associations of a sender.
const MAX_OUTBOUND: usize = 64;
/// Octets that no datagram exceeds.
const DATAGRAM_LEN: usize = 1 << 16;

/// Where a sender's associations are kept.
pub(crate) type OutboundStore = FixedOutboundSad<RustCrypto, MAX_OUTBOUND>;
type End<'s> = Sender<&'s mut OutboundStore, FixedSpd<1>, NoAudit>;

pub(crate) struct SenderNode<'s> {
    config: SenderConfig,
    socket: UdpSocket,
    network: Network,
    router: NextHop,
    sender: End<'s>,
    state: Option<State>,
    random: KernelRandom,
    log: Log,
    datagram: Vec<u8>,
    scratch: Vec<u8>,
}

impl<'s> SenderNode<'s> {
    /// `sad` is filled here. The error is a sentence for the user.
    pub(crate) fn new(
        config: SenderConfig,
        code_points: CodePoints,
        policy: PolicyId,
        now: Instant,
        sad: &'s mut OutboundStore,
    ) -> Result<Self, String> {
        let network = Network::open(std::slice::from_ref(&config.interface), &code_points)?;
        let router = config.router;
        let (hop, _) = network.next_hop(router).ok_or_else(|| format!("router {router}: no route to it"))?;
        if hop.address != router {
            return Err(format!("router {router}: not on a link, but behind {}", hop.address));
        }
        let source = config.session.config().origin.source();
        if !network.is_local(source) {
            return Err(format!("source {source}: no address of this host"));
        }
        let (mut state, mut action) = (None, Action::Bypass);
        if let Some(protection) = &config.protection {
            let mut opened = State::open(&protection.state)?;
            fill(&config, policy, now, &opened, sad)?;
            opened.reserve(MAX_MEMBERS as u64, sad.iter_mut()).map_err(|error| format!("state file: {error}"))?;
            state = Some(opened);
            action = Action::Protect { policy, required: protection.required };
        }
        let mut spd = FixedSpd::new();
        let entry = PolicyEntry { directionality: Directionality::SenderOnly, selectors: SelectorSet::ANY, action };
        spd.push(entry).map_err(|error| error.to_string())?;
        let socket = UdpSocket::bind(config.listen).and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
        let socket = socket.map_err(|error| format!("listen {}: {error}", config.listen))?;
        Ok(Self {
            network,
            router: hop,
            socket,
            sender: Sender::new(Outbound::new(sad, spd, NoAudit), code_points),
            state,
            random: KernelRandom::open().map_err(|error| format!("/dev/urandom: {error}"))?,
            log: Log::new(),
            datagram: vec![0; DATAGRAM_LEN],
            scratch: Vec::new(),
            config,
        })
    }

    fn datagram(&mut self, now: Instant, len: usize) {
        let Self { config, network, router, sender, state, random, log, datagram, scratch, .. } = self;
        if let Some(state) = state
            && let Err(error) = state.reserve(MAX_MEMBERS as u64, sender.outbound.sad.iter_mut())
        {
            // Packets for which there is no number left fail below, and are counted.
            log.packet(now, format_args!("state file: {error}"));
        }
        let link_mtu = network.interfaces.first().map_or(0, |interface| interface.mtu);
        let mtu = config.mtu.map_or(link_mtu, |mtu| mtu.min(link_mtu));
        scratch.resize(mtu, 0);
        let (source_port, destination_port) = config.ports;
        let payload = datagram.get(..len).unwrap_or(&[]);
        let segment = Datagram { source_port, destination_port, payload };
        let means = Means { crypto: &mut RustCrypto, rng: random, now, mtu, scratch };
        let mut link_error = None;
        let mut link = FnLink(|packet: &[u8]| {
            network.send_to_neighbour(*router, packet).inspect_err(|error| link_error = Some(error.to_string()))
        });
        match sender.send(&config.session, &segment, means, &mut link) {
            Ok(report) if report.failed == 0 => {
                if let Some((id, limit)) = report.soft_limit {
                    log.packet(now, format_args!("association {:#010x} is near its end: {limit}", id.spi.value()));
                }
                log.packet(now, format_args!("sent, {len} octets to {} members", report.members_sent));
            }
            Ok(report) => {
                let why = link_error.or_else(|| report.first_error.map(|error| error.to_string()));
                let (failed, why) = (report.members_failed, why.unwrap_or_default());
                log.packet(now, format_args!("not sent, {len} octets to {failed} members: {why}"));
            }
            Err(error) => log.packet(now, format_args!("not sent, {len} octets: {error}")),
        }
    }
}

/// Fills `sad` with those associations of the keys file that are for this source.
fn fill(
    config: &SenderConfig,
    policy: PolicyId,
    now: Instant,
    state: &State,
    sad: &mut OutboundStore,
) -> Result<(), String> {
    let Some(protection) = &config.protection else { return Ok(()) };
    let source = config.session.config().origin.source();
    let purpose = Purpose { policy: Some(policy), ..Purpose::default() };
    let mut failed: Option<SaError> = None;
    let mut full = false;
    keys::from_file(&protection.keys, |text| {
        keys::read(text, purpose, &mut |sa| {
            if sa.source().is_some_and(|address| address != source) {
                return true;
            }
            let saved = state.of(&sa.id());
            match OutboundSa::resume(sa, saved, SenderId::ONLY, Usage::new(now)) {
                Ok(sa) => match sad.insert(sa) {
                    Err((SadError::Full, _)) => {
                        full = true;
                        true
                    }
                    inserted => inserted.is_ok(),
                },
                Err(error) => {
                    failed = Some(error);
                    true
                }
            }
        })
    })?;
    let name = protection.keys.display();
    match failed {
        Some(error) => Err(format!("{name}: {error}")),
        None if full => Err(format!("{name}: more than {MAX_OUTBOUND} associations of this source")),
        None if sad.iter().next().is_none() => Err(format!("{name}: no association for {source}")),
        None => Ok(()),
    }
}

impl Node for SenderNode<'_> {
    fn files(&self) -> Vec<RawFd> {
        // The interface's own is not read: a sender that is to receive as well is two nodes.
        vec![self.socket.as_raw_fd()]
    }

    fn ready(&mut self, now: Instant, _: usize) -> io::Result<()> {
        for _ in 0..AT_ONCE {
            match self.socket.recv(&mut self.datagram) {
                Ok(len) => self.datagram(now, len),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    self.log.packet(now, format_args!("listening: {error}"));
                    break;
                }
            }
        }
        Ok(())
    }

    fn tick(&mut self, _: Instant) -> io::Result<()> {
        self.network.refresh()?;
        self.network.keep_resolved(self.router);
        Ok(())
    }

    fn tell(&self) {
        log::counters("sender", self.sender.counters());
        log::counters("ipsec", self.sender.outbound.counters());
    }
}
