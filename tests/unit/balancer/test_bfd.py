"""A session of BFD: RFC 5880, step by step."""

import pytest

from hearthgate.balancer.bfd.machine import Machine, Timers
from hearthgate.balancer.bfd.packet import Control, Diagnostic, State, decode_control
from hearthgate.model.errors import WireError

FAST = Timers(100_000, 100_000, 3)
THEIRS = Control(State.DOWN, 5, 77, 1, 50_000, 200_000)


def up(timers: Timers = FAST) -> Machine:
    machine = Machine(timers, 1)
    machine.hear(THEIRS._replace(state=State.INIT), 10.0)
    assert machine.is_up
    return machine


def test_two_machines_come_up() -> None:
    a, b = Machine(FAST, 1), Machine(FAST, 2)
    b.hear(a.speak(), 0.0)
    assert (a.state, b.state) == (State.DOWN, State.INIT)
    a.hear(b.speak(), 0.0)
    b.hear(a.speak(), 0.0)
    assert (a.state, b.state) == (State.UP, State.UP)


def test_slow_until_up_then_as_fast_as_the_other_side_takes() -> None:
    machine = Machine(FAST, 1)
    assert (machine.interval, machine.speak().transmit) == (1.0, 1_000_000)
    machine = up()
    assert machine.interval == 0.2, "they take one in 200 ms"
    assert machine.detection == 0.5, "five of theirs, of which we take one in 100 ms"
    assert machine.speak().poll, "they learn of the new interval"
    machine.hear(THEIRS._replace(state=State.UP, final=True), 10.1)
    assert not machine.speak().poll


def test_silence_is_death() -> None:
    machine = up()
    assert machine.deadline == 10.5
    assert not machine.expire(10.49)
    assert machine.expire(10.5)
    assert (machine.state, machine.diagnostic, machine.has_failed) == (State.DOWN, Diagnostic.EXPIRED, True)
    assert machine.speak().yours == 0, "it is forgotten"
    assert not machine.expire(99.0)


def test_the_other_side_saw_death_or_ended_it() -> None:
    machine = up()
    machine.hear(THEIRS, 10.1)
    assert (machine.state, machine.diagnostic, machine.has_failed) == (State.DOWN, Diagnostic.NEIGHBOR_DOWN, True)
    machine = up()
    machine.hear(THEIRS._replace(state=State.ADMIN_DOWN), 10.1)
    assert not machine.has_failed


def test_a_poll_is_answered_at_once() -> None:
    answer = up().hear(THEIRS._replace(state=State.UP, poll=True), 10.1)
    assert answer is not None
    assert (answer.final, answer.poll, answer.yours) == (True, False, 77)


def test_packets_of_another_session_count_for_nothing() -> None:
    machine = up()
    assert machine.hear(THEIRS._replace(yours=9), 10.4) is None
    assert (machine.is_up, machine.deadline) == (True, 10.5)


def test_new_timers_count_when_both_know_them() -> None:
    machine = up(Timers(100_000, 100_000, 3))
    machine.hear(THEIRS._replace(state=State.UP, final=True, receive=10_000), 10.1)
    machine.retime(Timers(400_000, 20_000, 3))
    assert machine.interval == 0.1, "slower only once they know"
    assert machine.detection == 0.5, "impatient only once they know"
    assert machine.speak().poll
    machine.hear(THEIRS._replace(state=State.UP, final=True, receive=10_000), 10.2)
    assert (machine.interval, machine.detection) == (0.4, 0.25)


def test_passive_waits_and_admin_down_stays() -> None:
    machine = Machine(FAST._replace(passive=True), 1)
    spoke = machine.may_speak
    machine.hear(THEIRS, 1.0)
    assert (spoke, machine.may_speak) == (False, True)
    machine.shut()
    machine.hear(THEIRS._replace(state=State.INIT), 1.1)
    assert machine.speak().state is State.ADMIN_DOWN


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({0: 0x40}, "BFD version 2"),
        ({1: 0x44}, "authentication"),
        ({1: 0x42}, "demand"),
        ({2: 0}, "multiplier or discriminator is 0"),
        ({3: 23}, "length 23"),
        ({3: 25}, "length 25"),
        ({1: 0xC0, 11: 0}, "up with nobody"),
        ({1: 0x70}, "poll and final"),
    ],
)
def test_wrong_packets(change: dict[int, int], words: str) -> None:
    data = bytearray(THEIRS.encode())
    for place, value in change.items():
        data[place] = value
    with pytest.raises(WireError, match=words):
        decode_control(bytes(data))
