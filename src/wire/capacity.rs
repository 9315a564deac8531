//! How many destinations fit in so many octets, and how many octets are left behind so many destinations.

use super::layout::max_destinations;
use super::packet_edit::PacketLayout;
use super::{BitmapPlace, Family};

/// Octets of all headers of an Xcast packet to `count` destinations, from the IP header to the last Xcast header: what
/// [`XcastRepr::header_len`](super::XcastRepr::header_len) gives, without the lists.
///
/// `dscps` and `ports` say whether there is a DSCP and a port per destination; with `ports` in IPv6, the Destination Options
/// header that holds them counts (RFC 5058 §9.3.2.2), with [`BitmapPlace::Option`] the option of either family.
///
/// ```
/// use xcast_sec::wire::{BitmapPlace, Family, headers_len};
///
/// // 40 octets of IPv6 header, 24 fixed ones of the Routing header, 8 of bitmap, 16 per address.
/// assert_eq!(headers_len(Family::V6, 3, false, false, BitmapPlace::Header), 40 + 24 + 8 + 3 * 16);
/// ```
#[must_use]
pub const fn headers_len(family: Family, count: usize, dscps: bool, ports: bool, place: BitmapPlace) -> usize {
    PacketLayout::built(family, count, dscps, ports, place).payload_at
}

/// The most destinations of a packet of at most `mtu` octets in which `behind_len` octets stand behind the Xcast headers; 0 if
/// not even one fits.
///
/// `behind_len` counts the transport segment and what AH and ESP add to it, wherever AH stands
/// ([`Sa::overhead`](../ipsec/struct.Sa.html#method.overhead)). The answer never exceeds [`max_destinations`]. How many members fit in 1500 octets with
/// AES-GCM and 160 octets of payload behind a UDP header:
///
/// ```
/// # #[cfg(feature = "rust-crypto")] {
/// use xcast_sec::crypto::{AeadAlgorithm, RustCrypto};
/// use xcast_sec::ipsec::{Protection, Sa, SaConfig, Spi};
/// use xcast_sec::wire::{BitmapPlace, Family, destinations_that_fit};
///
/// let protection = Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &[1; 20] };
/// let sa = Sa::new(&SaConfig::new(Spi::new(256).unwrap(), protection), &mut RustCrypto).unwrap();
/// let segment = 8 + 160;
/// // 16 octets of SPI, number and vector in front, 4 of padding and trailer and 16 of tag behind.
/// let behind = segment + sa.overhead(Family::V6, segment);
/// assert_eq!(behind, 168 + 16 + 4 + 16);
/// assert_eq!(destinations_that_fit(Family::V6, false, false, BitmapPlace::Header, 1500, behind), 76);
/// assert_eq!(destinations_that_fit(Family::V4, false, false, BitmapPlace::Header, 1500, behind), 127);
/// # }
/// ```
#[must_use]
pub const fn destinations_that_fit(
    family: Family,
    dscps: bool,
    ports: bool,
    place: BitmapPlace,
    mtu: usize,
    behind_len: usize,
) -> usize {
    let mut count = max_destinations(family, dscps, ports, place);
    while count > 0
        && match largest_behind(family, count, dscps, ports, place, mtu) {
            Some(len) => len < behind_len,
            None => true,
        }
    {
        count = count.saturating_sub(1);
    }
    count
}

/// The most octets that may stand behind the Xcast headers of a packet to `count` destinations of at most `mtu` octets, or
/// `None` if the headers alone are longer, or cannot be built for so many (or for none).
///
/// Where AH or ESP goes behind the Xcast headers,
/// [`Sa::largest_payload`](../ipsec/struct.Sa.html#method.largest_payload) with [`headers_len`] says how many octets of
/// segment that leaves.
///
/// ```
/// use xcast_sec::wire::{BitmapPlace, Family, largest_behind};
///
/// assert_eq!(largest_behind(Family::V6, 3, false, false, BitmapPlace::Header, 1280), Some(1280 - 120));
/// assert_eq!(largest_behind(Family::V6, 126, false, false, BitmapPlace::Header, 9000), None);
/// ```
#[must_use]
pub const fn largest_behind(
    family: Family,
    count: usize,
    dscps: bool,
    ports: bool,
    place: BitmapPlace,
    mtu: usize,
) -> Option<usize> {
    if count == 0 || count > max_destinations(family, dscps, ports, place) {
        return None;
    }
    let max = family.max_packet_len();
    let mtu = if mtu < max { mtu } else { max };
    mtu.checked_sub(headers_len(family, count, dscps, ports, place))
}
