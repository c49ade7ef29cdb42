"""redirectScheme and redirectRegex (traefik.io Middleware)."""

import re
from typing import Final

from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.middlewares.regexes import Template, check_regex, check_template, matches_once
from hearthgate.model.problems import Reason, shorten
from hearthgate.resources.traefik import middleware as spec

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
DEFAULT_PORTS: Final = {"http": "80", "https": "443"}


class RedirectScheme(Middleware, frozen=True, kw_only=True):
    """Sends to the same place by another scheme. `port`: digits, or empty for the scheme's own."""

    scheme: str
    port: str = ""
    permanent: bool = False

    @property
    def explicit_port(self) -> str:
        """The port as it stands in the target: empty for the default one."""
        return "" if DEFAULT_PORTS.get(self.scheme) == self.port else self.port


class RedirectRegex(Middleware, frozen=True, kw_only=True):
    """Sends a URL that `regex` matches to what `replacement` makes of it; `regex` has at most one match."""

    regex: str
    replacement: Template
    permanent: bool = False


def redirect_scheme(options: spec.RedirectScheme, draft: Draft) -> RedirectScheme:
    if not options.scheme:
        draft.refuse("scheme", "is required: http or https", Reason.MISSING_FIELD)
    elif not _SCHEME.fullmatch(options.scheme):
        draft.refuse("scheme", f"not a URL scheme: {shorten(options.scheme)}")
    if options.port and not (options.port.isascii() and options.port.isdigit() and 0 < int(options.port) < 65536):
        draft.refuse("port", f"not a port: {shorten(options.port)} (use 1 to 65535)")
    return RedirectScheme(name=draft.name, scheme=options.scheme, port=options.port, permanent=options.permanent)


def redirect_regex(options: spec.RedirectRegex, draft: Draft) -> RedirectRegex | None:
    if not check_regex(draft, "regex", options.regex):
        return None
    if not matches_once(options.regex):
        message = f"{shorten(options.regex)} could match twice in one URL: start it with ^ or end it with $ or .*"
        draft.refuse("regex", message, Reason.UNSUPPORTED)
    if re.search(r"[\x00-\x20\x7f]", options.replacement):
        draft.refuse("replacement", f"not a URL: {shorten(options.replacement)}")
    return RedirectRegex(
        name=draft.name,
        regex=options.regex,
        replacement=check_template(draft, "replacement", options.regex, options.replacement),
        permanent=options.permanent,
    )
