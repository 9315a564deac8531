//! Arbitrary octets as associations of a group (RFC 6407): what is read can be written, and is then the same. Shared by
//! the fuzz target and the test that replays its corpus.

use xcast_sec::group::GroupSa;
use xcast_sec::group::gdoi::{Download, Gap, emit, encoded_len};

/// Checks `data`; a finding panics.
pub(crate) fn check(data: &[u8]) {
    gap(data);
    match Download::parse(data) {
        Ok(download) => {
            let written = write(&download);
            assert_eq!(download.is_canonical(), written == data);
            let reread = Download::parse(&written).expect("what is written can be read");
            assert!(reread.is_canonical());
            assert_eq!((reread.sender(), reread.len()), (download.sender(), download.len()));
            for (one, other) in download.iter().zip(reread.iter()) {
                assert_eq!(one.terms(), other.terms());
                assert_eq!(one.terms().check(), Ok(()));
                assert_eq!(one.as_config().spi, one.terms().spi);
            }
            let _ = format!("{download:?}");
        }
        Err(error) => {
            assert!(error.offset() <= data.len());
            let _ = format!("{error} {error:?}");
        }
    }
}

fn write(download: &Download<'_>) -> Vec<u8> {
    let associations: Vec<GroupSa> = download.iter().collect();
    assert_eq!(associations.len(), download.len());
    let mut octets = vec![0x5a; encoded_len(&associations, download.sender())];
    assert_eq!(emit(&associations, download.sender(), &mut octets), Ok(octets.len()));
    octets
}

fn gap(data: &[u8]) {
    if let Ok(gap) = Gap::parse(data) {
        let mut octets = vec![0x5a; gap.encoded_len()];
        assert_eq!(gap.emit(&mut octets), Ok(octets.len()));
        assert_eq!(Gap::parse(&octets), Ok(gap));
    }
}
