//! Which messages are accepted: signature, clock, replay, in this order, and nothing remembered of what is refused.

use std::collections::HashSet;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use xcast_sec::crypto::VerifyError;
use xcast_sec::group::signature::{AcceptError, ClockLimits, RecentMessages, SignedParseError, Timestamp};

use crate::kit::{GROUP, Knowing, NOON, join, who};

const LIMITS: ClockLimits = ClockLimits { max_age: Duration::from_secs(100), max_ahead: Duration::from_secs(10) };

/// Seconds from noon.
fn at(secs: i64) -> Timestamp {
    Timestamp::from_unix_micros(NOON.as_unix_micros().checked_add_signed(secs * 1_000_000).unwrap())
}

fn accept<const S: usize, const R: usize>(
    recent: &mut RecentMessages<S, R>,
    now: Timestamp,
    message: &[u8],
) -> Result<(), AcceptError> {
    recent.accept(&mut Knowing::default(), GROUP, now, message).map(|_| ())
}

#[test]
fn the_clock_is_bounded_on_both_sides() {
    let second = Duration::from_secs(1);
    let micro = Duration::from_micros(1);
    let signed = join(who(1), NOON, 1);
    let result = |now: Timestamp| accept(&mut RecentMessages::<4, 4>::new(LIMITS), now, &signed);
    let before = |now: Timestamp, by: Duration| {
        Timestamp::from_unix_micros(now.as_unix_micros() - u64::try_from(by.as_micros()).unwrap())
    };
    assert_eq!(result(NOON), Ok(()));
    assert_eq!(result(NOON.after(100 * second)), Ok(()));
    assert_eq!(result(NOON.after(100 * second + micro)), Err(AcceptError::TooOld { age: 100 * second + micro }));
    assert_eq!(result(before(NOON, 10 * second)), Ok(()));
    let ahead = 10 * second + micro;
    assert_eq!(result(before(NOON, ahead)), Err(AcceptError::TooFarAhead { ahead }));
    // The ends of time.
    let last = Timestamp::from_unix_micros(u64::MAX);
    let mut recent = RecentMessages::<4, 4>::new(LIMITS);
    assert!(matches!(accept(&mut recent, last, &signed), Err(AcceptError::TooOld { .. })));
    assert!(matches!(accept(&mut recent, NOON, &join(who(1), last, 1)), Err(AcceptError::TooFarAhead { .. })));
    assert_eq!(accept(&mut recent, last, &join(who(1), last, u64::MAX)), Ok(()));
}

/// Of several things wrong, the one looked at first is named.
#[test]
fn signature_first_then_clock_then_replay() {
    let mut recent = RecentMessages::<4, 4>::new(LIMITS);
    let mut verifier = Knowing { stranger: Some(who(9)), asked: 0 };
    let signed = join(who(1), NOON, 1);
    assert!(recent.accept(&mut verifier, GROUP, NOON, &signed).is_ok());

    let (late, mut forged) = (at(1000), signed.clone());
    *forged.last_mut().unwrap() ^= 1;
    let mut error = |now, group, octets: &[u8]| recent.accept(&mut verifier, group, now, octets).err();
    assert_eq!(error(late, GROUP, &forged[1..]), Some(AcceptError::Parse(SignedParseError::NoMagic)));
    assert_eq!(error(late, GROUP, &forged), Some(AcceptError::Signature(VerifyError::Invalid)));
    assert_eq!(error(NOON, GROUP, &forged), Some(AcceptError::Signature(VerifyError::Invalid)));
    assert_eq!(error(NOON, b"conference 8", &signed), Some(AcceptError::Signature(VerifyError::Invalid)));
    assert_eq!(error(NOON, &[0; 256], &signed), Some(AcceptError::Signature(VerifyError::Invalid)));
    let unknown = AcceptError::Signature(VerifyError::UnknownSigner);
    assert_eq!(error(late, GROUP, &join(who(9), NOON, 1)), Some(unknown));
    assert_eq!(error(late, GROUP, &signed), Some(AcceptError::TooOld { age: Duration::from_secs(1000) }));
    assert_eq!(error(at(5), GROUP, &signed), Some(AcceptError::Replayed));
    // Octets that are no message, and a name that is too long, cost no verification; all others do.
    assert_eq!(verifier.asked, 7);
}

