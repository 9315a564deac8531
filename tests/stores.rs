//! What is put into the stores that ship can be looked up, told and taken out again, and nothing else goes with it.

use std::net::IpAddr;
use std::time::Duration;

use xcast_sec::forward::neighbour::{Neighbours, PingConfig, WithCapabilities};
use xcast_sec::forward::{Prefix, Route, RouteLookup, RouteTable, Router, RouterPolicy, Tunnel};
use xcast_sec::group::membership::{Floor, RetryPolicy};
use xcast_sec::group::signature::ClockLimits;
use xcast_sec::group::sip::{Encoding, PartHeaders};
use xcast_sec::group::spi::{DerivedSpis, PerSenderSpis, SpiAllocator, SpiError, SpiRule, SpiUse};
use xcast_sec::ipsec::{
    Action, Directionality, FixedSenders, FixedSpd, PacketBuf, PolicyEntry, PolicyId, ReplayError, ReplayStore, SaId,
    SecurityProtocol, SelectorSet, SenderKey, SenderWindows, Spi,
};
use xcast_sec::stack::{Member, Origin};
use xcast_sec::wire::{CodePoints, DestinationSet, Family};

fn address(last: u8) -> IpAddr {
    [192, 0, 2, last].into()
}

fn spi(value: u32) -> Spi {
    Spi::new(value).unwrap()
}

#[test]
fn routes_and_tunnels() {
    let mut routes = RouteTable::<u8, 4>::default();
    let net = Prefix::new([192, 0, 2, 0].into(), 24).unwrap();
    assert_eq!((net.address(), net.len()), ([192, 0, 2, 0].into(), 24));
    assert_eq!(Prefix::host(address(9)).len(), 32);
    let [wide, narrow] = [7, 8].map(|last| Tunnel::new([198, 51, 100, 1].into(), [198, 51, 100, last].into()).unwrap());
    assert_eq!((wide.family(), wide.header_len()), (Family::V4, 20));
    let six = Tunnel::v6([1; 8].into(), [2; 8].into());
    assert_eq!((six.family(), six.header_len()), (Family::V6, 40));
    routes.insert_tunnel(net, wide).unwrap();
    routes.insert_tunnel(Prefix::host(address(9)), narrow).unwrap();
    assert_eq!([routes.tunnel(address(1)), routes.tunnel(address(9))], [Some(wide), Some(narrow)]);
    let comes_out =
        |routes: &RouteTable<u8, 4>| [7, 8, 9].map(|last| routes.is_tunnel(wide.local(), [198, 51, 100, last].into()));
    assert_eq!(comes_out(&routes), [true, true, false]);
    assert!(!routes.is_tunnel(wide.remote(), wide.local()), "the other way round");
    assert_eq!(routes.remove_tunnel(Prefix::host(address(9))), Some(narrow));
    assert_eq!(routes.remove_tunnel(Prefix::host(address(9))), None);
    assert_eq!(routes.tunnel(address(9)), Some(wide));
    assert_eq!(comes_out(&routes), [true, false, false]);

    // Through what is known of neighbours, tunnels and reverse paths stay what they are.
    let route = Route { next_hop: 3, xcast_capable: true, mtu: 1500 };
    routes.insert_route(net, route).unwrap();
    let config = PingConfig::new(4000, 4001);
    let neighbours = Neighbours::<u8, 2>::new(CodePoints::rfc4727_experiment(), config).unwrap();
    assert_eq!(*neighbours.config(), config);
    let known = WithCapabilities::new(&routes, &neighbours);
    assert_eq!(known.tunnel(address(1)), Some(wide));
    assert_eq!([7, 8].map(|last| known.is_tunnel(wide.local(), [198, 51, 100, last].into())), [true, false]);
    assert_eq!([3, 4].map(|from| known.is_reverse_path(address(1), from)), [true, false]);
    assert!(!known.is_reverse_path([203, 0, 113, 1].into(), 3), "no route");
}

#[test]
fn a_router_tells_what_it_goes_by() {
    let mut policy = RouterPolicy::default();
    policy.x2u = !policy.x2u;
    let router = Router::new(CodePoints::rfc4727_experiment(), policy);
    assert_eq!(*router.policy(), policy);
    assert_eq!(router.code_points().fields(), CodePoints::rfc4727_experiment().fields());
}

fn sender(source: u8) -> SenderKey {
    let sa = SaId { protocol: SecurityProtocol::Esp, spi: spi(0x1000), destination: None, source: None };
    SenderKey { sa, source: address(source) }
}

#[test]
fn a_forgotten_sender_is_new_again_and_no_other_is() {
    let mut windows = SenderWindows::<4, 1>::new(32).unwrap();
    let take = |windows: &mut SenderWindows<4, 1>, source| {
        windows.check(sender(source), 5, false).and_then(|unverified| unverified.commit())
    };
    for source in 1..=4 {
        assert_eq!(take(&mut windows, source), Ok(()));
    }
    assert_eq!(take(&mut windows, 5), Err(ReplayError::TableFull));
    assert!(windows.forget_sender(&sender(2)));
    assert!(!windows.forget_sender(&sender(2)));
    assert_eq!(windows.len(), 3);
    for source in [1, 3, 4] {
        assert_eq!(take(&mut windows, source), Err(ReplayError::Replayed), "{source}");
    }
    assert_eq!(take(&mut windows, 5), Ok(()));
    assert!(windows.forget_sender(&sender(5)));
    assert_eq!(take(&mut windows, 2), Ok(()));
}

