//! Any stream of sequence numbers through a replay window, and through a table of senders, beside a model that forgets nothing:
//! what is checked, what is committed, which upper half is inferred, who has a place. Shared by the fuzz target and the test that
//! replays its corpus. Its user includes `input.rs` and `models/window.rs`
//! beside it.

use std::cell::RefCell;
use std::net::IpAddr;

use xcast_sec::ipsec::{
    ReplayError, ReplayStore, ReplayWindow, SaId, SecurityProtocol, SenderKey, SenderWindows, Spi, Unverified,
};

use super::input::Input;
use super::window_model::{Model, SUBSPACE};

/// How many senders there is room for.
const ROOM: usize = 3;
/// Words of each sender's window.
const WORDS: usize = 2;

/// Where a window starts: few bits where few are wanted, and any where it says so.
fn start(input: &mut Input<'_>) -> u64 {
    match input.octet() & 7 {
        0..=2 => 0,
        3 => input.number(1),
        4 => (SUBSPACE - 128).wrapping_add(input.number(1)),
        5 => u64::MAX - input.number(1),
        6 => (input.number(4) << 32).wrapping_add(input.number(1)).wrapping_sub(128),
        _ => input.number(8),
    }
}

/// The number that a sender uses next, if there is such a number: near something that the window has an edge at.
fn next(input: &mut Input<'_>, kind: u8, model: &Model, words: usize) -> Option<u64> {
    let delta = i128::from(input.octet() as i8);
    let (highest, size) = (i128::from(model.highest()), i128::from(model.size));
    let number = match kind & 15 {
        0 | 1 => highest + 1,
        2 | 3 => highest + delta,
        4 => highest + delta * 64,
        5 => model.bottom() + delta,
        6 => highest + size + delta,
        7 => highest + words as i128 * 64 + delta,
        8 => model.bottom() + i128::from(SUBSPACE) + delta,
        9 => highest + i128::from(SUBSPACE) * i128::from(input.octet()) + delta,
        10 => ((highest >> 32) << 32) + i128::from(SUBSPACE) + delta,
        11 => highest + delta * i128::from(input.number(2)),
        12 => i128::from(*model.accepted.iter().nth_back(delta.unsigned_abs() as usize % model.accepted.len().max(1))?),
        // What the receiver takes it for is what was sent.
        _ => return model.expected(input.number(4) as u32),
    };
    u64::try_from(number).ok().filter(|&number| model.esn || number < SUBSPACE)
}

/// The low half of `number` arrives: it is taken for what the model says, and accepted unless it is `forged`. As a receiver does who
/// lost more than the window can follow (RFC 4303 §A3.2), greater upper halves are tried. Whether a window must have moved.
fn arrives(
    model: &mut Model,
    number: u64,
    forged: bool,
    full: bool,
    check: &dyn Fn(u32, bool) -> Result<(), ReplayError>,
    proceed: &dyn Fn(u32, bool, u64) -> Option<Result<(), ReplayError>>,
) -> bool {
    let received = number as u32;
    let expected = model.expected(received);
    if model.is_inferred(number) {
        assert_eq!(expected, model.is_new(number).then_some(number), "the model contradicts itself");
    }
    assert_eq!(check(received, model.esn), expected.map(|_| ()).ok_or(ReplayError::Replayed), "{number:#x}");
    let Some(expected) = expected else { return false };
    if forged || number < expected {
        return false;
    }
    // As far as the receiver goes in search of the upper half; further ones do not verify.
    if (number - expected) / SUBSPACE > 300 {
        return false;
    }
    match proceed(received, model.esn, number) {
        Some(Ok(())) => {
            assert!(!full, "a place that there is not");
            model.accept(number);
            true
        }
        Some(Err(error)) => {
            assert_eq!((error, full), (ReplayError::TableFull, true), "{number:#x}");
            false
        }
        None => panic!("no subspace after that of {expected:#x}, but {number:#x} is there"),
    }
}

