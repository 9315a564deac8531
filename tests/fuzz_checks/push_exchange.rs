//! Both ends of `group::ike`, over a network that loses, repeats, reorders, turns round and damages what they send: an offer is
//! what was pushed, and comes once; what is confirmed was accepted, by both; nothing that was damaged is taken. Shared by the
//! fuzz target and the test that replays its corpus. Its user includes `input.rs` and `phase1.rs` beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use xcast_sec::crypto::RustCrypto;
use xcast_sec::group::ike::{
    Acceptor, Answer, Description, Due, HEADER_LEN, Phase1, Protocol, Pushed, Pusher, Reason, Received, Retry, Role,
    SendError, emit_delete,
};
use xcast_sec::ipsec::Spi;
use xcast_sec::time::Instant;

use super::input::Input;
use super::phase1::{Fixed, phase1};

/// No input goes on for longer: each step takes several hashes.
const STEPS: usize = 64;
const WIRE: usize = 24;

struct End {
    phase1: Phase1<RustCrypto>,
    pusher: Pusher<256>,
    acceptor: Acceptor,
}

impl End {
    fn new(role: Role) -> Self {
        let retry = Retry { first: Duration::from_secs(1), transmissions: 3 };
        Self { phase1: phase1(role), pusher: Pusher::new(retry), acceptor: Acceptor::new(retry) }
    }
}

/// What is known of a push, from outside of both ends.
#[derive(Default)]
struct Push {
    described: Vec<u8>,
    offered: bool,
    answer: Option<Answer>,
    /// By the pusher.
    accepted: bool,
    confirmed: bool,
    /// By the acceptor.
    given_up: bool,
}

struct World {
    ends: [End; 2],
    now: Instant,
    /// Who sent what; the oldest is forgotten when there is no more room.
    wire: Vec<(usize, Vec<u8>)>,
    /// By who pushed and message ID.
    pushes: BTreeMap<(usize, u32), Push>,
    /// The SPIs of each deletion that was sent and not been taken.
    deleted: Vec<(usize, Protocol, Vec<Spi>)>,
}

/// Checks what the octets make happen. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let mut world = World {
        ends: [End::new(Role::Initiator), End::new(Role::Responder)],
        now: Instant::START,
        wire: Vec::new(),
        pushes: BTreeMap::new(),
        deleted: Vec::new(),
    };
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        let choice = input.octet();
        let end = usize::from(choice & 1);
        match choice >> 1 & 15 {
            0 => world.push(end, &mut input),
            1 => world.answer(end, &mut input),
            2 => world.delete(end, &mut input),
            3 => world.ends[end].pusher.abandon(),
            4 => world.now = world.now.after(Duration::from_millis(u64::from(input.octet()) * 16)),
            5..=7 => world.damage(&mut input),
            8 => world.turn_round(&mut input),
            _ => world.deliver(&mut input),
        }
        world.poll();
    }
}

impl World {
    fn send(&mut self, from: usize, octets: Vec<u8>) {
        if self.wire.len() == WIRE {
            self.wire.remove(0);
        }
        self.wire.push((from, octets));
    }

    fn push(&mut self, from: usize, input: &mut Input<'_>) {
        let len = input.below(40);
        let mut described = vec![17, 0, 0, 4 + len as u8];
        described.extend((0..len).map(|_| input.octet()));
        described.extend([0, 0, 0, 5, input.octet()]);
        let description = Description::parse(&described).expect("two payloads");
        let End { phase1, pusher, .. } = &mut self.ends[from];
        match pusher.push(self.now, phase1, &mut RustCrypto, &mut Fixed, &description) {
            Ok(id) => {
                let before = self.pushes.keys().filter(|(by, _)| *by == from).map(|(_, id)| *id).max();
                assert!(before.is_none_or(|before| before < id), "message IDs go up");
                self.pushes.insert((from, id), Push { described, ..Push::default() });
            }
            Err(error) => assert_eq!(error, SendError::State),
        }
    }

    fn answer(&mut self, end: usize, input: &mut Input<'_>) {
        let choice = input.octet();
        // One that was offered, mostly the last, whether it still waits or not.
        let offered = self.pushes.iter_mut().filter(|((by, _), push)| *by != end && push.offered);
        let Some(((_, id), push)) = offered.rev().nth(usize::from(choice >> 6)) else { return };
        let reason = Reason::new(u16::from(choice >> 1 & 31) + 1).expect("an error");
        let answer = if choice & 1 == 0 { Answer::Accept } else { Answer::Reject(reason) };
        let End { phase1, acceptor, .. } = &mut self.ends[end];
        match acceptor.answer(self.now, phase1, &mut RustCrypto, &mut Fixed, *id, answer) {
            Ok(()) => {
                assert!(push.answer.is_none(), "answered twice");
                push.answer = Some(answer);
            }
            Err(error) => assert_eq!(error, SendError::State),
        }
    }

    fn delete(&mut self, from: usize, input: &mut Input<'_>) {
        let count = input.below(4);
        let spis: Vec<Spi> = (0..count).filter_map(|_| Spi::new(input.number(2) as u32)).collect();
        let protocol = if input.octet() & 1 == 0 { Protocol::Esp } else { Protocol::Ah };
        let mut buffer = [0; 256];
        match emit_delete(&mut self.ends[from].phase1, &mut RustCrypto, protocol, &spis, &mut buffer) {
            Ok(len) => {
                self.deleted.push((from, protocol, spis));
                self.send(from, buffer[..len].to_vec());
            }
            Err(error) => assert!(error == SendError::Spis && spis.is_empty()),
        }
    }

