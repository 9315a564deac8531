//! The IPsec attributes of an SA TEK payload (RFC 2407 §4.5, RFC 6407 §5.5.1).
//!
//! Written in the order of their numbers, each only where it says something:
//!
//! | attribute | number | encoding | written |
//! |---|---|---|---|
//! | SA Life Type, SA Life Duration | 1, 2 | basic; variable, 4 octets | always, for seconds |
//! | the same | | basic; variable, 4 octets | for kilobytes, if they are limited |
//! | the same | | basic; variable, 8 octets | for packets (life type 61440, project-defined), if they are limited |
//! | Encapsulation Mode | 4 | basic | always |
//! | Authentication Algorithm | 5 | basic | but for combined mode |
//! | Key Length | 6 | basic | with AES |
//! | Extended Sequence Number | 11 | basic | with 64-bit numbers |
//! | Address Preservation | 14 | basic | in tunnel mode |
//! | SA Direction | 15 | basic | always |
//! | Routing coverage (project-defined) | 32001 | basic | with AH, but for the draft's rule |
//! | AH padding (project-defined) | 32002 | basic | with AH padded to 8 octets in IPv4 |
//!
//! Read in any order. Where RFC 2407 and RFC 6407 have a default, that is taken: eight hours, address preservation of
//! both, symmetric. Group Description is ignored, as RFC 6407 §5.5.1 has it; every other attribute that is not in the
//! table ends the reading (RFC 2407 §4.5.3; of undefined ones it leaves the choice).

use core::num::{NonZeroU32, NonZeroU64};

use super::attribute::{Attribute, put_basic, put_variable, set_once};
use super::error::{GdoiError, GdoiErrorKind};
use super::numbers::{
    EspTransform, PADDED_TO_8, SEQUENCE_NUMBERS_64, ah_transform, authentication, authentication_of, coverage,
    coverage_of, direction, direction_of, encapsulation, life_type, preservation, preservation_of, sa_attribute,
    transform_of,
};
use super::octets::{Reader, Writer};
use crate::crypto::IntegrityAlgorithm;
use crate::group::{GroupLifetime, GroupMode, Preservation, SaTerms, Suite};
use crate::ipsec::{Directionality, RoutingCoverage, SecurityProtocol};

/// What the attributes say, each with its place for errors.
#[derive(Default)]
pub(super) struct SaAttributes {
    seconds: Option<NonZeroU32>,
    kilobytes: Option<NonZeroU32>,
    packets: Option<NonZeroU64>,
    encapsulation: Option<u16>,
    authentication: Option<(IntegrityAlgorithm, usize)>,
    key_length: Option<(u16, usize)>,
    esn: Option<()>,
    preservation: Option<(Preservation, usize)>,
    direction: Option<Directionality>,
    coverage: Option<(RoutingCoverage, usize)>,
    padding: Option<usize>,
}

impl SaAttributes {
    pub(super) fn read(mut body: Reader<'_>) -> Result<Self, GdoiError> {
        let mut found = Self::default();
        while !body.is_empty() {
            let offset = body.offset();
            let read = Attribute::read(&mut body)?;
            let value = |known: bool| if known { Ok(()) } else { Err(read.bad_value()) };
            match read.kind {
                sa_attribute::LIFE_TYPE => found.lifetime_of(&read, &mut body)?,
                // It MUST always follow an SA Life Type, which then has read it.
                sa_attribute::LIFE_DURATION => return Err(read.error(GdoiErrorKind::AttributeConflict(read.kind))),
                sa_attribute::GROUP_DESCRIPTION => {}
                sa_attribute::ENCAPSULATION_MODE => {
                    let mode = read.basic()?;
                    value(matches!(mode, encapsulation::TUNNEL | encapsulation::TRANSPORT))?;
                    set_once(&mut found.encapsulation, mode, &read)?;
                }
                sa_attribute::AUTHENTICATION_ALGORITHM => {
                    let algorithm = authentication(read.basic()?).ok_or(read.bad_value())?;
                    set_once(&mut found.authentication, (algorithm, offset), &read)?;
                }
                sa_attribute::KEY_LENGTH => set_once(&mut found.key_length, (read.basic()?, offset), &read)?,
                sa_attribute::EXTENDED_SEQUENCE_NUMBER => {
                    value(read.basic()? == SEQUENCE_NUMBERS_64)?;
                    set_once(&mut found.esn, (), &read)?;
                }
                sa_attribute::ADDRESS_PRESERVATION => {
                    let kept = preservation(read.basic()?).ok_or(read.bad_value())?;
                    set_once(&mut found.preservation, (kept, offset), &read)?;
                }
                sa_attribute::SA_DIRECTION => {
                    set_once(&mut found.direction, direction(read.basic()?).ok_or(read.bad_value())?, &read)?;
                }
                sa_attribute::ROUTING_COVERAGE => {
                    let covered = coverage(read.basic()?).ok_or(read.bad_value())?;
                    set_once(&mut found.coverage, (covered, offset), &read)?;
                }
                sa_attribute::AH_PADDING => {
                    value(read.basic()? == PADDED_TO_8)?;
                    set_once(&mut found.padding, offset, &read)?;
                }
                kind => return Err(read.error(GdoiErrorKind::Attribute(kind))),
            }
        }
        Ok(found)
    }

