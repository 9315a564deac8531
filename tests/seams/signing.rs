//! `Signer` and `Verifier` through `&mut`.

use xcast_sec::crypto::{SignError, Signer, SignerId, Verifier, VerifyError};

use super::{Calls, shown};

#[derive(Default)]
struct Noting(Calls);

impl Signer for Noting {
    fn id(&self) -> SignerId {
        self.0.note("id");
        SignerId::new([7; 16])
    }

    fn signature_len(&self) -> usize {
        self.0.note("signature_len");
        5
    }

    fn sign(&mut self, parts: &[&[u8]], signature: &mut [u8]) -> Result<(), SignError> {
        self.0.note(format!("sign {parts:?}"));
        signature.fill(0x51);
        Err(SignError::Signer)
    }
}

impl Verifier for Noting {
    fn signature_len(&self, signer: SignerId) -> Option<usize> {
        self.0.note(format!("signature_len {signer:?}"));
        Some(6)
    }

    fn verify(&mut self, signer: SignerId, parts: &[&[u8]], signature: &[u8]) -> Result<(), VerifyError> {
        self.0.note(format!("verify {signer:?} {parts:?} {signature:?}"));
        Err(VerifyError::Verifier)
    }
}

fn signed<S: Signer>(mut signer: S) -> Vec<String> {
    let mut signature = [0; 5];
    let result = signer.sign(&[&[1], &[2, 3]], &mut signature);
    vec![shown(&signer.id()), shown(&signer.signature_len()), shown(&result), shown(&signature)]
}

fn verified<V: Verifier>(mut verifier: V) -> Vec<String> {
    let signer = SignerId::new([8; 16]);
    vec![shown(&verifier.signature_len(signer)), shown(&verifier.verify(signer, &[&[1], &[2, 3]], &[4]))]
}

#[test]
fn signers_and_verifiers() {
    let mut noting = Noting::default();
    let through = (signed(&mut noting), noting.0.take());
    let through_dyn = (signed(&mut noting as &mut dyn Signer), noting.0.take());
    assert_eq!(through, through_dyn);
    assert_eq!(through.1.len(), 3);
    assert_eq!(through, (signed(noting), through.1.clone()));

    let mut noting = Noting::default();
    let through = (verified(&mut noting), noting.0.take());
    assert_eq!(through.1.len(), 2);
    let through_dyn = (verified(&mut noting as &mut dyn Verifier), noting.0.take());
    assert_eq!(through, through_dyn);
    assert_eq!(through.0, verified(noting));
}
