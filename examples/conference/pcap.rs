//! The classic capture file format, which Wireshark and tcpdump read.

/// Microsecond time stamps, octets in the order of whoever writes; here, network order.
const MAGIC: u32 = 0xa1b2_c3d4;
/// The version of the format, which has not changed since 1998.
const VERSION: [u16; 2] = [2, 4];
/// LINKTYPE_RAW: a record starts at its IP header.
const LINK_TYPE_RAW: u32 = 101;
/// The longest record, above what an IP packet without a jumbo payload can have.
const SNAPSHOT_LEN: u32 = 0x4_0000;

/// A capture being made.
pub(crate) struct Capture {
    octets: Vec<u8>,
    packets: usize,
}

impl Capture {
    /// A capture without packets.
    pub(crate) fn new() -> Self {
        let mut octets = MAGIC.to_be_bytes().to_vec();
        octets.extend(VERSION.iter().flat_map(|part| part.to_be_bytes()));
        // Time zone and accuracy of the time stamps, both 0 by custom.
        octets.extend([0; 8]);
        octets.extend(SNAPSHOT_LEN.to_be_bytes());
        octets.extend(LINK_TYPE_RAW.to_be_bytes());
        Self { octets, packets: 0 }
    }

    /// Adds a packet seen `micros` microseconds after the epoch.
    pub(crate) fn add(&mut self, micros: u64, packet: &[u8]) {
        let word = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes();
        let len = word(packet.len() as u64);
        self.octets.extend(word(micros / 1_000_000));
        self.octets.extend(word(micros % 1_000_000));
        // Captured length and length on the wire: nothing is cut off.
        self.octets.extend(len);
        self.octets.extend(len);
        self.octets.extend(packet);
        self.packets += 1;
    }

    /// The file's contents.
    pub(crate) fn as_octets(&self) -> &[u8] {
        &self.octets
    }

    /// How many packets are in it.
    pub(crate) fn packets(&self) -> usize {
        self.packets
    }
}
