//! Both ends of `group::ike`, for others to talk to. Beside `seal` and `open`, see main.rs:
//!
//! ```json
//! {"op": "ike_start", "session": "…", "role": "initiator", "cookies": "…", "prf": "sha256", "skeyid_a": "…", "skeyid_e": "…", "key_len": 32, "last_block": "…"}
//! {"op": "ike_push", "session": "…", "description": "…"}                 → {"frames": ["…"]}
//! {"op": "ike_receive", "session": "…", "end": "acceptor", "frame": "…", "reason": 0}  → {"event": "…", "frames": ["…"]}
//! {"op": "ike_delete", "session": "…", "protocol": "esp", "spi": 256}     → {"frames": ["…"]}
//! ```
//!
//! `reason` is what an offer is answered with: 0 accepts, which is also the default.

use std::collections::BTreeMap;

use getrandom::SysRng;
use serde_json::{Value, json};
use xcast_sec::crypto::{PrfAlgorithm, RustCrypto};
use xcast_sec::group::ike::{
    Acceptor, Answer, Cookies, Description, Due, Phase1, Phase1Config, Protocol, Pushed, Pusher, Reason, Received,
    Retry, Role, emit_delete,
};
use xcast_sec::ipsec::Spi;
use xcast_sec::time::Instant;

use crate::hex;
use crate::vector_sa::Object;

/// One end of a phase 1.
struct End {
    phase1: Phase1<RustCrypto>,
    pusher: Pusher<4096>,
    acceptor: Acceptor,
}

#[derive(Default)]
pub(crate) struct Ends(BTreeMap<String, End>);

impl Ends {
    pub(crate) fn answer(&mut self, op: &str, request: &Object<'_>) -> Result<Value, String> {
        let session = request.text("session")?;
        if op == "ike_start" {
            let end = start(request)?;
            self.0.insert(session.to_owned(), end);
            return Ok(json!({}));
        }
        let end = self.0.get_mut(session).ok_or("no such session")?;
        match op {
            "ike_push" => end.push(request),
            "ike_receive" => end.receive(request),
            "ike_delete" => end.delete(request),
            op => Err(format!("unknown op {op:?}")),
        }
    }
}

fn array<const N: usize>(octets: &[u8]) -> Result<[u8; N], String> {
    octets.try_into().map_err(|_| format!("{} octets for {N}", octets.len()))
}

fn start(request: &Object<'_>) -> Result<End, String> {
    let role = match request.text("role")? {
        "initiator" => Role::Initiator,
        "responder" => Role::Responder,
        role => return Err(format!("unknown role {role:?}")),
    };
    let prf = match request.text("prf")? {
        "sha1" => PrfAlgorithm::HmacSha1,
        "sha256" => PrfAlgorithm::HmacSha2_256,
        prf => return Err(format!("unknown prf {prf:?}")),
    };
    let cookies: [u8; 16] = array(&request.need_hex("cookies")?)?;
    let (initiator, responder) = cookies.split_at(8);
    let cookies = Cookies { initiator: array(initiator)?, responder: array(responder)? };
    let (skeyid_a, skeyid_e) = (request.need_hex("skeyid_a")?, request.need_hex("skeyid_e")?);
    let key_len = request.integer("key_len")?.ok_or("no `key_len`")? as usize;
    let last_block = array(&request.need_hex("last_block")?)?;
    request.finish()?;
    let config = Phase1Config { role, cookies, prf, skeyid_a: &skeyid_a, skeyid_e: &skeyid_e, key_len, last_block };
    Ok(End {
        phase1: Phase1::new(&config, &mut RustCrypto, &mut SysRng).map_err(|error| error.to_string())?,
        pusher: Pusher::new(Retry::default()),
        acceptor: Acceptor::new(Retry::default()),
    })
}

impl End {
    fn push(&mut self, request: &Object<'_>) -> Result<Value, String> {
        let octets = request.need_hex("description")?;
        request.finish()?;
        let description = Description::parse(&octets).map_err(|error| error.to_string())?;
        self.pusher
            .push(Instant::START, &mut self.phase1, &mut RustCrypto, &mut SysRng, &description)
            .map_err(|error| error.to_string())?;
        Ok(json!({ "frames": self.due() }))
    }

    fn receive(&mut self, request: &Object<'_>) -> Result<Value, String> {
        let mut frame = request.need_hex("frame")?;
        let reason = u16::try_from(request.integer("reason")?.unwrap_or(0)).map_err(|error| error.to_string())?;
        let end = request.text("end")?;
        request.finish()?;
        let event = if end == "pusher" {
            match self.pusher.receive(&self.phase1, &mut RustCrypto, &mut frame).map_err(|error| error.to_string())? {
                Pushed::Rejected(reason) => format!("rejected {}", reason.value()),
                other => format!("{other:?}").to_lowercase(),
            }
        } else {
            let received = self.acceptor.receive(&self.phase1, &mut RustCrypto, &mut frame);
            match received.map_err(|error| error.to_string())? {
                Received::Offer(offer) => {
                    let event = format!("offer {}", hex(offer.description.as_octets()));
                    let answer = Reason::new(reason).map_or(Answer::Accept, Answer::Reject);
                    let (now, id) = (Instant::START, offer.message_id);
                    self.acceptor
                        .answer(now, &self.phase1, &mut RustCrypto, &mut SysRng, id, answer)
                        .map_err(|error| error.to_string())?;
                    event
                }
                Received::Confirmed(_) => "confirmed".to_owned(),
                Received::Deleted(spis) => {
                    let all: Vec<_> = spis.iter().map(|spi| spi.value().to_string()).collect();
                    format!("deleted {:?} {}", spis.protocol(), all.join(" ")).to_lowercase()
                }
                Received::Duplicate => "duplicate".to_owned(),
                other => format!("{other:?}"),
            }
        };
        Ok(json!({ "event": event, "frames": self.due() }))
    }

    fn delete(&mut self, request: &Object<'_>) -> Result<Value, String> {
        let protocol = if request.text("protocol")? == "ah" { Protocol::Ah } else { Protocol::Esp };
        let spi = request.integer("spi")?.and_then(|spi| u32::try_from(spi).ok()).and_then(Spi::new);
        request.finish()?;
        let mut buffer = [0; 256];
        let len = emit_delete(&mut self.phase1, &mut RustCrypto, protocol, &[spi.ok_or("no SPI")?], &mut buffer)
            .map_err(|error| error.to_string())?;
        Ok(json!({ "frames": [hex(&buffer[..len])] }))
    }

    /// Everything that is to be sent now.
    fn due(&mut self) -> Vec<String> {
        let mut frames = Vec::new();
        while let Some(Due::Transmit(octets)) = self.pusher.poll(Instant::START) {
            frames.push(hex(octets));
        }
        while let Some(Due::Transmit(octets)) = self.acceptor.poll(Instant::START) {
            frames.push(hex(octets));
        }
        frames
    }
}
