//! Vectors of RFCs that `tests/crypto.rs` does not have: keys of HMAC that have another length than IPsec's, and whole ESP
//! packets, put together and taken apart with `wire::esp`.
//!
//! The octets were taken out of the text of the RFCs by a script. Where the others are: RFC 2202 cases 1, 3 and 5, RFC 4868
//! §2.7.2, RFC 3602 cases 1 to 4, RFC 3686 §6 and RFC 7634 appendix B in `tests/crypto.rs`, all of them. RFC 4106 has none but
//! points to the GCM specification, which is there, too.
#![cfg(feature = "rust-crypto")]

#[path = "cavp/seam.rs"]
mod seam;

use seam::{Sealed, check_cipher, check_icv, decrypt, equivalent_key, hex};
use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, CryptoProvider, IntegrityAlgorithm, RustCrypto};
use xcast_sec::wire::EspHeader;
use xcast_sec::wire::esp::{HEADER_LEN, TRAILER_LEN, emit_trailer, padding_len, split_trailer};

// --- HMAC -------------------------------------------------------------------------------------------------------------

/// Test case, key, data, and the MAC of each hash.
type Hmac = (u8, &'static str, &'static str, &'static [&'static str]);

/// RFC 2202 §2 and §3 (MD5, SHA-1), which have these keys and data in common. `tests/crypto.rs` has cases 1, 3 and 5.
const RFC2202: &[Hmac] = &[
    (
        2,
        "4a656665",
        "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
        &["750c783e6ab0b503eaa86e310a5db738", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"],
    ),
    (
        4,
        "0102030405060708090a0b0c0d0e0f10111213141516171819",
        "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
        &["697eaf0aca3a3aea3a75164746ffaa79", "4c9007f4026250c6bc8414f9bf50c86c2d7235da"],
    ),
    (
        6,
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
         aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b657920466972\
         7374",
        &["6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd", "aa4ae5e15272d00e95705637ce8a3b55ed402112"],
    ),
    (
        7,
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
         aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b657920616e64204c617267657220546861\
         6e204f6e6520426c6f636b2d53697a652044617461",
        &["6f630fad67cda0ee1fb1f562db3aa53e", "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"],
    ),
];

/// RFC 4231 §4.2 to §4.8 (SHA-256, SHA-384, SHA-512), which RFC 4868 §2.7.1 repeats.
const RFC4231: &[Hmac] = &[
    (
        1,
        "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
        "4869205468657265",
        &[
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d\
             914eeb61f1702e696c203a126854",
        ],
    ),
    (
        2,
        "4a656665",
        "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
        &[
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaea\
             b1a34d4a6b4b636e070a38bce737",
        ],
    ),
    (
        3,
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
        &[
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b94e3ab6e101a34f27",
            "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946\
             a337bee8942674278859e13292fb",
        ],
    ),
    (
        4,
        "0102030405060708090a0b0c0d0e0f10111213141516171819",
        "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
        &[
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e6801dd23c4a7d679ccf8a386c674cffb",
            "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4d679275cc5788063a5f1\
             9741120c4f2de2adebeb10a298dd",
        ],
    ),
    (
        5,
        "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
        "546573742057697468205472756e636174696f6e",
        &["a3b6167473100ee06e0c796c2955552b", "3abf34c3503b2a23a46efc619baef897", "415fad6271580a531d4179bc891d87a6"],
    ),
    (
        6,
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
         aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
         aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b657920466972\
         7374",
        &[
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e6\
             4f73f63f0aec8b915a985d786598",
        ],
    ),
    (
        7,
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
         aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
         aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a65206b657920616e\
         642061206c6172676572207468616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565647320746f206265\
         20686173686564206265666f7265206265696e6720757365642062792074686520484d414320616c676f726974686d2e",
        &[
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5a678cc31e799176d3860e6110c46523e",
            "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b10d5eeb55c3e4de151346\
             76fb6de0446065c97440fa8c6a58",
        ],
    ),
];

/// Every case with every algorithm, but for `not_applicable`.
fn check_hmac(
    rfc: &str,
    cases: &[Hmac],
    algorithms: &[IntegrityAlgorithm],
    not_applicable: &[(u8, IntegrityAlgorithm)],
) {
    let mut without_key = Vec::new();
    for &(case, key, data, macs) in cases {
        assert_eq!(macs.len(), algorithms.len(), "{rfc}, case {case}");
        for (&algorithm, mac) in algorithms.iter().zip(macs) {
            match equivalent_key(algorithm, &hex(key)) {
                Some(key) => check_icv(&format!("{rfc}, case {case}"), algorithm, &key, &hex(data), &hex(mac)),
                None => without_key.push((case, algorithm)),
            }
        }
    }
    assert_eq!(without_key, not_applicable, "{rfc}");
}

/// The 25 octets of the key of case 4 are neither as few as IPsec's nor as many as are hashed.
#[test]
fn rfc2202() {
    let algorithms = [IntegrityAlgorithm::HmacMd5_96, IntegrityAlgorithm::HmacSha1_96];
    check_hmac("RFC 2202", RFC2202, &algorithms, &algorithms.map(|algorithm| (4, algorithm)));
}

#[test]
fn rfc4231() {
    let algorithms = [
        IntegrityAlgorithm::HmacSha2_256_128,
        IntegrityAlgorithm::HmacSha2_384_192,
        IntegrityAlgorithm::HmacSha2_512_256,
    ];
    check_hmac("RFC 4231", RFC4231, &algorithms, &[]);
}

// --- ESP packets ------------------------------------------------------------------------------------------------------

/// What is encrypted: the payload, the shortest padding that makes it a multiple of `alignment`, Pad Length and Next Header.
fn with_trailer(payload: &[u8], alignment: usize, next_header: u8) -> Vec<u8> {
    let mut data = payload.to_vec();
    data.resize(payload.len() + padding_len(payload.len(), alignment) + TRAILER_LEN, 0);
    emit_trailer(&mut data[payload.len()..], next_header).unwrap();
    data
}

/// A packet without ICV, which this crate makes no association for: its parts alone are checked.
struct CbcPacket {
    case: u8,
    key: &'static str,
    /// In tunnel mode with the IP header.
    payload: &'static str,
    next_header: u8,
    header: EspHeader,
    /// From the SPI to the end.
    packet: &'static str,
}

/// RFC 3602 §4, the cases that are packets; their encrypted octets alone are in `tests/crypto.rs`, as are cases 1 to 4.
const RFC3602: &[CbcPacket] = &[
    CbcPacket {
        case: 5,
        key: "90d382b410eeba7ad938c46cec1a82bf",
        payload: "08000ebda70a00008e9c083db95b070008090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223242526\
                  2728292a2b2c2d2e2f3031323334353637",
        next_header: 1,
        header: EspHeader { spi: 0x4321, sequence: 1 },
        packet: "0000432100000001e96e8c08ab465763fd098d45dd3ff893f663c25d325c18c6a9453e194e120849a4870b66cc6b9965\
                 330013b4898dc856a4699e523a55db080b59ec3a8e4b7e52775b07d1db34ed9c538ab50c551b874aa269add047ad2d59\
                 13ac19b7cfbad4a6",
    },
    CbcPacket {
        case: 6,
        key: "90d382b410eeba7ad938c46cec1a82bf",
        payload: "0800b5e8a80a0500a69c083d0b660e00777777777777777777777777",
        next_header: 1,
        header: EspHeader { spi: 0x4321, sequence: 8 },
        packet: "000043210000000869d08df7d203329db093fc4924e5bd80f51995881ec4e0c4488987ce742e8109689bb379d2d750c0\
                 d915dca346a89f75",
    },
    CbcPacket {
        case: 7,
        key: "0123456789abcdef0123456789abcdef",
        payload: "45000054090400004001f988c0a87b03c0a87bc808009f76a90a0100b49c083d02a2040008090a0b0c0d0e0f101112\
                  131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637",
        next_header: 4,
        header: EspHeader { spi: 0x8765, sequence: 2 },
        packet: "0000876500000002f4e765244f6407adf13dc1380f673f37773b5241a4c449225e4f3ce5ed611b0c237ca96cf74a9301\
                 3c1b0ea1a0cf70f8e4ecaec78ac53aad7a0f022b859243c647752e94a859352b8a4d4d2decd136e5c177f132ad3fbfb2\
                 201ac9904c74ee0a109e0ca1e4dfe9d5a100b842f1c22f0d",
    },
    CbcPacket {
        case: 8,
        key: "0123456789abcdef0123456789abcdef",
        payload: "45000044090c00004001f990c0a87b03c0a87bc80800d63caa0a0200c69c083da3de0300ffffffffffffffffffffff\
                  ffffffffffffffffffffffffffffffffffffffffff",
        next_header: 4,
        header: EspHeader { spi: 0x8765, sequence: 5 },
        packet: "000087650000000585d47224b5f3dd5d2101d4ea8dffab2215b92683819596a8047232cc00f7048fe45318e11f8a0f62\
                 ede3c3fc61203bb50f980a08c9843fd3a1b06d5c07ff9639b7eb7dfb3512e5de435e7207ed971ef3d2726d9b5ef6affc\
                 6d17a0decbb13892",
    },
];

#[test]
fn rfc3602_packets() {
    for vector in RFC3602 {
        let what = format!("RFC 3602, case {}", vector.case);
        let [key, payload, packet] = [vector.key, vector.payload, vector.packet].map(hex);
        let (header, rest) = EspHeader::split(&packet).unwrap();
        let (iv, ciphertext) = rest.split_at(CipherAlgorithm::AesCbc.iv_len());
        assert_eq!(header, vector.header, "{what}");

        let data = decrypt(&what, CipherAlgorithm::AesCbc, &key, iv, ciphertext);
        assert_eq!(split_trailer(&data), Some((&payload[..], vector.next_header)), "{what}");

        let data = with_trailer(&payload, CipherAlgorithm::AesCbc.block_len(), vector.next_header);
        check_cipher(&what, CipherAlgorithm::AesCbc, &key, iv, &data, ciphertext);
        let mut emitted = [0; HEADER_LEN];
        header.emit(&mut emitted).unwrap();
        assert_eq!(emitted, packet[..HEADER_LEN], "{what}");
    }
}

/// RFC 7634 appendix A: an ICMP packet in tunnel mode, with the outer header.
#[test]
fn rfc7634_packet() {
    let what = "RFC 7634, appendix A";
    let keying_material: Vec<u8> = (0x80..=0xa3).collect();
    let inner = hex(
        "45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec100007362708090a0b0c0d0e0f10111213141516171819\
         1a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637",
    );
    let packet = hex(
        "4500008c234500004032de5bcb007199cb0071050102030400000005101112131415161724039428b97f417e3c13753a4f05087b67c3\
         52e6a7fab1b982d466ef407ae5c614ee8099d52844eb61aa95dfab4c02f72aa71e7c4c4f64c9befe2facc638e8f3cbec163fac469b50\
         2773f6fb94e664da9165b82829f641e076aaa8266b7fb0f7b11b369907e1ad43",
    );
    let esp = &packet[20..];
    let (header, rest) = EspHeader::split(esp).unwrap();
    let (iv, rest) = rest.split_first_chunk::<8>().unwrap();
    let (ciphertext, tag) = rest.split_last_chunk::<16>().unwrap();
    assert_eq!(header, EspHeader { spi: 0x0102_0304, sequence: 5 });

    // Without extended sequence numbers the header is what is authenticated but not encrypted (RFC 7634 §2.1).
    let aad = &esp[..HEADER_LEN];
    let key = RustCrypto.aead_key(AeadAlgorithm::ChaCha20Poly1305, &keying_material).unwrap();
    let mut data = ciphertext.to_vec();
    RustCrypto.aead_open(&key, iv, aad, &mut data, tag).unwrap();
    assert_eq!(split_trailer(&data), Some((&inner[..], 4)));

    let (key, salt) = keying_material.split_at(32);
    let nonce = [salt, iv].concat().try_into().unwrap();
    let sealed = Sealed { algorithm: AeadAlgorithm::ChaCha20Poly1305, key, nonce, aad, ciphertext, tag: *tag };
    sealed.check(what, &with_trailer(&inner, 4, 4));
}
