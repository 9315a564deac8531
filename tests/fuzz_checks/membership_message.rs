//! Arbitrary octets as messages about a group: read alone, and taken by all three machines one after the other. None may panic,
//! what is refused changes nothing, and no store holds more than it may. Shared by the fuzz target and the test that replays
//! its corpus.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use rand_core::TryCryptoRng;
use xcast_sec::group::membership::message::Message;
use xcast_sec::group::membership::{
    Boot, Controller, ControllerConfig, Delays, Entry, Epoch, ExpelReason, FixedAdmission, Gcks, GroupId, GroupSetup,
    KeyServer, KeyServerConfig, KeySink, KeySource, KeySourceError, KeyUse, MAX_EPOCHS, Member, MemberConfig, Offer,
    OnChange, QueryPolicy, ReceiveError, RejectReason, Roles,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{BitmapPlace, Family};

pub(crate) const GROUP: GroupId = GroupId::new(1);
pub(crate) const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 0));

fn address(choice: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, choice & 3).into()
}

struct Keys;

impl KeySource for Keys {
    fn generate<G: TryCryptoRng + ?Sized>(
        &mut self,
        epoch: Epoch,
        _: impl Iterator<Item = IpAddr> + Clone,
        _: &mut G,
        out: &mut [u8],
    ) -> Result<usize, KeySourceError> {
        out.get_mut(..8).ok_or(KeySourceError::NoRoom)?.copy_from_slice(&epoch.value().to_be_bytes());
        Ok(8)
    }
}

/// Refuses what starts with an odd octet.
pub(crate) struct Sink(pub(crate) Vec<(IpAddr, Epoch)>);

impl KeySink for Sink {
    fn install(&mut self, offer: Offer<'_>) -> Result<(), RejectReason> {
        if offer.association[0] & 1 != 0 {
            return Err(RejectReason::BelowFloor);
        }
        assert!(!self.0.contains(&(offer.server, offer.epoch)), "installed twice");
        self.0.push((offer.server, offer.epoch));
        Ok(())
    }

    fn remove(&mut self, server: IpAddr, epoch: Epoch) {
        let at = self.0.iter().position(|held| *held == (server, epoch)).expect("it was installed");
        self.0.swap_remove(at);
    }
}

struct NoRandom;

impl rand_core::TryRng for NoRandom {
    type Error = std::fmt::Error;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Err(std::fmt::Error)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Err(std::fmt::Error)
    }
    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self::Error> {
        Err(std::fmt::Error)
    }
}

impl TryCryptoRng for NoRandom {}

/// Checks `data`; a finding panics.
#[allow(dead_code, reason = "saved states are checked with the machines alone")]
pub(crate) fn check(data: &[u8]) {
    read(data);
    take(data);
}

/// A message that can be read is written as it was.
fn read(data: &[u8]) {
    match Message::parse(data) {
        Ok(message) => {
            let mut out = vec![0; data.len()];
            assert_eq!(message.emit(&mut out), Ok(data.len()));
            assert_eq!(out, data);
            let _ = format!("{message:?}");
        }
        Err(error) => assert!(!format!("{error} {error:?}").is_empty()),
    }
}

/// What comes out of a few octets: a message with a right header around any body, so that it gets further than the header.
fn dress(kind: u8, version: u8, epoch: u8, stay: u8, body: &[u8]) -> Vec<u8> {
    // Numbers near those that machines in their first start give out.
    let near = |value: u8| if value & 0x80 == 0 { u64::from(value) } else { 0x1_0000_0000 | u64::from(value & 0x7f) };
    let mut octets = b"XM\x01".to_vec();
    octets.push(kind & 0x0f);
    octets.extend(u16::try_from(body.len()).unwrap_or(0).to_be_bytes());
    octets.extend([0, 0]);
    for number in [1, near(version), near(epoch), near(stay)] {
        octets.extend(number.to_be_bytes());
    }
    octets.extend(body);
    octets
}

/// A host that is controller, key server and member.
pub(crate) struct Machines {
    pub(crate) gcks: Gcks<3, 8>,
    pub(crate) member: Member<3, 2, 8>,
    pub(crate) sink: Sink,
    door: FixedAdmission<3>,
    pub(crate) now: Instant,
    /// Whether this host's machines hear each other.
    talks: bool,
}

/// What the controller and the key server of [`Machines`] are made with.
pub(crate) fn configs(choice: u8) -> Option<(ControllerConfig, KeyServerConfig)> {
    let setup = GroupSetup { family: Family::V6, ah: None, bitmap: BitmapPlace::Header, tunnel: false };
    let mut config = ControllerConfig::new(GROUP, setup);
    config.query = QueryPolicy::Members;
    let mut keys = KeyServerConfig::new(GROUP, Delays::new(Duration::from_secs(1), Duration::from_secs(2))?);
    keys.key_use = if choice & 1 == 0 { KeyUse::Own } else { KeyUse::Shared };
    Some((config, keys))
}