/// Nothing that is refused takes a place or uses up a number.
#[test]
fn what_is_refused_leaves_no_trace() {
    let mut recent = RecentMessages::<1, 2>::new(LIMITS);
    for number in 0..50 {
        let mut forged = join(who(number), NOON, 1);
        *forged.last_mut().unwrap() ^= 1;
        assert_eq!(accept(&mut recent, NOON, &forged), Err(AcceptError::Signature(VerifyError::Invalid)));
        let late = accept(&mut recent, at(200), &join(who(number), NOON, 1));
        assert!(matches!(late, Err(AcceptError::TooOld { .. })));
    }
    assert_eq!(recent.signers().count(), 0);
    assert_eq!(accept(&mut recent, NOON, &join(who(1), NOON, 1)), Ok(()));
}

/// One who sends too much loses its own latecomers, and nobody else's.
#[test]
fn a_noisy_signer_harms_itself() {
    let mut recent = RecentMessages::<2, 3>::new(LIMITS);
    assert_eq!(accept(&mut recent, NOON, &join(who(2), at(-50), 1)), Ok(()));
    for nonce in [10, 20, 30, 40] {
        assert_eq!(accept(&mut recent, NOON, &join(who(1), NOON, nonce)), Ok(()));
    }
    // 20, 30, 40 are known; 10 is forgotten, and nothing up to it is taken.
    for (nonce, expected) in [
        (10, Err(AcceptError::MayBeReplayed)),
        (9, Err(AcceptError::MayBeReplayed)),
        (20, Err(AcceptError::Replayed)),
        (40, Err(AcceptError::Replayed)),
        (11, Ok(())),
        (11, Err(AcceptError::MayBeReplayed)),
        (25, Ok(())),
        (20, Err(AcceptError::MayBeReplayed)),
        (22, Ok(())),
        (22, Err(AcceptError::MayBeReplayed)),
        (25, Err(AcceptError::Replayed)),
    ] {
        assert_eq!(accept(&mut recent, NOON, &join(who(1), NOON, nonce)), expected, "{nonce}");
    }
    assert_eq!(accept(&mut recent, NOON, &join(who(1), at(-1), 99)), Err(AcceptError::MayBeReplayed));
    assert_eq!(accept(&mut recent, NOON, &join(who(2), at(-50), 1)), Err(AcceptError::Replayed));
    assert_eq!(accept(&mut recent, NOON, &join(who(2), at(-60), 1)), Ok(()));
}

#[test]
fn without_room_messages_must_be_in_order() {
    let mut recent = RecentMessages::<2, 0>::new(LIMITS);
    for (secs, nonce, expected) in [
        (0, 5, Ok(())),
        (0, 5, Err(AcceptError::MayBeReplayed)),
        (0, 4, Err(AcceptError::MayBeReplayed)),
        (-1, 9, Err(AcceptError::MayBeReplayed)),
        (0, 6, Ok(())),
        (1, 0, Ok(())),
    ] {
        assert_eq!(accept(&mut recent, NOON, &join(who(1), at(secs), nonce)), expected);
    }
}

#[test]
fn a_full_table_forgets_only_what_is_too_old() {
    let mut recent = RecentMessages::<2, 2>::new(LIMITS);
    let (first, second, third) = (join(who(1), at(0), 1), join(who(2), at(20), 1), join(who(3), at(100), 1));
    assert_eq!(accept(&mut recent, at(0), &first), Ok(()));
    assert_eq!(accept(&mut recent, at(20), &second), Ok(()));
    assert_eq!(accept(&mut recent, at(100), &third), Err(AcceptError::TooManySigners));
    assert_eq!(accept(&mut recent, at(100), &first), Err(AcceptError::Replayed), "it is still known");
    assert_eq!(accept(&mut recent, at(101), &third), Ok(()));
    assert_eq!(recent.signers().collect::<HashSet<_>>(), HashSet::from([who(2), who(3)]));
    // The clock is set back: what was accepted of the forgotten signer is refused all the same, and what is later is not.
    assert_eq!(accept(&mut recent, at(0), &first), Err(AcceptError::MayBeReplayed));
    // Signers that are remembered are not held to it.
    assert_eq!(accept(&mut recent, at(0), &join(who(2), at(-50), 1)), Ok(()));
    // And the forgotten one can come back in its turn.
    assert_eq!(accept(&mut recent, at(121), &join(who(1), at(122), 1)), Ok(()));
}

