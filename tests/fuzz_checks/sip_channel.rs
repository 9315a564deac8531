//! Both ends of a `group::sip` channel, over a network that loses, repeats, reorders, misdelivers, turns round and damages what they send,
//! beside a model: a body opens once, in its own transaction, at the other end, as it was made; nothing else moves a counter; and no
//! nonce is used twice, over restarts too. Shared by the fuzz target and the test that replays its corpus. Its user includes
//! `input.rs`, `toy.rs` and `models/sip_channel.rs` beside it.

use xcast_sec::crypto::{AeadAlgorithm, CryptoError};
use xcast_sec::group::sip::{Answer, Channel, Counters, Dialogue, Offer, OpenError, Reason, SealError, Side};

use super::input::Input;
use super::sip_channel_model::{Body, COUNTERS, Content, End, Transaction};
use super::toy::Toy;

/// No input goes on for longer.
const STEPS: usize = 64;
const WIRE: usize = 24;
const KEY: [u8; 20] = [3; 20];

struct World {
    ends: [(Channel<Toy>, End); 2],
    crypto: Toy,
    /// The oldest is forgotten when there is no more room.
    wire: Vec<Body>,
}

fn channel(side: Side, counters: Counters) -> Channel<Toy> {
    // Keys are the same octets whoever takes them.
    Channel::new(AeadAlgorithm::AesGcm16, &KEY, side, counters, &mut Toy::default()).expect("the key fits")
}

/// Such that fields put together otherwise are the same octets.
fn field(input: &mut Input<'_>) -> Vec<u8> {
    match input.octet() {
        choice @ 0..=247 => [&b""[..], b"a", b"b", b"ab", b"ba", b"aab"][usize::from(choice) % 6].to_vec(),
        choice => vec![b'a'; 980 + usize::from(choice - 248) * 4],
    }
}

fn transaction(input: &mut Input<'_>) -> Transaction {
    let choice = input.octet();
    if choice & 3 != 0 {
        // One of few, mostly.
        let one = vec![b'a'; usize::from(choice >> 2 & 1)];
        let to_tag = (choice & 8 != 0).then(Vec::new);
        return Transaction { fields: [one, vec![], vec![b'b'], vec![]], to_tag, cseq: u32::from(choice >> 4 & 1) };
    }
    Transaction {
        fields: [field(input), field(input), field(input), field(input)],
        to_tag: (choice & 4 != 0).then(|| field(input)),
        cseq: u32::from(choice >> 3),
    }
}

impl Transaction {
    fn dialogue(&self) -> Dialogue<'_> {
        let [call_id, from_uri, from_tag, to_uri] = &self.fields;
        Dialogue { call_id, from_uri, from_tag, to_uri, to_tag: self.to_tag.as_deref(), cseq: self.cseq }
    }
}

fn content(of: Side, input: &mut Input<'_>) -> Content {
    let epoch = u32::from(input.octet());
    if of == Side::Member {
        let rejection = Reason::new(u16::from(input.octet() & 7));
        return Content::Answer(Answer { offer: input.number(2), epoch, rejection });
    }
    let lens = input.octet();
    let octets = |len: u8, fill: u8| vec![fill; usize::from(len)];
    let (group, sa, kd) = (octets(lens & 3, 0xa0), octets(lens >> 2 & 7, 0xb0), octets(lens >> 5, 0xc0));
    Content::Offer { group, epoch, sa, kd }
}

/// Checks what the octets make happen. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.octet();
    let end = |side: Side, high: bool| {
        let next = if high { COUNTERS - 1 - u64::from(choice >> 4) } else { 0 };
        let counters = Counters { next, expected: 0 };
        (channel(side, counters), End { side, next, expected: 0 })
    };
    let ends = [end(Side::Host, choice & 1 != 0), end(Side::Member, choice & 2 != 0)];
    let mut world = World { ends, crypto: Toy::default(), wire: Vec::new() };
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        let choice = input.octet();
        let at = usize::from(choice & 1);
        match choice >> 1 & 15 {
            0..=4 => world.seal(at, false, &mut input),
            5 => world.seal(at, true, &mut input),
            6 => world.restart(at),
            7 => world.elsewhere(&mut input),
            8 => world.turn_round(&mut input),
            9..=11 => world.damage(&mut input),
            _ => world.deliver(&mut input),
        }
        for (channel, model) in &world.ends {
            assert_eq!(channel.counters(), Counters { next: model.next, expected: model.expected });
        }
    }
}

