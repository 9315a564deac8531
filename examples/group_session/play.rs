//! What happens when, and the loop that drives all machines.

use std::collections::VecDeque;
use std::net::IpAddr;

use xcast_sec::group::membership::{
    ControllerEvent, Epoch, ExpelReason, GcksEvent, KeyServerEvent, MemberEvent, RefuseReason, Roles, Transmit,
};
use xcast_sec::time::Instant;

use super::control::{Control, Counts};
use super::draw::Draw;
use super::host::Host;
use super::log::Log;
use super::pcap::Capture;
use super::routers::{Arrival, ON_THE_WIRE, Routers};
use super::speaker::Speaker;
use super::terms;

/// The places of those two in [`terms::NAMES`].
pub(crate) const EXPELLED: usize = 4;
pub(crate) const LATE: usize = 5;

/// Milliseconds.
const FIRST_JOIN: u64 = 1_000;
const BETWEEN_JOINS: u64 = 100;
const FIRST_WORD: u64 = 20_000;
const BETWEEN_WORDS: u64 = 100;
const EXPULSION: u64 = 25_000;
const RETURN: u64 = 30_000;
const LATE_JOIN: u64 = 55_000;
const LAST_WORD: u64 = 65_000;
const END: u64 = 75_000;

/// What somebody decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Join(usize),
    Expel,
    Return,
    Speak,
}

/// A word of the speaker's.
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) sent: Instant,
    pub(crate) epoch: Epoch,
    pub(crate) to: Vec<IpAddr>,
}

/// A run, and all that came of it.
pub(crate) struct Play {
    now: Instant,
    speaker: Speaker,
    pub(crate) hosts: Vec<Host>,
    control: Control,
    pub(crate) routers: Routers,
    pub(crate) log: Log,
    pub(crate) capture: Capture,
    steps: VecDeque<(Instant, Step)>,
    /// Said, and not sent yet.
    waiting: VecDeque<String>,
    spoken: usize,
    holding: bool,
    pub(crate) held_back: usize,
    /// Words that were heard under old keys when new ones were in use.
    pub(crate) trailing: usize,
    pub(crate) words: Vec<Word>,
    /// What crossed the wire that the expelled one and the late one hear.
    pub(crate) wire: Vec<(usize, Vec<u8>)>,
    pub(crate) epochs: Vec<(Epoch, Instant)>,
    pub(crate) expelled_at: Option<Instant>,
    pub(crate) late_asked_at: Option<Instant>,
    pub(crate) kept_out: bool,
    /// Events that are not to happen.
    pub(crate) mishaps: Vec<String>,
}

/// Plays all.
pub(crate) fn play(seed: u64, loss: u64) -> Play {
    let mut draw = Draw::new(seed);
    let mut fork = || Draw::new(draw.next());
    let at = Instant::from_millis;
    let mut steps: Vec<(Instant, Step)> =
        (0..LATE).map(|index| (at(FIRST_JOIN + BETWEEN_JOINS * index as u64), Step::Join(index))).collect();
    steps.extend([(at(EXPULSION), Step::Expel), (at(RETURN), Step::Return), (at(LATE_JOIN), Step::Join(LATE))]);
    steps.extend((FIRST_WORD..=LAST_WORD).step_by(BETWEEN_WORDS as usize).map(|millis| (at(millis), Step::Speak)));
    steps.sort();
    let mut play = Play {
        now: Instant::START,
        speaker: Speaker::new(Instant::START, fork()),
        hosts: (0..terms::NAMES.len()).map(|index| Host::new(index, fork().next())).collect(),
        control: Control::new(loss, fork()),
        routers: Routers::new(fork()),
        log: Log::default(),
        capture: Capture::new(),
        steps: steps.into(),
        waiting: VecDeque::new(),
        spoken: 0,
        holding: false,
        held_back: 0,
        trailing: 0,
        words: Vec::new(),
        wire: Vec::new(),
        epochs: Vec::new(),
        expelled_at: None,
        late_asked_at: None,
        kept_out: false,
        mishaps: Vec::new(),
    };
    while let Some(next) = play.next().filter(|next| *next <= at(END)) {
        play.now = play.now.max(next);
        play.step();
    }
    play
}

impl Play {
    pub(crate) fn control_counts(&self) -> Counts {
        self.control.counts
    }

    /// The number of an epoch's keys in the log: 1 for the first.
    pub(crate) fn number(&self, epoch: Epoch) -> usize {
        self.epochs.iter().position(|(own, _)| *own == epoch).map_or(0, |index| index + 1)
    }

