//! What a router's administrator decides.

use crate::wire::ChecksumPolicy;

/// The choices RFC 5058 leaves to a router. Start from [`RouterPolicy::default`] and change fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RouterPolicy {
    /// Whether the Xcast CHECKSUM is verified (RFC 5058 §9.2.2). Default: it is.
    pub checksum: ChecksumPolicy,
    /// Whether a branch of one destination becomes a unicast packet (X2U, RFC 5058 §2, §9.2.2). Default: yes.
    pub x2u: bool,
    /// Whether a next hop without Xcast gets a unicast packet per destination (premature X2U, RFC 5058 §11.2). Default: yes.
    pub premature_x2u: bool,
    /// Whether ICMP echo requests inside Xcast, which amplify (RFC 5058 §14, draft §2.2.7), are let through. Default: no.
    pub allow_echo: bool,
    /// The most copies of one packet that are handed to the egress; the destinations of the others are dropped. Default: no
    /// limit but that of 127 destinations.
    pub max_copies: Option<usize>,
}

impl Default for RouterPolicy {
    fn default() -> Self {
        Self { checksum: ChecksumPolicy::Verify, x2u: true, premature_x2u: true, allow_echo: false, max_copies: None }
    }
}
