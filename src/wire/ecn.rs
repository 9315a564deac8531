//! Explicit congestion notification through a tunnel (RFC 4301 §5.1.2.1, RFC 3168 §9.2).

use super::octets::{put, u8_at};
use super::{Family, ipv4, ipv6};

const NOT_ECT: u8 = 0b00;
const CE: u8 = 0b11;

/// What the inner header's ECN field becomes at the end of a tunnel: Congestion Experienced if the outer header says so and
/// the transport listens to it (RFC 4301 §5.1.2.1 note 6).
///
/// RFC 6040 §4.2 would drop a packet whose transport does not listen, and carry ECT(1) over; peers that follow RFC 4301, Linux
/// among them, do neither.
pub(crate) const fn leave_tunnel(inner: u8, outer: u8) -> u8 {
    match (inner & 0b11, outer & 0b11) {
        (NOT_ECT, _) => NOT_ECT,
        (_, CE) => CE,
        (inner, _) => inner,
    }
}

/// Writes the ECN field of a whole header of `family`, and the IPv4 checksum over it.
pub(crate) fn set_ecn(header: &mut [u8], family: Family, ecn: u8) {
    match family {
        Family::V4 => {
            let tos = u8_at(header, ipv4::TOS_AT).unwrap_or(0);
            put(header, ipv4::TOS_AT, &[(tos & !0b11) | ecn]);
            ipv4::refresh_checksum(header);
        }
        Family::V6 => {
            let octet = u8_at(header, ipv6::ECN_AT).unwrap_or(0);
            put(header, ipv6::ECN_AT, &[(octet & !0b0011_0000) | (ecn << 4)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_congestion_experienced_gets_in_and_only_where_it_is_listened_to() {
        for inner in 0..4 {
            for outer in 0..4 {
                let expected = if inner != NOT_ECT && outer == CE { CE } else { inner };
                assert_eq!(leave_tunnel(inner, outer), expected, "{inner:02b} {outer:02b}");
                assert_eq!(leave_tunnel(inner | 0xb8, outer | 0x28), expected, "DSCPs play no part");
            }
        }
    }

    #[test]
    fn the_field_is_written_where_it_is() {
        let mut v4 = [0x45, 0xb9, 0, 20, 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
        set_ecn(&mut v4, Family::V4, CE);
        assert_eq!(v4[1], 0xbb);
        assert!(super::super::Ipv4Header::split(&v4).unwrap().0.checksum_ok());
        let mut v6 = [0x6b, 0x9f, 0xff, 0xff];
        set_ecn(&mut v6, Family::V6, CE);
        assert_eq!(v6, [0x6b, 0xbf, 0xff, 0xff]);
        set_ecn(&mut v6, Family::V6, 0b10);
        assert_eq!(v6, [0x6b, 0xaf, 0xff, 0xff]);
    }
}
