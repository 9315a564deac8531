//! Opening AH (RFC 4302 §3.4).

use crate::crypto::{CryptoError, CryptoProvider};
use crate::ipsec::association::config::{Mode, SecurityProtocol};
use crate::ipsec::association::sa::{AhTransform, Sa, high_half};
use crate::ipsec::packet::arrived::{Arrived, check_x2u_forbidden};
use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::construction::{Refusal, check_ah, check_behind};
use crate::ipsec::packet::coverage::{Coverable, Coverage};
use crate::ipsec::packet::error::OpenError;
use crate::ipsec::packet::front::Front;
use crate::ipsec::packet::placement::{ah_at, take_out};
use crate::wire::{AhHeader, CodePoints, Family};

impl Arrived {
    /// What the AH of a whole packet covers, and the AH.
    pub(super) fn covered_by_ah<'p, P: CryptoProvider>(
        &self,
        transform: &AhTransform<P>,
        code_points: Option<&CodePoints>,
        octets: &'p [u8],
    ) -> Result<(Coverage<'p>, AhHeader<'p>), OpenError> {
        let place = &self.place;
        let header = self.ah(transform, octets)?;
        let len = header.header_len();
        let coverable = Coverable::read(octets, place, transform.coverage, code_points)?;
        let coverage = Coverage::new(octets, place.ip_header_len, place.at, len, transform.icv_len, &coverable);
        Ok((coverage, header))
    }

    /// The AH of a whole packet, if it can be one under `transform`.
    #[inline]
    fn ah<'p, P: CryptoProvider>(
        &self,
        transform: &AhTransform<P>,
        octets: &'p [u8],
    ) -> Result<AhHeader<'p>, OpenError> {
        let place = &self.place;
        // Behind an Xcast4 header: what AH would cover there is not defined.
        if place.family == Family::V4 && place.at != place.ip_header_len {
            return Err(Refusal::AhBehindXcast4.into());
        }
        let header = ah_at(octets, place)?;
        if !transform.accepts_header_len(place.family, header.header_len()) {
            return Err(OpenError::AhLength);
        }
        Ok(header)
    }

    /// Verifies the ICV where not all that changes on the way stands in a plain IPv4 header.
    #[inline(never)]
    fn verify_behind_other_headers<P: CryptoProvider>(
        &self,
        transform: &AhTransform<P>,
        crypto: &mut P,
        code_points: Option<&CodePoints>,
        octets: &[u8],
        high: Option<&[u8; 4]>,
        received: &[u8],
    ) -> Result<(), OpenError> {
        let (coverage, _) = self.covered_by_ah(transform, code_points, octets)?;
        match coverage.plain_parts(high) {
            Some(parts) => crypto.verify_icv(&transform.key, parts, received),
            None => crypto.verify_icv(&transform.key, coverage.parts(high), received),
        }?;
        Ok(())
    }

    /// Authenticates a whole packet, without changing it, unless it is `known` how that ends, and then judges its
    /// construction.
    #[allow(clippy::too_many_arguments, reason = "one packet, and everything that has a say in it")]
    pub(crate) fn verify_ah<P: CryptoProvider>(
        &self,
        sa: &Sa<P>,
        transform: &AhTransform<P>,
        sequence: u64,
        known: Option<Result<(), CryptoError>>,
        crypto: &mut P,
        code_points: Option<&CodePoints>,
        octets: &[u8],
    ) -> Result<(), OpenError> {
        let place = &self.place;
        let header = match known {
            Some(result) => {
                result?;
                ah_at(octets, place)?
            }
            None => {
                let header = self.ah(transform, octets)?;
                let high = high_half(sa, sequence);
                let high = high.as_ref();
                let received = header.icv_field().get(..transform.icv_len).unwrap_or(&[]);
                let mut front = Front::new();
                match front.parts(octets, place.ip_header_len, place.at, transform.icv_len, high) {
                    Some(parts) => crypto.verify_icv(&transform.key, parts, received)?,
                    None => {
                        self.verify_behind_other_headers(transform, crypto, code_points, octets, high, received)?;
                    }
                }
                header
            }
        };
        let behind = place.at.saturating_add(header.header_len());
        let next = header.next_header();
        match sa.mode() {
            Mode::Transport => check_behind(SecurityProtocol::Ah, place.family, next, octets, behind, code_points)?,
            Mode::Tunnel(outer) => self.check_inner(outer, next, octets.get(behind..).unwrap_or(&[]))?,
        }
        if let Some(xcast) = self.as_xcast(octets, code_points).as_ref().map_err(|unfit| *unfit)? {
            check_ah(xcast, transform.coverage)?;
            check_x2u_forbidden(sa.mode(), xcast)?;
        }
        Ok(())
    }

    /// Takes a verified AH out.
    pub(crate) fn take_out_ah(&self, mode: &Mode, packet: &mut PacketBuf<'_>) -> Result<(), OpenError> {
        let header = ah_at(packet.as_octets(), &self.place)?;
        let (next_header, len) = (header.next_header(), header.header_len());
        match mode {
            Mode::Transport => take_out(packet, &self.place, len, next_header),
            Mode::Tunnel(_) => self.leave_tunnel(packet, self.place.at.saturating_add(len)),
        }
        Ok(())
    }
}
