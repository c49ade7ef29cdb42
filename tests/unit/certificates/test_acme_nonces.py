"""The pool of nonces."""

from hearthgate.certificates.acme.nonces import NoncePool


def test_the_newest_goes_first_and_once() -> None:
    pool = NoncePool()
    for nonce in ("old", "new", None, ""):
        pool.put(nonce)
    assert [pool.take() for _ in range(3)] == ["new", "old", None]


def test_one_refused_and_all_before_it_are_gone() -> None:
    pool = NoncePool()
    pool.put("old")
    pool.refused()
    pool.put("fresh")
    assert [pool.take(), pool.take()] == ["fresh", None]


def test_it_does_not_grow_for_ever() -> None:
    pool = NoncePool()
    for number in range(1000):
        pool.put(str(number))
    taken = list(iter(pool.take, None))
    assert taken[0] == "999"
    assert len(taken) < 100
