//! Associations as octets: the SA and KD payloads of GDOI (RFC 6407 §5), which every way of distribution here carries.
//!
//! [`emit()`] writes associations and [`Download`] reads them. What is written is an SA payload (§5.2) that holds one GAP
//! payload (§5.4) and an SA TEK payload (§5.5) for each association, followed by a KD payload (§5.6) with a TEK key
//! packet for each, and a SID key packet if the member sends under a counter mode:
//!
//! ```text
//! +----------------------------------------------+--------------------------+
//! | SA | GAP: ATD, DTD, epoch | SAT | SAT | …     | KD | TEK | TEK | … | SID |
//! +----------------------------------------------+--------------------------+
//! ```
//!
//! ```
//! use xcast_sec::crypto::{CipherAlgorithm, IntegrityAlgorithm};
//! use xcast_sec::group::gdoi::{self, Download};
//! use xcast_sec::group::{GroupSa, SaTerms, Suite};
//! use xcast_sec::ipsec::Spi;
//!
//! let integrity = IntegrityAlgorithm::HmacSha2_256_128;
//! let suite = Suite::Esp { cipher: CipherAlgorithm::AesCbc, cipher_key_len: 16, integrity };
//! let terms = SaTerms::new(Spi::new(0x1234).ok_or("reserved")?, "ff02::114".parse()?, suite);
//! let sa = GroupSa::new(terms, &[0x11; 16], &[0x22; 32])?;
//!
//! let mut buffer = [0; 256];
//! let len = gdoi::emit(&[&sa], None, &mut buffer)?;
//! let download = Download::parse(&buffer[..len])?;
//! assert!(download.is_canonical());
//! assert!(download.iter().all(|received| *received.terms() == terms));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # One form
//!
//! For one list of associations there is one string of octets. Payloads are in the order above and key packets in that
//! of the associations; [attributes](#attributes) are in the order of their numbers; what says nothing is left out.
//! Others may write the same in other ways (RFC 6407 has defaults, and no order), and are read;
//! [`Download::is_canonical`] tells.
//!
//! # What has no place in GDOI
//!
//! Numbers from the ranges for private use, all project-defined. They are sent only where they say something, so that a
//! GDOI implementation understands what it could do anyway, and aborts where it could not (RFC 6407 §5.4, RFC 2407
//! §4.5.3):
//!
//! | what | where | number | value |
//! |---|---|---|---|
//! | [`RoutingCoverage`](crate::ipsec::RoutingCoverage) | SA TEK attribute, basic | 32001 | 1 fields-zeroed, 2 covered; absent data-zeroed |
//! | AH padded to 8 octets in IPv4 | SA TEK attribute, basic | 32002 | 1; absent padded to 4 |
//! | limit in packets | SA Life Type | 61440 | its SA Life Duration has 8 octets |
//! | ChaCha20-Poly1305 | ESP transform | 249 | no Key Length, 36 octets of keying material |
//! | epoch | GAP attribute, variable | 128 | 4 octets; absent 0 |
//!
//! # Attributes
//!
//! | SA TEK attribute | number | encoding | written |
//! |---|---|---|---|
//! | SA Life Type, SA Life Duration | 1, 2 | basic; variable, 4 octets | always, for seconds; for kilobytes if they are limited |
//! | Encapsulation Mode | 4 | basic | always |
//! | Authentication Algorithm | 5 | basic | but for combined mode |
//! | Key Length | 6 | basic | with AES |
//! | Extended Sequence Number (RFC 4304) | 11 | basic | with 64-bit numbers |
//! | Address Preservation | 14 | basic | in tunnel mode |
//! | SA Direction | 15 | basic | always |
//!
//! # Not read
//!
//! SA KEK payloads, KEK and LKH key packets, TEK_SOURCE_AUTH_KEY, several sender identifiers in one message,
//! associations for one port or next protocol only, ID Types other than addresses. Each is an error that says so.

mod attribute;
mod download;
mod emit;
mod error;
mod gap;
mod kd;
mod numbers;
mod octets;
mod payload;
mod sa_attributes;
mod sat;

pub use download::Download;
pub use emit::{emit, encoded_len};
pub use error::{GdoiEmitError, GdoiError, GdoiErrorKind};
pub use gap::Gap;

use super::association::rollover::Rollover;

/// The most associations in one message (project-defined): a bound on what a reader has to do.
pub const MAX_ASSOCIATIONS: usize = 64;
