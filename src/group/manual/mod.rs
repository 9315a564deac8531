//! A group in a text: manual configuration (draft §4.2.1).
//!
//! [`Config`] reads a text and yields the group, its members, its senders and its associations with their keys. A
//! mistake is a [`ManualError`] with line and column that says what was expected, and shows nothing of the text: it may
//! be a key.
//!
//! ```
//! use xcast_sec::crypto::RustCrypto;
//! use xcast_sec::group::manual::{Config, Item};
//! use xcast_sec::ipsec::Sa;
//!
//! let text = "
//! ## Figure 1 of RFC 5058, with A as the sender.
//! group ff02::114 epoch 1 activation-delay 5 deactivation-delay 30
//!
//! sender 2001:db8::a
//! member 2001:db8::b port 4000 dscp ef
//! member 2001:db8::c port 4000
//! member 2001:db8::d port 4002 dscp af41
//!
//! association esp
//!     spi            0x1000
//!     source         2001:db8::a
//!     cipher         aes-cbc
//!     cipher-key     000102030405060708090a0b0c0d0e0f
//!     integrity      hmac-sha2-256-128
//!     integrity-key  101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f
//!     lifetime-seconds 3600
//!
//! association ah     # Goes around it.
//!     spi            0x1001
//!     source         2001:db8::a
//!     coverage       fields-zeroed
//!     integrity      hmac-sha2-256-128
//!     integrity-key  303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f
//! ";
//! let mut sas = Vec::new();
//! for item in Config::new(text) {
//!     if let Item::Association(association) = item? {
//!         sas.push(Sa::new(&association.as_config(), &mut RustCrypto)?);
//!     }
//! }
//! assert_eq!((sas.len(), sas[0].spi().value()), (2, 0x1000));
//!
//! let error = Config::new("group ff02::114\nmember 2001:db8::b port 70000").find_map(Result::err).ok_or("no error")?;
//! assert_eq!(error.to_string(), "line 2, column 25: expected a port from 1 to 65535");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Grammar
//!
//! The format is project-defined: the draft has none.
//!
//! ```text
//! text       = { statement }
//! statement  = keyword subject { key value }
//! ```
//!
//! Words are separated by blanks: spaces, tabs, ends of lines. A statement begins at the very start of a line; lines
//! that begin with a blank continue it. A `#` where a word could begin opens a comment, which reaches to the end of the
//! line. Case counts; addresses and hexadecimal digits are as usual. Keys may come in any order, each once.
//!
//! | keyword | subject | |
//! |---|---|---|
//! | `group` | the group's address, All_Xcast_Routers | the first statement, and once |
//! | `member` | its address | up to 127, no two with one address and port |
//! | `sender` | its address | up to 127, no two with one address or identifier |
//! | `association` | `esp` or `ah` | up to 64, no two with one SPI |
//!
//! | key of a group | value | if it is absent |
//! |---|---|---|
//! | `epoch` | 0 to 4294967295 | 0 |
//! | `activation-delay`, `deactivation-delay` | seconds, 0 to 65535: see [`Rollover`](crate::group::Rollover) | 0 |
//!
//! | key of a member | value | if it is absent |
//! |---|---|---|
//! | `port` | 1 to 65535 | none; all members have one, or none has |
//! | `dscp` | `ef`, `cs0` to `cs7`, `af11` to `af43`, or 0 to 63 | none |
//!
//! | key of a sender | value | if it is absent |
//! |---|---|---|
//! | `id` | *number*`/`*bits* with 8, 12 or 16 bits, the same for all: see [`SenderId`](crate::ipsec::SenderId) | none |
//!
//! | key of an association | value | if it is absent |
//! |---|---|---|
//! | `spi` | 256 to 4294967295, or hexadecimal behind `0x` | an error |
//! | `source` | the one sender it is for | any sender |
//! | `mode` | `transport`, `tunnel` | `transport` |
//! | `preserve` (tunnel) | `neither`, `source`, `destination`, `both` | `both` |
//! | `cipher` (ESP) | `null`, `aes-cbc`, `aes-ctr`, `aes-gcm-16`, `chacha20-poly1305` | an error |
//! | `cipher-key` (ESP) | hexadecimal, nonce or salt included | an error, but with `null` |
//! | `integrity` | `hmac-md5-96`, `hmac-sha1-96`, `hmac-sha2-256-128`, `-384-192`, `-512-256` | an error, but for combined modes, which have none |
//! | `integrity-key` | hexadecimal | likewise |
//! | `coverage` (AH) | `data-zeroed`, `fields-zeroed`, `covered` | `data-zeroed` |
//! | `pad-to-8` (AH) | `yes`, `no` | `no` |
//! | `esn` | `yes`, `no` | `no` |
//! | `direction` | `symmetric`, `sender-only`, `receiver-only` | `symmetric` |
//! | `lifetime-seconds` | 1 to 4294967295 | 28800 |
//! | `lifetime-kilobytes`, `lifetime-packets` | 1 and more | no limit |
//! | `sequence-numbers` (ESP) | `saved` | they are not, and counter modes are refused |
//!
//! # Security
//!
//! Keys set by hand SHOULD NOT be used (RFC 8221 §3). They MUST NOT with AES-CTR, AES-GCM and ChaCha20-Poly1305, as a
//! host that restarts would use its nonces again: an association with one of these is refused, unless `sequence-numbers
//! saved` promises that the host saves them ([`OutboundSa::resume`](crate::ipsec::OutboundSa::resume),
//! [`reserve`](crate::ipsec::OutboundSa::reserve)). HMAC-MD5-96 is read, and then needs the host's exemption when the
//! [`Sa`](crate::ipsec::Sa) is made. The text holds keys in the clear and is the host's to protect and to wipe.

mod association;
mod config;
mod error;
mod statement;
mod values;
mod words;

pub use config::{Config, Group, Item, Member, Sender};
pub use error::{Expected, ManualError, ManualErrorKind};
