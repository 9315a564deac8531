//! Code points: the numbers by which Xcast is recognised.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Family;
use super::ip::protocol;

/// The numbers, field by field, before [`CodePoints::new`] has checked them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "built field by field: a new one must be decided on by every caller")]
pub struct CodePointFields {
    /// IPv4 protocol number of Xcast4 (RFC 5058 §9.2.1).
    pub xcast4_protocol: u8,
    /// IPv6 Routing Type of Xcast6 (RFC 5058 §9.3.2.1).
    pub xcast6_routing_type: u8,
    /// All_Xcast_Routers, IPv4.
    pub routers_v4: Ipv4Addr,
    /// All_Xcast_Routers, IPv6.
    pub routers_v6: Ipv6Addr,
    /// Destination option holding the ports: `010xxxxx` (RFC 5058 §9.3.2.2).
    pub ports_option: u8,
    /// Hop-by-Hop option of the semi-permeable tunnel: `00xxxxxx` (RFC 5058 §11.3).
    pub tunnel_option: u8,
    /// IPv4 option holding a separated bitmap: copied flag set (draft §3.2.1).
    pub bitmap_option_v4: u8,
    /// Hop-by-Hop option holding a separated bitmap: act `00`, chg `1` (draft §3.2.2).
    pub bitmap_option_v6: u8,
}

/// Why a set of code points was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodePointError {
    /// The IPv4 protocol number means something else to this library.
    Xcast4Protocol,
    /// The Routing Type is 0, which RFC 5095 deprecates.
    Xcast6RoutingType,
    /// All_Xcast_Routers is not a multicast address.
    RoutersNotMulticast,
    /// The Ports option does not start with the bits `010`.
    PortsOption,
    /// The tunnel option does not start with the bits `00`, or is a padding option.
    TunnelOption,
    /// The IPv4 bitmap option lacks the copied flag, is one that RFC 4302 §A1 covers as it stands, or a source route.
    BitmapOptionV4,
    /// The Hop-by-Hop bitmap option does not start with `001`, or is the tunnel option.
    BitmapOptionV6,
}

impl core::fmt::Display for CodePointError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Xcast4Protocol => "IPv4 protocol number already has a meaning",
            Self::Xcast6RoutingType => "Routing Type 0 is deprecated",
            Self::RoutersNotMulticast => "All_Xcast_Routers must be multicast",
            Self::PortsOption => "Ports option must start with the bits 010",
            Self::TunnelOption => "tunnel option must start with the bits 00 and not be padding",
            Self::BitmapOptionV4 => "IPv4 bitmap option must have the copied flag and be mutable to AH",
            Self::BitmapOptionV6 => "Hop-by-Hop bitmap option must start with the bits 001 and be its own",
        })
    }
}

impl core::error::Error for CodePointError {}

/// A checked set of code points.
///
/// There is no `Default`: IANA assigned none, and RFC 4727 forbids shipping experimental values as defaults. A deployment
/// says which it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CodePoints {
    fields: CodePointFields,
}

impl CodePoints {
    /// Takes a set of code points.
    ///
    /// # Errors
    ///
    /// - [`CodePointError`]: one of them breaks a constraint of RFC 5058, RFC 8200 or RFC 4302.
    pub const fn new(fields: CodePointFields) -> Result<Self, CodePointError> {
        if protocol::is_known(fields.xcast4_protocol) {
            return Err(CodePointError::Xcast4Protocol);
        }
        if fields.xcast6_routing_type == 0 {
            return Err(CodePointError::Xcast6RoutingType);
        }
        if !fields.routers_v4.is_multicast() || !fields.routers_v6.is_multicast() {
            return Err(CodePointError::RoutersNotMulticast);
        }
        if fields.ports_option & 0b1110_0000 != 0b0100_0000 {
            return Err(CodePointError::PortsOption);
        }
        if fields.tunnel_option & 0b1100_0000 != 0 || fields.tunnel_option <= 1 {
            return Err(CodePointError::TunnelOption);
        }
        let option = fields.bitmap_option_v4;
        let source_route = matches!(option, super::ipv4::OPTION_LSRR | super::ipv4::OPTION_SSRR);
        if option & 0x80 == 0 || super::ipv4::is_immutable_option(option) || source_route {
            return Err(CodePointError::BitmapOptionV4);
        }
        if fields.bitmap_option_v6 & 0b1110_0000 != 0b0010_0000 || fields.bitmap_option_v6 == fields.tunnel_option {
            return Err(CodePointError::BitmapOptionV6);
        }
        Ok(Self { fields })
    }

