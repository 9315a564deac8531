//! Replays the corpora of the fuzz targets through the same checks.

#[path = "fuzz_checks/copies.rs"]
mod copies;
#[path = "fuzz_checks/gullible.rs"]
mod gullible;
#[path = "fuzz_checks/membership_message.rs"]
mod membership_message;
#[path = "fuzz_checks/open_packet.rs"]
mod open_packet;
#[path = "fuzz_checks/parse_packet.rs"]
mod parse_packet;
#[path = "fuzz_checks/process_packet.rs"]
mod process_packet;
#[path = "fuzz_checks/route_packet.rs"]
mod route_packet;
#[path = "fuzz_checks/route_packet_v2.rs"]
mod route_packet_v2;
#[path = "fuzz_checks/routes.rs"]
mod routes;

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
fn membership_message_corpus() {
    replay("membership_message", membership_message::check);
}
