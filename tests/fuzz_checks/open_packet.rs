//! Arbitrary octets through everything that opens and seals a packet: nothing panics, no forged packet is accepted and no
//! refused one leaves a sender behind. Shared by the fuzz target and the test that replays its corpus.

use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm};
use xcast_sec::ipsec::{
    Content, Freshness, Mode, OuterHeader, PacketBuf, Protection, RoutingCoverage, Sa, SaConfig, SadLookup,
    SecurityProtocol, SenderWindows, Spi, open, seal_with, verify_ah,
};
use xcast_sec::wire::CodePoints;

use super::gullible::Gullible;

/// One association for AH and one for ESP, whatever the SPI.
struct AnySpi {
    ah: Sa<Gullible>,
    esp: Sa<Gullible>,
}

impl SadLookup<Gullible> for AnySpi {
    fn lookup(
        &self,
        protocol: SecurityProtocol,
        _: Spi,
        _: std::net::IpAddr,
        _: std::net::IpAddr,
    ) -> Option<&Sa<Gullible>> {
        Some(match protocol {
            SecurityProtocol::Ah => &self.ah,
            SecurityProtocol::Esp => &self.esp,
        })
    }
}

/// Checks a packet; the first octet chooses the associations. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let Some((&choice, packet)) = data.split_first() else { return };
    let code_points = CodePoints::rfc4727_experiment();
    let coverage = [RoutingCoverage::Covered, RoutingCoverage::DataZeroed, RoutingCoverage::FieldsZeroed]
        [usize::from(choice & 3) % 3];
    let ends = OuterHeader::between([192, 0, 2, 1].into(), [192, 0, 2, 2].into(), 3);
    let mode = if choice & 4 == 0 { Mode::Transport } else { Mode::Tunnel(ends) };
    let integrity =
        if choice & 8 == 0 { IntegrityAlgorithm::HmacSha1_96 } else { IntegrityAlgorithm::HmacSha2_256_128 };
    let cipher = if choice & 16 == 0 { CipherAlgorithm::AesCbc } else { CipherAlgorithm::Null };
    let esn = choice & 32 != 0;
    let esp = if choice & 64 == 0 {
        Protection::Esp { cipher, cipher_key: &[], integrity: Some((integrity, &[])) }
    } else {
        Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &[] }
    };
    let make = |protection| {
        let spi = Spi::new(0x1000).expect("not reserved");
        let config = SaConfig { mode, esn, ..SaConfig::new(spi, protection) };
        Sa::new(&config, &mut Gullible).expect("any key fits")
    };
    let sad = AnySpi { ah: make(Protection::Ah { integrity, key: &[], coverage, pad_to_8: false }), esp: make(esp) };
    opened(packet, &sad, &code_points);
    for sa in [&sad.ah, &sad.esp] {
        sealed(packet, sa, &sad, &code_points);
    }
}

fn opened(packet: &[u8], sad: &AnySpi, code_points: &CodePoints) {
    let mut windows = SenderWindows::<4, 1>::new(64).expect("a size");
    let verified = verify_ah(sad, &mut windows, &mut Gullible, Some(code_points), packet);
    assert_eq!(windows.len(), usize::from(verified.is_ok()));
    let mut windows = SenderWindows::<4, 1>::new(64).expect("a size");
    let mut storage = packet.to_vec();
    let mut buffer = PacketBuf::new(&mut storage, 0..packet.len()).expect("in range");
    let result = open(sad, &mut windows, &mut Gullible, Some(code_points), &mut buffer);
    assert_eq!(windows.len(), usize::from(result.is_ok()));
    match result {
        Ok(opened) => {
            assert!(buffer.len() < packet.len());
            assert_eq!(buffer.is_empty(), opened.content == Content::Dummy);
            if opened.sa.protocol == SecurityProtocol::Ah {
                assert!(verified.is_ok());
            }
        }
        Err(error) => {
            assert!(verified.is_err());
            let _ = format!("{error} {error:?}");
        }
    }
}

/// What seals opens again, to the same octets but for the X bit.
fn sealed(packet: &[u8], sa: &Sa<Gullible>, sad: &AnySpi, code_points: &CodePoints) {
    let mut storage = vec![0; packet.len() + 600];
    storage[300..300 + packet.len()].copy_from_slice(packet);
    let mut buffer = PacketBuf::new(&mut storage, 300..300 + packet.len()).expect("in range");
    let freshness = Freshness { sequence: 7, iv: &[9; 16][..sa.iv_len()] };
    match seal_with(sa, freshness, &mut Gullible, Some(code_points), &mut buffer) {
        Err(error) => {
            assert_eq!(buffer.as_octets(), packet, "{error}");
        }
        Ok(()) => {
            let mut windows = SenderWindows::<4, 1>::new(64).expect("a size");
            let len = buffer.len();
            let before = buffer.as_octets().to_vec();
            let opened = open(sad, &mut windows, &mut Gullible, Some(code_points), &mut buffer);
            assert!(opened.is_ok(), "{opened:?} {before:02x?}");
            assert!(buffer.len() < len && buffer.len() <= packet.len());
        }
    }
}
