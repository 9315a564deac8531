//! Sequence numbers that survive restarts: the file of numbers that may have been used (`OutboundSa::reserve`).
//!
//! ```text
//! esp 0x0e000001 dst=ff02::114 src=2001:db8::1 4096
//! ```
//!
//! No number is used before one that is not smaller is in the file, and the file on the disk. A file that is not there
//! is an error: were it lost and made anew, numbers and with them the nonces of AES-GCM would be used twice. An empty
//! one is for keys that were never used.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use xcast_sec::crypto::RustCrypto;
use xcast_sec::ipsec::{OutboundSa, SaId, SecurityProtocol};

/// Numbers reserved at a time: as many packets for one write to the disk.
const RESERVED: u64 = 4096;

/// The file, kept from other processes as long as this one has it.
pub(crate) struct State {
    path: PathBuf,
    saved: HashMap<String, u64>,
    _lock: File,
}

impl State {
    /// The error is a sentence for the user.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let what = |error: &dyn std::fmt::Display| format!("state file {}: {error}", path.display());
        // The file itself is replaced with each write, so that another one is locked.
        let lock = File::create(beside(path, ".lock")).map_err(|error| what(&error))?;
        lock.try_lock().map_err(|_| what(&"in use by another process"))?;
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(what(&"not there; for keys that were never used, make an empty one"));
            }
            Err(error) => return Err(what(&error)),
        };
        let read = |line: &str| {
            let (name, number) = line.rsplit_once(' ')?;
            Some((name.to_owned(), number.parse().ok()?))
        };
        // What cannot be read may have been a number that is used up: with new keys all is well again.
        let saved = text.lines().map(read).collect::<Option<_>>();
        let saved = saved.ok_or_else(|| what(&"cannot be read; new keys are needed, and no state"))?;
        Ok(Self { path: path.to_owned(), saved, _lock: lock })
    }

    /// The highest number of an association that may have been used.
    pub(crate) fn of(&self, id: &SaId) -> u64 {
        self.saved.get(&name(id)).copied().unwrap_or(0)
    }

    /// Sees to it that each association has `needed` numbers to give out, unless it has no more at all.
    pub(crate) fn reserve<'a>(
        &mut self,
        needed: u64,
        associations: impl Iterator<Item = &'a mut OutboundSa<RustCrypto>>,
    ) -> io::Result<()> {
        let few = |sa: &&mut OutboundSa<RustCrypto>| sa.counter().reserved() < needed.min(sa.counter().remaining());
        let reservations: Vec<_> = associations
            .filter(few)
            .map(|sa| {
                let id = sa.sa().id();
                (id, sa.reserve(needed.saturating_add(RESERVED)))
            })
            .collect();
        if reservations.is_empty() {
            return Ok(());
        }
        let mut saved = self.saved.clone();
        saved.extend(reservations.iter().map(|(id, reservation)| (name(id), reservation.up_to())));
        self.write(&saved)?;
        self.saved = saved;
        for (_, reservation) in reservations {
            reservation.commit();
        }
        Ok(())
    }

    fn write(&self, saved: &HashMap<String, u64>) -> io::Result<()> {
        let new = beside(&self.path, ".new");
        let mut file = File::create(&new)?;
        for (name, number) in saved {
            writeln!(file, "{name} {number}")?;
        }
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        // The name, too, has to be on the disk.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

fn name(id: &SaId) -> String {
    let protocol = match id.protocol {
        SecurityProtocol::Ah => "ah",
        SecurityProtocol::Esp => "esp",
    };
    let address = |address: Option<IpAddr>| address.map_or_else(|| "any".into(), |address| address.to_string());
    format!("{protocol} {:#010x} dst={} src={}", id.spi.value(), address(id.destination), address(id.source))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
