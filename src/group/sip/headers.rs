//! The header lines of the body.

/// Type and subtype. Project-defined, registered nowhere.
pub const MEDIA_TYPE: &str = "application/vnd.xcast-sec.group-sa";
/// What the body is for (RFC 3261 §20.11). Project-defined, registered nowhere.
pub const DISPOSITION: &str = "xcast-group-sa";

/// How the octets of the body are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// As they are. SIP is clean for eight bits (RFC 3261 §7.4).
    Binary,
    /// Base64, for what is not.
    Base64,
}

/// The lines that say what a body, or one part of a multipart body, is. `Display` writes them, each with its CRLF:
///
/// ```
/// use xcast_sec::group::sip::{Encoding, PartHeaders};
///
/// let headers = PartHeaders::new(Encoding::Base64, true).to_string();
/// assert_eq!(
///     headers,
///     "Content-Type: application/vnd.xcast-sec.group-sa\r\n\
///      Content-Transfer-Encoding: base64\r\n\
///      Content-Disposition: xcast-group-sa;handling=required\r\n",
/// );
/// assert_eq!(PartHeaders::parse(headers.as_bytes()), Ok(PartHeaders::new(Encoding::Base64, true)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartHeaders {
    encoding: Encoding,
    required: bool,
}

/// Why header lines are not those of such a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderError {
    /// No Content-Type, or another type: a body for somebody else.
    MediaType,
    /// Another Content-Transfer-Encoding than `binary`, `8bit` or `base64`.
    TransferEncoding,
    /// A Content-Encoding other than `identity`: compressed, for one.
    ContentEncoding,
    /// Another Content-Disposition.
    Disposition,
    /// A line is there twice.
    Twice,
    /// A line has no colon or no name.
    Line,
}

impl core::fmt::Display for HeaderError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::MediaType => "another media type",
            Self::TransferEncoding => "an unknown Content-Transfer-Encoding",
            Self::ContentEncoding => "an unknown Content-Encoding",
            Self::Disposition => "another Content-Disposition",
            Self::Twice => "a header field is there twice",
            Self::Line => "a line that is no header field",
        })
    }
}

impl core::error::Error for HeaderError {}

impl core::fmt::Display for PartHeaders {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let encoding = match self.encoding {
            Encoding::Binary => "binary",
            Encoding::Base64 => "base64",
        };
        let handling = if self.required { "required" } else { "optional" };
        write!(f, "Content-Type: {MEDIA_TYPE}\r\nContent-Transfer-Encoding: {encoding}\r\n")?;
        write!(f, "Content-Disposition: {DISPOSITION};handling={handling}\r\n")
    }
}

impl PartHeaders {
    /// The lines of a body in `encoding`. With `required`, who does not understand it must refuse the request (RFC 3261
    /// §20.11), with 415 (§8.2.3): for offers. Answers have it optional.
    #[must_use]
    pub const fn new(encoding: Encoding, required: bool) -> Self {
        Self { encoding, required }
    }

    /// How the octets are written.
    #[must_use]
    pub const fn encoding(self) -> Encoding {
        self.encoding
    }

    /// Whether who does not understand it must refuse.
    #[must_use]
    pub const fn required(self) -> bool {
        self.required
    }

    /// Reads the header lines of a message or of a part. Other fields, and parameters that are not known, are skipped; names
    /// and values are compared without regard to case, `c` and `e` stand for Content-Type and Content-Encoding (RFC 3261 §7.3.3),
    /// and folded lines are read (§7.3.1).
    ///
    /// Without Content-Transfer-Encoding the body is binary, without `handling` it is required (§20.11), without
    /// Content-Disposition it is taken for what its type says.
    ///
    /// # Errors
    ///
    /// - [`HeaderError`].
    pub fn parse(lines: &[u8]) -> Result<Self, HeaderError> {
        let (mut media_type, mut transfer, mut content, mut disposition) = (None, None, None, None);
        let mut rest = lines;
        while let Some((line, behind)) = next_field(rest) {
            rest = behind;
            let colon = line.iter().position(|octet| *octet == b':').ok_or(HeaderError::Line)?;
            let (name, value) = line.split_at_checked(colon).ok_or(HeaderError::Line)?;
            let (name, value) = (name.trim_ascii(), value.get(1..).unwrap_or(&[]));
            let place = match name {
                [] => return Err(HeaderError::Line),
                _ if is(name, "content-type") || is(name, "c") => &mut media_type,
                _ if is(name, "content-transfer-encoding") => &mut transfer,
                _ if is(name, "content-encoding") || is(name, "e") => &mut content,
                _ if is(name, "content-disposition") => &mut disposition,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(HeaderError::Twice);
            }
        }
        if !media_type.is_some_and(|value| is(parameters(value).0, MEDIA_TYPE)) {
            return Err(HeaderError::MediaType);
        }
        if !content.is_none_or(|value| is(value.trim_ascii(), "identity")) {
            return Err(HeaderError::ContentEncoding);
        }
        let encoding = match transfer.map(<[u8]>::trim_ascii) {
            None => Encoding::Binary,
            Some(value) if is(value, "binary") || is(value, "8bit") => Encoding::Binary,
            Some(value) if is(value, "base64") => Encoding::Base64,
            Some(_) => return Err(HeaderError::TransferEncoding),
        };
        let mut required = true;
        if let Some(value) = disposition {
            let (kind, mut rest) = parameters(value);
            if !is(kind, DISPOSITION) {
                return Err(HeaderError::Disposition);
            }
            while !rest.is_empty() {
                let (parameter, behind) = parameters(rest);
                rest = behind;
                let mut halves = parameter.splitn(2, |octet| *octet == b'=').map(<[u8]>::trim_ascii);
                if halves.next().is_some_and(|name| is(name, "handling")) {
                    required = !halves.next().is_some_and(|value| is(value, "optional"));
                }
            }
        }
        Ok(Self { encoding, required })
    }
}

fn is(octets: &[u8], word: &str) -> bool {
    octets.eq_ignore_ascii_case(word.as_bytes())
}

/// What is before the first semicolon, without spaces around it, and what is behind.
fn parameters(value: &[u8]) -> (&[u8], &[u8]) {
    let end = value.iter().position(|octet| *octet == b';').unwrap_or(value.len());
    let (first, rest) = value.split_at_checked(end).unwrap_or((value, &[]));
    (first.trim_ascii(), rest.get(1..).unwrap_or(&[]))
}

/// The first field with its folded lines, and what is behind; `None` at the empty line that ends the headers, or at the end.
fn next_field(lines: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut end = 0_usize;
    loop {
        let next = end.saturating_add(line_len(lines.get(end..)?));
        let continues = matches!(lines.get(next), Some(b' ' | b'\t'));
        end = next;
        if !continues {
            break;
        }
    }
    let (field, rest) = lines.split_at_checked(end)?;
    (!field.trim_ascii().is_empty()).then_some((field, rest))
}

/// Octets of the first line, its line break included.
fn line_len(lines: &[u8]) -> usize {
    lines.iter().position(|octet| *octet == b'\n').map_or(lines.len(), |at| at.saturating_add(1))
}
