//! The window of a sender, found among many.

use std::hint::black_box;
use std::net::{IpAddr, Ipv6Addr};

use heapless::index_map::FnvIndexMap;
use xcast_sec::ipsec::{ReplayStore, ReplayWindow, SaId, SecurityProtocol, SenderKey, SenderWindows, Spi};
use xcast_sec::wire::CodePoints;

use super::{Course, Entry, Row};

/// More than a predictor of branches remembers.
pub(crate) const LOOKUPS: usize = 1 << 14;
/// Below it lies everything that is looked up.
const HIGHEST: u64 = 1000;
const NUMBER: u32 = 1001;

fn sender(number: usize) -> SenderKey {
    let spi = Spi::new(0x1000).expect("not reserved");
    let group = CodePoints::rfc4727_experiment().fields().routers_v6;
    let sa = SaId { protocol: SecurityProtocol::Esp, spi, destination: Some(group.into()), source: None };
    let host = (number as u16).wrapping_mul(0x9e37);
    SenderKey { sa, source: IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, number as u16, host)) }
}

/// Senders, asked for in an order that no predictor of branches learns.
struct Asked {
    senders: Vec<SenderKey>,
    /// Numbers of senders: a list of whole keys would take the cache that the tables should have.
    order: Vec<u16>,
}

impl Asked {
    fn new(senders: usize) -> Self {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 8) as usize % senders) as u16
        };
        Self { senders: (0..senders).map(sender).collect(), order: (0..LOOKUPS).map(|_| next()).collect() }
    }

    fn iter(&self) -> impl Iterator<Item = &SenderKey> {
        self.order.iter().map(|&number| black_box(&self.senders[usize::from(number)]))
    }
}

pub(crate) fn ours<const SENDERS: usize>() -> impl Entry {
    let mut windows = SenderWindows::<SENDERS, 1>::new(64).expect("a size");
    for number in 0..SENDERS {
        windows.start_after(sender(number), HIGHEST).expect("there is room");
    }
    let asked = Asked::new(SENDERS);
    move || {
        for sender in asked.iter() {
            let unverified = windows.check(*sender, black_box(NUMBER), false).expect("new");
            black_box(unverified.number());
        }
    }
}

/// A map with as much room, or with twice that, which is faster.
pub(crate) fn map<const SENDERS: usize, const ROOM: usize>() -> impl Entry {
    let mut windows = FnvIndexMap::<SenderKey, ReplayWindow<[u64; 1]>, ROOM>::new();
    for number in 0..SENDERS {
        let window = ReplayWindow::starting_after(64, HIGHEST).expect("a size");
        assert!(windows.insert(sender(number), window).is_ok());
    }
    let asked = Asked::new(SENDERS);
    move || {
        for sender in asked.iter() {
            let window = windows.get_mut(sender).expect("known");
            black_box(window.as_dyn().check(black_box(NUMBER), false).expect("new").number());
        }
    }
}

fn against_map<const SENDERS: usize, const ROOM: usize>(course: &mut dyn Course) {
    let anchor = if ROOM > SENDERS { "FnvIndexMap, half full" } else { "FnvIndexMap, full" };
    let row = Row::new("sender look-up", format!("{SENDERS} senders"), anchor, LOOKUPS).at_most(0.25);
    course.contest(row, &mut ours::<SENDERS>(), &mut map::<SENDERS, ROOM>());
}

pub(crate) fn all(course: &mut dyn Course) {
    against_map::<16, 16>(course);
    against_map::<64, 64>(course);
    against_map::<256, 256>(course);
    against_map::<16, 32>(course);
    against_map::<64, 128>(course);
    against_map::<256, 512>(course);
    let row = Row::new("sender look-up", "256 senders", "16 senders", LOOKUPS).at_most(1.1);
    course.contest(row, &mut ours::<256>(), &mut ours::<16>());
}
