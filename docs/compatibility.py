"""The page that says of every kind, field, setting, annotation and matcher of Traefik's users what becomes of it.

Nothing here is a list of what works: rows come from the types and vocabularies that manifests are decoded with,
what they say comes from the marks on these types, and annotations are put to their reader.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from docs.annotations import AnnotationRow, ingress_rows, service_rows
from docs.fields import Row, default_words, rows, type_words
from docs.upstream import ABSENT_SETTINGS, MATCHER_DIFFERENCES
from hearthgate.app.settings import Settings
from hearthgate.ingress.middlewares.plugins.cloudflare import CloudflareOptions
from hearthgate.ingress.middlewares.plugins.crowdsec import BouncerOptions
from hearthgate.ingress.middlewares.plugins.geoblock import GeoBlockOptions
from hearthgate.ingress.middlewares.plugins.maintenance import MaintenanceOptions, StaticOptions
from hearthgate.ingress.middlewares.plugins.oidc import OidcOptions
from hearthgate.resources.kinds import Kind
from hearthgate.resources.registry import KINDS
from hearthgate.resources.support import FAIL_CLOSED
from hearthgate.rules import old, parser

GROUPS: Final = ("traefik.io", "gateway.networking.k8s.io")
VOCABULARIES: Final[Mapping[str, parser.Vocabulary]] = {
    "IngressRoute, `syntax: v3`": parser.HTTP,
    "IngressRouteTCP, `syntax: v3`": parser.TCP,
    "IngressRoute, `syntax: v2`": old.HTTP,
    "IngressRouteTCP, `syntax: v2`": old.TCP,
}
"""The matchers, by the title of their table."""
PLUGINS: Final[Mapping[str, type]] = {
    "cloudflare-real-ip": CloudflareOptions,
    "cloudflarewarp": CloudflareOptions,
    "crowdsec-bouncer": BouncerOptions,
    "geoblock": GeoBlockOptions,
    "maintenance": MaintenanceOptions,
    "oidc": OidcOptions,
    "static-answer": StaticOptions,
}
"""The options of what is built in."""
_ONLY_HERE: Final = ("certificates", "dns", "embeddedAPI", "loadBalancer", "podNamespace", "policy")
"""Settings that Traefik does not have."""
_HEAD: Final = "| field | type | default | what becomes of it |\n| --- | --- | --- | --- |\n"
_CLOSED: Final = "A field that is not supported takes the whole object out of service, with a Problem."
_OPEN: Final = "A field that is not supported is a Problem, a warning; the object serves without it."


def page() -> Iterator[str]:
    told = dict[type, str]()
    yield "## Kinds\n\n"
    for kind in traefik_kinds():
        yield from _kind(kind, told)
    yield "## Plugins\n\n"
    yield "None is loaded; these are built in, below `spec.plugin` of a Middleware. Other names are refused.\n\n"
    yield from _plugins(told)
    yield "## Rules\n\n"
    yield from _matchers()
    yield "## Annotations of Ingresses and their Services\n\n"
    yield "Below `traefik.ingress.kubernetes.io/`. "
    yield "An unknown one takes the Ingress out of service, with a Problem.\n\n"
    yield from _annotations()
    yield "## Static settings\n\n"
    yield "A setting that is not supported, or unknown, ends the start with a Problem.\n\n"
    yield from _settings()


def traefik_kinds() -> Iterator[Kind]:
    return (kind for kind in KINDS if kind.group in GROUPS and kind.resource_type is not None)


def state(row: Row) -> str:
    """What becomes of a field, in words."""
    marks = row.marks
    if "unsupported" in marks:
        return f"**refused**{_after(marks['unsupported'])}"
    if "deprecated" in marks:
        return f"no effect, a warning{_after(marks['deprecated'])}"
    if "idle" in marks:
        return f"no effect: {marks['idle']}, which is refused"
    if is_refused(row):
        return f"**refused**{_after(marks['differs'].removeprefix('refused').lstrip(': '))}"
    if "differs" in marks:
        return f"supported, with a difference: {marks['differs']}"
    return f"as {row.same_as}" if row.same_as else "supported"


def is_refused(row: Row) -> bool:
    """Whether the field is refused where it is used, with a status of its own, and not when it is read."""
    return bool(row.marks.get("differs", "").startswith("refused"))


def _after(text: str) -> str:
    return f": {text}" if text else ""


def _kind(kind: Kind, told: dict[type, str]) -> Iterator[str]:
    assert kind.resource_type is not None
    yield f"### {kind.kind}\n\n"
    yield f"`{kind.api_version}`. {_CLOSED if kind.resource_type in FAIL_CLOSED else _OPEN}\n\n"
    yield _HEAD
    for row in rows(kind.resource_type, told=told, where=kind.kind):
        default = "required" if row.required else default_words(row.default)
        yield f"| `{row.path}` | {type_words(row.type)} | {default} | {state(row)} |\n"
    yield "\n"


def _plugins(told: dict[type, str]) -> Iterator[str]:
    for name, options in PLUGINS.items():
        if options in told:
            yield f"### {name}\n\nAs {told[options]}.\n\n"
            continue
        told[options] = f"`{name}`"
        yield f"### {name}\n\n{_HEAD}"
        for row in rows(options, f"{name}.", told, name):
            default = "required" if row.required else default_words(row.default)
            yield f"| `{row.path}` | {type_words(row.type)} | {default} | {state(row)} |\n"
        yield "\n"


def _matchers() -> Iterator[str]:
    for title, vocabulary in VOCABULARIES.items():
        yield f"### {title}\n\n| matcher | what becomes of it |\n| --- | --- |\n"
        for name in vocabulary.names:
            differs = MATCHER_DIFFERENCES.get((title, name))
            yield f"| `{name}` | {f'supported, with a difference: {differs}' if differs else 'supported'} |\n"
        for name, way_out in vocabulary.elsewhere.items():
            yield f"| `{name}` | **refused**: {way_out} |\n"
        yield "\n"
    yield "With `&&`, `||`, `!`, parentheses and priorities. More in [Rules](../design/rules.md).\n\n"


def _annotations() -> Iterator[str]:
    yield "| annotation | on | what becomes of it |\n| --- | --- | --- |\n"
    for owner, found in (("Ingress", ingress_rows()), ("Service", service_rows())):
        for row in found:
            yield f"| `{row.name}` | {owner} | {_annotation_state(row)} |\n"
    yield "\n"


def _annotation_state(row: AnnotationRow) -> str:
    if not row.accepted:
        return f"**refused**, a warning: {'; '.join(row.refusals)}"
    return f"supported, with a difference: {'; '.join(row.refusals)}" if row.refusals else "supported"


def _settings() -> Iterator[str]:
    yield "| setting | what becomes of it |\n| --- | --- |\n"
    for row in traefik_settings():
        yield f"| `{row.path}` | {state(row)} |\n"
    for name, way_out in ABSENT_SETTINGS.items():
        yield f"| `{name}` | **refused** as unknown: {way_out} |\n"


def traefik_settings() -> Iterator[Row]:
    return (row for row in rows(Settings) if row.path.split(".")[0] not in _ONLY_HERE)
