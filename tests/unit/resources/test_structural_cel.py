"""The expression language: its values, its library, its errors, and that every evaluation ends."""

from typing import Any

import pytest

from hearthgate.resources.structural.cel.compiler import Expression, Frame
from hearthgate.resources.structural.cel.syntax import CelSyntaxError
from hearthgate.resources.structural.cel.values import CelError, CostError

SELF: dict[str, Any] = {
    "name": "abc",
    "l": [{"n": "a", "v": 1}, {"n": "b", "v": 2}],
    "m": {"x": 1},
    "i": 5,
    "f": 1.5,
    "b": True,
    "u": "https://user@a.b:8080/c%20d?x=1&x=2",
    "namespace": "n",
    "a-b": 1,
    "a__b": 2,
    "nothing": None,
}
VARIABLES = ("self", "oldSelf")


def evaluate(text: str, budget: int = 100_000) -> Any:
    return Expression(text, VARIABLES).evaluate(Frame(budget), SELF, None)


TRUE = [
    # fields and operators
    "has(self.name) && !has(self.zzz)",
    "self.l.size() == 2 && size(self.l) == 2 && size('äb') == 2",
    "self.i == 5.0 && self.i < 5.5 && 5u == self.i",
    "self.i / 2 == 2 && -7 / 2 == -3 && -7 % 2 == -1 && 7.0 / 2.0 == 3.5",
    "self.f * 2.0 == 3.0",
    "--5 == 5 && -self.i == -5 && !!true",
    "-9223372036854775808 < 0",
    "'a' + 'b' == 'ab' && [1] + [2] == [1, 2]",
    "'a' < 'b' && b'a' == bytes('a') && false < true",
    "true == true && !(true == 1) && !([true] == [1])",
    "null == self.nothing && self.name != null",
    "self.i > 3 ? true : false",
    "true ? true : false ? false : false",
    "1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 10 - 2 - 3 == 5",
    "self.i in [1, 5] && 'x' in self.m && !('y' in self.m)",
    "self.m['x'] == 1 && self.l[1].n == 'b'",
    "{'a': 1, 'b': [2]}.b[0] == 2",
    "self.__namespace__ == 'n' && self.a__dash__b == 1 && self.a__underscores__b == 2 && self.`a-b` == 1",
    # literals
    "r'\\d' == '\\\\d' && '''a'b''' == \"a'b\" && '\\u00e4' == 'ä' && b'\\xff' != b'\\xfe'",
    "0x1F == 31 && 1e3 == 1000.0 && .5 == 0.5",
    "self.i == 5 // a comment\n && true",
    # errors give way to decisions
    "true || self.zzz",
    "self.zzz || true",
    "!(self.zzz && false)",
    "self.l.exists(x, x.zzz || x.n == 'b')",
    "!self.l.all(x, x.v > 1 && x.zzz)",
    # macros
    "self.l.all(x, x.v > 0) && self.l.exists(x, x.n == 'a') && self.l.exists_one(x, x.n == 'a')",
    "self.l.map(x, x.n) == ['a', 'b'] && self.l.map(x, x.v > 1, x.n) == ['b']",
    "self.l.filter(x, x.v > 1).size() == 1 && self.m.all(k, self.m[k] == 1)",
    "self.l.all(i, v, v.v > i) && self.m.exists(k, v, k == 'x' && v == 1) && self.l.existsOne(i, v, i == 0)",
    "self.l.transformList(i, v, i + v.v) == [1, 3] && self.l.transformList(i, v, i > 0, v.n) == ['b']",
    "self.m.transformMap(k, v, v + 1) == {'x': 2} && self.m.transformMapEntry(k, v, {v: k}) == {1: 'x'}",
    "self.l.sortBy(x, -x.v).map(x, x.n) == ['b', 'a']",
    "[1, 2].all(x, [3].all(y, x < y))",
    "cel.bind(x, self.i, x + x == 10)",
    # optionals
    "self.?zzz.orValue('q') == 'q' && self.?name.hasValue() && self[?'name'].value() == 'abc'",
    "self.l[?0].n.orValue('') == 'a' && !self.l[?9].hasValue()",
    "self.?m.x.orValue(0) == 1 && self.?zzz.x.or(optional.of(3)).value() == 3",
    "[?self.?zzz, ?self.?name, 1] == ['abc', 1] && {?'a': self.?zzz} == {}",
    "self.?name.optMap(n, n + '!').orValue('') == 'abc!' && !self.?zzz.optFlatMap(n, optional.of(n)).hasValue()",
    "!optional.ofNonZeroValue('').hasValue() && optional.none() == optional.none()",
    # conversions
    "string(5) == '5' && string(1.5) == '1.5' && string(2.0) == '2' && string(true) == 'true' && int('-5') == -5",
    "int(3.9) == 3 && uint(5) == 5u && double('1.5') == 1.5 && bool('true') && string(b'a') == 'a'",
    "type(5) == int && type('a') == string && type(null) == null_type && type(self) == map && type(int) == type",
    # strings
    "self.name.matches('^a.c$') && self.name.startsWith('a')",
    "self.name.endsWith('c') && self.name.contains('b')",
    "'a,b,c'.split(',') == ['a', 'b', 'c']",
    "'a,b,c'.split(',', 2) == ['a', 'b,c'] && ['a', 'b'].join('-') == 'a-b'",
    "'abc'.charAt(1) == 'b' && 'abcb'.indexOf('b') == 1",
    "'abcb'.lastIndexOf('b') == 3 && 'abc'.substring(1, 2) == 'b'",
    "'aaa'.replace('a', 'b', 2) == 'bba' && ' a '.trim() == 'a'",
    "'Ä'.lowerAscii() == 'Ä' && 'a'.upperAscii() == 'A'",
    "'%s-%d-%.2f-%x'.format(['a', 1, 1.5, 255]) == 'a-1-1.50-ff'",
    "'%s'.format([[1, {'a': true}]]) == '[1, {a: true}]'",
    "'a1b22'.find('[0-9]+') == '1' && 'a1b22'.findAll('[0-9]+') == ['1', '22'] && 'ab'.findAll('[0-9]') == []",
    "'abc'.reverse() == 'cba' && strings.quote('a\"') == '\"a\\\\\"\"'",
    "base64.decode(base64.encode(b'hi')) == b'hi'",
    # lists, sets, numbers
    "[1, 2].sum() == 3 && [2, 1].min() == 1 && [2, 1].max() == 2 && [1, 1, 2].isSorted() && ![2, 1].isSorted()",
    "[1, 1, 2].distinct() == [1, 2] && [[1], [2]].flatten() == [1, 2] && [3, 1].sort() == [1, 3]",
    "[1, 2, 3].slice(1, 2) == [2] && [1, 2].reverse() == [2, 1]",
    "[1, 2, 1].lastIndexOf(1) == 2 && lists.range(2) == [0, 1]",
    "sets.contains([1, 2], [2]) && sets.equivalent([1, 1], [1]) && sets.intersects([1], [1, 2])",
    "math.greatest(1, 2) == 2 && math.least([1, 2]) == 1 && math.abs(-1) == 1 && math.round(2.5) == 3.0",
    # time
    "duration('1h30m') > duration('89m') && duration('1h').getMinutes() == 60 && string(duration('90s')) == '90s'",
    "timestamp('2024-02-29T00:00:00Z') - timestamp('2024-02-28T00:00:00Z') == duration('24h')",
    "timestamp('2024-02-29T12:00:00+02:00').getHours() == 10 && timestamp('2024-01-01T00:00:00Z').getMonth() == 0",
    "string(timestamp(0)) == '1970-01-01T00:00:00Z' && timestamp('2024-01-01T23:30:00Z').getDate('+01:00') == 2",
    # Kubernetes
    "isIP('1.2.3.4') && isIP('::1') && !isIP('1.2.3') && !isIP('::ffff:1.2.3.4') && ip('1.2.3.4').family() == 4",
    "ip.isCanonical('::1') && !ip.isCanonical('0::1')",
    "ip('127.0.0.1').isLoopback() && ip('1.1.1.1').isGlobalUnicast()",
    "cidr('10.0.0.0/8').containsIP('10.1.1.1') && !cidr('10.0.0.0/8').containsIP(ip('::1')) && isCIDR('::/0')",
    "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.1.0.0/16').containsCIDR('10.0.0.0/8')",
    "cidr('10.1.2.3/8').prefixLength() == 8",
    "cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8') && !isCIDR('10.0.0.0')",
    "url(self.u).getScheme() == 'https' && url(self.u).getHost() == 'a.b:8080'",
    "url(self.u).getHostname() == 'a.b'",
    "url(self.u).getPort() == '8080' && url(self.u).getEscapedPath() == '/c%20d'",
    "url(self.u).getQuery() == {'x': ['1', '2']}",
    "isURL('http://a') && isURL('/path') && !isURL('a b') && !isURL('example')",
    "quantity('1Gi').isGreaterThan(quantity('1G')) && quantity('1500m').compareTo(quantity('1.5')) == 0",
    "isQuantity('1e3') && !isQuantity('1x') && quantity('2k').asInteger() == 2000",
    "quantity('1').add(1) == quantity('2')",
    "!format.dns1123Label().validate('a-b').hasValue() && format.dns1123Label().validate('A').hasValue()",
    "format.named('qualifiedName').value().validate('a.b/c').hasValue() == false && !format.named('x').hasValue()",
    "semver('1.2.3').major() == 1 && semver('1.0.0-rc.1').isLessThan(semver('1.0.0'))",
    "isSemver('v1.2', true) && !isSemver('1.2')",
]


