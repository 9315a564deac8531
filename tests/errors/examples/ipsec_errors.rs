use super::{entry, kind, parse_error, senders_full};
use crate::Kind;
use xcast_sec::{crypto, ipsec};

pub(super) fn all() -> Vec<Kind> {
    vec![
        kind!(
            "ipsec/association/config.rs",
            ipsec::SaError,
            [
                E::Key(crypto::KeyError::UnsupportedAlgorithm),
                E::NoIntegrity,
                E::Forbidden(crypto::IntegrityAlgorithm::HmacMd5_96),
                E::TfcNeedsEsp,
                E::Families,
                E::TunnelFamilies,
                E::TunnelSelectors,
                E::SenderIdNeeded
            ]
        ),
        kind!(
            "ipsec/packet/construction.rs",
            ipsec::Refusal,
            [
                E::BitmapUnderAh,
                E::AnonymousUnderAh,
                E::AnonymousWithSeparatedBitmap,
                E::AhBehindXcast4,
                E::XcastInsideEsp,
                E::RoutingBehindAh,
                E::CoverageNeedsSeparatedBitmap,
                E::CoverageNeedsBitmapInHeader,
                E::X2uAllowed,
                E::SourceRoute,
                E::RoutingHeader,
                E::NestedProtection,
                E::PreservationFamilies,
                E::NotPreserved
            ]
        ),
        kind!(
            "ipsec/packet/error.rs",
            ipsec::SealError,
            [
                E::Parse(parse_error()),
                E::Refused(ipsec::Refusal::SourceRoute),
                E::OtherAddresses,
                E::PacketTooLong { len: 40031 },
                E::NoRoom { inserted: 40032, appended: 40033 },
                E::IvLength,
                E::ZeroSequence,
                E::Exhausted,
                E::NotReserved,
                E::Expired(ipsec::LimitKind::Packets),
                E::TooBig { len: 40034, mtu: 40035 },
                E::TfcNeedsLength,
                E::NotEsp,
                E::NoInnerHeader,
                E::Random,
                E::Crypto(crypto::CryptoError::Length)
            ]
        ),
        kind!(
            "ipsec/packet/error.rs",
            ipsec::OpenError,
            [
                E::Parse(parse_error()),
                E::NotProtected,
                E::ReservedSpi { spi: 40036 },
                E::NoSa { spi: ipsec::Spi::new(40997).unwrap() },
                E::AhLength,
                E::EspLength,
                E::Replay(ipsec::ReplayError::Replayed),
                E::Icv,
                E::BlockLength,
                E::Padding,
                E::Inner,
                E::Refused(ipsec::Refusal::SourceRoute),
                E::Expired(ipsec::LimitKind::Packets),
                E::SenderNotAuthorised,
                E::Crypto(crypto::CryptoError::Length)
            ]
        ),
        kind!("ipsec/association/sad.rs", ipsec::SadError, [E::Full, E::Duplicate]),
        kind!("ipsec/policy/senders.rs", ipsec::SendersFull, [senders_full()]),
        kind!(
            "ipsec/policy/spd.rs",
            ipsec::SpdError,
            [
                E::Full(entry()),
                E::NoSuchPlace(entry()),
                E::EmptyRange(entry()),
                E::Families(entry()),
                E::ExtensionHeader(entry())
            ]
        ),
        kind!(
            "ipsec/processing/inbound.rs",
            ipsec::InboundError,
            [
                E::Open(ipsec::OpenError::NotProtected),
                E::OutOfStep,
                E::Unreadable(parse_error()),
                E::NoPolicy,
                E::Discarded,
                E::Unprotected { policy: ipsec::PolicyId::new(98) },
                E::WrongProtection
            ]
        ),
        kind!(
            "ipsec/processing/outbound.rs",
            ipsec::OutboundError,
            [
                E::Seal(ipsec::SealError::Expired(ipsec::LimitKind::Time)),
                E::Unreadable(parse_error()),
                E::NoPolicy,
                E::Discarded,
                E::NoSa { policy: ipsec::PolicyId::new(98), protocol: ipsec::SecurityProtocol::Ah }
            ]
        ),
        kind!("ipsec/replay/window.rs", ipsec::ReplayError, [E::Replayed, E::TableFull]),
        kind!(
            "ipsec/sending/packet_too_big.rs",
            ipsec::Ignored,
            [
                E::NotProtected,
                E::Misdirected,
                E::OtherAssociation,
                E::Fragmentable,
                E::NeverSent,
                E::NotLarger { len: 40037, mtu: 40038 },
                E::ImpossibleMtu { mtu: 40039 },
                E::NoNews
            ]
        ),
        kind!("ipsec/sending/sequence.rs", ipsec::SequenceError, [E::Exhausted, E::NotReserved]),
    ]
}
