"""Whatever comes by the wire: no question ends the server; good ones are read as another library reads them."""

import dns.exception
import dns.flags
import dns.message
from hypothesis import given
from hypothesis import strategies as st

from hearthgate.dns.nameserver.responder import Responder
from hearthgate.dns.nameserver.wire import MOST
from hearthgate.dns.nameserver.zones import zones_of
from tests.name_samples import NAMES, ZONE

LABEL = st.text("abcXYZ019-_*", min_size=1, max_size=12)
QUESTION = st.builds(
    lambda labels, type_, edns, number: dns.message.make_query(
        ".".join([*labels, ZONE]), type_, use_edns=edns, payload=4096, id=number
    ),
    st.lists(LABEL, max_size=4),
    st.sampled_from(["A", "AAAA", "TXT", "SOA", "ANY", "PTR", "HTTPS"]),
    st.sampled_from([False, 0]),
    st.integers(0, 65535),
)


def responder() -> Responder:
    made = Responder()
    made.take(zones_of(NAMES, apexes=(ZONE,)))
    return made


@given(QUESTION)
def test_answers_are_good_messages_for_the_same_question(question: dns.message.Message) -> None:
    one = responder()
    data = one.answer(question.to_wire())
    assert data
    assert len(data) <= MOST
    answer = dns.message.from_wire(data)
    assert question.is_response(answer)
    assert (answer.id, answer.question) == (question.id, question.question)
    assert one.answer(question.to_wire()) == data, "what is kept is the same"


@given(st.binary(max_size=80))
def test_noise_gets_nothing_or_a_good_message(noise: bytes) -> None:
    _bears(noise)


@given(QUESTION, st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6), st.integers(0, 60))
def test_damaged_questions_too(question: dns.message.Message, changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(question.to_wire())
    for place, value in changes:
        data[place % len(data)] = value
    _bears(bytes(data[: len(data) - cut]))


def _bears(data: bytes) -> None:
    for stream in (False, True):
        answer = responder().answer(data, stream=stream)
        assert answer is not None
        if answer:
            assert answer[:2] == data[:2]
            try:
                assert dns.message.from_wire(answer).flags & dns.flags.QR
            except dns.exception.DNSException:
                # What no library bears is the echo of a question that none bears either.
                assert answer[12:16] == data[12:16]
