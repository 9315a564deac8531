//! The bookkeeping of what hosts receive.

use xcast_sec::stack::ReceiverCounters;
use xcast_sec::wire::Family;

use crate::books::Books;
use crate::parcel::{Flaw, Form, Parcel};
use crate::world::{H, Shield};

/// Where a packet for IPsec ends: the counter of `InboundCounters`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ipsec {
    Protected,
    Bypassed,
    Dummy,
    Fragment,
    NoState,
    Expired,
    Replayed,
    Icv,
    NotAuthorised,
    NoRoom,
    WrongProtection,
    NoPolicy,
    Discarded,
}

impl Books {
    /// What host `at` makes of a packet: whether it is delivered.
    pub(crate) fn at_host(&mut self, at: usize, parcel: &Parcel) -> bool {
        self.receivers[at].packets += 1;
        let end = self.end_at_host(at, parcel);
        *end(&mut self.receivers[at]) += 1;
        let mut other = ReceiverCounters::default();
        *end(&mut other) += 1;
        other.delivered == 1
    }

    /// The counter that it ends in.
    fn end_at_host(&mut self, at: usize, parcel: &Parcel) -> fn(&mut ReceiverCounters) -> &mut u64 {
        if parcel.flaw == Flaw::Cut {
            return |counters| &mut counters.unreadable;
        }
        let served = parcel.members >> at & 1 != 0;
        let is_own = match parcel.form {
            Form::EspTunnel => at == H,
            Form::Unicast => served,
            Form::Xcast | Form::Tunnelled => true,
        };
        if !is_own {
            return |counters| &mut counters.not_for_this_host;
        }
        // In IPv6 the Fragment header is found later.
        if parcel.flaw == Flaw::Fragment && parcel.lane.family() == Family::V4 {
            return |counters| &mut counters.fragments;
        }
        if matches!(parcel.form, Form::Xcast | Form::Tunnelled) && !served {
            return not_served(parcel, at);
        }
        let end = self.ipsec(at, parcel);
        self.count_ipsec(at, end);
        match end {
            Ipsec::Dummy => return |counters| &mut counters.dummies,
            Ipsec::Protected | Ipsec::Bypassed => {}
            _ => return |counters| &mut counters.ipsec,
        }
        // Only now a tunnel shows whom it was for.
        if !served {
            return not_served(parcel, at);
        }
        match parcel.flaw {
            Flaw::Fragment => |counters| &mut counters.fragments,
            Flaw::Echo => |counters| &mut counters.echo_requests,
            Flaw::UdpChecksum => |counters| &mut counters.transport_checksum,
            Flaw::NoPort => |counters| &mut counters.no_port,
            Flaw::PortBesideList => |counters| &mut counters.port_beside_list,
            _ => |counters| &mut counters.delivered,
        }
    }

    fn ipsec(&mut self, at: usize, parcel: &Parcel) -> Ipsec {
        let shield = parcel.lane.shield();
        if parcel.layers == [false, false] {
            return match shield {
                Shield::Clear => Ipsec::Bypassed,
                Shield::Discarded => Ipsec::Discarded,
                Shield::NoPolicy => Ipsec::NoPolicy,
                _ => Ipsec::WrongProtection,
            };
        }
        if parcel.flaw == Flaw::Fragment {
            return Ipsec::Fragment;
        }
        if parcel.flaw == Flaw::Spi {
            return Ipsec::NoState;
        }
        let (from, to) = self.generations[parcel.lane.0 % 2];
        if shield == Shield::Cbc && !(from..=to).contains(&parcel.generation) {
            return Ipsec::NoState;
        }
        if shield == Shield::Short && self.short_is_over {
            return Ipsec::Expired;
        }
        let layers = [0, 1].into_iter().filter(|&layer| parcel.layers[layer]);
        for layer in layers.clone() {
            let (window, number) = (self.window(at, parcel, layer), parcel.sequence[layer]);
            // RFC 4303 §A2.2: what is left of the window is taken for a number of the next 2^32, and does not verify.
            if shield == Shield::GcmEsn && window.is_old(number) {
                return Ipsec::Icv;
            }
            if window.has(number) {
                return Ipsec::Replayed;
            }
            if parcel.flaw == Flaw::Icv {
                return Ipsec::Icv;
            }
            if shield == Shield::Stranger {
                return Ipsec::NotAuthorised;
            }
        }
        if !parcel.is_whole() {
            return Ipsec::WrongProtection;
        }
        if shield == Shield::Crowd {
            return Ipsec::NoRoom;
        }
        for layer in layers {
            self.window(at, parcel, layer).add(parcel.sequence[layer]);
        }
        if parcel.flaw == Flaw::Dummy { Ipsec::Dummy } else { Ipsec::Protected }
    }

    fn count_ipsec(&mut self, at: usize, end: Ipsec) {
        let counters = &mut self.inbound[at];
        counters.packets += 1;
        *match end {
            Ipsec::Protected => &mut counters.protected,
            Ipsec::Bypassed => &mut counters.bypassed,
            Ipsec::Dummy => &mut counters.dummies,
            Ipsec::Fragment => &mut counters.in_fragment,
            Ipsec::NoState => &mut counters.in_no_states,
            Ipsec::Expired => &mut counters.in_state_expired,
            Ipsec::Replayed => &mut counters.in_state_seq_error,
            Ipsec::Icv => &mut counters.in_state_proto_error,
            Ipsec::NotAuthorised => &mut counters.in_sender_not_authorised,
            Ipsec::NoRoom => &mut counters.in_sender_table_full,
            Ipsec::WrongProtection => &mut counters.in_tmpl_mismatch,
            Ipsec::NoPolicy => &mut counters.in_no_pols,
            Ipsec::Discarded => &mut counters.in_pol_block,
        } += 1;
    }
}

fn not_served(parcel: &Parcel, at: usize) -> fn(&mut ReceiverCounters) -> &mut u64 {
    if parcel.lists(at) { |counters| &mut counters.not_served } else { |counters| &mut counters.not_for_this_host }
}
