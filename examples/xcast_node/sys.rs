//! System calls for which the standard library has no name. Everything that the compiler cannot check is in this file.
//!
//! What it returns are files and sockets of the standard library, which does the rest: a packet socket is read and
//! written like a file, a raw IP socket is sent to like a UDP socket.
#![allow(unsafe_code, reason = "system calls of Linux; each has its reason beside it")]

use std::fs::{File, OpenOptions};
use std::io;
use std::mem::{size_of, zeroed};
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use libc::{c_int, c_short, c_void, socklen_t};

/// An Ethernet address.
pub(crate) type Mac = [u8; 6];

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGTERM or SIGINT: to end.
    End,
    /// SIGUSR1: to tell the counters.
    Tell,
}

/// All frames that arrive at the interface of this index, and a way to send frames on it. Joins link-layer groups; what
/// is sent is not seen.
pub(crate) fn packet_socket(interface: u32, groups: &[Mac]) -> io::Result<File> {
    let index = c_int::try_from(interface).map_err(|_| io::ErrorKind::InvalidInput)?;
    // Of protocol 0, so that nothing of other interfaces is queued before it is bound.
    let socket = socket(libc::AF_PACKET, libc::SOCK_RAW, 0)?;
    set_option(&socket, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1_i32)?;
    for group in groups {
        // SAFETY: a structure of C's made of integers, for which all zeros are valid.
        let mut request: libc::packet_mreq = unsafe { zeroed() };
        request.mr_ifindex = index;
        request.mr_type = libc::PACKET_MR_MULTICAST as u16;
        request.mr_alen = group.len() as u16;
        request.mr_address[..group.len()].copy_from_slice(group);
        set_option(&socket, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)?;
    }
    // SAFETY: as above.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = index;
    let (pointer, len) = ((&raw const address).cast(), size_of::<libc::sockaddr_ll>() as socklen_t);
    // SAFETY: the kernel reads `len` octets at `pointer`, which are those of `address`, alive until the call returns.
    check(unsafe { libc::bind(socket.as_raw_fd(), pointer, len) })?;
    Ok(File::from(socket))
}

/// A raw socket for whole IPv4 packets, their header included: `IPPROTO_RAW` says so.
pub(crate) fn raw_v4() -> io::Result<UdpSocket> {
    Ok(UdpSocket::from(socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW)?))
}

/// A raw socket for whole IPv6 packets.
pub(crate) fn raw_v6() -> io::Result<UdpSocket> {
    Ok(UdpSocket::from(socket(libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_RAW)?))
}

/// Has the kernel believe that somebody on this host takes packets in packets, IPv4 and IPv6 in each, for as long as
/// the sockets are kept: else it answers each one with an error message. Nobody reads them; what they hold is bounded,
/// and small.
pub(crate) fn claim_tunnels() -> io::Result<Vec<OwnedFd>> {
    let claim = |domain, protocol| {
        let socket = socket(domain, libc::SOCK_RAW, protocol)?;
        // The kernel makes it the smallest that it allows.
        set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, &0_i32)?;
        Ok(socket)
    };
    let families = [libc::AF_INET, libc::AF_INET6];
    let protocols = [libc::IPPROTO_IPIP, libc::IPPROTO_IPV6];
    families.iter().flat_map(|&domain| protocols.map(|protocol| claim(domain, protocol))).collect()
}

/// A netlink socket to the kernel's routing.
pub(crate) fn route_netlink() -> io::Result<File> {
    Ok(File::from(socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE)?))
}

/// The TUN device of this name, for packets without any header in front. It is made unless it is there.
pub(crate) fn tun(name: &str) -> io::Result<File> {
    let device = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/net/tun")?;
    // SAFETY: a structure of C's made of integers and a union of such, for which all zeros are valid.
    let mut request: libc::ifreq = unsafe { zeroed() };
    // The last place stays 0: the name ends there.
    if name.is_empty() || name.len() >= request.ifr_name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (place, octet) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *place = octet as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as c_short;
    // SAFETY: TUNSETIFF reads and writes one `ifreq`, which `request` is, alive until the call returns.
    check(unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF as _, &raw mut request) })?;
    Ok(device)
}

/// Keeps SIGTERM, SIGINT and SIGUSR1 from ending the process; they are read from the file instead.
pub(crate) fn signals() -> io::Result<File> {
    // SAFETY: a structure of C's made of integers, for which all zeros are valid.
    let mut set: libc::sigset_t = unsafe { zeroed() };
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGUSR1] {
        // SAFETY: `set` is a signal set, and `signal` the number of a signal.
        check(unsafe { libc::sigaddset(&raw mut set, signal) })?;
    }
    // SAFETY: the kernel reads `set`; the old set is not asked for.
    check(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) })?;
    // SAFETY: the kernel reads `set`, and -1 asks for a new descriptor.
    let descriptor = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC) };
    Ok(File::from(own(descriptor)?))
}

/// What the next signal read from [`signals`] asks for.
pub(crate) fn signal(octets: &[u8]) -> Option<Signal> {
    let number = octets.first_chunk().map(|number| u32::from_ne_bytes(*number))?;
    match c_int::try_from(number).ok()? {
        libc::SIGUSR1 => Some(Signal::Tell),
        _ => Some(Signal::End),
    }
}

/// Octets of what [`signal`] reads.
pub(crate) const SIGNAL_LEN: usize = size_of::<libc::signalfd_siginfo>();

/// Waits until one of the files can be read, or for as long as told. Returns which can be, errors to be fetched by
/// reading included.
pub(crate) fn wait(files: &[RawFd], timeout: Duration) -> io::Result<Vec<bool>> {
    let entry = |file: &RawFd| libc::pollfd { fd: *file, events: libc::POLLIN, revents: 0 };
    let mut entries: Vec<libc::pollfd> = files.iter().map(entry).collect();
    // Rounded up: a timer must be over when the wait is.
    let millis = c_int::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX);
    // SAFETY: the kernel reads and writes as many entries as there are in `entries`, alive until the call returns.
    let ready = unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, millis) };
    match check(ready) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(vec![false; files.len()]),
        Err(error) => Err(error),
        Ok(_) => Ok(entries.iter().map(|entry| entry.revents != 0).collect()),
    }
}

/// A socket that does not block and is not handed to other programs.
fn socket(domain: c_int, kind: c_int, protocol: c_int) -> io::Result<OwnedFd> {
    // SAFETY: takes and returns numbers only.
    own(unsafe { libc::socket(domain, kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, protocol) })
}

/// `T` must be what the option takes.
fn set_option<T>(socket: &OwnedFd, level: c_int, option: c_int, value: &T) -> io::Result<()> {
    let (pointer, len) = (std::ptr::from_ref(value).cast::<c_void>(), size_of::<T>() as socklen_t);
    // SAFETY: the kernel reads `len` octets at `pointer`, which are those of `value`, and checks that they are enough.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, pointer, len) }).map(|_| ())
}

/// Takes a new descriptor into ownership, unless the call that made it failed.
fn own(descriptor: RawFd) -> io::Result<OwnedFd> {
    check(descriptor)?;
    // SAFETY: the kernel has just made it for the caller, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn check(returned: c_int) -> io::Result<c_int> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(returned) }
}
