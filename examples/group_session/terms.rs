//! What the group agrees on before anybody has a key.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use xcast_sec::crypto::{AeadAlgorithm, RustCrypto};
use xcast_sec::group::membership::{Delays, Floor, GroupId, GroupSetup, RejectReason, RetryPolicy};
use xcast_sec::group::{GroupSa, SaTerms, Suite, read_association};
use xcast_sec::ipsec::{
    Action, Directionality, FixedSpd, ModeKind, PolicyEntry, PolicyId, Required, Sa, SaConfig, SaError, SelectorSet,
    Spi,
};
use xcast_sec::wire::{BitmapPlace, CodePoints, Family};

pub(crate) const GROUP: GroupId = GroupId::new(0x7365_7373_696f_6e00);
/// B, C, D, E and F, and G who comes late.
pub(crate) const NAMES: [char; 6] = ['B', 'C', 'D', 'E', 'F', 'G'];
/// Room for an association as octets.
pub(crate) const ROOM: usize = 256;
pub(crate) const PORT: u16 = 5004;
/// What the policy knows the group's protection by.
const POLICY: PolicyId = PolicyId::new(1);
/// AES-256 and a salt.
const SUITE: Suite = Suite::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key_len: 36 };

/// How long an epoch lasts if nothing else ends it.
pub(crate) const LIFETIME: Duration = Duration::from_secs(20);

/// Up to 40 tries in 8 seconds: enough for a network that loses 40 messages of 100 in each direction.
pub(crate) const RETRY: RetryPolicy =
    RetryPolicy { initial: Duration::from_millis(150), max: Duration::from_millis(200), tries: 40 };

/// ATD and DTD: longer than all tries, and by what a packet may need to arrive.
pub(crate) fn delays() -> Delays {
    Delays::new(Duration::from_secs(10), Duration::from_secs(11)).expect("the ATD is the shorter one")
}

pub(crate) fn speaker() -> IpAddr {
    address(0)
}

/// The address of the host with this place in [`NAMES`].
pub(crate) fn member(index: usize) -> IpAddr {
    address(index + 1)
}

fn address(number: usize) -> IpAddr {
    let last = u16::try_from(0xa + number).expect("there are seven hosts");
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last).into()
}

pub(crate) fn name(address: IpAddr) -> char {
    (0..NAMES.len()).find(|index| member(*index) == address).map_or('A', |index| NAMES[index])
}

pub(crate) fn setup() -> GroupSetup {
    GroupSetup { family: Family::V6, ah: None, bitmap: BitmapPlace::Header, tunnel: false }
}

/// No code points were ever assigned; these are for experiments among those who know of each other.
pub(crate) fn code_points() -> CodePoints {
    CodePoints::rfc4727_experiment()
}

/// ESP from the speaker to All_Xcast_Routers. The SPI is a placeholder: each epoch has its own.
pub(crate) fn sa_terms() -> SaTerms {
    let placeholder = Spi::new(256).expect("above 255, which are reserved");
    let terms = SaTerms::new(placeholder, code_points().fields().routers_v6.into(), SUITE);
    SaTerms { source: Some(speaker()), ..terms }
}

/// What must be in a packet of the group: ESP, in transport mode, as routers read what is in front of it.
pub(crate) fn policy() -> FixedSpd<1> {
    let action = Action::Protect { policy: POLICY, required: Required::Esp(ModeKind::Transport) };
    let entry = PolicyEntry { directionality: Directionality::Symmetric, selectors: SelectorSet::ANY, action };
    let mut policy = FixedSpd::new();
    policy.push(entry).expect("there is room for one entry");
    policy
}

/// An association out of what was pushed, if it is one that the group agreed on.
pub(crate) fn read(association: &[u8]) -> Result<GroupSa, RejectReason> {
    read_association(association, &sa_terms(), &Floor::DEFAULT)
}

pub(crate) fn to_sa(group: &GroupSa) -> Result<Sa<RustCrypto>, SaError> {
    Sa::new(&SaConfig { policy: Some(POLICY), ..group.as_config() }, &mut RustCrypto)
}
