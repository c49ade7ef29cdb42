"""Reads custom resource definitions (apiextensions.k8s.io/v1): what is wrong with one, else the kinds it brings.

The rules are upstream's. Conversion by webhook is accepted and not done: objects of such a definition differ
between versions in nothing but apiVersion, and a warning says so.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from hearthgate.resources.jsonpath import compile_path
from hearthgate.resources.kinds import Column, Kind
from hearthgate.resources.structural.mistake import (
    Mistake,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
    type_invalid,
    within,
)
from hearthgate.resources.structural.schema import Structural

Object = Mapping[str, Any]

_LABEL: Final = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_COLUMN_TYPES: Final = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS: Final = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
_FIELD_PATH: Final = re.compile(r"(\.[a-zA-Z_][a-zA-Z0-9_-]*|\['[^']+'\]|\[\"[^\"]+\"\])+")
_PROTECTED: Final = (".k8s.io", ".kubernetes.io")
_APPROVAL: Final = "api-approved.kubernetes.io"
_MOST_SELECTABLE: Final = 8
_AGE: Final = Column("Age", ".metadata.creationTimestamp", "date", description="The time since its creation.")


class Definition(NamedTuple):
    """kinds: one for each served version, the storage version first, then as versions sort. storage: the kind of
    the storage version, served or not. deprecations: version to the warning for each of its uses. warnings: what
    the definition asks for and does not get here.
    """

    kinds: tuple[Kind, ...]
    storage: Kind
    deprecations: Mapping[str, str]
    warnings: tuple[str, ...] = ()


def read_definition(crd: Object) -> Definition | list[Mistake]:
    """Every mistake of a definition, or what it brings. Never raises on decoded JSON."""
    found = list(_forms(crd))
    if found:
        return found
    spec = crd["spec"]
    found += _name_mistakes(crd)
    found += _version_mistakes(spec["versions"])
    found += _conversion_mistakes(spec)
    kinds, warnings = [], list(_webhook_warnings(spec))
    compiled: list[tuple[Object, Structural, list[Mistake]]] = []
    for index, version in enumerate(spec["versions"]):
        path = f"spec.versions[{index}]"
        found += _column_mistakes(version, path)
        structural, mistakes = _compiled(version["schema"]["openAPIV3Schema"], compiled)
        found += within(f"{path}.schema.openAPIV3Schema", mistakes)
        found += _selectable_mistakes(version, structural, path)
        warnings += _scale_warnings(version)
        warnings += structural.unchecked
        kinds.append(_kind(spec, version, structural))
    if found:
        return found
    storage = next(kind for kind, version in zip(kinds, spec["versions"], strict=True) if version["storage"])
    served = [kind for kind, version in zip(kinds, spec["versions"], strict=True) if version["served"]]
    served.sort(key=lambda kind: (kind is not storage, version_order(kind.version)))
    return Definition(tuple(served), storage, _deprecations(spec), tuple(dict.fromkeys(warnings)))


def _compiled(
    source: Object, before: list[tuple[Object, Structural, list[Mistake]]]
) -> tuple[Structural, list[Mistake]]:
    """Versions often share one schema; it is compiled once."""
    for known, structural, mistakes in before:
        if known == source:
            return structural, mistakes
    structural, mistakes = Structural.compile(source)
    before.append((source, structural, mistakes))
    return structural, mistakes


def accepted_status(crd: Object, now: str) -> dict[str, Any]:
    """The status of an accepted definition at `now` (RFC 3339); keeps the times of conditions that hold already
    and the versions that objects were stored in."""
    status = crd.get("status") or {}
    names = dict(crd["spec"]["names"])
    names.setdefault("singular", names["kind"].lower())
    names.setdefault("listKind", f"{names['kind']}List")
    storage = next(version["name"] for version in crd["spec"]["versions"] if version.get("storage"))
    before = {condition.get("type"): condition for condition in status.get("conditions") or ()}
    return {
        "acceptedNames": names,
        "conditions": [
            _condition("NamesAccepted", "NoConflicts", "no conflicts found", before, now),
            _condition("Established", "InitialNamesAccepted", "the initial names have been accepted", before, now),
        ],
        "storedVersions": list(dict.fromkeys([*(status.get("storedVersions") or ()), storage])),
    }


def _condition(kind: str, reason: str, message: str, before: Mapping[Any, Object], now: str) -> dict[str, str]:
    held = before.get(kind, {})
    since = held.get("lastTransitionTime") if held.get("status") == "True" else None
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": str(since or now),
    }


_VERSION: Final = re.compile(r"v([1-9]\d{0,8})(?:(alpha|beta)([1-9]\d{0,8}))?", re.ASCII)
_STABILITY: Final = {None: 0, "beta": 1, "alpha": 2}


def version_order(version: str) -> tuple[int, int, int, int, str]:
    """Sorts versions as upstream lists them: v10, v2, v1, v1beta1, v1alpha2, then others by name."""
    found = _VERSION.fullmatch(version)
    if found is None:
        return (1, 0, 0, 0, version)
    return (0, _STABILITY[found[2]], -int(found[1]), -int(found[3] or 0), "")


def _forms(crd: Object) -> Iterator[Mistake]:
    """What must have its form for the rest to be read."""
    spec = crd.get("spec")
    if not isinstance(spec, Mapping):
        yield required("spec")
        return
    yield from _text(spec, "group", "spec")
    names = spec.get("names")
    if isinstance(names, Mapping):
        for name in ("plural", "kind"):
            yield from _text(names, name, "spec.names")
        for name in ("singular", "listKind"):
            yield from _text(names, name, "spec.names", optional=True)
        for name in ("shortNames", "categories"):
            if not _is_texts(names.get(name)):
                yield type_invalid(f"spec.names.{name}", names.get(name), "must be a list of strings")
    else:
        yield required("spec.names")
    scope = spec.get("scope")
    if scope not in ("Cluster", "Namespaced"):
        yield not_supported("spec.scope", scope, ("Cluster", "Namespaced")) if scope else required("spec.scope")
    versions = spec.get("versions")
    if not isinstance(versions, list) or not versions:
        yield required("spec.versions", "must have at least one version")
        return
    for index, version in enumerate(versions):
        yield from _version_forms(version, f"spec.versions[{index}]")


def _is_texts(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(item, str) for item in value))


def _text(holder: Object, name: str, path: str, *, optional: bool = False) -> Iterator[Mistake]:
    value = holder.get(name)
    if value is None or value == "":
        if not optional:
            yield required(f"{path}.{name}")
    elif not isinstance(value, str):
        yield type_invalid(f"{path}.{name}", value, "must be a string")


def _version_forms(version: Any, path: str) -> Iterator[Mistake]:
    if not isinstance(version, Mapping):
        yield type_invalid(path, version, "must be a mapping")
        return
    yield from _text(version, "name", path)
    for name in ("served", "storage"):
        if not isinstance(version.get(name), bool):
            yield required(f"{path}.{name}", "must be true or false")
    if not isinstance(version.get("deprecated", False), bool):
        yield type_invalid(f"{path}.deprecated", version["deprecated"], "must be true or false")
    yield from _text(version, "deprecationWarning", path, optional=True)
    schema = version.get("schema")
    if not isinstance(schema, Mapping) or not isinstance(schema.get("openAPIV3Schema"), Mapping):
        yield required(f"{path}.schema.openAPIV3Schema", "schemas are required")
    for name, keys in (
        ("additionalPrinterColumns", ("name", "type", "jsonPath")),
        ("selectableFields", ("jsonPath",)),
    ):
        entries = version.get(name)
        if entries is not None and not isinstance(entries, list):
            yield type_invalid(f"{path}.{name}", entries, "must be a list")
            continue
        for index, entry in enumerate(entries or ()):
            at = f"{path}.{name}[{index}]"
            if not isinstance(entry, Mapping):
                yield type_invalid(at, entry, "must be a mapping")
                continue
            for key in keys:
                yield from _text(entry, key, at)
            if name == "additionalPrinterColumns":
                yield from _column_forms(entry, at)
    if not isinstance(version.get("subresources") or {}, Mapping):
        yield type_invalid(f"{path}.subresources", version["subresources"], "must be a mapping")


def _column_forms(column: Object, path: str) -> Iterator[Mistake]:
    for key in ("format", "description"):
        yield from _text(column, key, path, optional=True)
    priority = column.get("priority")
    if priority is not None and (not isinstance(priority, int) or isinstance(priority, bool)):
        yield type_invalid(f"{path}.priority", priority, "must be an integer")


def _name_mistakes(crd: Object) -> Iterator[Mistake]:
    spec = crd["spec"]
    group, names = spec["group"], spec["names"]
    metadata = crd.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    wanted = f"{names['plural']}.{group}"
    if name != wanted:
        yield invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group')
    if not _SUBDOMAIN.fullmatch(group) or len(group) > 253:
        yield invalid("spec.group", group, "must be a lowercase RFC 1123 subdomain")
    elif "." not in group:
        yield invalid("spec.group", group, "should be a domain with at least one dot")
    elif group.endswith(_PROTECTED) and not _annotation(metadata, _APPROVAL):
        detail = f'protected groups must have approval annotation "{_APPROVAL}"'
        yield required(f"metadata.annotations[{_APPROVAL}]", detail)
    detail = (
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
        "character, and end with an alphanumeric character"
    )
    kind = names["kind"]
    list_kind = names.get("listKind") or f"{kind}List"
    for field, value in (
        ("plural", names["plural"]),
        ("singular", names.get("singular") or kind.lower()),
        ("kind", kind.lower()),
        ("listKind", list_kind.lower()),
        *((f"shortNames[{index}]", value) for index, value in enumerate(names.get("shortNames") or ())),
        *((f"categories[{index}]", value) for index, value in enumerate(names.get("categories") or ())),
    ):
        if not _LABEL.fullmatch(value):
            yield invalid(f"spec.names.{field}", value, detail)
    if kind == list_kind:
        yield invalid("spec.names.listKind", list_kind, "kind and listKind may not be the same")
    if spec.get("preserveUnknownFields"):
        yield invalid("spec.preserveUnknownFields", True, "must be false in order to use defaults in the schema")


def _annotation(metadata: Any, name: str) -> Any:
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    return annotations.get(name) if isinstance(annotations, Mapping) else None


def _version_mistakes(versions: list[Object]) -> Iterator[Mistake]:
    seen: set[str] = set()
    for index, version in enumerate(versions):
        name, path = version["name"], f"spec.versions[{index}]"
        if not _LABEL.fullmatch(name):
            yield invalid(f"{path}.name", name, "must be a DNS-1035 label")
        if name in seen:
            yield duplicate(f"{path}.name", name)
        seen.add(name)
        if version.get("deprecationWarning") and not version.get("deprecated"):
            yield invalid(
                f"{path}.deprecationWarning",
                version["deprecationWarning"],
                "can only be set for deprecated versions",
            )
    storages = sum(version["storage"] for version in versions)
    if storages != 1:
        yield invalid(
            "spec.versions",
            [v["name"] for v in versions],
            "must have exactly one version marked as storage version",
        )


def _column_mistakes(version: Object, path: str) -> Iterator[Mistake]:
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        at = f"{path}.additionalPrinterColumns[{index}]"
        if column["type"] not in _COLUMN_TYPES:
            yield not_supported(f"{at}.type", column["type"], _COLUMN_TYPES)
        if column.get("format") and column["format"] not in _COLUMN_FORMATS:
            yield not_supported(f"{at}.format", column["format"], _COLUMN_FORMATS)
        json_path = column["jsonPath"]
        if not json_path.startswith("."):
            yield invalid(f"{at}.jsonPath", json_path, "must be a simple json path starting with .")
            continue
        try:
            compile_path(json_path)
        except ValueError as error:
            yield invalid(f"{at}.jsonPath", json_path, str(error))


def _selectable_mistakes(version: Object, structural: Structural, path: str) -> Iterator[Mistake]:
    fields = version.get("selectableFields") or ()
    if len(fields) > _MOST_SELECTABLE:
        yield Mistake(
            f"{path}.selectableFields",
            "FieldValueTooMany",
            f"Too many: {len(fields)}: must have at most {_MOST_SELECTABLE} items",
        )
    seen: set[str] = set()
    for index, field in enumerate(fields):
        text, at = field["jsonPath"], f"{path}.selectableFields[{index}].jsonPath"
        if text in seen:
            yield duplicate(at, text)
        seen.add(text)
        if not _FIELD_PATH.fullmatch(text):
            yield invalid(at, text, "is an invalid path: must be a simple json path starting with .")
        elif text.startswith(".metadata"):
            yield invalid(at, text, "must not point to fields in metadata")
        elif structural.scalar_type(text) not in ("boolean", "integer", "string"):
            yield invalid(at, text, "must point to a field of type string, boolean or integer")


def _conversion_mistakes(spec: Object) -> Iterator[Mistake]:
    conversion = spec.get("conversion")
    if conversion is None:
        return
    strategy = conversion.get("strategy") if isinstance(conversion, Mapping) else None
    webhook = conversion.get("webhook") if isinstance(conversion, Mapping) else None
    if strategy not in ("None", "Webhook"):
        yield not_supported("spec.conversion.strategy", strategy, ("None", "Webhook"))
    elif strategy == "Webhook" and not isinstance(webhook, Mapping):
        yield required("spec.conversion.webhook.clientConfig", "required when strategy is set to Webhook")
    elif strategy == "None" and webhook is not None:
        yield forbidden("spec.conversion.webhook", "should not be set when strategy is not set to Webhook")


def _webhook_warnings(spec: Object) -> Iterator[str]:
    conversion = spec.get("conversion") or {}
    if conversion.get("strategy") == "Webhook" and len(spec["versions"]) > 1:
        yield (
            "spec.conversion: webhooks are not called: between versions of an object nothing but "
            "apiVersion is converted"
        )


def _scale_warnings(version: Object) -> Iterator[str]:
    if (version.get("subresources") or {}).get("scale") is not None:
        yield f"spec.versions: {version['name']}: the subresource scale is not served"


def _kind(spec: Object, version: Object, structural: Structural) -> Kind:
    names = spec["names"]
    return Kind(
        spec["group"],
        version["name"],
        names["kind"],
        names["plural"],
        namespaced=spec["scope"] == "Namespaced",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        status=(version.get("subresources") or {}).get("status") is not None,
        upstream_status=(version.get("subresources") or {}).get("status") is not None,
        columns=tuple(map(_column, version.get("additionalPrinterColumns") or ())) or (_AGE,),
        schema=structural,
        selectable_fields=tuple(field["jsonPath"] for field in version.get("selectableFields") or ()),
        whole_table=True,
        singular_name=names.get("singular") or "",
        list_name=names.get("listKind") or "",
    )


def _column(column: Object) -> Column:
    return Column(
        column["name"],
        column["jsonPath"],
        column["type"],
        column.get("priority") or 0,
        column.get("description") or "",
    )


def _deprecations(spec: Object) -> Mapping[str, str]:
    return MappingProxyType(
        {
            version["name"]: version.get("deprecationWarning")
            or f"{spec['group']}/{version['name']} {spec['names']['kind']} is deprecated"
            for version in spec["versions"]
            if version.get("deprecated")
        }
    )
