//! The count of everything, at the end.

use std::collections::BTreeMap;
use std::fmt;

use xcast_sec::ipsec::OpenError;

use super::findings::{Class, Findings};
use super::protection::Verdict;

/// What was in a capture, printed or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) packets: u64,
    pub(crate) xcast: u64,
    pub(crate) xcast_v2: u64,
    /// Of these two, in tunnels.
    pub(crate) tunnelled: u64,
    pub(crate) other_ip: u64,
    /// Of the other IP packets, made by X2U.
    pub(crate) made: u64,
    pub(crate) not_ip: u64,
    /// With AH or ESP.
    pub(crate) protected: u64,
    /// Of these, by what became of them.
    pub(crate) verdicts: BTreeMap<&'static str, u64>,
    pub(crate) malformed: u64,
    /// Of these, by what is wrong.
    pub(crate) kinds: BTreeMap<String, u64>,
    pub(crate) cut: u64,
    pub(crate) noted: u64,
    pub(crate) wrong_transport_checksum: u64,
}

impl Summary {
    pub(crate) fn count(&mut self, findings: &Findings) {
        self.packets += 1;
        match findings.class {
            Class::Xcast => self.xcast += 1,
            Class::XcastV2 => self.xcast_v2 += 1,
            Class::OtherIp => self.other_ip += 1,
            Class::NotIp => self.not_ip += 1,
        }
        self.tunnelled += u64::from(findings.tunnelled && findings.is_xcast());
        self.made += u64::from(findings.made_of.is_some());
        // By the first that was not verified, as that is what is in the way.
        let worst = findings.protections.iter().find(|verdict| !verdict.is_verified());
        if let Some(verdict) = worst.or(findings.protections.first()) {
            self.protected += 1;
            *self.verdicts.entry(name(verdict)).or_default() += 1;
        }
        if let Some(fault) = &findings.fault {
            self.malformed += 1;
            *self.kinds.entry(fault.kind.clone()).or_default() += 1;
        }
        self.cut += u64::from(findings.cut);
        self.noted += u64::from(!findings.notes.is_empty());
        self.wrong_transport_checksum += u64::from(findings.wrong_transport_checksum);
    }
}

/// A verdict as counted.
fn name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::NotTried => "not tried",
        Verdict::Verified { .. } => "verified",
        Verdict::Failed(error) => match error {
            OpenError::NoSa { .. } | OpenError::ReservedSpi { .. } => "without a key",
            OpenError::Icv => "with a wrong ICV",
            OpenError::Refused(_) => "of a refused construction",
            _ => "not opened for another reason",
        },
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let packets = |count: u64| if count == 1 { "1 packet".into() } else { format!("{count} packets") };
        write!(f, "{}: {} Xcast", packets(self.packets), self.xcast)?;
        if self.xcast_v2 > 0 {
            write!(f, ", {} XCAST6 2.0", self.xcast_v2)?;
        }
        if self.tunnelled > 0 {
            write!(f, " ({} of them in tunnels)", self.tunnelled)?;
        }
        write!(f, ", {} other IP", self.other_ip)?;
        if self.made > 0 {
            write!(f, " ({} made of Xcast by X2U)", self.made)?;
        }
        writeln!(f, ", {} not IP", self.not_ip)?;
        if self.protected > 0 {
            writeln!(f, "{} protected: {}", self.protected, list(&self.verdicts))?;
        }
        match self.malformed {
            0 => writeln!(f, "0 malformed")?,
            count => writeln!(f, "{count} malformed: {}", list(&self.kinds))?,
        }
        for (count, what) in [
            (self.cut, "cut short by the capture"),
            (self.noted, "with notes"),
            (self.wrong_transport_checksum, "with a wrong transport checksum"),
        ] {
            if count > 0 {
                writeln!(f, "{count} {what}")?;
            }
        }
        Ok(())
    }
}

/// The most frequent first.
fn list<K: AsRef<str>>(counts: &BTreeMap<K, u64>) -> String {
    let mut counts: Vec<_> = counts.iter().map(|(what, count)| (count, what.as_ref())).collect();
    counts.sort_by(|(one, _), (other, _)| other.cmp(one));
    counts.iter().map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
}
