//! The feature `simd` without std: who calls finds out by itself what the processor has, and what comes out of lanes is what comes out
//! one at a time. `unsafe` is to ask the processor, and to give one's word that it has what a level is for.

use core::arch::asm;
use core::arch::x86_64::{__cpuid, __cpuid_count};
use core::array::from_fn;
use core::hint::black_box;
use core::ops::Range;

use fearless_simd::{Avx2, Avx512, Level};
use xcast_sec::crypto::{CipherAlgorithm, CryptoProvider, IcvJob, IntegrityAlgorithm, RustCrypto, SimdCrypto};
use xcast_sec::ipsec::{
    Freshness, PacketBuf, Protection, Sa, SaConfig, SenderWindows, Spi, ToSeal, open_batch, seal_batch_with,
};
use xcast_sec::wire::CodePoints;

/// Full vectors, and some lanes left.
const COUNT: usize = 37;
const HEADROOM: usize = 64;
const LEN: usize = 256;

type Buffers = [[u8; LEN]; COUNT];

/// At every level that the processor has, and that there are lanes for, `packet` becomes what it becomes one at a time.
pub fn lanes(packet: &[u8]) -> bool {
    let (avx2, avx512) = (level_avx2(), level_avx512());
    let levels = [
        (&b"no lanes\n"[..], Some(SimdCrypto::without_lanes())),
        (b"AVX2\n", avx2.map(SimdCrypto::with_level)),
        (b"AVX-512\n", avx512.map(SimdCrypto::with_level)),
    ];
    levels.into_iter().all(|(name, crypto)| {
        say(if crypto.is_some() { b"runs with: " } else { b"NOT RUN, the processor has it not: " });
        say(name);
        crypto.is_none_or(|crypto| sealed(crypto, packet).is_some_and(|all| all) && computed(crypto))
    })
}

/// What is sealed under `SimdCrypto` is what is sealed under `RustCrypto`; it opens, but for the one that was damaged.
fn sealed(mut crypto: SimdCrypto, packet: &[u8]) -> Option<bool> {
    let protection = Protection::Esp {
        cipher: CipherAlgorithm::AesCbc,
        cipher_key: &[1; 16],
        integrity: Some((IntegrityAlgorithm::HmacSha1_96, &[2; 20])),
    };
    let config = SaConfig::new(Spi::new(black_box(0x1000))?, protection);
    let (mut ours, mut theirs) = ([[0; LEN]; COUNT], [[0; LEN]; COUNT]);
    let (sa, range) = sealed_by(&mut crypto, &config, packet, &mut ours)?;
    let (one, same) = sealed_by(&mut RustCrypto, &config, packet, &mut theirs)?;
    if ours != theirs || range != same {
        return Some(false);
    }
    let opened = opened_by(&mut crypto, &sa, &range, &mut ours)?;
    let same = opened_by(&mut RustCrypto, &one, &range, &mut theirs)?;
    Some(opened && same && ours == theirs)
}

/// Opens the copies, the last one damaged; whether that one alone is refused.
fn opened_by<P: CryptoProvider>(
    crypto: &mut P,
    sa: &Sa<P>,
    range: &Range<usize>,
    buffers: &mut Buffers,
) -> Option<bool> {
    // Its last octet is one of the ICV.
    *buffers.last_mut()?.get_mut(range.clone())?.last_mut()? ^= 1;
    let mut windows = SenderWindows::<4, 1>::new(64)?;
    let code_points = CodePoints::rfc4727_experiment();
    let mut packets = buffers.each_mut().map(|buffer| PacketBuf::new(buffer, range.clone()));
    let (mut opened, mut refused) = (0, 0);
    let batch = packets.iter_mut().flatten();
    open_batch(sa, &mut windows, crypto, Some(&code_points), batch, |index, result| match result {
        Ok(_) => opened += 1,
        Err(_) => refused += usize::from(index == COUNT - 1),
    });
    Some((opened, refused) == (COUNT - 1, 1))
}

/// Copies of `packet` sealed with one provider; the association, and where a copy is now.
fn sealed_by<P: CryptoProvider>(
    crypto: &mut P,
    config: &SaConfig<'_>,
    packet: &[u8],
    buffers: &mut Buffers,
) -> Option<(Sa<P>, Range<usize>)> {
    let sa = Sa::new(config, crypto).ok()?;
    let end = HEADROOM.checked_add(packet.len())?;
    for buffer in &mut *buffers {
        buffer.get_mut(HEADROOM..end)?.copy_from_slice(packet);
    }
    let mut packets = buffers.each_mut().map(|buffer| PacketBuf::new(buffer, HEADROOM..end));
    let batch = packets.iter_mut().flatten().zip(1..).map(|(packet, sequence)| ToSeal {
        sa: &sa,
        freshness: Freshness { sequence, iv: &[3; 16] },
        packet,
    });
    let mut sealed = 0;
    let mut range = 0..0;
    let code_points = CodePoints::rfc4727_experiment();
    seal_batch_with(crypto, Some(&code_points), batch, |_, result| {
        if let Ok(packet) = result {
            sealed += 1;
            range = packet.range();
        }
    });
    (sealed == COUNT).then_some((sa, range))
}

