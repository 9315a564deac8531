"""Reads the JSON that rustdoc writes about a crate, and spells its items as they stand in the source."""

import json
import pathlib
import sys

# The versions of the format that were looked at. Another one may name things otherwise, and the list would silently lack them.
FORMATS = range(56, 58)


class Crate:
    """The items of a crate, each with the path by which a user of the crate names it."""

    def __init__(self, file):
        data = json.loads(pathlib.Path(file).read_text())
        if data["format_version"] not in FORMATS:
            print(f"rustdoc's JSON has format {data['format_version']}; known are {list(FORMATS)}", file=sys.stderr)
            sys.exit(77)
        self.index = {int(number): item for number, item in data["index"].items()}
        # The number of an item to its path, without the crate's name; several for what is exported several times.
        self.paths = {}
        self.collect(self.index[data["root"]], ())

    def collect(self, module, path):
        for number in module["inner"]["module"]["items"]:
            item, name = self.index.get(number), None
            if item is not None and "use" in item["inner"]:
                use = item["inner"]["use"]
                if use["is_glob"]:
                    sys.exit(f"a glob is exported, which this does not follow: {use['source']}")
                number, name, item = use["id"], use["name"], self.index.get(use["id"])
            # What other crates have is theirs to list.
            if item is None or item["visibility"] != "public":
                continue
            own = (*path, name or item["name"])
            self.paths.setdefault(number, []).append("::".join(own))
            if "module" in item["inner"]:
                self.collect(item, own)

    def path(self, number, written):
        """How to name a type or trait: by its path if it is ours, the one with a module if there is a paved one beside it; else by
        its last word."""
        if number not in self.paths:
            return written.split("::")[-1]
        return min(self.paths[number], key=lambda path: ("::" not in path, path.count("::"), path))

    def type(self, it):
        (kind, of), = it.items()
        match kind:
            case "generic" | "primitive":
                return {"never": "!"}.get(of, of)
            case "resolved_path":
                return self.path(of["id"], of["path"]) + self.arguments(of["args"])
            case "borrowed_ref":
                lifetime = of["lifetime"] + " " if of["lifetime"] else ""
                return f"&{lifetime}{'mut ' if of['is_mutable'] else ''}{self.type(of['type'])}"
            case "raw_pointer":
                return f"*{'mut' if of['is_mutable'] else 'const'} {self.type(of['type'])}"
            case "slice":
                return f"[{self.type(of)}]"
            case "array":
                return f"[{self.type(of['type'])}; {of['len']}]"
            case "tuple":
                return f"({', '.join(map(self.type, of))}{',' if len(of) == 1 else ''})"
            case "impl_trait":
                return "impl " + self.bounds(of)
            case "dyn_trait":
                bounds = [self.quantified(each["generic_params"]) + self.trait(each["trait"]) for each in of["traits"]]
                return "dyn " + " + ".join(bounds + ([of["lifetime"]] if of["lifetime"] else []))
            case "qualified_path":
                own = self.type(of["self_type"])
                if of["trait"] is None or not of["trait"]["path"]:
                    return f"{own}::{of['name']}{self.arguments(of['args'])}"
                return f"<{own} as {self.trait(of['trait'])}>::{of['name']}{self.arguments(of['args'])}"
            case "function_pointer":
                return self.quantified(of["generic_params"]) + "fn" + self.signature(of["sig"])
        sys.exit(f"a type that this does not know: {kind}")

    def trait(self, it):
        return self.path(it["id"], it["path"]) + self.arguments(it["args"])

    def arguments(self, args):
        if not args:
            return ""
        if "parenthesized" in args:
            of = args["parenthesized"]
            output = f" -> {self.type(of['output'])}" if of["output"] else ""
            return f"({', '.join(map(self.type, of['inputs']))}){output}"
        if "angle_bracketed" not in args:
            sys.exit(f"arguments that this does not know: {args}")
        of = args["angle_bracketed"]
        every = [self.argument(each) for each in of["args"]] + [self.constraint(each) for each in of["constraints"]]
        return f"<{', '.join(every)}>" if every else ""

    def argument(self, it):
        if it == "infer":
            return "_"
        (kind, of), = it.items()
        return self.type(of) if kind == "type" else of["expr"] if kind == "const" else of

    def constraint(self, it):
        (kind, of), = it["binding"].items()
        value = " = " + self.term(of) if kind == "equality" else ": " + self.bounds(of)
        return it["name"] + self.arguments(it["args"]) + value

    def term(self, it):
        return self.type(it["type"]) if "type" in it else it["constant"]["expr"]

    def bounds(self, bounds):
        return " + ".join(self.bound(bound) for bound in bounds)

    def bound(self, it):
        (kind, of), = it.items()
        if kind == "trait_bound":
            modifier = {"none": "", "maybe": "?", "maybe_const": "~const "}[of["modifier"]]
            return self.quantified(of["generic_params"]) + modifier + self.trait(of["trait"])
        if kind == "outlives":
            return of
        return f"use<{', '.join(next(iter(each.values())) if isinstance(each, dict) else each for each in of)}>"

    def quantified(self, params):
        return f"for<{', '.join(param['name'] for param in params)}> " if params else ""

    def parameters(self, generics):
        every = []
        for param in generics["params"]:
            (kind, of), = param["kind"].items()
            if kind == "lifetime":
                every.append(param["name"] + (": " + " + ".join(of["outlives"]) if of["outlives"] else ""))
            elif kind == "const":
                default = f" = {of['default']}" if of["default"] else ""
                every.append(f"const {param['name']}: {self.type(of['type'])}{default}")
            # `impl Trait` as an argument is written where it stands.
            elif not of["is_synthetic"]:
                default = f" = {self.type(of['default'])}" if of["default"] else ""
                every.append(param["name"] + (": " + self.bounds(of["bounds"]) if of["bounds"] else "") + default)
        return f"<{', '.join(every)}>" if every else ""

    def where(self, generics):
        every = []
        for predicate in generics["where_predicates"]:
            (kind, of), = predicate.items()
            if kind == "bound_predicate":
                every.append(f"{self.quantified(of['generic_params'])}{self.type(of['type'])}: {self.bounds(of['bounds'])}")
            elif kind == "lifetime_predicate":
                every.append(f"{of['lifetime']}: {' + '.join(of['outlives'])}")
            else:
                every.append(f"{self.type(of['lhs'])} == {self.term(of['rhs'])}")
        return f" where {', '.join(every)}" if every else ""

    def signature(self, it):
        short = {"self: Self": "self", "self: &Self": "&self", "self: &mut Self": "&mut self"}
        inputs = [f"{name}: {self.type(of)}" if name else self.type(of) for name, of in it["inputs"]]
        inputs = [short.get(each, each) for each in inputs]
        output = f" -> {self.type(it['output'])}" if it["output"] else ""
        return f"({', '.join(inputs)}){output}"
