//! A central controller, and each sender its own key server (draft §4.2.2).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use xcast_sec::group::membership::message::Message;
use xcast_sec::group::membership::{
    Boot, Controller, ControllerConfig, Epoch, ExpelReason, KeyServer, KeyServerConfig, Member, MemberConfig,
    MemberEvent, MemberState, Roles, Transmit,
};
use xcast_sec::time::Instant;

use crate::kit::{ASSOCIATION, Draw, GROUP, Sink, Source, address, controller, opens, outbound, seal, setup};
use crate::world::{Door, delays};

const SENDERS: [usize; 2] = [1, 2];
const HOSTS: usize = 5;

struct Host {
    member: Member<8, 2, ASSOCIATION>,
    sink: Sink,
    keys: Option<(KeyServer<8, ASSOCIATION>, Source)>,
}

struct Net {
    now: Instant,
    draw: Draw,
    loss: u64,
    controller: Controller<8>,
    hosts: BTreeMap<IpAddr, Host>,
}

/// Whether a message is an answer to a key server.
fn for_keys(octets: &[u8]) -> bool {
    use xcast_sec::group::membership::message::{Acknowledged as A, Body};
    let body = Message::parse(octets).unwrap().body;
    matches!(body, Body::Reject(_) | Body::Acknowledge(A::Push | A::Activate | A::Delete))
}

impl Net {
    fn new(seed: u64, loss: u64) -> Self {
        let boot = Boot::new(1);
        let hosts = (1..=HOSTS).map(|index| {
            let mut member = Member::new(MemberConfig::new(GROUP, controller()), boot, seed + index as u64);
            for sender in SENDERS.iter().filter(|sender| **sender != index) {
                member.allow_server(address(*sender)).unwrap();
            }
            let mut config = KeyServerConfig::new(GROUP, delays(10_000, 11_000));
            config.retry.tries = 20;
            config.retry.max = Duration::from_secs(1);
            let keys = SENDERS.contains(&index).then(|| (KeyServer::new(config, boot, seed), Source::default()));
            (address(index), Host { member, sink: Sink::default(), keys })
        });
        Self {
            now: Instant::from_secs(1),
            draw: Draw(seed),
            loss,
            controller: Controller::new(ControllerConfig::new(GROUP, setup()), boot, seed).unwrap(),
            hosts: hosts.collect(),
        }
    }

    /// Ten milliseconds: everybody does what is due, and what is sent arrives or is lost.
    fn tick(&mut self) {
        self.now = self.now.after(Duration::from_millis(10));
        let now = self.now;
        let mut sent = Vec::new();
        let mut out = [0; 4096];
        self.controller.handle_timeout(now);
        while let Some(Transmit { to, len, .. }) = self.controller.poll_transmit(now, &mut out).unwrap() {
            sent.push((controller(), to, out[..len].to_vec()));
        }
        for (own, host) in &mut self.hosts {
            host.member.handle_timeout(now, &mut host.sink);
            if let Some((keys, source)) = &mut host.keys {
                while let Some(event) = host.member.poll_event() {
                    // What a sender learns of the membership goes to its key server: all but itself.
                    if let MemberEvent::Membership(version) = event {
                        let others = host.member.members().filter(|entry| entry.address != *own);
                        keys.set_members(now, version, others).unwrap();
                    }
                }
                keys.handle_timeout(now, source, &mut self.draw);
                while let Some(Transmit { to, len, .. }) = keys.poll_transmit(now, &mut out).unwrap() {
                    sent.push((*own, to, out[..len].to_vec()));
                }
            }
            while let Some(Transmit { to, len, .. }) = host.member.poll_transmit(now, &mut out).unwrap() {
                sent.push((*own, to, out[..len].to_vec()));
            }
        }
        while !sent.is_empty() {
            let at = self.draw.below(sent.len() as u64);
            let (from, to, octets) = sent.swap_remove(usize::try_from(at).unwrap());
            if self.draw.percent(self.loss) {
                continue;
            }
            if to == controller() {
                let _ = self.controller.receive(from, &octets, &mut Door::default());
                continue;
            }
            let host = self.hosts.get_mut(&to).unwrap();
            let _ = match &mut host.keys {
                Some((keys, _)) if for_keys(&octets) => keys.receive(now, from, &octets),
                _ => host.member.receive(now, from, &octets, &mut host.sink),
            };
        }
    }

    fn run(&mut self, ticks: usize) {
        (0..ticks).for_each(|_| self.tick());
    }

    /// A packet of a sender: with its epoch.
    fn packet(&self, sender: usize) -> Option<(Epoch, Vec<u8>)> {
        let (keys, _) = self.hosts[&address(sender)].keys.as_ref().unwrap();
        let epoch = keys.sending(self.now)?;
        let mut sa = outbound(keys.association(epoch).unwrap(), address(sender), 0, self.now);
        sa.reserve(1).commit();
        Some((epoch, seal(&mut sa, address(sender), self.now, b"mine").1))
    }

    fn readers(&self, packet: &[u8]) -> Vec<usize> {
        let reads = |index: &usize| {
            let sink = &self.hosts[&address(*index)].sink;
            sink.seen.values().any(|association| opens(association, packet, b"mine"))
        };
        (1..=HOSTS).filter(reads).collect()
    }
}

#[test]
fn each_sender_gives_its_keys_to_all_others() {
    for (seed, loss) in [(1, 0), (2, 20), (3, 40)] {
        let mut net = Net::new(seed, loss);
        for index in 1..=4 {
            let roles = if SENDERS.contains(&index) { Roles::BOTH } else { Roles::RECEIVER };
            net.hosts.get_mut(&address(index)).unwrap().member.join(roles).unwrap();
        }
        net.run(3_000);
        net.loss = 0;
        net.run(3_000);
        let (first, of_one) = net.packet(1).unwrap();
        let (_, of_two) = net.packet(2).unwrap();
        assert_eq!(net.readers(&of_one), [2, 3, 4], "loss {loss}");
        assert_eq!(net.readers(&of_two), [1, 3, 4], "loss {loss}");

        // One is expelled by the controller: both senders hear of it, and change their keys.
        assert!(net.controller.expel(address(3), ExpelReason::Decision));
        net.loss = loss;
        net.run(1_500);
        net.loss = 0;
        net.run(2_000);
        assert_eq!(net.hosts[&address(3)].member.state(), MemberState::Out);
        let (second, of_one) = net.packet(1).unwrap();
        let (_, of_two) = net.packet(2).unwrap();
        assert!(second > first);
        assert_eq!((net.readers(&of_one), net.readers(&of_two)), (vec![2, 4], vec![1, 4]), "loss {loss}");

        // One that is not listened to gives nobody keys.
        let hosts = &net.hosts;
        assert!(hosts.values().all(|host| host.sink.held.keys().all(|(server, _)| *server != address(3))));
    }
}