#[test]
fn policy_hands_back_what_it_does_not_take() {
    let entry = |action| PolicyEntry { directionality: Directionality::Symmetric, selectors: SelectorSet::ANY, action };
    let mut spd = FixedSpd::<1>::new();
    assert_eq!((spd.len(), spd.is_empty()), (0, true));
    assert_eq!(*spd.insert(1, entry(Action::Bypass)).unwrap_err().entry(), entry(Action::Bypass));
    spd.push(entry(Action::Discard)).unwrap();
    assert_eq!(*spd.push(entry(Action::Bypass)).unwrap_err().entry(), entry(Action::Bypass));
    assert!(spd.iter().eq([&entry(Action::Discard)]));
    assert_eq!((spd.len(), spd.is_empty()), (1, false));
}

#[test]
fn senders_are_listed_by_policy() {
    let mut senders = FixedSenders::<4>::new();
    assert_eq!((senders.len(), senders.is_empty()), (0, true));
    let [one, other] = [1, 2].map(PolicyId::new);
    let listed = [(one, address(1)), (one, address(2)), (other, address(1))];
    for (policy, source) in listed {
        senders.allow(policy, source).unwrap();
    }
    assert_eq!((senders.len(), senders.is_empty()), (3, false));
    assert!(senders.iter().eq(listed));
    assert_eq!([senders.disallow(one, address(1)), senders.disallow(one, address(1))], [true, false]);
    assert_eq!(senders.len(), 2);
}

/// Gives 300 and what follows.
#[derive(Debug)]
struct InOrder(u32);

impl SpiRule for InOrder {
    fn candidate(&mut self, _: IpAddr, number: u32) -> Result<Spi, SpiError> {
        Ok(spi(self.0 + number))
    }
}

/// Gives 7, always.
struct Rng;

impl rand_core::TryRng for Rng {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(7)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(7)
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Self::Error> {
        octets.fill(7);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Rng {}

#[test]
fn spis() {
    let mut derived = DerivedSpis::<InOrder, 3>::new(InOrder(300));
    let taken = SpiUse { source: address(1), spi: spi(300) };
    derived.report(taken).unwrap();
    assert_eq!(derived.allocate(address(2), &mut Rng), Ok(spi(301)));
    derived.rule_mut().0 = 400;
    assert_eq!(derived.allocate(address(2), &mut Rng), Ok(spi(400)));
    let mut all: Vec<u32> = derived.iter().map(|used| used.spi.value()).collect();
    all.sort_unstable();
    assert_eq!(all, [300, 301, 400]);
    assert_eq!(derived.allocate(address(2), &mut Rng), Err(SpiError::Full));

    // Where each sender has its own, another's do not matter.
    let mut own = PerSenderSpis::<4>::new();
    let first = own.allocate(address(1), &mut Rng).unwrap();
    assert_eq!(own.allocate(address(2), &mut Rng), Ok(first));
    let reported = SpiUse { source: address(3), spi: first };
    own.report(reported).unwrap();
    assert!(own.is_in_use(reported));
    assert_ne!(own.allocate(address(3), &mut Rng), Ok(first));
    assert!(own.withdraw(reported));
    assert!(!own.withdraw(reported), "once");
    assert!(!own.is_in_use(reported));
    assert!(own.is_in_use(SpiUse { source: address(1), spi: first }), "given out, not reported");
}

#[test]
fn packets_in_their_buffers() {
    let mut storage = [0, 1, 2, 3, 4, 5, 6, 7, 8];
    let mut packet = PacketBuf::new(&mut storage, 2..5).unwrap();
    assert_eq!((packet.len(), packet.headroom(), packet.tailroom(), packet.is_empty()), (3, 2, 4, false));
    packet.as_mut_octets()[2] = 9;
    assert_eq!((packet.range(), packet.as_octets()), (2..5, &[2, 3, 9][..]));
    assert!(PacketBuf::new(&mut storage, 9..9).unwrap().is_empty());
    assert!(PacketBuf::new(&mut storage, 2..10).is_none());
}

#[test]
fn what_sessions_are_made_of() {
    assert_eq!(Member::from(address(5)), Member::new(address(5)));
    assert_eq!(Origin::without_channel(address(1)).channel(), [0; 4]);
    assert_eq!(Origin::without_channel([1; 16].into()).channel(), [0; 16]);
    let set: DestinationSet = [3, 0, 126, 3].into_iter().collect();
    assert_eq!((format!("{set:?}"), set.len()), ("{0, 3, 126}".to_owned(), 3));
}

/// As the documentation of each has it.
#[test]
fn defaults() {
    assert_eq!(Floor::default(), Floor::DEFAULT);
    assert_eq!(
        (Floor::default().cipher_bits, Floor::default().icv_bits, Floor::default().forbidden),
        (128, 128, false)
    );
    assert_eq!(RetryPolicy::default(), RetryPolicy::DEFAULT);
    let ClockLimits { max_age, max_ahead, .. } = ClockLimits::default();
    assert_eq!((max_age, max_ahead), (Duration::from_secs(300), Duration::from_secs(60)));
    for (encoding, required, words) in [(Encoding::Binary, true, "binary"), (Encoding::Base64, false, "base64")] {
        let headers = PartHeaders::new(encoding, required);
        assert_eq!((headers.encoding(), headers.required()), (encoding, required));
        let text = headers.to_string();
        assert!(text.contains(&format!("Content-Transfer-Encoding: {words}\r\n")), "{text}");
        assert_eq!(text.contains("handling=required"), required, "{text}");
    }
}
