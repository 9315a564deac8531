//! The levels of vectors that the processor has.

#[cfg(target_arch = "x86_64")]
use fearless_simd::Level;
use xcast_sec::crypto::SimdCrypto;

/// The provider at each level that the processor has; at the lowest there are no lanes.
pub(crate) fn providers() -> Vec<(&'static str, SimdCrypto)> {
    let mut providers = vec![("no lanes", SimdCrypto::without_lanes())];
    #[cfg(target_arch = "x86_64")]
    {
        match Level::new().as_avx2() {
            Some(avx2) => providers.push(("AVX2", SimdCrypto::with_level(Level::Avx2(avx2)))),
            None => println!("skipped: the processor has no AVX2"),
        }
        match Level::new().as_avx512() {
            Some(avx512) => providers.push(("AVX-512", SimdCrypto::with_level(Level::Avx512(avx512)))),
            None => println!("skipped: the processor has no AVX-512 with VAES"),
        }
    }
    providers.push(("detected", SimdCrypto::detect()));
    providers
}
