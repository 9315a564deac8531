#!/usr/bin/env python3
"""Prints Rust code that takes the address of every public function of the crate: free functions, methods, the methods of the
traits that its types implement, and the code that drops each type. Driven by ../no-panic/run.

A function whose address has escaped is compiled for all arguments there can be: the compiler knows none. What is generic is taken
once, with the types of `CHOSEN`; what returns an iterator is also run to its end.
"""

import re
import sys

from rustdoc import Crate

# What stands for a type parameter: by the type or function that has it, else by the trait that it must have.
BY_OWNER = {
    "ipsec::Inbound": {"S": "OpeningSad", "R": "Windows", "Q": "Spd", "F": "Senders", "A": "Audit"},
    "ipsec::Outbound": {"S": "SealingSad", "Q": "Spd", "A": "Audit"},
    "stack::Receiver": {"S": "OpeningSad", "R": "Windows", "Q": "Spd", "F": "Senders", "A": "Audit"},
    "stack::Sender": {"S": "SealingSad", "Q": "Spd", "A": "Audit"},
    "crypto::EspJob": {"C": "CipherKey", "I": "IntegrityKey"},
    "crypto::IcvJob": {"K": "IntegrityKey", "I": "Parts"},
    "group::source_auth::SignedSource": {"S": "Signs"},
    "group::source_auth::SignedSourceVerifier": {"V": "Signs"},
    "group::spi::DerivedSpis": {"R": "Rule"},
    "group::GroupSaSource": {"A": "Allocator"},
    "forward::Router": {"M": "Merge"},
    "forward::FnEgress": {"F": "FnSend"},
    "stack::FnLink": {"F": "FnTransmit"},
    "stack::FnSegment": {"F": "FnWrite"},
    "stack::Means": {"P": "Crypto", "G": "Random"},
    "ipsec::ReplayWindow": {"B": "[u64; 4]"},
    "group::source_auth::PacketOrigin::with_octets": {"T": "usize"},
}
BY_TRAIT = {
    "TryCryptoRng": "Random", "crypto::CryptoProvider": "Crypto", "crypto::PrfProvider": "Prf", "crypto::Signer": "Signs",
    "crypto::Verifier": "Signs", "forward::Egress": "Sends", "forward::RouteLookup": "Routes", "wire::DscpMerge": "Merge",
    "group::membership::Admission": "Admits", "group::membership::Directory": "Suites", "group::membership::KeySink": "Takes",
    "group::membership::KeySource": "Makes", "group::spi::SpiAllocator": "Allocator", "group::spi::SpiRule": "Rule",
    "group::source_auth::SourceAuthenticator": "SignedSource<Signs>", "group::source_auth::SourceVerifier": "SignedSourceVerifier<Signs>",
    "ipsec::InboundSad": "OpeningSad", "ipsec::SadLookup": "OpeningSad", "ipsec::OutboundSad": "SealingSad",
    "ipsec::ReplayStore": "Windows", "ipsec::PolicyLookup": "Spd", "ipsec::SenderFilter": "Senders", "ipsec::AuditSink": "Audit",
    "stack::Link": "Transmits", "stack::Segment": "Segments", "Borrow<group::GroupSa>": "group::GroupSa", "Hasher": "Hashes",
    "FnMut(H, &": "FnSend", "FnMut(&[u8])": "FnTransmit", "Fn(&stack::Ends": "FnWrite", "Fn(IpAddr)": "fn(IpAddr) -> bool",
    "Fn(&ipsec::Lifetimes)": "fn(&ipsec::Lifetimes) -> &ipsec::Limits", "FnOnce([&[u8]; 3])": "fn([&[u8]; 3]) -> usize",
    "IntoIterator<Item = &'p [u8]>": "Parts", "Iterator<Item = &'p [u8]>": "Parts", "IntoIterator<Item = usize>": "core::ops::Range<usize>",
    "IntoIterator<Item = &'t stack::HeaderTemplate<H>>": "core::slice::Iter<'static, stack::HeaderTemplate<64>>",
    "IntoIterator<Item = &'r mut ipsec::PacketBuf<'b>>": "core::slice::IterMut<'static, ipsec::PacketBuf<'static>>",
    "FnMut(usize, Result<(&mut ipsec::PacketBuf<'_>, ipsec::Opened), ipsec::OpenError>)": "fn(usize, Result<(&mut ipsec::PacketBuf<'_>, ipsec::Opened), ipsec::OpenError>)",
    "FnMut(usize, Result<(&mut ipsec::PacketBuf<'_>, ipsec::Received), ipsec::InboundError>)": "fn(usize, Result<(&mut ipsec::PacketBuf<'_>, ipsec::Received), ipsec::InboundError>)",
    "FnMut(usize, Result<(&mut ipsec::PacketBuf<'_>, ipsec::Sent), ipsec::OutboundError>)": "fn(usize, Result<(&mut ipsec::PacketBuf<'_>, ipsec::Sent), ipsec::OutboundError>)",
    "FnMut(usize, Result<(&mut ipsec::PacketBuf<'_>, ipsec::Sealed), ipsec::SealError>)": "fn(usize, Result<(&mut ipsec::PacketBuf<'_>, ipsec::Sealed), ipsec::SealError>)",
    "FnMut(usize, Result<&mut ipsec::PacketBuf<'_>, ipsec::SealError>)": "fn(usize, Result<&mut ipsec::PacketBuf<'_>, ipsec::SealError>)",
    "FnMut(usize, Result<stack::Incoming<'_>, stack::ReceiveError>)": "fn(usize, Result<stack::Incoming<'_>, stack::ReceiveError>)",
    "IntoIterator<Item = ipsec::ToSeal<'r, 'b, P>>": "core::array::IntoIter<ipsec::ToSeal<'static, 'static, Crypto>, 4>",
    "Iterator<Item = IpAddr>": "Once<IpAddr>", "Iterator<Item = group::membership::Entry>": "Once<group::membership::Entry>",
}
# What stands for a parameter that need have no trait, or has one that all of them have.
BY_NAME = {"H": "u8", "E": "fmt::Error"}
NUMBERS = {"S": "64", "L": "64", "H": "64", "K": "2"}
NUMBER = "4"
FEATURES = {"RustCrypto": "rust-crypto", "Ed25519": "ed25519", "PublicKeyError": "ed25519", "Simd": "simd",
            "SimdCrypto>::detect": "simd-detect"}