impl World {
    fn seal(&mut self, at: usize, fails: bool, input: &mut Input<'_>) {
        let choice = input.octet();
        let (channel, model) = &mut self.ends[at];
        // Now and then what is not for this end to send.
        let own = choice & 15 != 15;
        let of = if own == (model.side == Side::Host) { Side::Host } else { Side::Member };
        let (transaction, content) = (transaction(input), content(of, input));
        let room = content.body_len() + usize::from(choice >> 4 & 3) - usize::from(choice >> 6 == 3);
        let mut buffer = vec![0x5a; room];
        self.crypto.fails_in = fails.then_some(0);
        let sealed = match &content {
            Content::Offer { group, epoch, sa, kd } => {
                let offer = Offer { group, epoch: *epoch, sa, kd };
                assert_eq!(Channel::<Toy>::offer_len(&offer), content.body_len());
                channel.seal_offer(&mut self.crypto, &transaction.dialogue(), &offer, &mut buffer)
            }
            Content::Answer(answer) => {
                assert_eq!(Channel::<Toy>::ANSWER_LEN, content.body_len());
                let sealed = channel.seal_answer(&mut self.crypto, &transaction.dialogue(), answer, &mut buffer);
                sealed.map(|len| (len, model.next))
            }
        };
        self.crypto.fails_in = None;
        let mut expected = model.seals(&content, &transaction, room).map(|counter| (content.body_len(), counter));
        if let Ok((len, counter)) = expected {
            // It is used up, whatever comes.
            model.next = counter + 1;
            if fails {
                expected = Err(SealError::Crypto(CryptoError::Provider));
                assert!(buffer[16..len - 16].iter().all(|octet| *octet == 0), "no key is left there");
            }
        }
        assert_eq!(sealed, expected);
        let Ok((len, counter)) = sealed else { return };
        buffer.truncate(len);
        if self.wire.len() == WIRE {
            self.wire.remove(0);
        }
        self.wire.push(Body { octets: buffer, counter, transaction, content });
    }

    /// It was saved where the counters are, and goes on from there.
    fn restart(&mut self, at: usize) {
        let (end, model) = &mut self.ends[at];
        *end = channel(model.side, end.counters());
    }

    fn pick(&self, input: &mut Input<'_>) -> Option<Body> {
        let back = usize::from(input.octet()).checked_rem(self.wire.len())?;
        self.wire.iter().rev().nth(back).cloned()
    }

    /// To the other end, in its own transaction.
    fn deliver(&mut self, input: &mut Input<'_>) {
        let Some(body) = self.pick(input) else { return };
        let transaction = body.transaction.clone();
        self.open(usize::from(body.content.of() == Side::Host), &body, &transaction);
    }

    /// In another transaction, most likely.
    fn elsewhere(&mut self, input: &mut Input<'_>) {
        let Some(body) = self.pick(input) else { return };
        let transaction = match self.pick(input) {
            Some(other) if input.octet() & 1 != 0 => other.transaction,
            _ => transaction(input),
        };
        self.open(usize::from(body.content.of() == Side::Host), &body, &transaction);
    }

    /// Back to who sent it, who has the same key.
    fn turn_round(&mut self, input: &mut Input<'_>) {
        let Some(body) = self.pick(input) else { return };
        let transaction = body.transaction.clone();
        self.open(usize::from(body.content.of() == Side::Member), &body, &transaction);
    }

    fn open(&mut self, at: usize, body: &Body, transaction: &Transaction) {
        let (channel, model) = &mut self.ends[at];
        let dialogue = transaction.dialogue();
        let mut octets = body.octets.clone();
        let opened = if model.side == Side::Member {
            let wrong = channel.open_answer(&mut self.crypto, &dialogue, &mut octets.clone());
            assert_eq!(wrong, Err(OpenError::Kind), "no member takes answers");
            channel.open_offer(&mut self.crypto, &dialogue, &mut octets).map(|(counter, offer)| {
                let Offer { group, epoch, sa, kd } = offer;
                (counter, Content::Offer { group: group.into(), epoch, sa: sa.into(), kd: kd.into() })
            })
        } else {
            let wrong =
                channel.open_offer(&mut self.crypto, &dialogue, &mut octets.clone()).map(|(counter, _)| counter);
            assert_eq!(wrong, Err(OpenError::Kind), "no host takes offers");
            let opened = channel.open_answer(&mut self.crypto, &dialogue, &mut octets);
            opened.map(|answer| (body.counter, Content::Answer(answer)))
        };
        assert_eq!(opened, model.open(body, transaction));
    }

    /// An octet changes, or the end is missing: nobody takes it, and nothing moves.
    fn damage(&mut self, input: &mut Input<'_>) {
        let Some(mut body) = self.pick(input) else { return };
        let [at, by] = [input.octet(), input.octet()];
        let at = usize::from(at) % body.octets.len();
        if by == 0 {
            body.octets.truncate(at);
        } else {
            body.octets[at] ^= by;
        }
        let dialogue = body.transaction.dialogue();
        let [(host, _), (member, _)] = &mut self.ends;
        let offer = member.open_offer(&mut self.crypto, &dialogue, &mut body.octets.clone()).is_ok();
        assert!(!offer, "damaged, and taken");
        let answer = host.open_answer(&mut self.crypto, &dialogue, &mut body.octets);
        assert!(answer.is_err(), "damaged, and taken");
    }
}
