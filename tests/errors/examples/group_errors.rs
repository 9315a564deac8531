use super::{gdoi_error, kind, manual_error, membership_buffer, too_many_members};
use crate::Kind;
use std::time::Duration;
use xcast_sec::{crypto, group};

pub(super) fn all() -> Vec<Kind> {
    vec![
        kind!(
            "group/association/group_sa.rs",
            group::GroupSaError,
            [
                E::Terms(group::TermsError::Families),
                E::EncryptionKey { actual: 40006 },
                E::IntegrityKey { actual: 40007 },
                E::Random
            ]
        ),
        kind!(
            "group/association/terms.rs",
            group::TermsError,
            [E::KeyLength, E::Source, E::Destination, E::Families, E::Direction, E::TunnelSource]
        ),
        kind!("group/gdoi/error.rs", group::gdoi::GdoiError, [gdoi_error()]),
        kind!(
            "group/gdoi/error.rs",
            group::gdoi::GdoiEmitError,
            [
                E::BufferTooSmall { needed: 40008 },
                E::NoAssociation,
                E::TooManyAssociations,
                E::DuplicateSpi { index: 40009 },
                E::Rollover { index: 40010 },
                E::SenderId
            ]
        ),
        kind!("group/ike/error.rs", group::ike::PayloadError, [E::Length, E::Reserved, E::Unexpected, E::Value]),
        kind!(
            "group/ike/error.rs",
            group::ike::MessageError,
            [
                E::Length,
                E::Version,
                E::Flags,
                E::Cookies,
                E::ExchangeType,
                E::MessageId,
                E::Stale,
                E::NotExpected,
                E::Authentication,
                E::Payload(group::ike::PayloadError::Reserved),
                E::Crypto(crypto::CryptoError::Length)
            ]
        ),
        kind!(
            "group/ike/error.rs",
            group::ike::SendError,
            [E::State, E::TooLong, E::Spis, E::MessageIdsExhausted, E::Random, E::Crypto(crypto::CryptoError::Length)]
        ),
        kind!(
            "group/lkh/error.rs",
            group::lkh::ControllerError,
            [
                E::Full,
                E::KeyLength,
                E::NoMember,
                E::Empty,
                E::TooLong,
                E::EpochsExhausted,
                E::Random,
                E::Key(crypto::KeyError::UnsupportedAlgorithm),
                E::Crypto(crypto::CryptoError::Length)
            ]
        ),
        kind!(
            "group/lkh/error.rs",
            group::lkh::ApplyError,
            [
                E::Length,
                E::Header,
                E::Stale,
                E::Missed,
                E::Excluded,
                E::Malformed,
                E::Authentication,
                E::Key(crypto::KeyError::UnsupportedAlgorithm),
                E::Crypto(crypto::CryptoError::Length)
            ]
        ),
        kind!("group/manual/error.rs", group::manual::ManualError, [manual_error()]),
        kind!(
            "group/membership/association.rs",
            group::membership::KeySourceError,
            [E::Random, E::Negotiation, E::NoRoom, E::Other]
        ),
        kind!(
            "group/membership/controller/mod.rs",
            group::membership::InviteError,
            [E::AlreadyAMember, E::Full, E::Address, E::Exhausted]
        ),
        kind!(
            "group/membership/directory.rs",
            group::membership::NegotiationError,
            [
                E::Unknown([192, 0, 2, 1].into()),
                E::BelowFloor(group::membership::Suite::Ah(crypto::IntegrityAlgorithm::HmacSha2_256_128)),
                E::NothingCommon
            ]
        ),
        kind!("group/membership/key_server/config.rs", group::membership::TooManyMembers, [too_many_members()]),
        kind!(
            "group/membership/member/mod.rs",
            group::membership::MemberError,
            [E::AlreadyIn, E::NotIn, E::NotInvited, E::Roles, E::Exhausted, E::TooManyServers]
        ),
        kind!(
            "group/membership/message/error.rs",
            group::membership::MessageError,
            [
                E::TooShort { actual: 40011 },
                E::Magic,
                E::UnsupportedVersion(148),
                E::UnknownType(149),
                E::Length { stated: 40014, actual: 40015 },
                E::BodyLength { actual: 40016 },
                E::Reserved,
                E::MissingNumber,
                E::Roles,
                E::Acknowledged(153),
                E::Flags,
                E::Times,
                E::NoAssociation,
                E::Entry { index: 40018 }
            ]
        ),
        kind!("group/membership/message/error.rs", group::membership::BufferTooSmall, [membership_buffer()]),
        kind!(
            "group/membership/policy/anonymity.rs",
            group::membership::Contradiction,
            [
                E::AhOnXcast4,
                E::AhCoversAddresses,
                E::SeparatedBitmap,
                E::AddressesInTunnel,
                E::QueryByMembers,
                E::AddressesOnThePath
            ]
        ),
        kind!(
            "group/membership/receive_error.rs",
            group::membership::ReceiveError,
            [
                E::Message(group::membership::MessageError::Reserved),
                E::OtherGroup,
                E::Unexpected,
                E::NotAuthorised,
                E::Stale,
                E::TooManyMembers
            ]
        ),
        kind!(
            "group/membership/saved.rs",
            group::membership::SaveError,
            [E::BufferTooSmall { needed: 40019 }, E::Provider]
        ),
        kind!(
            "group/membership/saved.rs",
            group::membership::SavedError,
            [
                E::Format,
                E::UnsupportedVersion(156),
                E::Mac,
                E::Stale { number: 40021 },
                E::OtherGroup,
                E::Boot,
                E::NoRoom,
                E::Content
            ]
        ),
        kind!(
            "group/signature/error.rs",
            group::signature::SignedEmitError,
            [
                E::GroupNameTooLong,
                E::MessageTooLong,
                E::SignatureLength,
                E::BufferTooSmall { needed: 40022 },
                E::Sign(crypto::SignError::Signer)
            ]
        ),
        kind!(
            "group/signature/error.rs",
            group::signature::SignedParseError,
            [
                E::Truncated,
                E::NoMagic,
                E::UnsupportedVersion(159),
                E::UnknownKind(160),
                E::Reserved,
                E::MessageTooLong,
                E::SignatureLength,
                E::Length { expected: 40025, actual: 40026 }
            ]
        ),
        kind!(
            "group/signature/error.rs",
            group::signature::AcceptError,
            [
                E::Parse(group::signature::SignedParseError::Truncated),
                E::Signature(crypto::VerifyError::Invalid),
                E::TooOld { age: Duration::from_micros(40_996) },
                E::TooFarAhead { ahead: Duration::from_micros(40_996) },
                E::Replayed,
                E::MayBeReplayed,
                E::TooManySigners
            ]
        ),
        kind!(
            "group/sip/base64.rs",
            group::sip::base64::Base64Error,
            [E::Character { offset: 40027 }, E::Padding, E::TooLong]
        ),
        kind!(
            "group/sip/channel.rs",
            group::sip::SealError,
            [E::TooLong, E::DialogueTooLong, E::Side, E::CounterExhausted, E::Crypto(crypto::CryptoError::Length)]
        ),
        kind!(
            "group/sip/channel.rs",
            group::sip::OpenError,
            [
                E::Length,
                E::Header,
                E::Kind,
                E::Stale,
                E::DialogueTooLong,
                E::Authentication,
                E::Content,
                E::Crypto(crypto::CryptoError::Length)
            ]
        ),
        kind!(
            "group/sip/headers.rs",
            group::sip::HeaderError,
            [E::MediaType, E::TransferEncoding, E::ContentEncoding, E::Disposition, E::Twice, E::Line]
        ),
        kind!(
            "group/source_auth/seam.rs",
            group::source_auth::AuthenticateError,
            [E::Length, E::NameTooLong, E::OtherSource, E::Exhausted, E::Sign(crypto::SignError::Signer)]
        ),
        kind!(
            "group/source_auth/seam.rs",
            group::source_auth::SourceError,
            [E::NoTrailer, E::UnknownSource, E::Forged, E::TooLate, E::Full, E::Verifier]
        ),
        kind!(
            "group/spi/mod.rs",
            group::spi::SpiError,
            [E::Full, E::TooManyReports, E::Exhausted, E::OutsidePrefix, E::Random, E::Provider]
        ),
        kind!(
            "group/spi/prefix.rs",
            group::spi::PrefixRuleError,
            [E::PrefixTooLong { len: 164, max: 165 }, E::TooManyHostBits { host_bits: 166 }, E::HostBitsSet]
        ),
    ]
}
