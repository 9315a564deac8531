#!/usr/bin/env python3
"""Prints the public API of a crate, one item a line, sorted, from the JSON that rustdoc wrote about it. Driven by ./run.

Left out are the traits that the compiler gives by itself (`Send` and its like, and those that hold for every type) and the
methods of traits that are implemented: the line of the `impl` says that they are there. What has several paths is listed under
one, and named by the others.
"""

import sys

from rustdoc import Crate

crate = Crate(sys.argv[1])
lines = set()


def add(item, text):
    marks = "#[non_exhaustive] " if "non_exhaustive" in item["attrs"] else ""
    lines.add(marks + " ".join(text.split()))


def function(item, path):
    of = item["inner"]["function"]
    header = of["header"]
    words = [word for word in ("const", "async", "unsafe") if header[f"is_{word}"]]
    # A provided method is no burden for who implements the trait.
    words = " ".join(["pub", *words, "fn", ""])
    generics = of["generics"]
    add(item, f"{words}{path}{crate.parameters(generics)}{crate.signature(of['sig'])}{crate.where(generics)}")


def fields(owner, path, numbers):
    for number in numbers:
        field = number is not None and crate.index.get(number)
        if field:
            add(field, f"pub {path}::{field['name']}: {crate.type(field['inner']['struct_field'])}")


def struct_like(item, path, kind):
    """A `struct`, or a variant of an `enum`: what it is made of."""
    if isinstance(kind, dict) and "tuple" in kind:
        numbers = kind["tuple"]
        shown = [crate.type(crate.index[n]["inner"]["struct_field"]) if n in crate.index else "_" for n in numbers]
        return f"({', '.join(shown)})"
    if isinstance(kind, dict):
        of = kind.get("plain") or kind["struct"]
        fields(item, path, of["fields"])
        return " { .. }" if of["has_stripped_fields"] else " {}"
    return ""


def implementations(path, numbers):
    for number in numbers:
        of = crate.index[number]["inner"]["impl"]
        if of["is_synthetic"] or of["blanket_impl"]:
            continue
        generics = of["generics"]
        if of["trait"] is not None:
            # How a comparison is derived is nobody's business.
            if of["trait"]["path"].split("::")[-1] in ("StructuralPartialEq", "TrivialClone"):
                continue
            negative = "!" if of["is_negative"] else ""
            head = f"impl{crate.parameters(generics)} {negative}{crate.trait(of['trait'])} for {crate.type(of['for'])}"
            add(crate.index[number], head + crate.where(generics))
            types = ((crate.index[n]["name"], crate.index[n]["inner"].get("assoc_type")) for n in of["items"])
            for name, associated in types:
                if associated and associated["type"]:
                    add(crate.index[number], f"{head}: type {name} = {crate.type(associated['type'])}")
            continue
        for inner in (crate.index[n] for n in of["items"]):
            if inner["visibility"] == "public":
                # The bounds of the `impl` hold for each of its methods.
                owner = f"<{crate.type(of['for'])}>" if crate.parameters(generics) else path
                member(inner, owner, crate.parameters(generics), crate.where(generics))


def member(item, owner, bounds="", where=""):
    """What stands in a trait, or in an `impl` without one."""
    (kind, of), = item["inner"].items()
    path = f"{owner}::{item['name']}"
    if kind == "function":
        function(item, path)
    elif kind == "assoc_const":
        value = "" if of["value"] is None else " = _"
        add(item, f"pub const {path}: {crate.type(of['type'])}{value}")
    elif kind == "assoc_type":
        bound = ": " + crate.bounds(of["bounds"]) if of["bounds"] else ""
        value = f" = {crate.type(of['type'])}" if of["type"] else ""
        add(item, f"pub type {path}{crate.parameters(of['generics'])}{bound}{value}")
    else:
        sys.exit(f"{path}: a kind of item that this does not know: {kind}")
    if bounds and where:
        lines.add(f"impl{bounds} {owner}{where}")
    elif bounds:
        lines.add(f"impl{bounds} {owner}")


for number, paths in crate.paths.items():
    item = crate.index[number]
    (kind, of), = item["inner"].items()
    for path in paths:
        if path != crate.path(number, ""):
            lines.add(f"pub use {crate.path(number, '')} as {path}")
            continue
        match kind:
            case "module":
                add(item, f"pub mod {path}")
            case "struct":
                rest = struct_like(item, path, of["kind"])
                add(item, f"pub struct {path}{crate.parameters(of['generics'])}{crate.where(of['generics'])}{rest}")
                implementations(path, of["impls"])
            case "enum":
                add(item, f"pub enum {path}{crate.parameters(of['generics'])}{crate.where(of['generics'])}")
                for variant in (crate.index[n] for n in of["variants"]):
                    inner = variant["inner"]["variant"]
                    own = f"{path}::{variant['name']}"
                    rest = struct_like(variant, own, inner["kind"])
                    value = f" = {inner['discriminant']['value']}" if inner["discriminant"] else ""
                    add(variant, f"pub {own}{rest}{value}")
                implementations(path, of["impls"])
            case "trait":
                bounds = ": " + crate.bounds(of["bounds"]) if of["bounds"] else ""
                add(item, f"pub trait {path}{crate.parameters(of['generics'])}{bounds}{crate.where(of['generics'])}")
                for inner in (crate.index[n] for n in of["items"]):
                    member(inner, path)
                    function_of = inner["inner"].get("function")
                    if function_of and not function_of["has_body"]:
                        lines.add(f"required {path}::{inner['name']}")
                # Implemented for references and for other crates' types: a type of ours has it in its own list.
                implementations(path, of["implementations"])
            case "function":
                function(item, path)
            case "constant":
                add(item, f"pub const {path}: {crate.type(of['type'])} = {of['const']['value'] or of['const']['expr']}")
            case "static":
                add(item, f"pub static {path}: {crate.type(of['type'])}")
            case "type_alias":
                add(item, f"pub type {path}{crate.parameters(of['generics'])} = {crate.type(of['type'])}")
            case _:
                sys.exit(f"{path}: a kind of item that this does not know: {kind}")

if not lines:
    sys.exit("the crate exports nothing: the list would compare nothing")
print("\n".join(sorted(lines)))