    /// Whether an epoch was made because the one before had lived as long as it may: a change of the membership comes earlier.
    pub(crate) fn is_planned(&self, epoch: Epoch) -> bool {
        let made = |pair: &[(Epoch, Instant)]| pair[1].0 == epoch && pair[1].1.since(pair[0].1) >= terms::LIFETIME;
        self.epochs.windows(2).any(made)
    }

    fn say(&mut self, line: &str) {
        self.log.add(self.now, line);
    }

    /// When something happens next.
    fn next(&self) -> Option<Instant> {
        let members = self.hosts.iter().filter_map(|host| host.member.next_timeout(self.now));
        let speaker = self.speaker.gcks.next_timeout(self.now);
        let step = self.steps.front().map(|(at, _)| *at);
        [speaker, step, self.control.next(), self.routers.next()].into_iter().flatten().chain(members).min()
    }

    /// Lets happen what happens now.
    fn step(&mut self) {
        let now = self.now;
        while let Some((_, step)) = self.steps.front().copied().filter(|(at, _)| *at <= now) {
            self.steps.pop_front();
            self.decide(step);
        }
        while let Some(message) = self.control.arrival(now) {
            // What is late or repeated is refused; that is no fault.
            if message.to == terms::speaker() {
                let Speaker { gcks, admission, .. } = &mut self.speaker;
                let _ = gcks.receive(now, message.from, &message.octets, admission);
            } else if let Some(host) = self.hosts.iter_mut().find(|host| host.address == message.to) {
                host.keys.now = now;
                let _ = host.member.receive(now, message.from, &message.octets, &mut host.keys);
            }
        }
        for host in &mut self.hosts {
            if host.member.next_timeout(now).is_some_and(|at| at <= now) {
                host.member.handle_timeout(now, &mut host.keys);
            }
        }
        while self.speaker.gcks.next_timeout(now).is_some_and(|at| at <= now) {
            let Speaker { gcks, source, draw, .. } = &mut self.speaker;
            gcks.handle_timeout(now, source, draw);
            if !self.speaker_events() {
                break;
            }
        }
        self.speaker_events();
        self.member_events();
        self.transmit();
        self.send_words();
        while let Some(arrival) = self.routers.arrival(now, &mut self.capture) {
            self.arrive(&arrival);
        }
    }

