//! Seals and opens packets for others to check, and to check theirs: one request a line on standard input, one answer a
//! line on standard output, both JSON.
//!
//! ```json
//! {"op": "seal", "sa": {…}, "seq": 1, "iv": "00…", "packet": "45…"}    → {"packet": "45…", "seq": 1}
//! {"op": "open", "sa": {…}, "packet": "45…", "seq_hi": 0}              → {"packet": "45…", "seq": 1}
//! ```
//!
//! Or `{"error": "…"}`; one that starts with `panic` is a defect of the crate. `sa` and `code_points` are those of the vector
//! format. Beside it a request may have:
//!
//! - `session`: a name. What is kept under it lasts until the end: the windows, so that replays are refused, and a counter for
//!   each `sa`, so that `seq` can be left out. Counter-mode and combined-mode vectors are then made of the counter.
//! - `iv`, to seal with `seq`. Without it the vector is random.
//! - `seq_hi`, to open: the upper half of the number. The window of the packet's sender is moved right before the packet, if
//!   that is forward, whatever then becomes of the packet.
//! - `pad_to_8`: AH is padded to 8 octets in IPv4 as well.
//!
//! An opened dummy packet has `"dummy": true` in its answer. Operations that start with `ike_` are in ike.rs.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant as Clock;

use getrandom::SysRng;
use getrandom::rand_core::TryRng;
use serde_json::{Value, json};
use xcast_sec::crypto::RustCrypto;
use xcast_sec::ipsec::{Content, Freshness, OutboundSa, PacketBuf, Sa, SenderWindows, open, seal_with};
use xcast_sec::time::Instant;
use xcast_sec::wire::CodePoints;

#[path = "../../../tests/vector_sa/mod.rs"]
#[allow(dead_code, reason = "the vectors need more of it")]
mod vector_sa;

mod ike;

use vector_sa::{Object, SaFields, code_points};

/// Room for every header and trailer that sealing adds.
const ROOM: usize = 512;

type Windows = SenderWindows<64, 2>;

fn main() -> std::io::Result<()> {
    let mut sessions = Sessions::new();
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let answer = catch_unwind(AssertUnwindSafe(|| sessions.answer(&line)));
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(why)) => json!({ "error": why }),
            Err(_) => json!({ "error": "panic, see standard error" }),
        };
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
}

/// What lasts from one request to the next.
struct Sessions {
    windows: BTreeMap<String, Windows>,
    /// By session and association.
    outbound: BTreeMap<(String, String), OutboundSa<RustCrypto>>,
    started: Clock,
    ike: ike::Ends,
}

impl Sessions {
    fn new() -> Self {
        Self { windows: BTreeMap::new(), outbound: BTreeMap::new(), started: Clock::now(), ike: ike::Ends::default() }
    }

    fn answer(&mut self, line: &[u8]) -> Result<Value, String> {
        let request = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let request = Object::new("the request", &request)?;
        match request.text("op")? {
            "seal" => self.seal(&request),
            "open" => self.open(&request),
            op => self.ike.answer(op, &request),
        }
    }

    fn seal(&mut self, request: &Object<'_>) -> Result<Value, String> {
        let common = Common::read(request)?;
        let sequence = request.integer("seq")?;
        let iv = request.hex("iv")?;
        request.finish()?;
        let sa = common.sa()?;

        let mut storage = vec![0; ROOM + common.packet.len() + ROOM];
        let range = ROOM..ROOM + common.packet.len();
        storage[range.clone()].copy_from_slice(&common.packet);
        let mut buffer = PacketBuf::new(&mut storage, range).ok_or("no buffer")?;
        let code_points = common.code_points.as_ref();
        let sequence = match (sequence, common.session, iv) {
            (Some(sequence), _, iv) => {
                let iv = match iv {
                    Some(iv) => iv,
                    None => {
                        let mut iv = vec![0; sa.iv_len()];
                        SysRng.try_fill_bytes(&mut iv).map_err(|error| error.to_string())?;
                        iv
                    }
                };
                let freshness = Freshness { sequence, iv: &iv };
                seal_with(&sa, freshness, &mut RustCrypto, code_points, &mut buffer)
                    .map_err(|error| error.to_string())?;
                sequence
            }
            (None, Some(session), None) => {
                let now = Instant::from_secs(self.started.elapsed().as_secs());
                let key = (session, request.required("sa")?.to_string());
                if !self.outbound.contains_key(&key) {
                    let outbound = OutboundSa::new(sa, now).map_err(|error| error.to_string())?;
                    self.outbound.insert(key.clone(), outbound);
                }
                let outbound = self.outbound.get_mut(&key).ok_or("no such association")?;
                outbound
                    .seal(now, &mut RustCrypto, &mut SysRng, code_points, &mut buffer)
                    .map_err(|error| error.to_string())?
                    .sequence
            }
            (None, Some(_), Some(_)) => return Err("`iv` without `seq`".into()),
            (None, None, _) => return Err("neither `seq` nor `session`".into()),
        };
        Ok(json!({ "packet": hex(buffer.as_octets()), "seq": sequence }))
    }

    fn open(&mut self, request: &Object<'_>) -> Result<Value, String> {
        let mut common = Common::read(request)?;
        let seq_hi = request.integer("seq_hi")?.map(u32::try_from).transpose();
        request.finish()?;
        common.fields.seq_hi = seq_hi.map_err(|_| "`seq_hi` exceeds 32 bits")?.or(common.fields.seq_hi);
        let sa = common.sa()?;

        let fresh = Windows::new(64).ok_or("no window of 64")?;
        let mut own = None;
        let windows = match common.session {
            Some(session) => self.windows.entry(session).or_insert(fresh),
            None => own.insert(fresh),
        };
        let code_points = common.code_points.as_ref();
        common.fields.start_window(windows, &sa, &common.packet, code_points)?;
        let all = 0..common.packet.len();
        let mut buffer = PacketBuf::new(&mut common.packet, all).ok_or("no buffer")?;
        let opened =
            open(&sa, windows, &mut RustCrypto, code_points, &mut buffer).map_err(|error| error.to_string())?;
        let mut answer = json!({ "packet": hex(buffer.as_octets()), "seq": opened.sequence });
        if opened.content == Content::Dummy {
            answer["dummy"] = true.into();
        }
        Ok(answer)
    }
}

/// What both operations need.
struct Common {
    fields: SaFields,
    code_points: Option<CodePoints>,
    packet: Vec<u8>,
    session: Option<String>,
}

impl Common {
    fn read(request: &Object<'_>) -> Result<Self, String> {
        let mut fields = SaFields::read(request)?;
        fields.pad_to_8 = request.flag("pad_to_8")?.unwrap_or(false);
        Ok(Self {
            fields,
            code_points: code_points(request)?.map_err(|error| error.to_string())?,
            packet: request.need_hex("packet")?,
            session: request.read("session", "a string", Value::as_str)?.map(str::to_owned),
        })
    }

    fn sa(&self) -> Result<Sa<RustCrypto>, String> {
        let spi = self.fields.spi().ok_or("a reserved SPI")?;
        self.fields.make(spi).map_err(|error| error.to_string())
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
