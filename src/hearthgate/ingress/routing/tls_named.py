"""All TLS options by name, the ones called `default` always among them."""

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.routing.model import DEFAULT_TLS_OPTIONS, TLSOptions
from hearthgate.ingress.routing.tls_options import built_options, options_name
from hearthgate.ingress.routing.tls_store import only_one
from hearthgate.ingress.routing.tracking import Tracker
from hearthgate.model.problems import Problem
from hearthgate.resources.traefik import TLSOption


def named_options(
    tracker: Tracker, snapshot: Snapshot, problems: list[Problem]
) -> tuple[tuple[TLSOptions, ...], set[str]]:
    """The options, sorted, and the names that may be used. Adds to `problems`."""
    found: dict[str, TLSOptions] = {}
    defaults = [o for o in snapshot.all(TLSOption) if options_name(o) == DEFAULT_TLS_OPTIONS]
    problems.extend(only_one(defaults))
    for option in snapshot.all(TLSOption):
        value, found_problems = built_options(tracker, option)
        problems.extend(found_problems)
        if value is not None and (len(defaults) < 2 or option not in defaults):
            found[value.name] = value
    refused = any(ref.kind == "TLSOption" and ref.name == DEFAULT_TLS_OPTIONS for ref in snapshot.refused)
    invalid = refused or (len(defaults) == 1 and DEFAULT_TLS_OPTIONS not in found)
    found.setdefault(DEFAULT_TLS_OPTIONS, TLSOptions())
    usable = set(found) - ({DEFAULT_TLS_OPTIONS} if invalid else set())
    return tuple(found[name] for name in sorted(found)), usable
