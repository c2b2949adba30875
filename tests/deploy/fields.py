# SPDX-License-Identifier: Apache-2.0
"""What Kubernetes' API takes, without a cluster."""

import yaml


class Fields:
    """Kubernetes' own list of its kinds' fields, as client-go has it for server-side apply."""

    SCALARS = {"string": str, "boolean": bool, "numeric": (int, float)}
    # Quantities and "an integer or a percentage": untyped there, because JSON may write them either way.
    EITHER = (str, int, float)

    def __init__(self, file):
        text = file.read_text()
        schema = yaml.load(text.split("typed.YAMLObject(`", 1)[1].split("`)", 1)[0], Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self.types = {entry["name"]: entry for entry in schema["types"]}

    def kind(self, document):
        """The name of the type of DOCUMENT's kind; None if there is no such kind."""
        group, _, version = document["apiVersion"].rpartition("/")
        group = (group or "core").split(".")[0]
        name = f"io.k8s.api.{group}.{version}.{document['kind']}"
        return name if name in self.types else None

    def complaints(self, document):
        kind = self.kind(document)
        if kind is None:
            return [f"{document['apiVersion']} {document['kind']}: no such kind"]
        return list(self._check(document, {"namedType": kind}, document["kind"]))

    def _check(self, value, type_, where):
        if "namedType" in type_:
            name = type_["namedType"]
            if name.rpartition(".")[2] in ("Quantity", "IntOrString"):
                if not isinstance(value, self.EITHER):
                    yield f"{where}: neither a number nor a string"
                return
            type_ = self.types[name]
        if "map" in type_:
            yield from self._check_map(value, type_["map"], where)
        elif "list" in type_:
            if not isinstance(value, list):
                yield f"{where}: not a list"
                return
            for number, item in enumerate(value):
                yield from self._check(item, type_["list"]["elementType"], f"{where}[{number}]")
        elif type_.get("scalar") in self.SCALARS:
            expected = self.SCALARS[type_["scalar"]]
            if not isinstance(value, expected) or expected is not bool and isinstance(value, bool):
                yield f"{where}: {value!r} is no {type_['scalar']}"

    def _check_map(self, value, type_, where):
        if not isinstance(value, dict):
            yield f"{where}: not an object"
            return
        fields = {field["name"]: field["type"] for field in type_.get("fields", ())}
        for key, item in value.items():
            if key in fields:
                yield from self._check(item, fields[key], f"{where}.{key}")
            elif "elementType" in type_:
                yield from self._check(item, type_["elementType"], f"{where}.{key}")
            else:
                yield f"{where}: no field is called {key!r}"
