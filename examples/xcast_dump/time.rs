//! Time stamps.

use std::fmt;

const SECONDS_PER_DAY: i64 = 86_400;

/// A moment, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time {
    /// Since 1970.
    seconds: i64,
    nanos: u32,
    /// Digits of the fraction worth printing.
    digits: u8,
}

impl Time {
    /// `nanos` nanoseconds after `seconds`; what exceeds a second, as damaged files have it, is carried over.
    pub(crate) fn new(seconds: i64, nanos: u32, digits: u8) -> Self {
        let carried = seconds.saturating_add(i64::from(nanos / 1_000_000_000));
        Self { seconds: carried, nanos: nanos % 1_000_000_000, digits }
    }

    /// After `ticks` parts of a second, of which there are `per_second`, at least 1 and less than 2^64.
    pub(crate) fn from_ticks(ticks: u64, per_second: u128, offset: i64) -> Self {
        let (seconds, rest) = (u128::from(ticks) / per_second, u128::from(ticks) % per_second);
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_add(offset);
        let nanos = u32::try_from(rest * 1_000_000_000 / per_second).unwrap_or(0);
        Self { seconds, nanos, digits: if per_second > 1_000_000 { 9 } else { 6 } }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.seconds.div_euclid(SECONDS_PER_DAY);
        let second = self.seconds.rem_euclid(SECONDS_PER_DAY);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.")?;
        if self.digits == 9 { write!(f, "{:09}", self.nanos) } else { write!(f, "{:06}", self.nanos / 1000) }
    }
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01.
///
/// Counted from 1 March of year 0, so that the day of the leap year is the last and months before it have a fixed
/// pattern of 153 days in five.
fn date(days: i64) -> (i64, i64, i64) {
    let since = days.saturating_add(719_468);
    let (era, day_of_era) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}
