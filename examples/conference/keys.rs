//! The associations of all runs, in the format that the example `xcast_dump` reads.
//!
//! A real host keeps its keys to itself. These are public: everybody can compute them from the seed in `random`.

use super::play::Outcome;
use super::session::Session;
use xcast_sec::ipsec::RoutingCoverage;
use xcast_sec::wire::Family;

/// One association a line, as `xcast_dump --help` tells.
pub(crate) fn text(outcomes: &[Outcome]) -> String {
    let mut text = String::from("# The associations of the example `conference`, for the example `xcast_dump`.\n");
    for outcome in outcomes {
        let session = &outcome.session;
        let protection = session.run.protection;
        text += &format!("\n# {}\n", session.run);
        if protection.has_ah() {
            text += &ah(session);
        }
        if protection.has_esp() {
            text += &esp(session);
        }
    }
    text
}

fn ah(session: &Session) -> String {
    // Of an IPv4 packet, AH covers what it covers.
    let coverage = match (session.run.family, session.run.coverage()) {
        (Family::V4, _) => "",
        (Family::V6, RoutingCoverage::DataZeroed) => " coverage=data-zeroed",
        (Family::V6, RoutingCoverage::FieldsZeroed) => " coverage=fields-zeroed",
        (Family::V6, RoutingCoverage::Covered) => " coverage=covered",
    };
    let (spi, routers, key) = (session.run.protection.ah_spi(), session.routers(), hex(&session.ah_key));
    format!("ah {spi:#010x} transport dst={routers} integrity=hmac-sha2-256-128:{key}{coverage}\n")
}

fn esp(session: &Session) -> String {
    let (spi, source, routers) = (session.run.protection.esp_spi(), session.sender, session.routers());
    let (cipher, integrity) = (hex(&session.esp_cipher_key), hex(&session.esp_integrity_key));
    format!(
        "esp {spi:#010x} transport src={source} dst={routers} cipher=aes-cbc:{cipher} \
         integrity=hmac-sha2-256-128:{integrity}\n"
    )
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