/// Goes on to `number` and commits it; `None` if there is no such number.
fn follow(checked: Result<Unverified<'_>, ReplayError>, number: u64) -> Option<Result<(), ReplayError>> {
    let mut unverified = checked.expect("it was checked a moment ago");
    while unverified.number() < number {
        unverified = unverified.in_next_subspace()?;
    }
    assert_eq!(unverified.number(), number);
    Some(unverified.commit())
}

/// Checks a stream; the first octets choose what it goes through. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.octet();
    if choice & 1 == 0 {
        table(&mut input, choice);
        return;
    }
    match choice >> 2 & 7 {
        0 => window::<1>(&mut input, choice),
        1 => window::<2>(&mut input, choice),
        2 => window::<3>(&mut input, choice),
        3 => window::<5>(&mut input, choice),
        4 => window::<16>(&mut input, choice),
        5 => window::<64>(&mut input, choice),
        6 => window::<65>(&mut input, choice),
        _ => window::<1024>(&mut input, choice),
    }
}

/// Number `received` as the window takes it, without taking it.
fn peek(window: &mut ReplayWindow, received: u32, esn: bool) -> Option<u64> {
    window.check(received, esn).ok().map(|unverified| unverified.number())
}

fn window<const WORDS: usize>(input: &mut Input<'_>, choice: u8) {
    let most = ReplayWindow::<[u64; WORDS]>::MAX_SIZE;
    let size = match choice >> 5 & 3 {
        0 => most,
        1 => most.saturating_sub(1),
        2 => 32,
        _ => input.number(2) as u32 % (most + 2),
    };
    let start = start(input);
    let storage = ReplayWindow::<[u64; WORDS]>::starting_after(size, start);
    assert_eq!(storage.is_some(), (32..=most).contains(&size));
    if let Some(mut storage) = storage {
        slide(input, storage.as_dyn(), WORDS, Model::new(size, choice & 2 != 0, start));
    }
}

fn slide(input: &mut Input<'_>, window: &mut ReplayWindow, words: usize, mut model: Model) {
    while !input.is_empty() {
        let kind = input.octet();
        let Some(number) = next(input, kind, &model, words) else { continue };
        let before = window.highest();
        let cell = RefCell::new(&mut *window);
        let moved = arrives(
            &mut model,
            number,
            kind & 0x80 != 0,
            false,
            &|received, esn| cell.borrow_mut().check(received, esn).map(|_| ()),
            &|received, esn, number| follow(cell.borrow_mut().check(received, esn), number),
        );
        assert_eq!(window.highest(), if moved { before.max(number) } else { before });
        assert_eq!(window.highest(), model.highest());
        if kind & 0x40 != 0 {
            for received in model.telling() {
                assert_eq!(peek(window, received, model.esn), model.expected(received), "then {received:#x}");
            }
        }
    }
    let last = if model.size <= 256 { model.all() } else { model.telling() };
    for received in last {
        assert_eq!(peek(window, received, model.esn), model.expected(received), "at the end {received:#x}");
    }
}

/// Associations and sources that differ as little as can be, some with one hash.
fn senders() -> [SenderKey; 7] {
    use SecurityProtocol::{Ah, Esp};
    let [one, two]: [IpAddr; 2] = [[192, 0, 2, 1].into(), [192, 0, 2, 2].into()];
    let mapped = IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201]);
    let sa = |protocol, spi, destination, source| {
        let spi = Spi::new(spi).expect("not reserved");
        SaId { protocol, spi, destination, source }
    };
    let group = Some([232, 1, 2, 3].into());
    [
        (sa(Esp, 0x1000, None, None), one),
        (sa(Esp, 0x1000, None, None), two),
        (sa(Esp, 0x1000, None, None), mapped),
        (sa(Ah, 0x1000, None, None), one),
        (sa(Esp, 0x1001, None, None), one),
        (sa(Esp, 0x1000, group, None), one),
        (sa(Esp, 0x1000, None, Some(one)), one),
    ]
    .map(|(sa, source)| SenderKey { sa, source })
}