# A method with a body in the trait: of whom it is taken.
PROVIDED = {"crypto::CryptoProvider": "Crypto", "crypto::PrfProvider": "Prf"}


class Concrete(Crate):
    """Spells types with every parameter replaced, and every lifetime left to the compiler."""

    chosen = {}

    def type(self, it):
        if it.get("generic") in self.chosen:
            return self.chosen[it["generic"]]
        if "array" in it:
            return f"[{self.type(it['array']['type'])}; {self.number(it['array']['len'])}]"
        if "borrowed_ref" in it:
            return f"&{'mut ' if it['borrowed_ref']['is_mutable'] else ''}{self.type(it['borrowed_ref']['type'])}"
        return super().type(it)

    def argument(self, it):
        if isinstance(it, dict) and "lifetime" in it:
            return "'_"
        return self.number(it["const"]["expr"]) if isinstance(it, dict) and "const" in it else super().argument(it)

    def number(self, text):
        return self.chosen.get(text, text)


crate = Concrete(sys.argv[1])
plain = Crate(sys.argv[1])
entries = set()


def bounds_of(name, generics, param):
    found = [plain.bounds(param["bounds"])] if param["bounds"] else []
    for predicate in generics["where_predicates"]:
        of = predicate.get("bound_predicate")
        if of and plain.type(of["type"]) == name:
            found.append(plain.bounds(of["bounds"]))
    return found


def choose(owner, generics):
    """The parameters of `generics`, each with what stands for it. Those of `impl Trait` have no name that can be used."""
    chosen = {}
    for param in generics["params"]:
        (kind, of), = param["kind"].items()
        name = param["name"]
        if kind == "const":
            chosen[name] = NUMBERS.get(name, NUMBER)
        elif kind == "type":
            bounds = bounds_of(name, generics, of)
            own = BY_OWNER.get(owner, {}).get(name)
            by_trait = next((value for key, value in BY_TRAIT.items() for each in bounds if key in each), None)
            chosen[name] = own or by_trait or BY_NAME.get(name)
            if chosen[name] is None:
                sys.exit(f"{owner}: nothing stands for {name}: {bounds}; add it to entries.py")
    return chosen


