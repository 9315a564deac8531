//! ESP's trailer: every Pad Length with every Next Header, in data of every length around.

use xcast_sec::wire::esp;

/// The payload's length, or `None`: RFC 4303 §2.4 read off octet by octet.
fn plain(data: &[u8]) -> Option<usize> {
    let [.., pad_len, _] = data else { return None };
    let payload = data.len().checked_sub(2 + usize::from(*pad_len))?;
    let padding = &data[payload..data.len() - 2];
    (0..padding.len()).all(|index| usize::from(padding[index]) == index + 1).then_some(payload)
}

#[test]
fn every_pad_length_and_next_header() {
    for len in (0..20).chain([100, 254, 255, 256, 257, 258, 300]) {
        for pad_len in 0..=u8::MAX {
            // Padding that is right as far as there is room for it.
            let mut data = vec![0xee; len];
            let room = len.saturating_sub(2);
            let first = room.saturating_sub(pad_len.into());
            (first..room).zip(1_u8..=255).for_each(|(at, octet)| data[at] = octet);
            for next_header in 0..=u8::MAX {
                if let [.., last_but_one, last] = &mut data[..] {
                    (*last_but_one, *last) = (pad_len, next_header);
                }
                let expected = plain(&data).map(|payload| (&data[..payload], next_header));
                assert_eq!(esp::split_trailer(&data), expected, "{pad_len} in {len}");
            }
        }
    }
}

/// One octet of padding with every value: one of them is right.
#[test]
fn every_value_of_every_padding_octet() {
    for pad_len in 1..=u8::MAX {
        let mut data = vec![0; 3 + usize::from(pad_len) + 2];
        esp::emit_trailer(&mut data[3..], 17).unwrap();
        for at in 3..data.len() - 2 {
            let right = data[at];
            // All of them where padding begins and ends, some amid.
            let step = if at < 6 || at > data.len() - 5 { 1 } else { 37 };
            for value in (0..=u8::MAX).step_by(step) {
                data[at] = value;
                assert_eq!(esp::split_trailer(&data).is_some(), value == right, "octet {at} of {pad_len}");
            }
            data[at] = right;
        }
        assert!(esp::split_trailer(&data).is_some());
    }
}