impl Machines {
    pub(crate) fn new(choice: u8) -> Option<Self> {
        let boot = Boot::new(1);
        let (config, keys) = configs(choice)?;
        let controller = Controller::new(config, boot, 1).ok()?;
        let now = Instant::from_secs(1);
        let gcks = Gcks::new(controller, KeyServer::new(keys, boot, 1), now).ok()?;
        let mut member = Member::new(MemberConfig::new(GROUP, OWN), boot, 1);
        member.allow_server(OWN).ok()?;
        Some(Self::of(gcks, member, now))
    }

    /// Machines that were made otherwise.
    pub(crate) fn of(gcks: Gcks<3, 8>, member: Member<3, 2, 8>, now: Instant) -> Self {
        let mut door = FixedAdmission::new();
        assert!(door.allow(address(1), Roles::BOTH) && door.allow(address(2), Roles::RECEIVER));
        assert!(door.allow(OWN, Roles::BOTH));
        Self { gcks, member, sink: Sink(Vec::new()), door, now, talks: false }
    }

    /// One message arrives, and the host does something. What is left of the input; `None` at its end.
    pub(crate) fn step<'a>(&mut self, input: &'a [u8]) -> Option<&'a [u8]> {
        let (&[host, from, kind, version, epoch, stay, len], more) = input.split_first_chunk::<7>()?;
        let (body, more) = more.split_at(usize::from(len).min(more.len()));
        self.receive(from, &dress(kind, version, epoch, stay, body));
        self.host(host);
        self.check();
        Some(more)
    }

    /// Both ends get it; who refuses it stays as it was, but for what it answers to what is late.
    fn receive(&mut self, from: u8, octets: &[u8]) {
        let before = format!("{:?}", self.gcks);
        let result = self.gcks.receive(self.now, address(from), octets, &mut self.door);
        assert!(!changed(result) || before == format!("{:?}", self.gcks), "{result:?}");
        let before = format!("{:?}", self.member);
        let result = self.member.receive(self.now, address(from), octets, &mut self.sink);
        assert!(!changed(result) || before == format!("{:?}", self.member), "{result:?}");
    }

    /// The host does what is due. Once it talks to itself, its member gets what its controller and key server say, and they what
    /// the member says.
    pub(crate) fn host(&mut self, choice: u8) {
        match choice >> 4 {
            0 => drop(self.member.join(Roles::BOTH)),
            1 => drop(self.member.leave(&mut self.sink)),
            2 => drop(self.member.query()),
            3 => drop(self.member.decline()),
            4 => drop(self.gcks.expel(self.now, address(choice), ExpelReason::Decision)),
            5 => drop(self.gcks.controller_mut().invite(address(choice))),
            6 => self.now = self.now.after(Duration::from_millis(400)),
            7 => self.talks = true,
            8 => self.gcks.keys_mut().rekey(if choice & 1 == 0 { OnChange::Rollover } else { OnChange::Cut }),
            _ => {}
        }
        self.gcks.handle_timeout(self.now, &mut Keys, &mut NoRandom);
        self.member.handle_timeout(self.now, &mut self.sink);
        for _ in 0..8 {
            let said = self.said();
            if said.is_empty() || !self.talks {
                break;
            }
            for octets in said {
                self.receive(0, &octets);
            }
            self.gcks.handle_timeout(self.now, &mut Keys, &mut NoRandom);
        }
        while self.gcks.poll_event(self.now).is_some() {}
        while self.member.poll_event().is_some() {}
    }

    /// All that is to be sent, which can be read; of it what is for this host.
    fn said(&mut self) -> Vec<Vec<u8>> {
        let mut out = [0; 256];
        let mut said = Vec::new();
        for _ in 0..64 {
            let Some(sent) = self.gcks.poll_transmit(self.now, &mut out).expect("there is room") else { break };
            Message::parse(&out[..sent.len]).expect("what is sent can be read");
            if sent.to == OWN {
                said.push(out[..sent.len].to_vec());
            }
        }
        while let Some(sent) = self.member.poll_transmit(self.now, &mut out).expect("there is room") {
            Message::parse(&out[..sent.len]).expect("what is sent can be read");
            if sent.to == OWN {
                said.push(out[..sent.len].to_vec());
            }
        }
        said
    }

    pub(crate) fn check(&self) {
        let members: Vec<Entry> = self.gcks.controller().members().collect();
        let of_keys: Vec<Entry> = self.gcks.keys().members().collect();
        assert_eq!(members.len(), of_keys.len());
        assert!(members.iter().all(|entry| of_keys.contains(entry)), "the key server follows the controller");
        assert!(members.len() <= 3 && self.member.members().count() <= 3);
        assert!(self.gcks.keys().receiving(self.now).count() <= MAX_EPOCHS && self.sink.0.len() <= 2 * MAX_EPOCHS);
        let held: Vec<_> = self.member.receiving(self.now).collect();
        assert!(held.iter().all(|epoch| self.sink.0.contains(epoch)), "what is taken is installed");
    }
}

fn changed(result: Result<(), ReceiveError>) -> bool {
    result.is_err_and(|error| error != ReceiveError::Stale)
}

fn take(data: &[u8]) {
    let Some((&choice, mut rest)) = data.split_first() else { return };
    let Some(mut machines) = Machines::new(choice) else { return };
    while let Some(more) = machines.step(rest) {
        rest = more;
    }
}
