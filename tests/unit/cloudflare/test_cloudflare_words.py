"""What Cloudflare's refusals are told as, what credentials may be, and how TXT contents are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgate.cloudflare.address import base_url
from hearthgate.cloudflare.answers import ApiError, quoted, unquoted
from hearthgate.cloudflare.credentials import BadSecret, account_key, token
from hearthgate.cloudflare.errors import DNS_EDIT, Refused, Throttled, Unreachable, failure
from hearthgate.model.errors import HearthgateError, Permanent
from hearthgate.model.secret import SecretBytes

TOKEN = "s3cr3t-Sn3lZJTBX6kkg7OdcBUAxOO963GEIyGQq"


def told(status: int, *codes: int, is_token: bool = True, retry_after: float | None = None) -> HearthgateError:
    errors = tuple(ApiError(code=code, message=f"text {code}") for code in codes)
    return failure(
        "POST /zones/z/dns_records",
        status=status,
        errors=errors,
        needs=DNS_EDIT,
        is_token=is_token,
        retry_after=retry_after,
    )


@pytest.mark.parametrize(
    ("status", "codes", "is_token", "words"),
    [
        (400, (6003,), True, "without quotes, not in base64 twice"),
        (400, (6111,), True, "without quotes, not in base64 twice"),
        (403, (9109,), True, "wrong, expired or disabled"),
        (401, (1000,), True, "wrong, expired or disabled"),
        (403, (9109,), False, "the key is wrong"),
        (403, (10000,), True, "lacks the permission Zone > DNS > Edit"),
        (403, (10000,), False, "the account of this key may not do that"),
        (403, (), True, "lacks the permission Zone > DNS > Edit"),
        (403, (9103,), False, "do not belong together"),
        (400, (81058,), True, "the same record is there already"),
        (404, (81044,), True, "no such record any more"),
        (404, (7003,), True, "no such zone in the account any more"),
        (400, (1004, 9005), True, ".cf, .ga, .gq, .ml and .tk"),
        (400, (81045,), True, "as many records as its plan allows"),
    ],
)
def test_refusals_name_the_way_out(status: int, codes: tuple[int, ...], is_token: bool, words: str) -> None:
    error = told(status, *codes, is_token=is_token)
    assert isinstance(error, Refused)
    assert words in str(error)
    assert "POST /zones/z/dns_records" in str(error)
    assert all(f"{code} text {code}" in str(error) for code in codes)


def test_a_code_that_nobody_knows_is_shown_as_it_came() -> None:
    assert str(told(400, 424242)).endswith(": 424242 text 424242")


@pytest.mark.parametrize(("status", "codes"), [(429, ()), (400, (971,)), (403, (10429,))])
def test_too_many_requests(status: int, codes: tuple[int, ...]) -> None:
    error = told(status, *codes, retry_after=17.0)
    assert isinstance(error, Throttled)
    assert error.retry_after == 17.0
    unsaid = told(status, *codes)
    assert isinstance(unsaid, Throttled)
    assert unsaid.retry_after == 300.0


def test_trouble_of_their_own_passes() -> None:
    error = told(502, 7, retry_after=9.0)
    assert isinstance(error, Unreachable)
    assert error.retry_after == 9.0
    assert str(error) == "Cloudflare has trouble with POST /zones/z/dns_records: status 502: 7 text 7"
    assert str(told(503)).endswith(": status 503")


def test_what_an_error_was_led_to_by_counts() -> None:
    nested = ApiError(code=6003, message="outer", chain=(ApiError(code=81058, message="inner"),))
    error = failure("X", status=400, errors=(nested,), needs="", is_token=True, retry_after=None)
    assert isinstance(error, Refused)
    assert error.is_identical
    assert "81058 inner" in str(error)


def test_a_long_text_is_cut() -> None:
    error = failure(
        "X",
        status=400,
        errors=(ApiError(code=1, message="a" * 5000),),
        needs="",
        is_token=True,
        retry_after=None,
    )
    assert len(str(error)) < 400


@pytest.mark.parametrize("around", ["", "\n", " ", "\r\n", "\t"])
def test_blanks_around_a_token_go(around: str) -> None:
    found = token(SecretBytes(f"{around}{TOKEN}{around}".encode()))
    assert found.headers() == {"Authorization": f"Bearer {TOKEN}"}
    assert TOKEN not in repr(found)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "empty"),
        (" \n", "empty"),
        (f"{TOKEN[:20]}\n{TOKEN[20:]}", "line break"),
        (f'"{TOKEN}"', "quotes"),
        (f"'{TOKEN}'", "quotes"),
        (f"Bearer {TOKEN}", "begins with 'Bearer'"),
        ("schlüssel", "another character"),
        (TOKEN * 40, "cannot be one"),
    ],
)
def test_what_no_token_can_be_is_refused_unseen(value: str, words: str) -> None:
    with pytest.raises(BadSecret) as caught:
        token(SecretBytes(value.encode()))
    assert words in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    assert "schl" not in str(caught.value)


def test_a_key_needs_its_address() -> None:
    found = account_key("me@home.test", SecretBytes(b"abc\n"))
    assert found.headers() == {"X-Auth-Email": "me@home.test", "X-Auth-Key": "abc"}
    for email in ("", "me@home.test\r\nX: y", "ich@höme.test"):
        with pytest.raises(BadSecret):
            account_key(email, SecretBytes(b"abc"))


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_what_is_quoted_reads_as_before(text: str) -> None:
    assert unquoted(quoted(text)) == text


@pytest.mark.parametrize(
    ("content", "text"),
    [("plain", "plain"), ('"one"', "one"), ('"one" "two"', "onetwo"), (r'"a\"b"', 'a"b'), ('""', ""), ("", "")],
)
def test_contents_of_txt_records(content: str, text: str) -> None:
    assert unquoted(content) == text


def test_where_the_api_is() -> None:
    assert base_url({}) == "https://api.cloudflare.com/client/v4"
    assert base_url({"CLOUDFLARE_BASE_URL": "https://gate.test/v4/"}) == "https://gate.test/v4"
    assert base_url({"CLOUDFLARE_BASE_URL": "http://127.0.0.1:99/v4"}) == "http://127.0.0.1:99/v4"
    for wrong in ("http://gate.test", "gate.test", "ftp://x", "https://"):
        with pytest.raises(Permanent, match="no address for Cloudflare's API"):
            base_url({"CLOUDFLARE_BASE_URL": wrong})
