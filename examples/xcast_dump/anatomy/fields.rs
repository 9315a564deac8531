//! Fields, collected while reading.

/// A field of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Where it starts, in octets from the start of the packet.
    pub(crate) at: usize,
    /// Octets that it lies in, some of which it may share.
    pub(crate) len: usize,
    pub(crate) name: String,
    /// Empty where the name says it all.
    pub(crate) value: String,
}

/// Reads fields one after the other. Where the packet ends, the field is noted as missing, so that it can be named, and
/// nothing further is read.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    octets: &'a [u8],
    at: usize,
    fields: Vec<Field>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(octets: &'a [u8], at: usize) -> Self {
        Self { octets, at, fields: Vec::new() }
    }

    /// Where the next field starts.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// What was read.
    pub(crate) fn into_vec(self) -> Vec<Field> {
        self.fields
    }

    /// The next `len` octets, as a field with the value that `show` gives them.
    pub(crate) fn take(
        &mut self,
        len: usize,
        name: impl Into<String>,
        show: impl FnOnce(&'a [u8]) -> String,
    ) -> Option<&'a [u8]> {
        let octets = self.octets.get(self.at..).and_then(|rest| rest.get(..len));
        let value = octets.map_or_else(|| "missing, the packet ends here".into(), show);
        self.fields.push(Field { at: self.at, len, name: name.into(), value });
        self.at += octets?.len();
        octets
    }

    /// The next `len` octets as a big-endian number, at most 4 octets.
    pub(crate) fn number(
        &mut self,
        len: usize,
        name: impl Into<String>,
        show: impl FnOnce(u32) -> String,
    ) -> Option<u32> {
        let value = |octets: &[u8]| octets.iter().fold(0_u32, |value, octet| (value << 8) | u32::from(*octet));
        self.take(len, name, |octets| show(value(octets))).map(value)
    }

    /// The next octet.
    pub(crate) fn octet(&mut self, name: impl Into<String>, show: impl FnOnce(u8) -> String) -> Option<u8> {
        self.take(1, name, |octets| octets.first().copied().map_or_else(String::new, show))?.first().copied()
    }

    /// What is left up to `end`, if there is any, as padding.
    pub(crate) fn padding(&mut self, end: usize) -> Option<()> {
        let len = end.checked_sub(self.at)?;
        if len > 0 {
            self.take(len, "padding", |octets| {
                let zero = octets.iter().all(|&octet| octet == 0);
                if zero { format!("{len} × 0") } else { format!("{}, not zero", super::super::names::hex(octets)) }
            })?;
        }
        Some(())
    }
}
