//! A stream whose position is known, for errors that name it.

use std::io::{self, Read};

use super::CaptureError;

#[derive(Debug)]
pub(super) struct Input<R> {
    reader: R,
    at: u64,
}

impl<R: Read> Input<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, at: 0 }
    }

    /// How many octets were read.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Reads until `buffer` is full or the file ends, and says how much there was.
    fn read_most(&mut self, buffer: &mut [u8]) -> Result<usize, CaptureError> {
        let mut len = 0;
        while let Some(rest) = buffer.get_mut(len..).filter(|rest| !rest.is_empty()) {
            match self.reader.read(rest) {
                Ok(0) => break,
                Ok(count) => len += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(CaptureError::Io(error)),
            }
        }
        self.at += len as u64;
        Ok(len)
    }

    /// Fills `buffer`, which `within` says the use of.
    pub(super) fn fill(&mut self, buffer: &mut [u8], within: impl Into<String>) -> Result<(), CaptureError> {
        match self.read_most(buffer)? {
            len if len == buffer.len() => Ok(()),
            _ => Err(CaptureError::Ends { at: self.at, within: within.into() }),
        }
    }

    pub(super) fn array<const N: usize>(&mut self, within: impl Into<String>) -> Result<[u8; N], CaptureError> {
        let mut octets = [0; N];
        self.fill(&mut octets, within)?;
        Ok(octets)
    }

    /// As [`array`](Self::array), but `None` if the file ends right here.
    pub(super) fn array_or_end<const N: usize>(
        &mut self,
        within: impl Into<String>,
    ) -> Result<Option<[u8; N]>, CaptureError> {
        let mut octets = [0; N];
        match self.read_most(&mut octets)? {
            0 => Ok(None),
            len if len == N => Ok(Some(octets)),
            _ => Err(CaptureError::Ends { at: self.at, within: within.into() }),
        }
    }

    /// Reads over `count` octets and keeps none.
    pub(super) fn skip(&mut self, count: u64, within: impl Into<String>) -> Result<(), CaptureError> {
        let mut left = count;
        let mut bin = [0; 4096];
        while left > 0 {
            let len = usize::try_from(left).map_or(bin.len(), |left| left.min(bin.len()));
            let read = self.read_most(&mut bin[..len])?;
            left -= read as u64;
            if read < len {
                return Err(CaptureError::Ends { at: self.at, within: within.into() });
            }
        }
        Ok(())
    }
}
