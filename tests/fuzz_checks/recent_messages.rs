//! Any stream of signed messages of several signers, under any clock, beside a model that forgets nothing: what is accepted and
//! why the rest is refused, who is remembered, and that nothing is ever accepted twice. Shared by the fuzz target and the test
//! that replays its corpus. Its user includes `accept_message.rs` and `input.rs` beside it.

use std::collections::BTreeSet;
use std::time::Duration;

use xcast_sec::crypto::SignerId;
use xcast_sec::group::signature::{AcceptError, ClockLimits, MessageKind, RecentMessages, SignedRepr, Timestamp};

use super::accept_message::{Gullible, Parrot};
use super::input::Input;

type Mark = (Timestamp, u64);

/// All that was ever accepted of a signer since it is remembered, and what was too old already then.
struct Known {
    signer: SignerId,
    floor: Option<Mark>,
    accepted: BTreeSet<Mark>,
}

struct Model {
    limits: ClockLimits,
    signers: usize,
    recent: usize,
    floor: Option<Timestamp>,
    known: Vec<Known>,
    /// By anybody, ever.
    ever: BTreeSet<(usize, Mark)>,
}

impl Known {
    fn check(&self, mark: Mark, recent: usize) -> Result<(), AcceptError> {
        let latest: BTreeSet<Mark> = self.accepted.iter().rev().take(recent).copied().collect();
        let forgotten = self.accepted.iter().rev().nth(recent).copied().max(self.floor);
        if latest.contains(&mark) {
            Err(AcceptError::Replayed)
        } else if forgotten.is_some_and(|forgotten| mark <= forgotten) {
            Err(AcceptError::MayBeReplayed)
        } else {
            Ok(())
        }
    }

    fn last(&self) -> Timestamp {
        self.accepted.last().copied().max(self.floor).expect("it is remembered for what it sent").0
    }
}

impl Model {
    /// What becomes of a message. `left` says whether somebody is not remembered any more, where several might be forgotten.
    fn accept(
        &mut self,
        signer: (usize, SignerId),
        mark: Mark,
        now: Timestamp,
        left: impl Fn(SignerId) -> bool,
    ) -> Result<(), AcceptError> {
        let (age, ahead) = (now.since(mark.0), mark.0.since(now));
        if age > self.limits.max_age {
            return Err(AcceptError::TooOld { age });
        }
        if ahead > self.limits.max_ahead {
            return Err(AcceptError::TooFarAhead { ahead });
        }
        if let Some(known) = self.known.iter_mut().find(|known| known.signer == signer.1) {
            known.check(mark, self.recent)?;
            known.accepted.insert(mark);
        } else {
            if self.floor.is_some_and(|floor| mark.0 <= floor) {
                return Err(AcceptError::MayBeReplayed);
            }
            if self.known.len() == self.signers {
                let oldest = self.known.iter().map(Known::last).min().ok_or(AcceptError::TooManySigners)?;
                if now.since(oldest) <= self.limits.max_age {
                    return Err(AcceptError::TooManySigners);
                }
                let gone = self.known.iter().position(|known| known.last() == oldest && left(known.signer));
                self.known.swap_remove(gone.expect("one of the oldest is forgotten"));
                self.floor = self.floor.max(Some(oldest));
            }
            let floor = self.floor.map(|floor| (floor, u64::MAX));
            self.known.push(Known { signer: signer.1, floor, accepted: BTreeSet::from([mark]) });
        }
        assert!(self.ever.insert((signer.0, mark)), "accepted twice");
        Ok(())
    }
}

/// Checks a stream. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    match input.octet() & 3 {
        0 => stream::<1, 0>(&mut input),
        1 => stream::<2, 1>(&mut input),
        2 => stream::<2, 2>(&mut input),
        _ => stream::<3, 4>(&mut input),
    }
}

fn stream<const SIGNERS: usize, const RECENT: usize>(input: &mut Input<'_>) {
    let limits = ClockLimits { max_age: Duration::from_secs(20), max_ahead: Duration::from_secs(10) };
    let mut now = Timestamp::from_unix_secs(1000);
    let restarted = input.octet() & 1 != 0;
    let mut recent = if restarted {
        RecentMessages::<SIGNERS, RECENT>::restarted(limits, now)
    } else {
        RecentMessages::<SIGNERS, RECENT>::new(limits)
    };
    let floor = restarted.then(|| now.after(limits.max_ahead));
    let mut model = Model { limits, signers: SIGNERS, recent: RECENT, floor, known: Vec::new(), ever: BTreeSet::new() };
    while !input.is_empty() {
        let choice = input.octet();
        if choice >= 0xe0 {
            // The clock goes, or is set back.
            let secs = now.as_unix_micros() / 1_000_000 + u64::from(choice & 0x1f);
            now = Timestamp::from_unix_secs(secs.saturating_sub(8));
            continue;
        }
        let number = usize::from(choice & 3);
        let signer = SignerId::new([number as u8; 16]);
        let secs = now.as_unix_micros() / 1_000_000 + u64::from(input.octet() & 0x3f);
        let mark = (Timestamp::from_unix_secs(secs.saturating_sub(32)), u64::from(choice >> 2 & 3));
        let repr =
            SignedRepr { kind: MessageKind::Join, group: b"group", timestamp: mark.0, nonce: mark.1, message: b"m" };
        let mut octets = [0; 256];
        let len = repr.emit(&mut Parrot(signer, &[7; 8]), &mut octets).expect("there is room");
        let result = recent.accept(&mut Gullible, b"group", now, &octets[..len]).map(|_| ());
        let remembered: BTreeSet<SignerId> = recent.signers().collect();
        let expected = model.accept((number, signer), mark, now, |signer| !remembered.contains(&signer));
        assert_eq!(result, expected, "{mark:?} at {now:?}");
        assert_eq!(remembered, model.known.iter().map(|known| known.signer).collect());
    }
}
