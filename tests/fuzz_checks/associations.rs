//! The associations of checks that go by a policy, shared by them.

use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, CryptoProvider, IntegrityAlgorithm};
use xcast_sec::ipsec::{Mode, OuterHeader, PolicyId, Protection, RoutingCoverage, Sa, SaConfig, Spi};

/// What the input chooses of them.
pub(crate) struct Kind {
    pub(crate) esn: bool,
    pub(crate) coverage: RoutingCoverage,
    /// ESP with a combined mode.
    pub(crate) combined: bool,
    /// Tunnels that preserve addresses.
    pub(crate) preserving: bool,
}

impl Kind {
    /// All that a policy may ask for: AH and ESP, in both modes. `crypto` takes any key; `change` has the last word.
    pub(crate) fn associations<P: CryptoProvider>(
        &self,
        policy: PolicyId,
        crypto: &mut P,
        change: impl Fn(&mut SaConfig<'_>),
    ) -> [Sa<P>; 4] {
        let integrity = IntegrityAlgorithm::HmacSha2_256_128;
        let ah = Protection::Ah { integrity, key: &[], coverage: self.coverage, pad_to_8: false };
        let esp = if self.combined {
            Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &[] }
        } else {
            Protection::Esp { cipher: CipherAlgorithm::AesCbc, cipher_key: &[], integrity: Some((integrity, &[])) }
        };
        let outer = if self.preserving {
            OuterHeader::preserving(9)
        } else {
            OuterHeader::between([192, 0, 2, 1].into(), [192, 0, 2, 2].into(), 9)
        };
        let cases = [
            (0x1000, ah, Mode::Transport),
            (0x1001, ah, Mode::Tunnel(outer)),
            (0x2000, esp, Mode::Transport),
            (0x2001, esp, Mode::Tunnel(outer)),
        ];
        cases.map(|(spi, protection, mode)| {
            let spi = Spi::new(spi).expect("not reserved");
            let mut config = SaConfig { mode, esn: self.esn, policy: Some(policy), ..SaConfig::new(spi, protection) };
            change(&mut config);
            Sa::new(&config, crypto).expect("any key fits")
        })
    }
}