/// ICVs by themselves, of messages that are not equally long.
fn computed(mut crypto: SimdCrypto) -> bool {
    let algorithm = black_box(IntegrityAlgorithm::HmacSha2_256_128);
    let (Ok(ours), Ok(theirs)) =
        (crypto.integrity_key(algorithm, &[4; 32]), RustCrypto.integrity_key(algorithm, &[4; 32]))
    else {
        return false;
    };
    let octets: [u8; LEN] = black_box(from_fn(|at| at as u8));
    let message = |index: usize| octets.get(..index * 5).into_iter();
    let mut jobs: [_; COUNT] = from_fn(|index| IcvJob::compute(&ours, message(index)));
    crypto.icv_many(&mut jobs);
    jobs.iter().enumerate().all(|(index, job)| {
        let icv = job.result().ok().flatten().map(|icv| icv.as_octets());
        icv.is_some_and(|icv| RustCrypto.verify_icv(&theirs, message(index), icv).is_ok())
    })
}

// What a processor has, by the manuals of Intel and AMD: numbers of bits in what CPUID answers.
const ECX_1: [u32; 6] = [12, 13, 22, 23, 26, 29]; // FMA, CMPXCHG16B, MOVBE, POPCNT, XSAVE, F16C
const EBX_7_AVX2: [u32; 3] = [3, 5, 8]; // BMI1, AVX2, BMI2
const EBX_7_AVX512: [u32; 9] = [16, 17, 18, 19, 21, 28, 29, 30, 31]; // AVX-512 F, DQ, RDSEED, ADX, IFMA, CD, SHA, BW, VL
const ECX_7: [u32; 7] = [1, 6, 8, 9, 10, 11, 12]; // AVX-512 VBMI, VBMI2, GFNI, VAES, VPCLMULQDQ, VNNI, BITALG
const EAX_13_1: [u32; 3] = [0, 1, 3]; // XSAVEOPT, XSAVEC, XSAVES

fn all(word: u32, bits: &[u32]) -> bool {
    bits.iter().all(|bit| word & (1 << bit) != 0)
}

fn level_avx2() -> Option<Level> {
    let (basic, extended) = (__cpuid(0), __cpuid(0x8000_0000));
    if basic.eax < 7 || extended.eax < 0x8000_0001 {
        return None;
    }
    let (one, seven) = (__cpuid(1), __cpuid_count(7, 0));
    // FXSR; OSXSAVE, without which there is no XGETBV; LZCNT.
    let has = all(one.ecx, &ECX_1) && all(one.ecx, &[27]) && all(one.edx, &[24]) && all(__cpuid(0x8000_0001).ecx, &[5]);
    // The operating system saves XMM and YMM registers.
    let has = has && all(seven.ebx, &EBX_7_AVX2) && all(saved(), &[1, 2]);
    // SAFETY: the processor has what the level is for.
    has.then(|| unsafe { Level::Avx2(Avx2::assume_supported()) })
}

fn level_avx512() -> Option<Level> {
    level_avx2()?;
    let (one, seven) = (__cpuid(1), __cpuid_count(7, 0));
    // PCLMULQDQ, AES, RDRAND; AVX-512 VPOPCNTDQ.
    let has =
        all(one.ecx, &[1, 25, 30]) && all(seven.ebx, &EBX_7_AVX512) && all(seven.ecx, &ECX_7) && all(seven.ecx, &[14]);
    // The operating system saves the registers of masks, and all of the ZMM registers.
    let has = has && __cpuid(0).eax >= 13 && all(__cpuid_count(13, 1).eax, &EAX_13_1) && all(saved(), &[5, 6, 7]);
    // SAFETY: the processor has what the level is for.
    has.then(|| unsafe { Level::Avx512(Avx512::assume_supported()) })
}

/// Which registers the operating system saves. There must be XGETBV.
fn saved() -> u32 {
    let low: u32;
    // SAFETY: it reads a register that programs may read, and writes the two that are named.
    unsafe { asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") _, options(nomem, nostack)) };
    low
}

/// Writes to standard output, which may fail.
fn say(text: &[u8]) {
    // SAFETY: the system call write reads the octets it is given, and the registers it changes are named.
    unsafe {
        asm!("syscall", inlateout("rax") 1_usize => _, in("rdi") 1, in("rsi") text.as_ptr(), in("rdx") text.len(),
            out("rcx") _, out("r11") _, options(nostack, readonly));
    }
}