    /// A life type and its duration, which has to follow (RFC 2407 §4.5). Several are of different types (§4.5.2).
    fn lifetime_of(&mut self, life: &Attribute<'_>, body: &mut Reader<'_>) -> Result<(), GdoiError> {
        let missing = body.error(GdoiErrorKind::MissingAttribute(sa_attribute::LIFE_DURATION));
        if body.is_empty() {
            return Err(missing);
        }
        let duration = Attribute::read(body)?;
        if duration.kind != sa_attribute::LIFE_DURATION {
            return Err(missing);
        }
        let number = duration.number()?;
        let small = || u32::try_from(number).ok().and_then(NonZeroU32::new).ok_or(duration.bad_value());
        match life.basic()? {
            life_type::SECONDS => set_once(&mut self.seconds, small()?, life),
            life_type::KILOBYTES => set_once(&mut self.kilobytes, small()?, life),
            life_type::PACKETS => {
                set_once(&mut self.packets, NonZeroU64::new(number).ok_or(duration.bad_value())?, life)
            }
            _ => Err(life.bad_value()),
        }
    }

    /// Transform and attributes together. `transform_at` and `start` are where errors point.
    pub(super) fn suite(
        &self,
        protocol: SecurityProtocol,
        transform: u8,
        transform_at: usize,
        start: usize,
    ) -> Result<Suite, GdoiError> {
        let unknown = GdoiError::new(GdoiErrorKind::Transform(transform), transform_at);
        let conflict = |kind: u16, at: usize| Err(GdoiError::new(GdoiErrorKind::AttributeConflict(kind), at));
        let missing = |kind: u16| GdoiError::new(GdoiErrorKind::MissingAttribute(kind), start);
        let required = || self.authentication.ok_or(missing(sa_attribute::AUTHENTICATION_ALGORITHM));
        if protocol == SecurityProtocol::Ah {
            let integrity = ah_transform(transform).ok_or(unknown)?;
            let (authentication, at) = required()?;
            if authentication != integrity {
                return conflict(sa_attribute::AUTHENTICATION_ALGORITHM, at);
            }
            if let Some((_, at)) = self.key_length {
                return conflict(sa_attribute::KEY_LENGTH, at);
            }
            let coverage = self.coverage.map_or(RoutingCoverage::DataZeroed, |(coverage, _)| coverage);
            return Ok(Suite::Ah { integrity, coverage, pad_to_8: self.padding.is_some() });
        }
        if let Some((_, at)) = self.coverage {
            return conflict(sa_attribute::ROUTING_COVERAGE, at);
        }
        if let Some(at) = self.padding {
            return conflict(sa_attribute::AH_PADDING, at);
        }
        let transform = EspTransform::of(transform).ok_or(unknown)?;
        let key_length = match self.key_length {
            Some((_, at)) if !transform.has_key_length() => return conflict(sa_attribute::KEY_LENGTH, at),
            None if transform.has_key_length() => return Err(missing(sa_attribute::KEY_LENGTH)),
            other => other,
        };
        let value = GdoiErrorKind::AttributeValue(sa_attribute::KEY_LENGTH);
        let key_len = transform
            .keying_material(key_length.map(|(bits, _)| bits))
            .ok_or(GdoiError::new(value, key_length.map_or(start, |(_, at)| at)))?;
        match (transform, self.authentication) {
            (EspTransform::Cipher(cipher), _) => {
                Ok(Suite::Esp { cipher, cipher_key_len: key_len, integrity: required()?.0 })
            }
            (EspTransform::Combined(algorithm), None) => Ok(Suite::EspCombined { algorithm, key_len }),
            (EspTransform::Combined(_), Some((_, at))) => conflict(sa_attribute::AUTHENTICATION_ALGORITHM, at),
        }
    }

