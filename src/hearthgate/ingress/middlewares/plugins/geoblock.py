"""plugin.geoblock: lets clients in by their country, which a MaxMind database (.mmdb) tells. Hearthgate's own."""

import re
from typing import Annotated, Literal

from hearthgate.ingress.middlewares.access import networks
from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.middlewares.plugins.answers import (
    ClientAddress,
    FixedAnswer,
    check_page,
    check_status,
    client_address,
)
from hearthgate.ingress.middlewares.plugins.nothing import Nothing
from hearthgate.ingress.middlewares.plugins.options import read_options
from hearthgate.model.problems import Reason, shorten
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.meta import Strict, unsupported

_CITY = "cities and networks of providers are not looked at: name countries"


class GeoBlockOptions(Strict, frozen=True, kw_only=True, rename="camel"):
    """Countries are ISO 3166-1 codes of two letters. unknown: what happens to addresses that the database does not
    know; by default it refuses them beside allowedCountries and lets them in beside deniedCountries."""

    enabled: bool = True
    database_file: str = ""
    allowed_countries: tuple[str, ...] = ()
    denied_countries: tuple[str, ...] = ()
    unknown: Literal["allow", "deny", ""] = ""
    status: int = 403
    body: str = ""
    allow_private: bool = True
    client_trusted_ips: tuple[str, ...] = ()
    forwarded_headers_trusted_ips: tuple[str, ...] = ()
    forwarded_headers_custom_name: str = ""
    cities: Annotated[tuple[str, ...], unsupported(_CITY)] = ()


class GeoBlock(Middleware, frozen=True, kw_only=True):
    """countries: upper case, sorted; let in, or refused when `denies`. trusted: networks that always pass."""

    ref: ObjectRef
    database: str
    countries: tuple[str, ...]
    denies: bool
    unknown_passes: bool
    trusted: tuple[str, ...] = ()
    client: ClientAddress = ClientAddress()
    answer: FixedAnswer = FixedAnswer()

    def refuses(self, country: str) -> bool:
        """Whether clients from there are refused; empty = the database does not say."""
        if not country:
            return not self.unknown_passes
        return (country in self.countries) is self.denies


def geoblock(given: object, draft: Draft) -> Middleware | None:
    options = read_options(given, GeoBlockOptions, draft)
    if options is None:
        return None
    if not options.enabled:
        return Nothing(name=draft.name)
    if not options.database_file.startswith("/") or not options.database_file.endswith(".mmdb"):
        message = "is required: the whole path of a MaxMind database of countries (/…/GeoLite2-Country.mmdb)"
        draft.refuse("databaseFile", message, Reason.MISSING_FIELD)
    denies = not options.allowed_countries
    if bool(options.allowed_countries) == bool(options.denied_countries):
        draft.refuse("allowedCountries", "give either allowedCountries or deniedCountries", Reason.MISSING_FIELD)
    listed = "deniedCountries" if denies else "allowedCountries"
    countries = options.denied_countries if denies else options.allowed_countries
    for index, country in enumerate(countries):
        if not re.fullmatch("[A-Za-z]{2}", country):
            draft.refuse(f"{listed}[{index}]", f"not a code of two letters (DE, SE): {shorten(country)}")
    check_status(draft, "status", options.status)
    check_page(draft, "body", options.body)
    private = ("private",) if options.allow_private else ()
    trusted = networks((*private, *options.client_trusted_ips), draft, "clientTrustedIps")
    return GeoBlock(
        name=draft.name,
        ref=draft.ref,
        database=options.database_file,
        countries=tuple(sorted({country.upper() for country in countries})),
        denies=denies,
        unknown_passes=options.unknown == "allow" if options.unknown else denies,
        trusted=trusted,
        client=client_address(draft, options.forwarded_headers_trusted_ips, options.forwarded_headers_custom_name),
        answer=FixedAnswer(status=options.status, page=options.body),
    )