@pytest.mark.parametrize("text", TRUE)
def test_is_true(text: str) -> None:
    assert evaluate(text) is True


FAILURES = [
    ("self.zzz", "no such key: zzz"),
    ("self.m['y']", "no such key: y"),
    ("self.l[2]", "index out of bounds: 2"),
    ("1 / 0", "division by zero"),
    ("1 % 0", "modulus by zero"),
    ("9223372036854775807 + 1", "integer overflow"),
    ("5u - 6u", "unsigned integer overflow"),
    ("1 + 'a'", "no such overload"),
    ("1 + 1.0", "no such overload"),
    ("true < 1", "no such overload"),
    ("self.name && true", "no such overload"),
    ("self.l.all(x, x.v)", "no such overload"),
    ("self.name.all(x, true)", "no such overload"),
    ("self.name.sum()", "no such overload"),
    ("'a'.startsWith(1)", "no such overload"),
    ("'a'.startsWith('a', 'b', 'c')", "no such overload"),
    ("'a'.matches('(')", "invalid regular expression: missing ): ("),
    ("int('x')", "cannot convert 'x' to an integer"),
    ("optional.none().value()", "optional.none() dereference"),
    ("quantity('x')", "quantities must match the regular expression of resource quantities"),
    ("[].max()", "max called on empty list"),
    ("'%d'.format(['a'])", "no such overload"),
    ("'%s'.format([])", "index 0 out of range"),
    ("{'a': 1, 'a': 2}", "duplicate key: a"),
    ("duration('1y')", "invalid duration"),
    ("timestamp('2024-13-01T00:00:00Z')", "invalid timestamp"),
    ("timestamp('2024-01-01T00:00:00Z').getHours('Nowhere/Else')", "unknown time zone"),
]


