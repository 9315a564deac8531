//! The numbers by which XCAST6 2.0 is recognised. None of them was ever registered.

use core::net::Ipv6Addr;

use super::MARK_MASK;

/// The numbers, field by field, before [`CodePointsV2::new`] has checked them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "built field by field: a new one must be decided on by every caller")]
pub struct CodePointFieldsV2 {
    /// The first four octets of the outer header: version, DSCP and flow label. The ECN bits are 0.
    pub mark: [u8; 4],
    /// Routing Type.
    pub routing_type: u8,
    /// Destination of the inner header, which is what transport checksums are computed for.
    pub group: Ipv6Addr,
}

/// Why a set of code points was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodePointErrorV2 {
    /// The mark is not of IPv6, or has one of the two ECN bits set, which routers change.
    Mark,
    /// The Routing Type is 0, which RFC 5095 deprecates.
    RoutingType,
    /// The group is not a multicast address.
    GroupNotMulticast,
}

impl core::fmt::Display for CodePointErrorV2 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Mark => "mark must be of IPv6, its ECN bits 0",
            Self::RoutingType => "Routing Type 0 is deprecated",
            Self::GroupNotMulticast => "the group must be multicast",
        })
    }
}

impl core::error::Error for CodePointErrorV2 {}

/// A checked set of code points.
///
/// There is no `Default`: Routing Type 253 is one of RFC 3692's experimental values, which must not be shipped as defaults
/// (RFC 4727), and the rest is nobody's. Whoever talks to the deployment says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CodePointsV2 {
    fields: CodePointFieldsV2,
}

impl CodePointsV2 {
    /// Takes a set of code points.
    ///
    /// # Errors
    ///
    /// - [`CodePointErrorV2`]: one of them cannot be used.
    pub const fn new(fields: CodePointFieldsV2) -> Result<Self, CodePointErrorV2> {
        let [first, second, ..] = fields.mark;
        if first >> 4 != 6 || second & !MARK_MASK[1] != 0 {
            return Err(CodePointErrorV2::Mark);
        }
        if fields.routing_type == 0 {
            return Err(CodePointErrorV2::RoutingType);
        }
        if !fields.group.is_multicast() {
            return Err(CodePointErrorV2::GroupNotMulticast);
        }
        Ok(Self { fields })
    }

    /// The values of the hosts and routers that xcast.jp's kernels ran on: `65 C5 80 00`, Routing Type 253 and ff0e::114
    /// (WIRE.md §10). For networks where those are still there; never a product's default.
    #[must_use]
    pub const fn xcast_jp_deployment() -> Self {
        Self {
            fields: CodePointFieldsV2 {
                mark: [0x65, 0xc5, 0x80, 0x00],
                routing_type: 253,
                group: Ipv6Addr::new(0xff0e, 0, 0, 0, 0, 0, 0, 0x114),
            },
        }
    }

    /// The numbers.
    #[must_use]
    pub const fn fields(&self) -> &CodePointFieldsV2 {
        &self.fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deployment_passes_its_own_constructor() {
        let deployment = CodePointsV2::xcast_jp_deployment();
        assert_eq!(CodePointsV2::new(*deployment.fields()), Ok(deployment));
    }

    #[test]
    fn each_constraint_is_enforced() {
        let good = *CodePointsV2::xcast_jp_deployment().fields();
        for octet in 0..=u8::MAX {
            let mark = CodePointFieldsV2 { mark: [octet, 0xc5, 0x80, 0], ..good };
            assert_eq!(CodePointsV2::new(mark).is_ok(), octet >> 4 == 6);
            let mark = CodePointFieldsV2 { mark: [0x65, octet, 0x80, 0], ..good };
            assert_eq!(CodePointsV2::new(mark).is_ok(), octet & 0x30 == 0);
        }
        let mark = CodePointFieldsV2 { mark: [0x45, 0, 0, 0], ..good };
        assert_eq!(CodePointsV2::new(mark), Err(CodePointErrorV2::Mark));
        let routing = CodePointFieldsV2 { routing_type: 0, ..good };
        assert_eq!(CodePointsV2::new(routing), Err(CodePointErrorV2::RoutingType));
        let group = CodePointFieldsV2 { group: Ipv6Addr::LOCALHOST, ..good };
        assert_eq!(CodePointsV2::new(group), Err(CodePointErrorV2::GroupNotMulticast));
    }
}
