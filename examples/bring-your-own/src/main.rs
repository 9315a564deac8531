//! Your own crypto engine, databases and routes behind the traits of `xcast-sec`. `xcast_sec::guide` walks through it.

use aes_gcm::{AeadInOut, Aes128Gcm, KeyInit};
use std::{convert::Infallible, error::Error, net::IpAddr, net::Ipv6Addr};
use xcast_sec::{crypto::*, forward::*, ipsec::*, stack::*, time::Instant, wire::CodePoints};

/// Stands for an engine that has AES-GCM and nothing else. Keys go into slots and never come out.
#[derive(Default)]
struct Engine(Vec<(Aes128Gcm, [u8; 4])>);
struct Slot(usize); // The handle of a key.
type Answer<T> = Result<T, CryptoError>;
impl CryptoProvider for Engine {
    type IntegrityKey = Infallible; // There is no such key, so that nothing can ask to use one.
    type CipherKey = Infallible;
    type AeadKey = Slot;
    fn integrity_key(&mut self, _: IntegrityAlgorithm, _: &[u8]) -> Result<Infallible, KeyError> {
        Err(KeyError::UnsupportedAlgorithm)
    }
    fn cipher_key(&mut self, _: CipherAlgorithm, _: &[u8]) -> Result<Infallible, KeyError> {
        Err(KeyError::UnsupportedAlgorithm)
    }
    fn aead_key(&mut self, algorithm: AeadAlgorithm, material: &[u8]) -> Result<Slot, KeyError> {
        let (AeadAlgorithm::AesGcm16, Some((key, salt))) = (algorithm, material.split_last_chunk()) else {
            return Err(KeyError::UnsupportedAlgorithm);
        };
        let wrong_length = |_| KeyError::WrongLength { actual: material.len() };
        self.0.push((Aes128Gcm::new_from_slice(key).map_err(wrong_length)?, *salt));
        Ok(Slot(self.0.len() - 1))
    }
    fn icv<'p, I: IntoIterator<Item = &'p [u8]>>(&mut self, key: &Infallible, _: I) -> Answer<Icv> {
        match *key {}
    }
    fn encrypt(&mut self, key: &Infallible, _: &[u8], _: &mut [u8]) -> Answer<()> {
        match *key {}
    }
    fn decrypt(&mut self, key: &Infallible, _: &[u8], _: &mut [u8]) -> Answer<()> {
        match *key {}
    }
    fn aead_seal(&mut self, key: &Slot, iv: &[u8; 8], aad: &[u8], data: &mut [u8]) -> Answer<[u8; 16]> {
        let (key, salt) = self.0.get(key.0).ok_or(CryptoError::Provider)?;
        let tag = key.encrypt_inout_detached(&nonce(salt, iv).into(), aad, data.into());
        tag.map(Into::into).map_err(|_| CryptoError::Length)
    }
    fn aead_open(&mut self, key: &Slot, iv: &[u8; 8], aad: &[u8], data: &mut [u8], tag: &[u8; 16]) -> Answer<()> {
        let (key, salt) = self.0.get(key.0).ok_or(CryptoError::Provider)?;
        let nonce = nonce(salt, iv).into();
        key.decrypt_inout_detached(&nonce, aad, data.into(), tag.into()).map_err(|_| CryptoError::Mismatch)
    }
}
fn nonce(salt: &[u8; 4], iv: &[u8; 8]) -> [u8; 12] {
    core::array::from_fn(|at| if at < 4 { salt[at] } else { iv[at - 4] }) // RFC 4106 §4
}
/// Inbound associations, each with what is counted of it.
struct Sad(Vec<(Sa<Engine>, InboundState)>);
impl SadLookup<Engine> for Sad {
    fn lookup(&self, protocol: SecurityProtocol, spi: Spi, to: IpAddr, from: IpAddr) -> Option<&Sa<Engine>> {
        let fits = |sa: &&Sa<Engine>| sa.protocol() == protocol && sa.spi() == spi && sa.is_for(to, from);
        let fitting = self.0.iter().map(|(sa, _)| sa).filter(fits);
        fitting.max_by_key(|sa| (sa.destination().is_some(), sa.source().is_some()))
    }
}
impl InboundSad<Engine> for Sad {
    fn state(&self, id: &SaId) -> Option<&InboundState> {
        self.0.iter().find(|(sa, _)| sa.id() == *id).map(|(_, state)| state)
    }
    fn state_mut(&mut self, id: &SaId) -> Option<&mut InboundState> {
        self.0.iter_mut().find(|(sa, _)| sa.id() == *id).map(|(_, state)| state)
    }
}