@pytest.mark.parametrize(("text", "message"), FAILURES, ids=[text for text, _ in FAILURES])
def test_fails_as_the_language_says(text: str, message: str) -> None:
    with pytest.raises(CelError) as error:
        evaluate(text)
    assert str(error.value) == message


UNREADABLE = [
    ("", "unexpected the end at position 0"),
    ("1 +", "unexpected the end at position 3"),
    ("(1", "unexpected the end at position 2"),
    ("1 2", "unexpected '2' at position 2"),
    ("self.", "unexpected the end at position 5"),
    ("self.for", "unexpected 'for' at position 5"),
    ("#", "cannot read '#' at position 0"),
    ("'a", 'cannot read "\'a" at position 0'),
    ("'\\q'", "unknown escape '\\\\q'"),
    ("99999999999999999999999", "integer out of range: 99999999999999999999999"),
    ("9223372036854775808", "integer out of range: 9223372036854775808"),
    ("other", "undeclared reference to 'other'"),
    ("frob(1)", "undeclared reference to 'frob'"),
    ("self.frob(1)", "undeclared reference to 'frob'"),
    ("self.l.all(x, y)", "undeclared reference to 'y'"),
    ("self.l.all(x, true) && x", "undeclared reference to 'x'"),
    ("self.l.all(x.y, true)", "a macro's variable must be a simple name"),
    ("has(self)", "has() takes a field selection"),
    ("(" * 80 + "1" + ")" * 80, "nests deeper than 60 levels"),
    ("1" + "+1" * 3000, "nests too deep"),
    ("1" * 40_000, "longer than 32768 characters"),
]


@pytest.mark.parametrize(("text", "message"), UNREADABLE, ids=[text[:30] for text, _ in UNREADABLE])
def test_refuses_to_compile(text: str, message: str) -> None:
    with pytest.raises(CelSyntaxError) as error:
        Expression(text, VARIABLES)
    assert str(error.value) == message


def test_long_rows_of_alternatives_compile() -> None:
    assert evaluate(" || ".join(["self.i == 0"] * 1000 + ["true"])) is True


DOUBLED = "".join(f"cel.bind(a{n + 1}, a{n} + a{n}, " for n in range(40))
ENDLESS = {
    "nested loops": "lists.range(1000).all(a, lists.range(1000).all(b, a + b >= 0))",
    "large lists": "lists.range(1000000).map(a, lists.range(1000000))",
    "large calls": "lists.range(100000).map(a, 'x' + string(a)).join('').size() > 0",
    "doubling": f"cel.bind(a0, 'aaaaaaaaaaaaaaaa', {DOUBLED}true{')' * 41}",
}


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS.keys())
def test_every_evaluation_ends(text: str) -> None:
    with pytest.raises(CostError):
        evaluate(text)


def test_a_string_does_not_explode_in_one_step() -> None:
    with pytest.raises(CelError, match="string too long"):
        evaluate(
            "lists.range(1000).map(x, 'a').join('').replace('a', lists.range(9000).map(x, 'b').join(''))", 10**6
        )


def test_the_budget_is_shared_by_evaluations() -> None:
    frame, expression = Frame(15), Expression("self.l.all(x, x.v > 0)", VARIABLES)
    assert expression.evaluate(frame, SELF, None) is True
    with pytest.raises(CostError):
        expression.evaluate(frame, SELF, None)
