//! What a body is bound to.

use crate::group::cursor::Writer;

/// The most octets that are authenticated with a body: 31, and those of the fields of its [`Dialogue`] beside CSeq, which may have 993
/// in all.
pub const MAX_DIALOGUE_LEN: usize = 1024;

/// The SIP transaction that a body goes with, as it stands in the message that carries the body.
///
/// A response repeats From, Call-ID and CSeq of its request, and adds a To tag (RFC 3261 §8.2.6.2): its body is bound to that
/// one. All are compared octet by octet, as user agents copy them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "what identifies a transaction in a dialogue (RFC 3261 §12, §17)")]
pub struct Dialogue<'a> {
    /// The value of Call-ID.
    pub call_id: &'a [u8],
    /// The URI in From, without angle brackets and parameters of the header field.
    pub from_uri: &'a [u8],
    /// The tag of From.
    pub from_tag: &'a [u8],
    /// The URI in To. Not the Request-URI, which proxies change.
    pub to_uri: &'a [u8],
    /// The tag of To; `None` in an INVITE that opens a dialogue.
    pub to_tag: Option<&'a [u8]>,
    /// The number of CSeq; its method is INVITE.
    pub cseq: u32,
}

impl Dialogue<'_> {
    /// Writes the associated data: `header`, then each field with its length, so that none can pass into the next.
    pub(super) fn emit(&self, header: &[u8], writer: &mut Writer<'_>) -> Option<()> {
        writer.put(header)?;
        writer.put(&self.cseq.to_be_bytes())?;
        // No tag and an empty one are not the same.
        writer.put(&[u8::from(self.to_tag.is_some())])?;
        let to_tag = self.to_tag.unwrap_or(&[]);
        [self.call_id, self.from_uri, self.from_tag, self.to_uri, to_tag].iter().try_for_each(|field| {
            writer.put_len(field.len())?;
            writer.put(field)
        })
    }
}
