//! What the administrator of an XCAST6 2.0 router decides.

use crate::forward::{ReportLimit, ReversePath};

/// The choices left to a router. Start from [`RouterPolicyV2::default`] and change fields.
///
/// Those of [`RouterPolicy`](crate::forward::RouterPolicy) that are not here have nothing to decide on: there is no CHECKSUM,
/// and no need for premature X2U, as every router without Xcast leads the packet on to its first destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RouterPolicyV2 {
    /// Whether a branch of one destination becomes a unicast packet (X2U, RFC 5058 §2, §9.2.2). Default: yes.
    pub x2u: bool,
    /// Whether ICMPv6 echo requests, which amplify (RFC 5058 §14, draft §2.2.7), are let through. Default: no.
    pub allow_echo: bool,
    /// The most copies of one packet that are handed to the egress; the destinations of the others are dropped. Default: no
    /// limit but that of 126 destinations.
    pub max_copies: Option<usize>,
    /// Whether the way back to a packet's sender, by its inner header, is checked (RFC 5058 §14). Default:
    /// [`ReversePath::Unchecked`].
    pub reverse_path: ReversePath,
    /// How often the egress is offered material for error messages. Default: that of [`ReportLimit`].
    pub reports: ReportLimit,
}

impl Default for RouterPolicyV2 {
    fn default() -> Self {
        Self {
            x2u: true,
            allow_echo: false,
            max_copies: None,
            reverse_path: ReversePath::Unchecked,
            reports: ReportLimit::default(),
        }
    }
}
