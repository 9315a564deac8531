//! What was found out about a packet.

use std::net::IpAddr;

use super::fault::Fault;
use super::protection::Verdict;

/// What a packet is, as far as it could be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Class {
    /// Xcast4 or Xcast6 of RFC 5058, or meant to be.
    Xcast,
    /// XCAST6 2.0, or meant to be.
    XcastV2,
    /// Other IP.
    #[default]
    OtherIp,
    NotIp,
}

/// What was found out about a packet, and how it is told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub(crate) class: Class,
    /// What stands in the packet's one line, from the outside in.
    pub(crate) line: Vec<String>,
    /// What is to be known besides.
    pub(crate) notes: Vec<String>,
    /// Why it cannot be read.
    pub(crate) fault: Option<Fault>,
    /// The capture kept too little of it to tell.
    pub(crate) cut: bool,
    /// All fields, one a line, for `--verbose`.
    pub(crate) tree: Vec<String>,
    /// Source addresses of all its IP headers.
    pub(crate) sources: Vec<IpAddr>,
    /// The destinations listed, or the destination of an ordinary packet.
    pub(crate) members: Vec<IpAddr>,
    /// What became of each AH and ESP.
    pub(crate) protections: Vec<Verdict>,
    /// It is in a tunnel that is not IPsec's.
    pub(crate) tunnelled: bool,
    /// A transport checksum is wrong.
    pub(crate) wrong_transport_checksum: bool,
    /// The packet that a router probably made it of.
    pub(crate) made_of: Option<u64>,
    /// The innermost that can be read, for `--hex`.
    pub(crate) payload: Vec<u8>,
}

impl Findings {
    /// Whether it is Xcast of either kind.
    pub(crate) fn is_xcast(&self) -> bool {
        matches!(self.class, Class::Xcast | Class::XcastV2)
    }

    /// Whether everything that protects it was verified, and something does.
    pub(crate) fn is_verified(&self) -> bool {
        !self.protections.is_empty() && self.protections.iter().all(Verdict::is_verified)
    }

    pub(crate) fn fail(&mut self, fault: Fault) {
        self.line.push(format!("MALFORMED: {}", fault.what));
        // The outermost is what a receiver would meet first.
        self.fault.get_or_insert(fault);
    }
}
