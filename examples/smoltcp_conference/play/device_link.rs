//! The way from `stack::Sender` to a device of smoltcp.

use smoltcp::phy::{Device, TxToken};
use smoltcp::time::Instant;
use xcast_sec::stack::{Link, Recipients};

/// Sends the packets of a `stack::Sender` from a device that carries bare IP packets, beside what the interface of smoltcp
/// sends from it. (On Ethernet a header with the router's hardware address goes in front.)
pub(crate) struct DeviceLink<'d, D> {
    pub(crate) device: &'d mut D,
    pub(crate) now: Instant,
}

/// The device has no room at the moment. The sender counts the packet as failed; the application may try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

impl<D: Device> Link for DeviceLink<'_, D> {
    type Error = Busy;

    fn transmit(&mut self, packet: &[u8], _: &Recipients<'_>) -> Result<(), Busy> {
        let token = self.device.transmit(self.now).ok_or(Busy)?;
        token.consume(packet.len(), |buffer| buffer.copy_from_slice(packet));
        Ok(())
    }
}
