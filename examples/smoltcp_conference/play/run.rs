//! What is played: A speaks, the members hear and answer, attackers are not heard, and ordinary traffic goes on.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;

use smoltcp::phy::Device;
use xcast_sec::stack::ReceiveError;
use xcast_sec::wire::{Ipv4Repr, Ipv6Repr, UdpRepr, ipv6, protocol};

use super::ethernet;
use super::host::Heard;
use super::network::{ETHERNET, Network};
use super::port::Port;
use super::session::{Agreement, MEMBERS, NAMES, Protection, Run, SENDER_PORT, member_port};
use super::xcast_device::XcastDevice;

/// What A says.
pub(crate) const SPEECH: [&str; 3] = ["hello, all of you", "this is one packet on my link", "goodbye"];
/// What A says to an attacker's ear.
const LATE: &str = "one more thing";
/// Octets that A sends to each member by TCP, and gets back.
const STREAM_LEN: usize = 20_000;

/// What was played, line by line, and what went otherwise than it must.
pub(crate) struct Outcome {
    run: Run,
    lines: Vec<String>,
    pub(crate) faults: Vec<String>,
}

impl Outcome {
    pub(crate) fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }

    fn note(&mut self, line: String) {
        self.lines.push(line);
    }

    /// Notes what must be so.
    fn check(&mut self, holds: bool, line: String) {
        if !holds {
            self.faults.push(line.clone());
        }
        self.lines.push(if holds { line } else { format!("NOT SO: {line}") });
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.run)?;
        for line in &self.lines {
            writeln!(f, "  {line}")?;
        }
        writeln!(f)
    }
}

/// Plays one run.
pub(crate) fn play(run: Run) -> Result<Outcome, Box<dyn Error>> {
    let mut outcome = Outcome { run, lines: Vec::new(), faults: Vec::new() };
    let agreement = Agreement::new(run);
    if run.protection == Protection::None {
        outcome.note("members: smoltcp and nothing else".into());
        let mut network = Network::without_xcast(agreement)?;
        speak(&mut network, &mut outcome)?;
        ordinary(&mut network, &mut outcome)?;
    } else {
        outcome.note("members: smoltcp over a device that opens Xcast".into());
        let mut network = Network::with_xcast(agreement)?;
        speak(&mut network, &mut outcome)?;
        attack(&mut network, &mut outcome)?;
        ordinary(&mut network, &mut outcome)?;
        for (member, name) in network.members.iter().zip(NAMES) {
            let receiver = member.host.device.receiver();
            let (counters, inbound) = (receiver.counters(), receiver.inbound.counters());
            outcome.note(format!(
                "{name}'s device: {} delivered, {} refused by IPsec or policy; {} protected, {} in the clear",
                counters.delivered, counters.ipsec, inbound.protected, inbound.bypassed
            ));
        }
    }
    Ok(outcome)
}

/// A speaks; each member hears it at its own port, once, and answers.
fn speak<D: Device>(network: &mut Network<D>, outcome: &mut Outcome) -> Result<(), Box<dyn Error>> {
    for text in SPEECH {
        let report = network.speak(text.as_bytes())?;
        outcome.check(
            report.sent == 1 && report.members_sent == MEMBERS && report.failed == 0,
            format!("A says {text:?}, in {} packet to {} members", report.sent, report.members_sent),
        );
    }
    network.run(5);
    let links: Vec<_> = [&network.a.device, &network.backbone]
        .into_iter()
        .chain(network.members.iter().map(|member| &member.router_end))
        .map(|end| network.xcast_packets(end))
        .collect();
    // In the clear the router in front of a member makes an ordinary packet of it.
    let at_members = if outcome.run.protection == Protection::None { 0 } else { SPEECH.len() };
    outcome.check(
        links == [SPEECH.len(), SPEECH.len(), at_members, at_members, at_members],
        format!("Xcast packets from A: {}; R1 to R2: {}; to B, C, D: {:?}", links[0], links[1], &links[2..]),
    );
    let a = (network.a.address, SENDER_PORT);
    for (index, name) in NAMES.into_iter().enumerate() {
        let heard = network.members[index].hear();
        let expected = SPEECH.map(|text| Heard { from: a, payload: text.as_bytes().to_vec() });
        let port = member_port(index);
        outcome.check(heard == expected, format!("{name} hears {} of {}, at port {port}", heard.len(), SPEECH.len()));
        network.reply(index, format!("{name} heard you").as_bytes())?;
    }
    // On Ethernet the router is to be found first.
    network.run(20);
    let mut replies = network.replies();
    replies.sort_by_key(|reply| reply.from);
    let expected: Vec<Heard> = (0..MEMBERS)
        .map(|index| Heard {
            from: (network.members[index].host.address, member_port(index)),
            payload: format!("{} heard you", NAMES[index]).into_bytes(),
        })
        .collect();
    outcome.check(replies == expected, format!("A gets {} answers by ordinary unicast", replies.len()));
    Ok(())
}

