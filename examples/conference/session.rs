//! What sender and members agreed on before the first packet. A key server would have told them (RFC 4046).

use std::net::IpAddr;

use xcast_sec::crypto::{CipherAlgorithm, IntegrityAlgorithm, RustCrypto};
use xcast_sec::ipsec::{
    Action, Directionality, FixedSpd, ModeKind, PolicyEntry, PolicyId, Protection as Algorithms, Required, Sa,
    SaConfig, SaError, SelectorSet, Spi,
};
use xcast_sec::wire::{CodePoints, Family};

use super::addresses;
use super::random::PublicRandom;
use super::run::{Protection, Run};

/// Octets of integrity check value that AH and ESP carry here.
pub(crate) const ICV_LEN: usize = INTEGRITY.icv_len();

const INTEGRITY: IntegrityAlgorithm = IntegrityAlgorithm::HmacSha2_256_128;
/// What the policy knows the session's protection by.
const POLICY: PolicyId = PolicyId::new(1);

/// A multicast session in the sense of RFC 5058 §2: it has a list of members, and no group address.
pub(crate) struct Session {
    pub(crate) run: Run,
    pub(crate) code_points: CodePoints,
    /// A.
    pub(crate) sender: IpAddr,
    /// B, C, D …
    pub(crate) members: Vec<IpAddr>,
    pub(crate) ah_key: [u8; 32],
    pub(crate) esp_integrity_key: [u8; 32],
    pub(crate) esp_cipher_key: [u8; 32],
}

impl Session {
    /// A session with fresh keys.
    pub(crate) fn new(run: Run, members: usize, random: &mut PublicRandom) -> Self {
        Self {
            run,
            // No code points were ever assigned; these are for experiments among those who know of each other.
            code_points: CodePoints::rfc4727_experiment(),
            sender: addresses::sender(run.family),
            members: (0..members).map(|index| addresses::member(run.family, index)).collect(),
            ah_key: random.array(),
            esp_integrity_key: random.array(),
            esp_cipher_key: random.array(),
        }
    }

    /// All_Xcast_Routers, the destination of every Xcast packet.
    pub(crate) fn routers(&self) -> IpAddr {
        let fields = self.code_points.fields();
        match self.run.family {
            Family::V4 => fields.routers_v4.into(),
            Family::V6 => fields.routers_v6.into(),
        }
    }

    /// What every packet of the session must be protected by, whoever sends it. In transport mode: tunnel mode would hide the
    /// destinations from the routers.
    pub(crate) fn policy(&self) -> FixedSpd<1> {
        let protect = |required| Action::Protect { policy: POLICY, required };
        let action = match self.run.protection {
            Protection::None => Action::Bypass,
            Protection::Ah => protect(Required::Ah(ModeKind::Transport)),
            Protection::Esp => protect(Required::Esp(ModeKind::Transport)),
            Protection::AhEsp => protect(Required::AhAroundEsp { esp: ModeKind::Transport }),
        };
        let entry = PolicyEntry { directionality: Directionality::Symmetric, selectors: SelectorSet::ANY, action };
        let mut policy = FixedSpd::new();
        policy.push(entry).expect("there is room for one entry");
        policy
    }

    /// The association for AH from anybody to `destination`, if this run has AH.
    ///
    /// AH covers the source address, so one association can serve all senders of a session. Each has a replay window of
    /// its own nevertheless. (Members hold the key too: what AH keeps out is who is no member.)
    pub(crate) fn ah(&self, destination: IpAddr) -> Result<Option<Sa<RustCrypto>>, SaError> {
        let protection =
            Algorithms::Ah { integrity: INTEGRITY, key: &self.ah_key, coverage: self.run.coverage(), pad_to_8: false };
        let (wanted, spi) = (self.run.protection.has_ah(), self.run.protection.ah_spi());
        wanted.then(|| Sa::new(&config(spi, None, destination, protection), &mut RustCrypto)).transpose()
    }

    /// The association for ESP from A to `destination`, if this run has ESP.
    ///
    /// ESP does not cover the source address, so each sender needs an association of its own: whoever takes on another
    /// address then has none.
    pub(crate) fn esp(&self, destination: IpAddr) -> Result<Option<Sa<RustCrypto>>, SaError> {
        let protection = Algorithms::Esp {
            cipher: CipherAlgorithm::AesCbc,
            cipher_key: &self.esp_cipher_key,
            integrity: Some((INTEGRITY, &self.esp_integrity_key)),
        };
        let (wanted, spi) = (self.run.protection.has_esp(), self.run.protection.esp_spi());
        wanted.then(|| Sa::new(&config(spi, Some(self.sender), destination, protection), &mut RustCrypto)).transpose()
    }
}

fn config(spi: u32, source: Option<IpAddr>, destination: IpAddr, protection: Algorithms<'_>) -> SaConfig<'_> {
    let spi = Spi::new(spi).expect("above 255, which are reserved");
    SaConfig { source, destination: Some(destination), policy: Some(POLICY), ..SaConfig::new(spi, protection) }
}