/// A signer that comes back after it was forgotten is held to what was forgotten, also once it is known again.
#[test]
fn who_comes_back_starts_where_it_was_forgotten() {
    let mut recent = RecentMessages::<1, 2>::new(LIMITS);
    assert_eq!(accept(&mut recent, at(0), &join(who(1), at(0), 7)), Ok(()));
    assert_eq!(accept(&mut recent, at(101), &join(who(2), at(101), 1)), Ok(()));
    assert_eq!(accept(&mut recent, at(202), &join(who(1), at(202), 1)), Ok(()));
    // Set back far enough for the first messages not to be too old.
    for old in [join(who(1), at(0), 7), join(who(1), at(0), 8), join(who(1), at(101), 1)] {
        assert!(accept(&mut recent, at(50), &old).is_err());
        assert_eq!(accept(&mut recent, at(100), &old), Err(AcceptError::MayBeReplayed));
    }
    assert_eq!(accept(&mut recent, at(100), &join(who(1), at(102), 1)), Ok(()));
}

/// Everything that the store could have accepted before it was lost is refused after.
#[test]
fn a_restart_opens_no_gap() {
    let accepted: Vec<_> = [-100, -1, 0, 10].map(|secs| join(who(1), at(secs), 1)).into();
    let mut before = RecentMessages::<2, 8>::new(LIMITS);
    for message in &accepted {
        assert_eq!(accept(&mut before, at(0), message), Ok(()));
    }
    let mut after = RecentMessages::<2, 8>::restarted(LIMITS, at(0));
    for message in &accepted {
        assert_eq!(accept(&mut after, at(0), message), Err(AcceptError::MayBeReplayed));
    }
    let new = join(who(1), at(11), 1);
    assert_eq!(accept(&mut after, at(1), &new), Ok(()));
    assert_eq!(accept(&mut after, at(1), &new), Err(AcceptError::Replayed));
    for message in &accepted {
        assert_eq!(
            accept(&mut after, at(0), message),
            Err(AcceptError::MayBeReplayed),
            "not after the first one either"
        );
    }
}

#[derive(Clone, Copy, Debug)]
struct Arrival {
    signer: u8,
    /// Seconds from noon at which it was signed, and at which the reader's clock is when it arrives.
    signed: i64,
    now: i64,
    nonce: u64,
}

fn arrival() -> impl Strategy<Value = Arrival> {
    (0..4_u8, -60..60_i64, -120..120_i64, 0..3_u64).prop_map(|(signer, signed, now, nonce)| Arrival {
        signer,
        signed,
        now,
        nonce,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whoever sends what in which order, and wherever the reader's clock jumps: no message is accepted twice, and none outside
    /// of the limits.
    #[test]
    fn nothing_is_accepted_twice(arrivals in vec(arrival(), 1..80)) {
        let limits = ClockLimits { max_age: Duration::from_secs(15), max_ahead: Duration::from_secs(15) };
        let mut recent = RecentMessages::<2, 2>::new(limits);
        let mut accepted = HashSet::new();
        for Arrival { signer, signed, now, nonce } in arrivals {
            let octets = join(who(signer), at(signed), nonce);
            if accept(&mut recent, at(now), &octets).is_ok() {
                prop_assert!(accepted.insert(octets), "twice");
                prop_assert!((now - signed).abs() <= 15);
            }
        }
    }

    /// As many signers as there is room for, each in order, with a clock that runs: everything is accepted.
    #[test]
    fn who_keeps_an_order_is_never_refused(steps in vec((0..3_u8, 0..40_i64, -10..=10_i64), 1..80)) {
        let mut recent = RecentMessages::<3, 1>::new(LIMITS);
        let mut now = 0;
        let mut last = [(i64::MIN, 0); 3];
        for (signer, passed, skew) in steps {
            now += passed;
            let (before, nonce) = last[usize::from(signer)];
            let signed = (now + skew).max(before);
            // Its clock is not more than ten seconds ahead.
            let signed = signed.min(now + 10);
            last[usize::from(signer)] = (signed, nonce + 1);
            let message = join(who(signer), at(signed), nonce + 1);
            prop_assert_eq!(accept(&mut recent, at(now), &message), Ok(()));
        }
    }
}