    /// Encapsulation Mode and Address Preservation.
    pub(super) fn mode(&self, start: usize) -> Result<GroupMode, GdoiError> {
        match (self.encapsulation, self.preservation) {
            // RFC 2407 §4.5: there is no default.
            (None, _) => Err(GdoiError::new(GdoiErrorKind::MissingAttribute(sa_attribute::ENCAPSULATION_MODE), start)),
            (Some(encapsulation::TUNNEL), kept) => {
                Ok(GroupMode::Tunnel(kept.map_or(Preservation::Both, |(kept, _)| kept)))
            }
            (Some(_), None) => Ok(GroupMode::Transport),
            (Some(_), Some((_, at))) => {
                Err(GdoiError::new(GdoiErrorKind::AttributeConflict(sa_attribute::ADDRESS_PRESERVATION), at))
            }
        }
    }

    pub(super) const fn esn(&self) -> bool {
        self.esn.is_some()
    }

    pub(super) fn direction(&self) -> Directionality {
        self.direction.unwrap_or(Directionality::Symmetric)
    }

    pub(super) fn lifetime(&self) -> GroupLifetime {
        let seconds = self.seconds.unwrap_or(GroupLifetime::default().seconds);
        GroupLifetime { seconds, kilobytes: self.kilobytes, packets: self.packets }
    }
}

/// Writes the attributes of an association.
pub(super) fn put_attributes(writer: &mut Writer<'_>, terms: &SaTerms) {
    let mut life = |kind: u16, duration: &[u8]| {
        put_basic(writer, sa_attribute::LIFE_TYPE, kind);
        put_variable(writer, sa_attribute::LIFE_DURATION, duration);
    };
    life(life_type::SECONDS, &terms.lifetime.seconds.get().to_be_bytes());
    if let Some(kilobytes) = terms.lifetime.kilobytes {
        life(life_type::KILOBYTES, &kilobytes.get().to_be_bytes());
    }
    if let Some(packets) = terms.lifetime.packets {
        life(life_type::PACKETS, &packets.get().to_be_bytes());
    }
    let mode = match terms.mode {
        GroupMode::Transport => encapsulation::TRANSPORT,
        GroupMode::Tunnel(_) => encapsulation::TUNNEL,
    };
    put_basic(writer, sa_attribute::ENCAPSULATION_MODE, mode);
    let (integrity, coverage, pad_to_8) = match terms.suite {
        Suite::Ah { integrity, coverage, pad_to_8 } => (Some(integrity), coverage_of(coverage), pad_to_8),
        Suite::Esp { integrity, .. } => (Some(integrity), None, false),
        Suite::EspCombined { .. } => (None, None, false),
    };
    let preservation = match terms.mode {
        GroupMode::Transport => None,
        GroupMode::Tunnel(preservation) => Some(preservation_of(preservation)),
    };
    for (kind, value) in [
        (sa_attribute::AUTHENTICATION_ALGORITHM, integrity.map(authentication_of)),
        (sa_attribute::KEY_LENGTH, transform_of(terms.suite).1),
        (sa_attribute::EXTENDED_SEQUENCE_NUMBER, terms.esn.then_some(SEQUENCE_NUMBERS_64)),
        (sa_attribute::ADDRESS_PRESERVATION, preservation),
        (sa_attribute::SA_DIRECTION, Some(direction_of(terms.direction))),
        (sa_attribute::ROUTING_COVERAGE, coverage),
        (sa_attribute::AH_PADDING, pad_to_8.then_some(PADDED_TO_8)),
    ] {
        if let Some(value) = value {
            put_basic(writer, kind, value);
        }
    }
}