    /// The values of an RFC 4727 experiment: protocol and Routing Type 253, 224.0.0.254, ff02::114, options 0x5E, 0x1E,
    /// 158 and 0x3E. For experiments between parties that know of each other; never a product's default.
    #[must_use]
    pub const fn rfc4727_experiment() -> Self {
        Self {
            fields: CodePointFields {
                xcast4_protocol: 253,
                xcast6_routing_type: 253,
                routers_v4: Ipv4Addr::new(224, 0, 0, 254),
                routers_v6: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x114),
                ports_option: 0x5e,
                tunnel_option: 0x1e,
                bitmap_option_v4: 158,
                bitmap_option_v6: 0x3e,
            },
        }
    }

    /// The numbers.
    #[must_use]
    pub const fn fields(&self) -> &CodePointFields {
        &self.fields
    }

    /// All_Xcast_Routers of `family`.
    pub(crate) const fn routers(&self, family: Family) -> IpAddr {
        match family {
            Family::V4 => IpAddr::V4(self.fields.routers_v4),
            Family::V6 => IpAddr::V6(self.fields.routers_v6),
        }
    }

    /// Whether `address` is All_Xcast_Routers.
    pub(crate) fn is_routers(&self, address: IpAddr) -> bool {
        address == self.routers(Family::of(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_experiment_passes_its_own_constructor() {
        let experiment = CodePoints::rfc4727_experiment();
        assert_eq!(CodePoints::new(*experiment.fields()), Ok(experiment));
    }

    #[test]
    fn each_constraint_is_enforced() {
        let good = *CodePoints::rfc4727_experiment().fields();
        let refused = |fields| CodePoints::new(fields).unwrap_err();
        for xcast4_protocol in [1, 4, 6, 17, 41, 50, 51, 58, 136] {
            assert_eq!(refused(CodePointFields { xcast4_protocol, ..good }), CodePointError::Xcast4Protocol);
        }
        assert_eq!(refused(CodePointFields { xcast6_routing_type: 0, ..good }), CodePointError::Xcast6RoutingType);
        let routers_v4 = Ipv4Addr::new(10, 0, 0, 1);
        assert_eq!(refused(CodePointFields { routers_v4, ..good }), CodePointError::RoutersNotMulticast);
        let routers_v6 = Ipv6Addr::LOCALHOST;
        assert_eq!(refused(CodePointFields { routers_v6, ..good }), CodePointError::RoutersNotMulticast);
        for option in 0..=u8::MAX {
            let ports = CodePoints::new(CodePointFields { ports_option: option, ..good });
            assert_eq!(ports.is_ok(), (0x40..=0x5f).contains(&option));
            let tunnel = CodePoints::new(CodePointFields { tunnel_option: option, ..good });
            assert_eq!(tunnel.is_ok(), (2..=0x3f).contains(&option) && option != 0x3e);
            let bitmap4 = CodePoints::new(CodePointFields { bitmap_option_v4: option, ..good });
            assert_eq!(bitmap4.is_ok(), option >= 0x80 && ![130, 131, 133, 134, 137, 148, 149].contains(&option));
            let bitmap6 = CodePoints::new(CodePointFields { bitmap_option_v6: option, ..good });
            assert_eq!(bitmap6.is_ok(), (0x20..=0x3f).contains(&option));
        }
    }
}
