//! How often neighbours are asked, and what their silence means.

use core::time::Duration;

/// The shortest time a [`PingConfig`] may name: 1 ms. Neither a timer nor a link is finer than that in earnest.
pub const MIN_PING_TIME: Duration = Duration::from_millis(1);

/// How neighbours are asked. All of it, the default values included, is project-defined: RFC 5058 §11.2 says no more than that
/// pings could be periodic.
///
/// [`new`](Self::new) gives every field but the ports a value; change those that differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PingConfig {
    /// UDP source port of a ping. Not 0.
    pub source_port: u16,
    /// UDP destination port of a ping. Not 0.
    pub destination_port: u16,
    /// How long an answer may take. Default: 1 s. It comes from the other end of one link, so this is ample.
    pub timeout: Duration,
    /// The wait before the next ping while a verdict is due: after the first answer, after the first loss. The first ping to a
    /// new neighbour is sent within as long. Default: 1 s.
    pub retry: Duration,
    /// The wait between pings of a capable neighbour that answers. Default: 10 s, as between the Hellos of routing protocols
    /// (RFC 2328 Appendix C.3). Packets are lost until silence is noticed: with the default values, for up to 15 s.
    pub interval: Duration,
    /// The longest wait between pings of a neighbour that is not capable. It begins as `interval` and doubles with each ping
    /// unanswered. Default: 5 min. Not knowing that a neighbour was upgraded costs copies, not packets.
    pub max_interval: Duration,
    /// How many pings unanswered in a row make a neighbour not capable. Default: 3, as links lose packets. Not 0.
    pub losses: u8,
    /// How many pings answered in a row make a neighbour capable. Default: 2: taking a neighbour for capable that is not loses
    /// packets, so one that answers now and then should not become so each time. Not 0.
    pub answers: u8,
}

impl PingConfig {
    /// The default values, with these ports. No port is assigned to Xcast pings, so there is none to default to.
    #[must_use]
    pub const fn new(source_port: u16, destination_port: u16) -> Self {
        Self {
            source_port,
            destination_port,
            timeout: Duration::from_secs(1),
            retry: Duration::from_secs(1),
            interval: Duration::from_secs(10),
            max_interval: Duration::from_secs(300),
            losses: 3,
            answers: 2,
        }
    }

    /// Whether it can be gone by.
    ///
    /// # Errors
    ///
    /// - Every [`PingConfigError`], in the order of its variants.
    pub fn check(&self) -> Result<(), PingConfigError> {
        if self.source_port == 0 || self.destination_port == 0 {
            return Err(PingConfigError::Port);
        }
        if self.timeout < MIN_PING_TIME {
            return Err(PingConfigError::Timeout);
        }
        if self.retry < MIN_PING_TIME {
            return Err(PingConfigError::Retry);
        }
        if self.interval < self.retry {
            return Err(PingConfigError::Interval);
        }
        if self.max_interval < self.interval {
            return Err(PingConfigError::MaxInterval);
        }
        if self.losses == 0 {
            return Err(PingConfigError::Losses);
        }
        if self.answers == 0 {
            return Err(PingConfigError::Answers);
        }
        Ok(())
    }
}

/// Why a [`PingConfig`] was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PingConfigError {
    /// A port is 0.
    Port,
    /// `timeout` is below [`MIN_PING_TIME`].
    Timeout,
    /// `retry` is below [`MIN_PING_TIME`].
    Retry,
    /// `interval` is shorter than `retry`: a verdict would be waited for longer than one is kept.
    Interval,
    /// `max_interval` is shorter than `interval`.
    MaxInterval,
    /// `losses` is 0.
    Losses,
    /// `answers` is 0.
    Answers,
}

impl core::fmt::Display for PingConfigError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Port => "a port is 0",
            Self::Timeout => "timeout below 1 ms",
            Self::Retry => "retry below 1 ms",
            Self::Interval => "interval shorter than retry",
            Self::MaxInterval => "longest interval shorter than the interval",
            Self::Losses => "no loss would make a neighbour not capable",
            Self::Answers => "no answer would make a neighbour capable",
        })
    }
}

impl core::error::Error for PingConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_enforced_and_defaults_follow_them() {
        let good = PingConfig::new(1, 2);
        assert_eq!(good.check(), Ok(()));
        let short = Duration::from_micros(999);
        for (config, error) in [
            (PingConfig::new(0, 2), PingConfigError::Port),
            (PingConfig::new(1, 0), PingConfigError::Port),
            (PingConfig { timeout: short, ..good }, PingConfigError::Timeout),
            (PingConfig { retry: short, ..good }, PingConfigError::Retry),
            (PingConfig { interval: short, ..good }, PingConfigError::Interval),
            (PingConfig { max_interval: Duration::from_secs(9), ..good }, PingConfigError::MaxInterval),
            (PingConfig { losses: 0, ..good }, PingConfigError::Losses),
            (PingConfig { answers: 0, ..good }, PingConfigError::Answers),
        ] {
            assert_eq!(config.check(), Err(error));
            assert!(!std::format!("{error}").is_empty());
        }
        let least = PingConfig {
            timeout: MIN_PING_TIME,
            retry: MIN_PING_TIME,
            interval: MIN_PING_TIME,
            max_interval: MIN_PING_TIME,
            losses: 1,
            answers: 1,
            ..good
        };
        assert_eq!(least.check(), Ok(()));
        let most = PingConfig { interval: Duration::MAX, max_interval: Duration::MAX, ..good };
        assert_eq!(most.check(), Ok(()));
    }
}