    fn decide(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Join(index) => {
                if index == LATE {
                    self.late_asked_at = Some(now);
                }
                self.say(&format!("{} asks to join", terms::NAMES[index]));
                self.hosts[index].member.join(Roles::RECEIVER).expect("it is not in");
            }
            Step::Expel => {
                self.expelled_at = Some(now);
                let address = terms::member(EXPELLED);
                self.say("A expels F: no word more under keys that F has");
                self.speaker.admission.disallow(address);
                if !self.speaker.gcks.expel(now, address, ExpelReason::Decision) {
                    self.mishaps.push("F was no member when it was to be expelled".into());
                }
            }
            Step::Return => {
                self.say("F asks to be let in again");
                if self.hosts[EXPELLED].member.join(Roles::RECEIVER).is_err() {
                    self.mishaps.push("F did not hear that it was expelled".into());
                }
            }
            Step::Speak => {
                self.spoken += 1;
                self.waiting.push_back(format!("word {}", self.spoken));
            }
        }
    }

    /// Tells what the speaker's machines tell. Returns whether there was something.
    fn speaker_events(&mut self) -> bool {
        let now = self.now;
        let mut any = false;
        while let Some(event) = self.speaker.gcks.poll_event(now) {
            any = true;
            let line = match event {
                GcksEvent::Controller(ControllerEvent::Joined(entry)) => {
                    format!("A lets {} in", terms::name(entry.address))
                }
                GcksEvent::Controller(ControllerEvent::Refused(who, reason)) => {
                    self.kept_out |= who == terms::member(EXPELLED) && reason == RefuseReason::NotAdmitted;
                    format!("A does not let {} in: {reason}", terms::name(who))
                }
                GcksEvent::Controller(ControllerEvent::Expelled(entry, reason)) => {
                    format!("{} is expelled: {reason}", terms::name(entry.address))
                }
                GcksEvent::Keys(KeyServerEvent::Ready(epoch)) => {
                    self.epochs.push((epoch, now));
                    let why = if self.is_planned(epoch) {
                        format!(", as the last ones are {} s old", terms::LIFETIME.as_secs())
                    } else {
                        String::new()
                    };
                    format!("A makes keys {}, for {}{why}", self.number(epoch), self.names())
                }
                GcksEvent::Keys(KeyServerEvent::Activated(epoch)) => {
                    format!("A may use keys {}: all who are to have them do", self.number(epoch))
                }
                GcksEvent::Keys(KeyServerEvent::Ended(epoch)) => {
                    self.speaker.source.release(epoch);
                    format!("keys {} have ended", self.number(epoch))
                }
                other => {
                    self.mishaps.push(format!("A: {other:?}"));
                    format!("A: {other:?}")
                }
            };
            self.say(&line);
        }
        any
    }

    /// Who is in, by name.
    fn names(&self) -> String {
        let mut names: Vec<_> =
            self.speaker.gcks.controller().members().map(|entry| terms::name(entry.address)).collect();
        names.sort_unstable();
        names.into_iter().map(String::from).collect::<Vec<_>>().join(" ")
    }

    fn member_events(&mut self) {
        for index in 0..self.hosts.len() {
            while let Some(event) = self.hosts[index].member.poll_event() {
                let name = terms::NAMES[index];
                let line = match event {
                    MemberEvent::Accepted(_) => format!("{name} is in"),
                    MemberEvent::Refused(reason) => format!("{name} is not let in: {reason}"),
                    MemberEvent::Expelled(reason) => format!("{name} knows that it is expelled: {reason}"),
                    MemberEvent::Installed(_, epoch) => {
                        format!("{name} can open what is sent under keys {}", self.number(epoch))
                    }
                    MemberEvent::Removed(_, epoch) => format!("{name} drops keys {}", self.number(epoch)),
                    other => {
                        self.mishaps.push(format!("{name}: {other:?}"));
                        format!("{name}: {other:?}")
                    }
                };
                self.say(&line);
            }
        }
    }

    fn transmit(&mut self) {
        let (now, mut out) = (self.now, [0; 4096]);
        let Self { speaker, hosts, control, log, .. } = self;
        while let Some(Transmit { to, len, .. }) = speaker.gcks.poll_transmit(now, &mut out).expect("there is room") {
            control.send(now, terms::speaker(), to, &out[..len], log);
        }
        for host in hosts {
            while let Some(Transmit { to, len, .. }) = host.member.poll_transmit(now, &mut out).expect("there is room")
            {
                control.send(now, host.address, to, &out[..len], log);
            }
        }
    }

    fn send_words(&mut self) {
        let now = self.now;
        while let Some(text) = self.waiting.front().cloned() {
            let Some(said) = self.speaker.say(now, &text) else {
                if !self.holding {
                    self.say(&format!("A holds back \"{text}\" and what follows, until new keys are there"));
                    self.holding = true;
                }
                return;
            };
            if self.holding {
                self.say(&format!("A goes on, with {} words that waited", self.waiting.len()));
                self.held_back += self.waiting.len();
                self.holding = false;
            }
            self.waiting.pop_front();
            if self.words.last().is_none_or(|word| word.epoch != said.epoch) {
                let to: Vec<_> = said.to.iter().map(|address| terms::name(*address).to_string()).collect();
                let number = self.number(said.epoch);
                self.say(&format!("A says \"{text}\" under keys {number}, to {}", to.join(" ")));
            }
            for packet in &said.packets {
                self.routers.send(now, self.words.len(), packet, &mut self.capture);
            }
            self.words.push(Word { text, sent: now, epoch: said.epoch, to: said.to });
        }
    }

    fn arrive(&mut self, arrival: &Arrival) {
        let Arrival { host, word, octets } = arrival;
        if *host >= ON_THE_WIRE && self.wire.last().is_none_or(|(last, _)| last != word) {
            self.wire.push((*word, octets.clone()));
        }
        let name = terms::NAMES[*host];
        let first = *word == 0 || self.words[*word].epoch != self.words[*word - 1].epoch;
        let heard = self.hosts[*host].hear(self.now, octets);
        let trails = self.words.last().is_some_and(|last| last.epoch > self.words[*word].epoch);
        self.trailing += usize::from(trails && heard.is_ok());
        match heard {
            Ok(text) if first => {
                let number = self.number(self.words[*word].epoch);
                self.say(&format!("{name} hears \"{text}\" under keys {number}"));
            }
            Ok(_) => {}
            Err(reason) => self.say(&format!("{name} cannot open \"{}\": {reason}", self.words[*word].text)),
        }
    }
}
