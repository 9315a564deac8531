//! Key servers and members hold associations as octets, keys included, until their epochs end.

use std::net::IpAddr;
use std::time::Duration;

use rand_core::TryCryptoRng;
use xcast_sec::crypto::{CryptoProvider, IntegrityAlgorithm, RustCrypto};
use xcast_sec::group::membership::{
    Boot, Controller, ControllerConfig, Delays, Epoch, FixedAdmission, Gcks, GroupId, GroupSetup, KeyServer,
    KeyServerConfig, KeySink, KeySource, KeySourceError, Member, MemberConfig, Offer, RejectReason, Roles, Saved,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{BitmapPlace, Family};

use crate::KeyRng;
use crate::memory::{wiped_when_dropped, wiped_when_removed};

/// Octets of the association, all of them the key.
pub(crate) const LEN: usize = 48;

struct Source;

impl KeySource for Source {
    fn generate<G: TryCryptoRng + ?Sized>(
        &mut self,
        _: Epoch,
        _: impl Iterator<Item = IpAddr> + Clone,
        rng: &mut G,
        out: &mut [u8],
    ) -> Result<usize, KeySourceError> {
        rng.try_fill_bytes(&mut out[..LEN]).map_err(|_| KeySourceError::Random)?;
        Ok(LEN)
    }
}

struct Sink;

impl KeySink for Sink {
    fn install(&mut self, _: Offer<'_>) -> Result<(), RejectReason> {
        Ok(())
    }
    fn remove(&mut self, _: IpAddr, _: Epoch) {}
}

pub(crate) type Server = Gcks<4, LEN>;
pub(crate) type Listener = Member<4, 1, LEN>;

/// A key server and a member, both of which have the association of the first epoch.
pub(crate) fn both(which: u8) -> (Server, Listener) {
    let group = GroupId::new(1);
    let [sender, receiver] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(IpAddr::from);
    let setup = GroupSetup { family: Family::V4, ah: None, bitmap: BitmapPlace::Header, tunnel: false };
    let delays = Delays::new(Duration::from_secs(2), Duration::from_secs(4)).unwrap();
    let boot = Boot::new(1);
    let mut now = Instant::from_secs(1);
    let controller = Controller::new(ControllerConfig::new(group, setup), boot, 7).unwrap();
    let mut server: Server =
        Gcks::new(controller, KeyServer::new(KeyServerConfig::new(group, delays), boot, 7), now).unwrap();
    let mut admission = FixedAdmission::<4>::new();
    assert!(admission.allow(receiver, Roles::RECEIVER));
    let mut member = Listener::new(MemberConfig::new(group, sender), boot, 8);
    member.allow_server(sender).unwrap();
    member.join(Roles::RECEIVER).unwrap();
    let mut buffer = [0; 2048];
    while server.keys().sending(now).is_none() {
        while let Some(sent) = member.poll_transmit(now, &mut buffer).unwrap() {
            server.receive(now, receiver, &buffer[..sent.len], &mut admission).unwrap();
        }
        if server.next_timeout(now).is_some_and(|at| at <= now) {
            server.handle_timeout(now, &mut Source, &mut KeyRng(which, 0));
        }
        while let Some(sent) = server.poll_transmit(now, &mut buffer).unwrap() {
            member.receive(now, sender, &buffer[..sent.len], &mut Sink).unwrap();
        }
        now = now.after(Duration::from_millis(10));
    }
    (server, member)
}

#[test]
fn key_servers_and_members() {
    wiped_when_dropped("Gcks", LEN, |which| both(which).0);
    wiped_when_dropped("Member", LEN, |which| both(which).1);
    let left = |member: &mut Listener| {
        member.leave(&mut Sink).unwrap();
    };
    wiped_when_removed("Member that left", LEN, |which| both(which).1, left);
}

/// A state is saved with its keys, in the caller's buffer. If it does not fit, none of them stay in there.
#[test]
fn a_state_that_was_not_saved() {
    let mut server = both(1).0;
    let mac = RustCrypto.integrity_key(IntegrityAlgorithm::HmacSha2_256_128, &[9; 32]).unwrap();
    let holds = |octets: &[u8]| octets.windows(8).any(|part| crate::key::<48>(1).windows(8).any(|key| key == part));
    let now = Instant::from_secs(20);
    let mut save = |len: usize| {
        let mut out = vec![0; len];
        let saved = Saved { crypto: &mut RustCrypto, key: &mac, number: 1 };
        (server.keys_mut().save(now, saved, &mut out).is_ok(), holds(&out))
    };
    assert_eq!(save(1024), (true, true));
    let mut refused = 0;
    for len in 0..1024 {
        let (saved, holds_keys) = save(len);
        if saved {
            break;
        }
        assert!(!holds_keys, "a buffer of {len} octets");
        refused += 1;
    }
    assert!(refused > LEN, "{refused}");
}
