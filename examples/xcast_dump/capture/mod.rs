//! Capture files: the classic format (pcap) and its successor (pcapng), read as a stream.
//!
//! Nothing is believed: what the file says of a length is compared with what an IP packet can have before anything is
//! allocated, and a file that is cut off, or says what cannot be, ends in an error that names the octet.

mod classic;
mod input;
mod pcapng;

use std::fmt;
use std::io::{self, Read};

use super::time::Time;
use classic::Classic;
use input::Input;
use pcapng::Pcapng;

/// Octets of the longest packet read, with its link header: what tcpdump captures at most, and more than any IP packet
/// has.
pub(crate) const MAX_PACKET: u32 = 0x4_0000;
/// The longest snap length that is one: to libpcap, which takes it as signed, all above is negative.
const MAX_SNAP_LENGTH: u32 = 0x7fff_ffff;

/// A packet as it was captured.
#[derive(Debug)]
pub(crate) struct Record<'b> {
    /// When, unless the file does not say.
    pub(crate) time: Option<Time>,
    /// What its first octets are: LINKTYPE_… of <https://www.tcpdump.org/linktypes.html>.
    pub(crate) link_type: u16,
    /// The interface of its section, where the file names interfaces (pcapng).
    pub(crate) interface: Option<u32>,
    /// Where its octets start in the file.
    pub(crate) at: u64,
    pub(crate) octets: &'b [u8],
    /// Octets it had on the link, of which the capture may have kept fewer.
    pub(crate) original_len: u32,
}

/// Why a capture cannot be read, or not further.
#[derive(Debug)]
pub(crate) enum CaptureError {
    Io(io::Error),
    /// The file ends at octet `at`, and `within` was not complete.
    Ends {
        at: u64,
        within: String,
    },
    /// What stands at octet `at` cannot be.
    Wrong {
        at: u64,
        what: String,
    },
}

impl CaptureError {
    fn wrong(at: u64, what: impl Into<String>) -> Self {
        Self::Wrong { at, what: what.into() }
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Ends { at: 0, .. } => f.write_str("it is empty"),
            Self::Ends { at, within } => write!(f, "it ends after octet {at}, within {within}"),
            Self::Wrong { at, what } => write!(f, "octet {at}: {what}"),
        }
    }
}

impl std::error::Error for CaptureError {}

/// The order of the octets of the file's own numbers: that of the machine which wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Big,
    Little,
}

impl Order {
    fn u16(self, octets: [u8; 2]) -> u16 {
        if self == Self::Big { u16::from_be_bytes(octets) } else { u16::from_le_bytes(octets) }
    }

    fn u32(self, octets: [u8; 4]) -> u32 {
        if self == Self::Big { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) }
    }

    fn u64(self, octets: [u8; 8]) -> u64 {
        if self == Self::Big { u64::from_be_bytes(octets) } else { u64::from_le_bytes(octets) }
    }

    /// The number at `at`; 0 beyond the end, which callers rule out before.
    fn u16_at(self, octets: &[u8], at: usize) -> u16 {
        self.u16(array_at(octets, at))
    }

    fn u32_at(self, octets: &[u8], at: usize) -> u32 {
        self.u32(array_at(octets, at))
    }
}

fn array_at<const N: usize>(octets: &[u8], at: usize) -> [u8; N] {
    octets.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}

/// A capture being read.
#[derive(Debug)]
pub(crate) struct Capture<R> {
    input: Input<R>,
    format: Format,
    /// The octets of one packet or block, used again for the next.
    buffer: Vec<u8>,
}

#[derive(Debug)]
enum Format {
    Classic(Classic),
    Pcapng(Pcapng),
}

impl<R: Read> Capture<R> {
    /// Reads the start of the file, which tells its format.
    pub(crate) fn new(reader: R) -> Result<Self, CaptureError> {
        let mut input = Input::new(reader);
        let magic = input.array::<4>("the first four octets, which tell a capture's format")?;
        let format = if magic == pcapng::SECTION_HEADER.to_be_bytes() {
            Format::Pcapng(Pcapng::new(&mut input)?)
        } else if let Some((order, digits)) = classic::magic(magic) {
            Format::Classic(Classic::new(&mut input, order, digits)?)
        } else {
            let hint =
                if magic.starts_with(&[0x1f, 0x8b]) { "; it is compressed by gzip, unpack it first" } else { "" };
            let [a, b, c, d] = magic;
            let what = format!("{a:02x} {b:02x} {c:02x} {d:02x} starts neither a pcap nor a pcapng file{hint}");
            return Err(CaptureError::wrong(0, what));
        };
        Ok(Self { input, format, buffer: Vec::new() })
    }

    /// The next packet; `None` where the file ends as it should.
    pub(crate) fn next_record(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        match &mut self.format {
            Format::Classic(classic) => classic.next_record(&mut self.input, &mut self.buffer),
            Format::Pcapng(pcapng) => pcapng.next_record(&mut self.input, &mut self.buffer),
        }
    }
}