    /// What is due at both ends.
    fn poll(&mut self) {
        for at in 0..2 {
            loop {
                let End { pusher, acceptor, .. } = &mut self.ends[at];
                let (by, due) = match pusher.poll(self.now) {
                    Some(due) => (at, due),
                    None => match acceptor.poll(self.now) {
                        Some(due) => (1 - at, due),
                        None => break,
                    },
                };
                match due {
                    Due::Transmit(octets) => {
                        let octets = octets.to_vec();
                        self.send(at, octets);
                    }
                    Due::GaveUp(id) => {
                        let push = self.pushes.get_mut(&(by, id)).expect("it was pushed");
                        if by == at {
                            assert!(!push.accepted, "given up though accepted");
                        } else {
                            assert!(!push.confirmed && push.answer == Some(Answer::Accept));
                            push.given_up = true;
                        }
                    }
                    other => panic!("{other:?}"),
                }
            }
            let wakes = [self.ends[at].pusher.wake_at(), self.ends[at].acceptor.wake_at()];
            assert!(wakes.iter().flatten().all(|wake| *wake > self.now), "it was polled until it had nothing");
        }
    }

    fn deliver(&mut self, input: &mut Input<'_>) {
        if let Some((from, octets)) = self.pick(input) {
            self.receive(1 - from, from, octets);
        }
    }

    fn pick(&self, input: &mut Input<'_>) -> Option<(usize, Vec<u8>)> {
        let back = usize::from(input.octet()) % self.wire.len().max(1);
        self.wire.iter().rev().nth(back).cloned()
    }

    fn receive(&mut self, at: usize, from: usize, octets: Vec<u8>) {
        let End { phase1, pusher, acceptor } = &mut self.ends[at];
        let taken = match acceptor.receive(phase1, &mut RustCrypto, &mut octets.clone()) {
            Ok(Received::Offer(offer)) => {
                let push = self.pushes.get_mut(&(from, offer.message_id)).expect("it was pushed");
                assert_eq!(offer.description.as_octets(), push.described);
                assert!(!core::mem::replace(&mut push.offered, true), "offered twice");
                true
            }
            Ok(Received::Confirmed(id)) => {
                let push = self.pushes.get_mut(&(from, id)).expect("it was pushed");
                assert!(push.accepted && push.answer == Some(Answer::Accept) && !push.given_up);
                assert!(!core::mem::replace(&mut push.confirmed, true), "confirmed twice");
                true
            }
            Ok(Received::Deleted(spis)) => {
                let said = (from, spis.protocol(), spis.iter().collect::<Vec<_>>());
                let place = self.deleted.iter().position(|sent| *sent == said).expect("it was sent, and not taken yet");
                self.deleted.swap_remove(place);
                true
            }
            Ok(Received::Duplicate) => true,
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                false
            }
        };
        let before = pusher.message_id();
        let id = before.unwrap_or(0);
        match pusher.receive(phase1, &mut RustCrypto, &mut octets.clone()) {
            Ok(pushed) => {
                assert!(!taken, "a message for both");
                let push = self.pushes.get_mut(&(at, id)).expect("it was pushed");
                match pushed {
                    Pushed::Accepted => {
                        assert_eq!(push.answer, Some(Answer::Accept));
                        assert!(!core::mem::replace(&mut push.accepted, true), "accepted twice");
                    }
                    Pushed::Rejected(reason) => assert_eq!(push.answer, Some(Answer::Reject(reason))),
                    Pushed::Duplicate => assert!(push.accepted),
                    other => panic!("{other:?}"),
                }
            }
            Err(_) => assert_eq!(pusher.message_id(), before),
        }
    }

    /// An octet changes, or the end is missing: nobody takes it. What the HASH does not cover of the header may change.
    fn damage(&mut self, input: &mut Input<'_>) {
        let Some((from, mut octets)) = self.pick(input) else { return };
        let [at, by] = [input.octet(), input.octet()];
        let at = HEADER_LEN + usize::from(at) % (octets.len() - HEADER_LEN);
        if by == 0 {
            octets.truncate(at);
        } else {
            octets[at] ^= by;
        }
        let End { phase1, pusher, acceptor } = &mut self.ends[1 - from];
        assert!(acceptor.receive(phase1, &mut RustCrypto, &mut octets.clone()).is_err(), "damaged, and taken");
        assert!(pusher.receive(phase1, &mut RustCrypto, &mut octets).is_err(), "damaged, and taken");
    }

    /// Back to who sent it, who has the same keys.
    fn turn_round(&mut self, input: &mut Input<'_>) {
        let Some((from, octets)) = self.pick(input) else { return };
        let End { phase1, pusher, acceptor } = &mut self.ends[from];
        assert!(acceptor.receive(phase1, &mut RustCrypto, &mut octets.clone()).is_err(), "its own message");
        assert!(pusher.receive(phase1, &mut RustCrypto, &mut octets.clone()).is_err(), "its own message");
    }
}