/// The one association under which this host sends.
struct OutgoingSad(OutboundSa<Engine>);
impl OutboundSad<Engine> for OutgoingSad {
    fn select(&mut self, key: &OutboundKey) -> Option<&mut OutboundSa<Engine>> {
        if key.fits(&self.0) { Some(&mut self.0) } else { None }
    }
}

/// Routes: the third segment of an address is the number of the link that leads there.
struct Fib;
impl RouteLookup for Fib {
    type NextHop = u16;
    fn is_local(&self, _: IpAddr) -> bool {
        false // It is no member of any session.
    }
    fn route(&self, destination: IpAddr) -> Option<Route<u16>> {
        let IpAddr::V6(to) = destination else { return None };
        let [0x2001, 0xdb8, next_hop @ 1..=2, ..] = to.segments() else { return None };
        Some(Route { next_hop, xcast_capable: true, mtu: 1500 })
    }
}

/// What sender and members agreed on: a key server of yours tells them.
fn agreed(engine: &mut Engine, source: Ipv6Addr, key: &[u8]) -> Result<(Sa<Engine>, FixedSpd<1>), Box<dyn Error>> {
    let protection = Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key };
    let (spi, id) = (Spi::new(0x1234).ok_or("reserved")?, PolicyId::new(1));
    let config = SaConfig { source: Some(source.into()), policy: Some(id), ..SaConfig::new(spi, protection) };
    let action = Action::Protect { policy: id, required: Required::Esp(ModeKind::Transport) };
    let mut policy = FixedSpd::new();
    policy.push(PolicyEntry { directionality: Directionality::Symmetric, selectors: SelectorSet::ANY, action })?;
    Ok((Sa::new(&config, engine)?, policy))
}

fn main() -> Result<(), Box<dyn Error>> {
    let (points, now, mut key) = (CodePoints::rfc4727_experiment(), Instant::START, [0; 20]);
    getrandom::fill(&mut key)?;
    let address = |(link, host)| Ipv6Addr::new(0x2001, 0xdb8, link, 0, 0, 0, 0, host);
    let [source, members @ ..] = [(0, 0xa), (1, 0xb), (2, 0xc), (2, 0xd)].map(address);

    // The sender.
    let mut session = Session::<8>::new(SessionConfig::new(Origin::without_channel(source.into())))?;
    for member in members {
        session.add(Member { port: Some(5004), ..Member::new(member.into()) })?;
    }
    let mut engine = Engine::default();
    let (sa, policy) = agreed(&mut engine, source, &key)?;
    let mut sender = Sender::new(Outbound::new(OutgoingSad(OutboundSa::new(sa, now)?), policy, NoAudit), points);
    // The router, on the other end of the sender's link.
    let mut router = Router::new(points, RouterPolicy::default());
    let mut copies = Vec::new();
    let mut egress = FnEgress(|_: u16, copy: &PacketCopy<'_>| {
        let mut octets = vec![0; copy.len()];
        copy.emit(&mut octets).map(|_| copies.push(octets))
    });
    let mut link = FnLink(|packet: &[u8]| router.forward(now, Some(0), packet, &Fib, &mut egress).map(|_| ()));
    let datagram = Datagram { source_port: 5004, destination_port: 0, payload: b"hello, all of you" };
    let (crypto, rng, scratch) = (&mut engine, &mut getrandom::SysRng, &mut [0; 1500]);
    let means = Means { crypto, rng, now, mtu: 1500, scratch };
    println!("{:?}", sender.send(&session, &datagram, means, &mut link)?);

    // Each member.
    for member in members {
        let mut engine = Engine::default();
        let (sa, policy) = agreed(&mut engine, source, &key)?;
        let sad = Sad(vec![(sa, InboundState::new(Usage::new(now)))]);
        let windows = SenderWindows::<4, 1>::new(64).ok_or("window size")?;
        let inbound = Inbound::new(sad, windows, policy, AnySender, NoAudit);
        let mut receiver = Receiver::new(inbound, points, ReceiverPolicy::default());
        let mine = |copy: &&Vec<u8>| receiver.look(copy, |own| own == member).is_ok();
        let mut octets = copies.iter().find(mine).cloned().ok_or("no copy")?;
        let len = octets.len();
        let mut packet = PacketBuf::new(&mut octets, 0..len).ok_or("buffer")?;
        let incoming = receiver.receive(&mut engine, now, |own| own == member, &mut packet)?;
        let Incoming::Packet(delivery) = incoming else { return Err("a dummy".into()) };
        assert_eq!((delivery.port(), delivery.payload()), (Some(5004), &b"hello, all of you"[..]));
        println!("{member} hears {:?}", String::from_utf8_lossy(delivery.payload()));
    }
    Ok(())
}
