"""What is told of a site, and what of something else in the settings."""

from typing import Final

import pytest

from hearthgate.app.settings import decode_settings
from hearthgate.app.sites import list_sites
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.observability.api.views import views_of
from hearthgate.ingress.observability.facts import Facts
from hearthgate.ingress.routing.build import build_model
from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.resources.decode import decode_mapping

SETTINGS: Final = decode_settings({"ping": {}}, SETTINGS_REF, privileged=True)


@pytest.mark.parametrize(
    ("reasons", "state"),
    [
        ((), "ok"),
        ((Reason.SECRET_NOT_FOUND,), "no certificate yet"),
        ((Reason.SECRET_NOT_FOUND, Reason.UNSUPPORTED), "see problems"),
    ],
)
def test_a_site_whose_certificate_is_under_way_says_so(reasons: tuple[Reason, ...], state: str) -> None:
    route, problems = decode_mapping(
        {
            "apiVersion": "traefik.io/v1alpha1",
            "kind": "IngressRoute",
            "metadata": {"name": "a", "namespace": "n"},
            "spec": {
                "routes": [
                    {"match": "Host(`a.test`)", "services": [{"name": "ping@internal", "kind": "TraefikService"}]}
                ]
            },
        }
    )
    assert route is not None
    assert not problems
    model = build_model(Snapshot.of([route]), SETTINGS).model
    told = [
        Problem(ref=route.ref, field="spec", reason=reason, severity=Severity.WARNING, message="")
        for reason in reasons
    ]
    assert {site.state for site in list_sites(model, told) if "a.test" in site.url} == {state}


@pytest.mark.parametrize(
    ("field", "state", "status"),
    [("entryPoints.web.http3", "ok", "enabled"), ("ping", "see problems", "warning")],
)
def test_a_problem_of_the_settings_is_no_problem_of_all_our_routers(field: str, state: str, status: str) -> None:
    model = build_model(Snapshot.of([]), SETTINGS).model
    problem = Problem(
        ref=SETTINGS_REF, field=field, reason=Reason.UNSUPPORTED, severity=Severity.WARNING, message="no"
    )
    assert [site.state for site in list_sites(model, [problem])] == [state]
    shown = views_of(Facts(model=model, problems=(problem,))).routers
    assert {str(item["name"]): item["status"] for item in shown}["ping@internal"] == status
