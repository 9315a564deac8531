//! Replays the corpora of the fuzz targets through the same checks.

#[path = "fuzz_checks/accept_message.rs"]
mod accept_message;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[path = "fuzz_checks/against_etherparse.rs"]
mod against_etherparse;
#[path = "fuzz_checks/associations.rs"]
mod associations;
#[path = "fuzz_checks/branch_packet.rs"]
mod branch_packet;
#[path = "models/branching.rs"]
mod branching_model;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[path = "fuzz_checks/built_headers.rs"]
mod built_headers;
#[path = "fuzz_checks/copies.rs"]
mod copies;
#[path = "models/dscps.rs"]
mod dscps_model;
#[path = "common/failed.rs"]
mod failed;
#[path = "fuzz_checks/group_octets.rs"]
mod group_octets;
#[path = "fuzz_checks/group_text.rs"]
mod group_text;
#[path = "fuzz_checks/gullible.rs"]
mod gullible;
#[path = "fuzz_checks/input.rs"]
mod input;
#[path = "models/key_tree.rs"]
mod key_tree_model;
#[cfg(feature = "rust-crypto")]
#[path = "fuzz_checks/lkh_message.rs"]
mod lkh_message;
#[path = "fuzz_checks/lkh_tree.rs"]
mod lkh_tree;
#[path = "fuzz_checks/membership_message.rs"]
mod membership_message;
#[path = "fuzz_checks/open_packet.rs"]
mod open_packet;
#[path = "fuzz_checks/parse_packet.rs"]
mod parse_packet;
#[path = "fuzz_checks/path_mtu.rs"]
mod path_mtu;
#[cfg(feature = "rust-crypto")]
#[path = "fuzz_checks/phase1.rs"]
mod phase1;
#[path = "fuzz_checks/policies.rs"]
mod policies;
#[path = "fuzz_checks/process_batch.rs"]
mod process_batch;
#[path = "fuzz_checks/process_packet.rs"]
mod process_packet;
#[cfg(feature = "rust-crypto")]
#[path = "fuzz_checks/push_exchange.rs"]
mod push_exchange;
#[cfg(feature = "rust-crypto")]
#[path = "fuzz_checks/push_message.rs"]
mod push_message;
#[path = "fuzz_checks/receive_packet.rs"]
mod receive_packet;
#[path = "fuzz_checks/receive_ping.rs"]
mod receive_ping;
#[path = "fuzz_checks/recent_messages.rs"]
mod recent_messages;
#[path = "fuzz_checks/replay_windows.rs"]
mod replay_windows;
#[path = "fuzz_checks/route_packet.rs"]
mod route_packet;
#[path = "fuzz_checks/route_packet_v2.rs"]
mod route_packet_v2;
#[path = "fuzz_checks/route_table.rs"]
mod route_table;
#[path = "models/route_table.rs"]
mod route_table_model;
#[path = "fuzz_checks/routes.rs"]
mod routes;
#[path = "fuzz_checks/saved_state.rs"]
mod saved_state;
#[path = "fuzz_checks/send_session.rs"]
mod send_session;
#[path = "fuzz_checks/session_ends.rs"]
mod session_ends;
#[path = "models/session.rs"]
mod session_model;
#[path = "fuzz_checks/signed_messages.rs"]
mod signed_messages;
#[cfg(feature = "rust-crypto")]
#[path = "fuzz_checks/sip_body.rs"]
mod sip_body;
#[path = "fuzz_checks/sip_channel.rs"]
mod sip_channel;
#[path = "models/sip_channel.rs"]
mod sip_channel_model;
#[path = "fuzz_checks/spi_allocators.rs"]
mod spi_allocators;
#[path = "models/spis.rs"]
mod spis_model;
#[path = "fuzz_checks/toy.rs"]
mod toy;
#[path = "models/window.rs"]
mod window_model;
#[path = "models/xcast_packet.rs"]
mod xcast_model;

/// Runs `check` on every file of a corpus; none is an error, as then nothing would be tested.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files = 0;
    for entry in entries {
        let path = entry.expect("readable folder").path();
        println!("{}", path.display());
        check(&std::fs::read(path).expect("readable file"));
        files += 1;
    }
    assert!(files > 0, "the corpus of {target} is empty");
}

#[test]
fn parse_packet_corpus() {
    replay("parse_packet", parse_packet::check);
}

#[test]
fn open_packet_corpus() {
    replay("open_packet", open_packet::check);
}

#[test]
fn route_packet_corpus() {
    replay("route_packet", route_packet::check);
}

#[test]
fn route_packet_v2_corpus() {
    replay("route_packet_v2", route_packet_v2::check);
}

#[test]
fn process_packet_corpus() {
    replay("process_packet", process_packet::check);
}

#[test]
fn process_batch_corpus() {
    replay("process_batch", process_batch::check);
}

#[test]
fn receive_ping_corpus() {
    replay("receive_ping", receive_ping::check);
}

#[test]
fn receive_packet_corpus() {
    replay("receive_packet", receive_packet::check);
}

#[test]
fn group_octets_corpus() {
    replay("group_octets", group_octets::check);
}

#[test]
fn group_text_corpus() {
    replay("group_text", group_text::check);
}

#[test]
fn accept_message_corpus() {
    replay("accept_message", accept_message::check);
}

#[cfg(feature = "rust-crypto")]
#[test]
fn push_message_corpus() {
    replay("push_message", push_message::check);
}

#[cfg(feature = "rust-crypto")]
#[test]
fn sip_body_corpus() {
    replay("sip_body", sip_body::check);
}

#[cfg(feature = "rust-crypto")]
#[test]
fn lkh_message_corpus() {
    replay("lkh_message", lkh_message::check);
}

#[test]
fn membership_message_corpus() {
    replay("membership_message", membership_message::check);
}

#[test]
fn replay_windows_corpus() {
    replay("replay_windows", replay_windows::check);
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[test]
fn against_etherparse_corpus() {
    replay("against_etherparse", against_etherparse::check);
}

#[test]
fn branch_packet_corpus() {
    replay("branch_packet", branch_packet::check);
}

#[test]
fn policies_corpus() {
    replay("policies", policies::check);
}

#[cfg(feature = "rust-crypto")]
#[test]
fn push_exchange_corpus() {
    replay("push_exchange", push_exchange::check);
}

#[test]
fn path_mtu_corpus() {
    replay("path_mtu", path_mtu::check);
}

#[test]
fn saved_state_corpus() {
    replay("saved_state", saved_state::check);
}

#[test]
fn recent_messages_corpus() {
    replay("recent_messages", recent_messages::check);
}

#[test]
fn route_table_corpus() {
    replay("route_table", route_table::check);
}

#[test]
fn send_session_corpus() {
    replay("send_session", send_session::check);
}

#[test]
fn lkh_tree_corpus() {
    replay("lkh_tree", lkh_tree::check);
}

#[test]
fn sip_channel_corpus() {
    replay("sip_channel", sip_channel::check);
}

#[test]
fn signed_messages_corpus() {
    replay("signed_messages", signed_messages::check);
}

#[test]
fn spi_allocators_corpus() {
    replay("spi_allocators", spi_allocators::check);
}
