//! A key tree that members join and leave, over a network that loses, repeats, reorders and damages its messages.
#![no_main]

#[path = "../../tests/common/failed.rs"]
mod failed;
#[path = "../../tests/fuzz_checks/input.rs"]
mod input;
#[path = "../../tests/models/key_tree.rs"]
mod key_tree_model;
#[path = "../../tests/fuzz_checks/lkh_tree.rs"]
mod lkh_tree;
#[path = "../../tests/fuzz_checks/toy.rs"]
mod toy;

libfuzzer_sys::fuzz_target!(|data: &[u8]| lkh_tree::check(data));
