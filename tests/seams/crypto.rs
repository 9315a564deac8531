//! `CryptoProvider` and `PrfProvider` through `&mut`.

use xcast_sec::crypto::{
    AEAD_IV_LEN, AEAD_TAG_LEN, AeadAlgorithm, CipherAlgorithm, CryptoError, CryptoProvider, EspJob, EspLengths,
    EspParts, Icv, IcvJob, IntegrityAlgorithm, KeyError, PrfAlgorithm, PrfOutput, PrfProvider,
};

use super::{Calls, shown};

/// A provider that computes nothing. Handles are numbers.
#[derive(Default)]
pub(crate) struct Noting(pub(crate) Calls);

impl Noting {
    fn parts<'p>(&self, call: &str, key: u8, parts: impl IntoIterator<Item = &'p [u8]>) {
        self.0.note(format!("{call} {key} {:?}", parts.into_iter().collect::<Vec<_>>()));
    }
}

impl CryptoProvider for Noting {
    type IntegrityKey = u8;
    type CipherKey = u8;
    type AeadKey = u8;

    fn integrity_key(&mut self, algorithm: IntegrityAlgorithm, key: &[u8]) -> Result<u8, KeyError> {
        self.0.note(format!("integrity_key {algorithm:?} {key:?}"));
        Ok(1)
    }

    fn cipher_key(&mut self, algorithm: CipherAlgorithm, key: &[u8]) -> Result<u8, KeyError> {
        self.0.note(format!("cipher_key {algorithm:?} {key:?}"));
        Ok(2)
    }

    fn aead_key(&mut self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<u8, KeyError> {
        self.0.note(format!("aead_key {algorithm:?} {key:?}"));
        Ok(3)
    }

    fn icv<'p, I>(&mut self, key: &u8, parts: I) -> Result<Icv, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        self.parts("icv", *key, parts);
        Icv::truncated(&[0x1c; 12], 12).ok_or(CryptoError::Length)
    }

    fn verify_icv<'p, I>(&mut self, key: &u8, parts: I, received: &[u8]) -> Result<(), CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        self.parts(&format!("verify_icv {received:?}"), *key, parts);
        Err(CryptoError::Provider)
    }

    fn encrypt(&mut self, key: &u8, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        self.0.note(format!("encrypt {key} {iv:?} {data:?}"));
        data.fill(0xe1);
        Ok(())
    }

    fn decrypt(&mut self, key: &u8, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        self.0.note(format!("decrypt {key} {iv:?} {data:?}"));
        data.fill(0xd1);
        Ok(())
    }

    fn aead_seal(
        &mut self,
        key: &u8,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; AEAD_TAG_LEN], CryptoError> {
        self.0.note(format!("aead_seal {key} {iv:?} {aad:?} {data:?}"));
        data.fill(0xe2);
        Ok([0x7a; AEAD_TAG_LEN])
    }

    fn aead_open(
        &mut self,
        key: &u8,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; AEAD_TAG_LEN],
    ) -> Result<(), CryptoError> {
        self.0.note(format!("aead_open {key} {iv:?} {aad:?} {data:?} {tag:?}"));
        data.fill(0xd2);
        Ok(())
    }

    fn esp_seal(&mut self, job: &mut EspJob<'_, u8, u8>) -> Result<(), CryptoError> {
        self.0.note("esp_seal");
        job.parts().icv.fill(0x51);
        Err(CryptoError::Length)
    }

    fn esp_open(&mut self, job: &mut EspJob<'_, u8, u8>) -> Result<(), CryptoError> {
        self.0.note("esp_open");
        job.parts().data.fill(0x52);
        Err(CryptoError::Mismatch)
    }

    fn esp_seal_many(&mut self, jobs: &mut [EspJob<'_, u8, u8>]) {
        self.0.note(format!("esp_seal_many {}", jobs.len()));
        for job in jobs {
            job.finish(Err(CryptoError::Provider));
        }
    }

    fn esp_open_many(&mut self, jobs: &mut [EspJob<'_, u8, u8>]) {
        self.0.note(format!("esp_open_many {}", jobs.len()));
        for job in jobs {
            job.finish(Err(CryptoError::Length));
        }
    }

    fn icv_many<'p, I>(&mut self, jobs: &mut [IcvJob<'_, u8, I>])
    where
        I: Iterator<Item = &'p [u8]> + Clone,
    {
        self.0.note(format!("icv_many {}", jobs.len()));
        for job in jobs {
            job.finish(Err(CryptoError::Length));
        }
    }
}