/// What somebody on D's link can do without any key.
fn attack(network: &mut Network<XcastDevice<Port>>, outcome: &mut Outcome) -> Result<(), Box<dyn Error>> {
    let a = (network.a.address, SENDER_PORT);
    let d = (network.members[ETHERNET].host.address, member_port(ETHERNET));
    if network.speak(LATE.as_bytes())?.failed > 0 {
        return Err("a packet could not be sent".into());
    }
    let caught = network.intercept(ETHERNET).pop().ok_or("D gets nothing")?;
    let mut tampered = caught.clone();
    if let Some(last) = tampered.last_mut() {
        *last ^= 1;
    }
    let forged = ethernet::around(&datagram(a, d, b"believe me")?);
    let expected = Heard { from: a, payload: LATE.as_bytes().to_vec() };
    for (what, frame, is_heard) in [
        ("a packet held up, with a bit flipped", tampered, false),
        ("the packet as it was", caught.clone(), true),
        ("the packet once more", caught, false),
        ("an ordinary datagram in A's name, in the clear", forged, false),
    ] {
        let member = &mut network.members[ETHERNET];
        member.router_end.put(frame);
        network.run(2);
        let member = &mut network.members[ETHERNET];
        let (heard, refusal) = (member.hear(), member.host.device.take_refusal());
        if is_heard {
            outcome.check(heard == [expected.clone()] && refusal.is_none(), format!("D hears {what}"));
        } else {
            let shown = refusal.map_or("nothing was refused".to_owned(), |refusal| refusal.to_string());
            let is_refused = heard.is_empty() && matches!(refusal, Some(ReceiveError::Ipsec(_)));
            outcome.check(is_refused, format!("D does not hear {what}: {shown}"));
        }
    }
    // B and C are on other links.
    network.members.iter_mut().for_each(|member| drop(member.hear()));
    Ok(())
}

/// An ordinary UDP packet.
pub(crate) fn datagram(
    (source, source_port): (IpAddr, u16),
    (destination, destination_port): (IpAddr, u16),
    payload: &[u8],
) -> Result<Vec<u8>, Box<dyn Error>> {
    let udp = UdpRepr { source_port, destination_port, payload };
    let payload_len = udp.encoded_len();
    let header_len = if source.is_ipv4() { 20 } else { ipv6::HEADER_LEN };
    let mut packet = vec![0; header_len + payload_len];
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let (ttl, protocol) = (64, protocol::UDP);
            Ipv4Repr { tos: 0, ttl, protocol, source, destination, options_len: 0, payload_len }.emit(&mut packet)?;
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let (hop_limit, next_header) = (64, protocol::UDP);
            Ipv6Repr { traffic_class: 0, hop_limit, next_header, source, destination, payload_len }
                .emit(&mut packet)?;
        }
        _ => return Err("addresses of two families".into()),
    }
    udp.emit(source, destination, &mut packet[header_len..])?;
    Ok(packet)
}

/// Pings and TCP go on as if nothing stood in between.
fn ordinary<D: Device>(network: &mut Network<D>, outcome: &mut Outcome) -> Result<(), Box<dyn Error>> {
    for (index, name) in NAMES.into_iter().enumerate() {
        let address = network.members[index].host.address;
        network.a.ping(address, 7, b"are you there?")?;
        network.run(20);
        let pongs = network.a.pongs();
        outcome.check(pongs == [(address, 7, b"are you there?".to_vec())], format!("A pings {name}"));
    }
    for (index, name) in NAMES.into_iter().enumerate() {
        let echoed = stream(network, index, STREAM_LEN);
        outcome.check(echoed == pattern(STREAM_LEN), format!("{name} echoes {} octets of TCP", echoed.len()));
    }
    Ok(())
}

/// Octets of which no two parts look the same.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index * 31 + index / 256 * 7) as u8).collect()
}

/// A connects to a member, which sends back what it gets, and returns what A got.
pub(crate) fn stream<D: Device>(network: &mut Network<D>, index: usize, len: usize) -> Vec<u8> {
    let member = &mut network.members[index].host;
    let to = (member.address, 80);
    let server = member.tcp_listen(80);
    let client = network.a.tcp_connect(to, 50_000 + index as u16);
    let (sent, mut sent_len) = (pattern(len), 0);
    let (mut echo, mut received) = (Vec::new(), Vec::new());
    // In the simulation's time ten seconds.
    for _ in 0..1000 {
        network.run(10);
        sent_len += network.a.tcp_send(client, &sent[sent_len..]);
        let member = &mut network.members[index].host;
        echo.extend(member.tcp_receive(server));
        echo.drain(..member.tcp_send(server, &echo));
        received.extend(network.a.tcp_receive(client));
        if received.len() >= len {
            break;
        }
    }
    received
}