fn table(input: &mut Input<'_>, choice: u8) {
    let size = match choice >> 2 & 3 {
        0 => 32,
        1 => 64,
        2 => 128,
        _ => u32::from(input.octet()),
    };
    let Some(mut table) = SenderWindows::<ROOM, WORDS>::new(size) else {
        assert!(!(32..=128).contains(&size));
        return;
    };
    let senders = senders();
    let mut models: Vec<(SenderKey, Model)> = Vec::new();
    // A sender of AH has numbers of 32 bits.
    let fresh = |sender: SenderKey, start| Model::new(size, sender.sa.protocol == SecurityProtocol::Esp, start);
    while !input.is_empty() {
        let kind = input.octet();
        let sender = senders[usize::from(kind >> 4 & 7) % senders.len()];
        let place = models.iter().position(|(key, _)| *key == sender);
        let full = place.is_none() && models.len() == ROOM;
        match input.octet() {
            event @ 0..=15 => {
                let start = match event & 3 {
                    0 => start(input),
                    _ => place
                        .map_or(0, |place| models[place].1.highest())
                        .saturating_add_signed(input.number(1) as i64 - 128),
                };
                let result = table.start_after(sender, start);
                assert_eq!(result, if full { Err(ReplayError::TableFull) } else { Ok(()) });
                match place {
                    Some(place) if models[place].1.highest() < start => models[place].1 = fresh(sender, start),
                    None if !full => models.push((sender, fresh(sender, start))),
                    _ => {}
                }
            }
            16..=23 => {
                table.forget(&sender.sa);
                models.retain(|(key, _)| key.sa != sender.sa);
            }
            24..=35 => {
                assert_eq!(table.forget_sender(&sender), place.is_some());
                models.retain(|(key, _)| *key != sender);
            }
            event => {
                let mut new = fresh(sender, 0);
                let model = place.map_or(&mut new, |place| &mut models[place].1);
                let Some(number) = next(input, kind, model, WORDS) else { continue };
                let cell = RefCell::new(&mut table);
                let moved = arrives(
                    model,
                    number,
                    event >= 0xc0,
                    full,
                    &|received, esn| cell.borrow_mut().check(sender, received, esn).map(|_| ()),
                    &|received, esn, number| follow(cell.borrow_mut().check(sender, received, esn), number),
                );
                if moved && place.is_none() {
                    models.push((sender, new));
                }
            }
        }
        same(&mut table, &models, &senders, fresh);
    }
}

/// Each sender that has a place has it with its own window, and nobody else has one.
fn same(
    table: &mut SenderWindows<ROOM, WORDS>,
    models: &[(SenderKey, Model)],
    senders: &[SenderKey],
    fresh: impl Fn(SenderKey, u64) -> Model,
) {
    assert_eq!((table.len(), table.is_empty()), (models.len(), models.is_empty()));
    for (sender, highest) in table.iter() {
        let found = models.iter().find(|(key, _)| key == sender).map(|(_, model)| model.highest());
        assert_eq!(found, Some(highest), "{sender:?}");
    }
    for &sender in senders {
        let new;
        let model = match models.iter().find(|(key, _)| *key == sender) {
            Some((_, model)) => model,
            None => {
                new = fresh(sender, 0);
                &new
            }
        };
        let (highest, bottom) = (model.highest() as u32, model.bottom() as u32);
        for received in [highest, highest.wrapping_add(1), bottom, bottom.wrapping_sub(1)] {
            let number = table.check(sender, received, model.esn).ok().map(|unverified| unverified.number());
            assert_eq!(number, model.expected(received), "{sender:?}: {received:#x}");
        }
    }
}