impl PrfProvider for Noting {
    type PrfKey = u8;

    fn prf_key(&mut self, algorithm: PrfAlgorithm, key: &[u8]) -> Result<u8, KeyError> {
        self.0.note(format!("prf_key {algorithm:?} {key:?}"));
        Ok(4)
    }

    fn prf<'p, I>(&mut self, key: &u8, parts: I) -> Result<PrfOutput, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        self.parts("prf", *key, parts);
        PrfOutput::new(&[0x9f; 20]).ok_or(CryptoError::Length)
    }

    fn hash<'p, I>(&mut self, algorithm: PrfAlgorithm, parts: I) -> Result<PrfOutput, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        self.parts(&format!("hash {algorithm:?}"), 0, parts);
        PrfOutput::new(&[0x4a; 16]).ok_or(CryptoError::Length)
    }

    fn verify_prf<'p, I>(&mut self, key: &u8, parts: I, received: &[u8]) -> Result<(), CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        self.parts(&format!("verify_prf {received:?}"), *key, parts);
        Err(CryptoError::Provider)
    }
}

/// Two packets of 8 + 4 + 8 + 4 octets.
fn on_jobs(work: impl FnOnce(&mut [EspJob<'_, u8, u8>])) -> String {
    let mut octets = [[5_u8; 24], [6; 24]];
    let results = {
        let [first, second] = &mut octets;
        let job =
            |octets| EspJob::new(&1, &2, octets, EspLengths { iv_len: 4, icv_len: 4 }, Some([0, 0, 0, 9])).unwrap();
        let mut jobs = [job(first), job(second)];
        work(&mut jobs);
        jobs.map(|job| job.result())
    };
    format!("{results:?} {octets:?}")
}

/// Calls everything once. Returns what came of it.
fn everything<P>(provider: &mut P) -> Vec<String>
where
    P: PrfProvider<IntegrityKey = u8, CipherKey = u8, AeadKey = u8, PrfKey = u8>,
{
    let mut results = vec![
        shown(&provider.integrity_key(IntegrityAlgorithm::HmacSha1_96, &[11])),
        shown(&provider.cipher_key(CipherAlgorithm::AesCbc, &[12])),
        shown(&provider.aead_key(AeadAlgorithm::AesGcm16, &[13])),
        shown(&provider.icv(&21, [&[1_u8, 2][..], &[3]]).map(|icv| icv.as_octets().to_vec())),
        shown(&provider.verify_icv(&22, [&[4_u8][..]], &[0x1c; 12])),
        shown(&provider.prf_key(PrfAlgorithm::HmacSha1, &[14])),
        shown(&provider.prf(&23, [&[5_u8][..]]).map(|output| output.as_octets().to_vec())),
        shown(&provider.hash(PrfAlgorithm::HmacSha1, [&[6_u8][..]]).map(|output| output.as_octets().to_vec())),
        shown(&provider.verify_prf(&24, [&[7_u8][..]], &[0x9f; 20])),
    ];
    let mut data = [8_u8; 4];
    results.push(format!("{:?} {data:?}", provider.encrypt(&25, &[9], &mut data)));
    results.push(format!("{:?} {data:?}", provider.decrypt(&26, &[10], &mut data)));
    results.push(format!("{:?} {data:?}", provider.aead_seal(&27, &[1; AEAD_IV_LEN], &[11], &mut data)));
    let tag = [2; AEAD_TAG_LEN];
    results.push(format!("{:?} {data:?}", provider.aead_open(&28, &[3; AEAD_IV_LEN], &[12], &mut data, &tag)));
    results.push(format!("{data:?}"));
    results.push(on_jobs(|jobs| {
        let result = provider.esp_seal(&mut jobs[1]);
        jobs[0].finish(result);
    }));
    results.push(on_jobs(|jobs| {
        let result = provider.esp_open(&mut jobs[1]);
        jobs[0].finish(result);
    }));
    results.push(on_jobs(|jobs| provider.esp_seal_many(jobs)));
    results.push(on_jobs(|jobs| provider.esp_open_many(jobs)));
    let parts = [[1_u8; 3]];
    let parts = || parts.iter().map(|part| &part[..]);
    let mut jobs = [IcvJob::compute(&31, parts()), IcvJob::verify(&32, parts(), &[0x1c; 12])];
    provider.icv_many(&mut jobs);
    results.extend(jobs.iter().map(|job| shown(&job.result().map(|icv| icv.map(|icv| icv.as_octets().to_vec())))));
    results
}

#[test]
fn a_provider_behind_a_reference_does_what_it_does_itself() {
    let mut provider = Noting::default();
    let direct = (everything(&mut provider), provider.0.take());
    let through = (everything(&mut &mut provider), provider.0.take());
    assert_eq!(through, direct);
    // 13 of `CryptoProvider`, 4 of `PrfProvider`, and none of them by way of another.
    let names: Vec<&str> = direct.1.iter().filter_map(|call| call.split(' ').next()).collect();
    let expected = "integrity_key cipher_key aead_key icv verify_icv prf_key prf hash verify_prf encrypt decrypt aead_seal \
                    aead_open esp_seal esp_open esp_seal_many esp_open_many icv_many";
    assert_eq!(names.join(" "), expected);
}

/// A provider that has the four required computations alone, so that all else is the trait's.
#[derive(Default)]
struct Least(Noting);

impl CryptoProvider for Least {
    type IntegrityKey = u8;
    type CipherKey = u8;
    type AeadKey = u8;

    fn integrity_key(&mut self, algorithm: IntegrityAlgorithm, key: &[u8]) -> Result<u8, KeyError> {
        self.0.integrity_key(algorithm, key)
    }

    fn cipher_key(&mut self, algorithm: CipherAlgorithm, key: &[u8]) -> Result<u8, KeyError> {
        self.0.cipher_key(algorithm, key)
    }

    fn aead_key(&mut self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<u8, KeyError> {
        self.0.aead_key(algorithm, key)
    }

    fn icv<'p, I>(&mut self, key: &u8, parts: I) -> Result<Icv, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        self.0.icv(key, parts)
    }

    fn encrypt(&mut self, key: &u8, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        self.0.encrypt(key, iv, data)
    }

    fn decrypt(&mut self, key: &u8, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        self.0.decrypt(key, iv, data)
    }

    fn aead_seal(
        &mut self,
        key: &u8,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; AEAD_TAG_LEN], CryptoError> {
        self.0.aead_seal(key, iv, aad, data)
    }

    fn aead_open(
        &mut self,
        key: &u8,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; AEAD_TAG_LEN],
    ) -> Result<(), CryptoError> {
        self.0.aead_open(key, iv, aad, data, tag)
    }
}

/// The ICV of `Noting` has 12 octets.
#[test]
fn jobs_in_turn_encrypt_first_and_decrypt_last() {
    let mut provider = Least::default();
    let mut octets = [5_u8; 28];
    let mut job = EspJob::new(&1, &2, &mut octets, EspLengths { iv_len: 4, icv_len: 12 }, None).unwrap();
    assert_eq!(provider.esp_seal(&mut job), Ok(()));
    let EspParts { data, icv, .. } = job.parts();
    assert_eq!((&*data, &*icv), (&[0xe1_u8; 4][..], &[0x1c_u8; 12][..]));
    assert_eq!(provider.esp_open(&mut job), Ok(()));
    assert_eq!(job.parts().data, [0xd1; 4]);
    // A wrong ICV: nothing is decrypted.
    job.parts().icv[11] ^= 1;
    assert_eq!(provider.esp_open(&mut job), Err(CryptoError::Mismatch));
    assert_eq!(job.parts().data, [0xd1; 4]);
    let calls: Vec<String> = provider.0.0.take();
    let names: Vec<&str> = calls.iter().filter_map(|call| call.split(' ').next()).collect();
    assert_eq!(names, ["encrypt", "icv", "icv", "decrypt", "icv"]);
    // Room for another ICV than the algorithm's.
    let mut octets = [5_u8; 28];
    let mut jobs = [EspJob::new(&1, &2, &mut octets, EspLengths { iv_len: 4, icv_len: 11 }, None).unwrap()];
    provider.esp_seal_many(&mut jobs);
    assert_eq!(jobs[0].result(), Err(CryptoError::Length));
    provider.esp_open_many(&mut jobs);
    assert_eq!(jobs[0].result(), Err(CryptoError::Mismatch));
}