def add(expression, needs):
    features = sorted({feature for word, feature in FEATURES.items() if re.search(rf"\b{word}", needs + " " + expression)})
    entries.add("".join(f'#[cfg(feature = "{feature}")] ' for feature in features) + expression)


def iterates(output):
    return output is not None and "impl_trait" in output and "Iterator" in plain.bounds(output["impl_trait"])


def function(owner, path, of, outer):
    """`path` is what stands before the turbofish, `outer` what stands for the parameters around the function."""
    generics = of["generics"]
    own = choose(owner, generics)
    crate.chosen = outer | own
    turbofish = [own[p["name"]] for p in generics["params"] if "lifetime" not in p["kind"] and not p["kind"].get("type", {}).get("is_synthetic")]
    name = path + (f"::<{', '.join(turbofish)}>" if turbofish else "")
    # The compiler makes a parameter of each `impl Trait`, in order.
    made = (own[p["name"]] for p in generics["params"] if p["kind"].get("type", {}).get("is_synthetic"))
    arguments = [next(made) if "impl_trait" in it else "_" for _, it in of["sig"]["inputs"]]
    types = ", ".join(arguments)
    if iterates(of["sig"]["output"]):
        names = ", ".join(f"a{number}" for number in range(len(arguments)))
        add(f"(|{names}| drain({name}({names}))) as fn({types})", name)
    output = " -> _" if of["sig"]["output"] else ""
    add(f"{name} as fn({types}){output}", name)
    crate.chosen = outer


def implementation(owner, of):
    if of["is_synthetic"] or of["blanket_impl"] or of["is_negative"]:
        return
    outer = choose(owner, of["generics"])
    crate.chosen = outer
    itself = crate.type(of["for"])
    trait = crate.trait(of["trait"]) if of["trait"] else None
    if trait and not any("function" in crate.index[n]["inner"] for n in of["items"] if n in crate.index):
        return
    for inner in (crate.index[n] for n in of["items"]):
        if "function" not in inner["inner"] or (trait is None and inner["visibility"] != "public"):
            continue
        crate.chosen = outer
        # `drop` may not be named: it is part of what drops the type.
        if trait == "Drop":
            continue
        path = f"<{itself} as {trait}>" if trait else f"<{itself}>"
        function(f"{owner}::{inner['name']}", f"{path}::{inner['name']}", inner["inner"]["function"], outer)


for number, paths in crate.paths.items():
    item, path = crate.index[number], crate.path(number, "")
    (kind, of), = item["inner"].items()
    crate.chosen = {}
    if kind == "function":
        function(path, path, of, {})
    elif kind in ("struct", "enum"):
        outer = choose(path, of["generics"])
        arguments = ["'_" if "lifetime" in p["kind"] else outer[p["name"]] for p in of["generics"]["params"]]
        owned = path + (f"<{', '.join(arguments)}>" if arguments else "")
        add(f"core::ptr::drop_in_place::<{owned}> as unsafe fn(_)", owned)
        for each in of["impls"]:
            implementation(path, crate.index[each]["inner"]["impl"])
    elif kind == "trait":
        for each in of["implementations"]:
            implementation(path, crate.index[each]["inner"]["impl"])
        for inner in (crate.index[n] for n in of["items"] if path in PROVIDED):
            if "function" in inner["inner"] and inner["inner"]["function"]["has_body"]:
                outer = {"Self": PROVIDED[path]}
                name = f"<{PROVIDED[path]} as {path}>::{inner['name']}"
                function(f"{path}::{inner['name']}", name, inner["inner"]["function"], outer)

if len(entries) < 100:
    sys.exit(f"{len(entries)} entry points: this cannot be all")
print("{")
for entry in sorted(entries, key=lambda entry: entry.split("] ")[-1]):
    attributes, expression = re.fullmatch(r"((?:#\[.*?\] )*)(.*)", entry).groups()
    print(f"    {attributes}black_box(({expression}) as *const ());")
print("}")
