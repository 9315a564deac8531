//! OpenSSL: a cipher context and an HMAC context, keyed once.

use std::ffi::c_int;
use std::hint::black_box;
use std::ptr::{NonNull, null, null_mut};

use foreign_types::ForeignTypeRef;
use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use openssl::hash::MessageDigest;

use crate::contests::batch::Direction;
use crate::contests::packets::{self, BURST, ESP_HEADER_LEN, ICV_LEN, IP_LEN, Pool, SIZES};
use crate::contests::{Course, Entry, Prepared, Row, single};

struct Keys {
    encrypt: CipherCtx,
    decrypt: CipherCtx,
    hmac: Hmac,
}

/// The crate's own type cannot be keyed once and used again.
struct Hmac(NonNull<openssl_sys::HMAC_CTX>);

impl Hmac {
    fn new(key: &[u8; 20]) -> Self {
        // SAFETY: takes nothing.
        let context = NonNull::new(unsafe { openssl_sys::HMAC_CTX_new() }).expect("memory");
        // SAFETY: the context was just made; the key is 20 octets and is copied.
        let keyed = unsafe {
            let digest = MessageDigest::sha1().as_ptr();
            openssl_sys::HMAC_Init_ex(context.as_ptr(), key.as_ptr().cast(), 20, digest, null_mut())
        };
        assert_eq!(keyed, 1);
        Self(context)
    }

    fn icv(&mut self, octets: &[u8]) -> [u8; ICV_LEN] {
        let (mut mac, mut len) = ([0_u8; 20], 0);
        // SAFETY: the context is keyed, so that it starts anew with the same key if it is given none; `mac` has the 20 octets that
        // SHA-1 fills.
        let good = unsafe {
            openssl_sys::HMAC_Init_ex(self.0.as_ptr(), null(), 0, null(), null_mut())
                & openssl_sys::HMAC_Update(self.0.as_ptr(), octets.as_ptr(), octets.len())
                & openssl_sys::HMAC_Final(self.0.as_ptr(), mac.as_mut_ptr(), &raw mut len)
        };
        assert_eq!((good, len), (1, 20));
        mac[..ICV_LEN].try_into().expect("as long")
    }
}

impl Drop for Hmac {
    fn drop(&mut self) {
        // SAFETY: made by `HMAC_CTX_new`, and freed once.
        unsafe { openssl_sys::HMAC_CTX_free(self.0.as_ptr()) };
    }
}

impl Keys {
    fn new(number: usize) -> Self {
        let cipher = Cipher::fetch(None, "AES-128-CBC", None).expect("OpenSSL has it");
        let key = packets::cipher_key(number);
        let context = |decrypts: bool| {
            let mut context = CipherCtx::new().expect("memory");
            let keyed = if decrypts {
                context.decrypt_init(Some(&cipher), Some(&key), None)
            } else {
                context.encrypt_init(Some(&cipher), Some(&key), None)
            };
            keyed.expect("a key of 16 octets");
            context.set_padding(false);
            context
        };
        Self { encrypt: context(false), decrypt: context(true), hmac: Hmac::new(&packets::integrity_key(number)) }
    }

    /// On the octets from SPI to ICV.
    fn process(&mut self, esp: &mut [u8], direction: Direction) {
        let (covered, icv) = esp.split_at_mut(esp.len() - ICV_LEN);
        if direction == Direction::Open {
            assert!(openssl::memcmp::eq(&self.hmac.icv(covered), icv));
        }
        let (header, data) = covered.split_at_mut(ESP_HEADER_LEN);
        let iv = Some(&header[8..]);
        let context = match direction {
            Direction::Seal => {
                self.encrypt.encrypt_init(None, None, iv).expect("keyed");
                &mut self.encrypt
            }
            Direction::Open => {
                self.decrypt.decrypt_init(None, None, iv).expect("keyed");
                &mut self.decrypt
            }
        };
        // The crate's own methods want room for a block more, or another buffer.
        let (at, mut len) = (data.as_mut_ptr(), 0);
        // SAFETY: without padding as many octets are written as are read, where they are read.
        let done =
            unsafe { openssl_sys::EVP_CipherUpdate(context.as_ptr(), at, &raw mut len, at, data.len() as c_int) };
        assert_eq!((done, len as usize), (1, data.len()));
        if direction == Direction::Seal {
            icv.copy_from_slice(&self.hmac.icv(covered));
        }
    }
}

/// OpenSSL on packets under the association 0, one after the other.
fn entry(before: Vec<Vec<u8>>, after: &[Vec<u8>], direction: Direction) -> Box<dyn Entry> {
    let mut keys = Keys::new(0);
    let mut entry = Prepared::new(Pool::new(before), Pool::reset, move |pool: &mut Pool| {
        for packet in &mut pool.buffers {
            keys.process(black_box(&mut packet[IP_LEN..]), direction);
        }
    });
    assert_eq!(entry.once().buffers, after);
    Box::new(entry)
}

pub(crate) fn all(course: &mut dyn Course) {
    let name = "OpenSSL, EVP and HMAC";
    for direction in [Direction::Seal, Direction::Open] {
        for size in SIZES {
            let seals = direction == Direction::Seal;
            let row = Row::new(if seals { "ESP seal" } else { "ESP open" }, size, name, BURST);
            if !course.wants(&row) {
                continue;
            }
            let sealed = single::esp_sealed(size);
            let opened = single::not_encrypted(&sealed);
            let (before, after) = if seals { (opened, sealed) } else { (sealed, opened) };
            let mut ours = if seals { single::esp_sealing(size) } else { single::esp_opening(size) };
            let mut anchor = entry(before, &after, direction);
            course.contest(row, &mut *ours, &mut *anchor);
        }
    }
}
