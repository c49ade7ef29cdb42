"""Options of `pods/log`, and upstream's words for what is wrong with them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.web.logs import LogOptions, check_container, log_options

NOW = datetime(2026, 5, 1, 12, 0, 0, 250_000, tzinfo=UTC)
POD = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "one"}, {"name": "two"}]}}
NOTHING = LogOptions("", False, False, False, None, None, None)


def options(**query: str) -> LogOptions:
    return log_options(query, "web", NOW)


def test_nothing_asked_for() -> None:
    assert options() == NOTHING


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"follow": "true", "timestamps": "1"}, NOTHING._replace(follow=True, timestamps=True)),
        ({"follow": "false", "previous": "True"}, NOTHING._replace(previous=True)),
        ({"sinceSeconds": "90"}, NOTHING._replace(since="2026-05-01T11:58:30.250000000Z")),
        ({"sinceSeconds": "99999999999999"}, NOTHING),
        ({"sinceTime": "2026-05-01T10:00:00+02:00"}, NOTHING._replace(since="2026-05-01T08:00:00.000000000Z")),
        ({"sinceTime": "2026-05-01T08:00:00Z"}, NOTHING._replace(since="2026-05-01T08:00:00.000000000Z")),
        ({"tailLines": "0", "limitBytes": "10"}, NOTHING._replace(tail=0, limit=10)),
        ({"container": "one"}, NOTHING._replace(container="one")),
    ],
)
def test_options(query: dict[str, str], expected: LogOptions) -> None:
    assert options(**query) == expected


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"sinceSeconds": "0"}, "sinceSeconds: Invalid value: 0: must be greater than 0"),
        ({"tailLines": "-1"}, "tailLines: Invalid value: -1: must be greater than or equal to 0"),
        ({"limitBytes": "0"}, "limitBytes: Invalid value: 0: must be greater than 0"),
        ({"limitBytes": "x"}, "limitBytes: Invalid value: 'x': must be a number"),
        ({"sinceTime": "yesterday"}, "sinceTime: Invalid value: 'yesterday': must be a time in RFC 3339"),
        (
            {"sinceTime": "2026-05-01T08:00:00Z", "sinceSeconds": "1"},
            "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified",
        ),
    ],
)
def test_mistakes(query: dict[str, str], said: str) -> None:
    with pytest.raises(ApiError) as refusal:
        options(**query)
    assert (refusal.value.status, refusal.value.message) == (422, f'PodLogOptions "web" is invalid: {said}')


def test_every_mistake_at_once() -> None:
    with pytest.raises(ApiError) as refusal:
        options(tailLines="-1", limitBytes="0")
    assert [cause.field for cause in refusal.value.causes] == ["tailLines", "limitBytes"]


def test_since_is_the_callers_time_in_any_zone() -> None:
    local = NOW.astimezone(timezone(timedelta(hours=5)))
    assert log_options({"sinceSeconds": "1"}, "web", local).since == "2026-05-01T11:59:59.250000000Z"


def test_container() -> None:
    assert check_container(POD, "two") == "two"
    assert check_container({"metadata": {"name": "web"}, "spec": {"containers": [{"name": "one"}]}}, "") == "one"


@pytest.mark.parametrize(
    ("container", "said"),
    [
        ("", "a container name must be specified for pod web, choose one of: [one two]"),
        ("three", "container three is not valid for pod web"),
    ],
)
def test_container_that_is_not_meant(container: str, said: str) -> None:
    with pytest.raises(ApiError) as refusal:
        check_container(POD, container)
    assert (refusal.value.status, refusal.value.message) == (400, said)
