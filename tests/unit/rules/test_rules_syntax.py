"""What is a rule, what is none, and what the author is told."""

import pytest

from hearthgate.rules.rule import MAX_LENGTH, Rule, RuleError, compile_rule
from hearthgate.rules.syntax import And, Condition, Expression, Matcher, Not, Or, write

HOST = Condition(Matcher.HOST, ("a",))
PATH = Condition(Matcher.PATH, ("/p",))
METHOD = Condition(Matcher.METHOD, ("GET",))


def rule(text: str) -> Rule:
    result = compile_rule(text)
    assert isinstance(result, Rule), result
    return result


def error(text: str) -> RuleError:
    result = compile_rule(text)
    assert isinstance(result, RuleError), result
    return result


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        pytest.param("Host(`a`)", HOST, id="one matcher"),
        pytest.param('Host("a")', HOST, id="double quotes"),
        pytest.param("  Host ( `a` )\t", HOST, id="blanks anywhere"),
        pytest.param("Host(`a`,)", HOST, id="trailing comma, as in Go"),
        pytest.param("host(`a`)", HOST, id="lower case"),
        pytest.param("HOST(`a`)", HOST, id="upper case"),
        pytest.param("Pathprefix(`/p`)", Condition(Matcher.PATH_PREFIX, ("/p",)), id="first letter only"),
        pytest.param("((Host(`a`)))", HOST, id="needless parentheses"),
        pytest.param("!Host(`a`)", Not(HOST), id="negation"),
        pytest.param("!!Host(`a`)", Not(Not(HOST)), id="double negation"),
        pytest.param("Host(`a`)&&Path(`/p`)", And((HOST, PATH)), id="and"),
        pytest.param("Host(`a`)\n  && Path(`/p`)\n", And((HOST, PATH)), id="over several lines"),
        pytest.param("Host(`a`) || Path(`/p`)", Or((HOST, PATH)), id="or"),
        pytest.param(
            "Host(`a`) || Path(`/p`) && Method(`GET`)", Or((HOST, And((PATH, METHOD)))), id="and binds tighter"
        ),
        pytest.param(
            "(Host(`a`) || Path(`/p`)) && Method(`GET`)", And((Or((HOST, PATH)), METHOD)), id="parentheses"
        ),
        pytest.param("!Host(`a`) && Path(`/p`)", And((Not(HOST), PATH)), id="negation binds tightest"),
        pytest.param("!(Host(`a`) && Path(`/p`))", Not(And((HOST, PATH))), id="negated group"),
        pytest.param("(Host(`a`) && Path(`/p`)) && Method(`GET`)", And((HOST, PATH, METHOD)), id="flat"),
        pytest.param("Query(`k`)", Condition(Matcher.QUERY, ("k",)), id="query with one argument"),
        pytest.param("Query(`k`, `v`)", Condition(Matcher.QUERY, ("k", "v")), id="query with two arguments"),
        pytest.param(
            r"PathRegexp(`^/\d`)",
            Condition(Matcher.PATH_REGEXP, (r"^/\d",)),
            id="nothing is escaped in backquotes",
        ),
        pytest.param(
            'Query("a\\"b", "\\x41\\102\\u00e9\\n")', Condition(Matcher.QUERY, ('a"b', "AB\u00e9\n")), id="escapes"
        ),
        pytest.param('Query("\\xc3\\xa9")', Condition(Matcher.QUERY, ("é",)), id="escaped bytes of one character"),
        pytest.param(
            "Query(`a\r\nb`)", Condition(Matcher.QUERY, ("a\nb",)), id="raw strings lose carriage returns"
        ),
    ],
)
def test_accepted(text: str, expression: Expression) -> None:
    assert rule(text).expression == expression
    assert rule(write(expression)).expression == expression


BAD_SYNTAX = [
    pytest.param("", 1, "the rule is empty", id="empty"),
    pytest.param(" \n\t", 1, "the rule is empty", id="blank"),
    pytest.param("Hosts(`a`)", 1, "unknown matcher 'Hosts' at 1 (did you mean 'Host'?)", id="unknown matcher"),
    pytest.param("Host(`a`) && Pth(`/`)", 14, "unknown matcher 'Pth' at 14", id="unknown matcher further on"),
    pytest.param("hOST(`a`)", 1, "unknown matcher 'hOST' at 1 (did you mean 'Host'?)", id="other case"),
    pytest.param("HostSNI(`a`)", 1, "IngressRouteTCP", id="TCP matcher"),
    pytest.param("Headers(`a`, `b`)", 1, "v2 syntax", id="v2 matcher"),
    pytest.param("Host", 1, "Host has no arguments at 1", id="bare identifier"),
    pytest.param("Host(a)", 6, "the argument of Host is not quoted at 6", id="unquoted argument"),
    pytest.param("Host(1)", 6, "unexpected character '1' at 6", id="number"),
    pytest.param("Host('a')", 6, "`backquotes`", id="single quotes"),
    pytest.param("Host(`a)", 6, "never closed", id="open string"),
    pytest.param('Host("a)', 6, "never closed", id="open quoted string"),
    pytest.param('Host("a\n")', 6, "never closed", id="newline in a quoted string"),
    pytest.param('Host("a\\q")', 8, "unknown escape", id="unknown escape"),
    pytest.param('Host("\\400")', 7, "unknown escape", id="octal beyond a byte"),
    pytest.param('Host("\\ud800")', 7, "unknown escape", id="surrogate"),
    pytest.param('Query("\\xff")', 8, "not UTF-8", id="bytes that are no text"),
    pytest.param("Host(`a`", 9, "expected ',' or ')', found the end of the rule at 9", id="open call"),
    pytest.param("Host(`a` `b`)", 10, "expected ',' or ')'", id="missing comma"),
    pytest.param("Host(,`a`)", 6, "expected a string, found ',' at 6", id="leading comma"),
    pytest.param("Host(`a`,,`b`)", 10, "expected a string", id="two commas"),
    pytest.param("(Host(`a`)", 11, "to close the '(' at 1", id="open parenthesis"),
    pytest.param("Host(`a`))", 10, "unexpected ')' at 10 (no '(' is open)", id="parenthesis too many"),
    pytest.param("()", 2, "expected a matcher such as Host(`example.org`), found ')' at 2", id="empty group"),
    pytest.param("Host(`a`) &&", 13, "found the end of the rule at 13", id="trailing operator"),
    pytest.param("&& Host(`a`)", 1, "found '&&' at 1", id="leading operator"),
    pytest.param("Host(`a`) & Path(`/`)", 11, "did you mean '&&'?", id="single ampersand"),
    pytest.param("Host(`a`) | Path(`/`)", 11, "did you mean '||'?", id="single bar"),
    pytest.param("Host(`a`) and Path(`/`)", 11, "unexpected 'and' at 11 (did you mean '&&'?)", id="word and"),
    pytest.param("Host(`a`) OR Path(`/`)", 11, "did you mean '||'?", id="word or"),
    pytest.param("Host(`a`) Path(`/`)", 11, "join matchers with '&&' or '||'", id="no operator"),
    pytest.param("Host(`a`) == Path(`/`)", 11, "unexpected character '='", id="other operator"),
    pytest.param("Host(`a`) && !", 15, "found the end of the rule", id="negation of nothing"),
    pytest.param("Hôst(`a`)", 2, "unexpected character 'ô' at 2", id="letter beyond ASCII"),
    pytest.param("Host(`a\0`)", 8, "is not allowed in a rule", id="NUL"),
    pytest.param("Host(`\ud800`)", 7, "is not allowed in a rule", id="half a surrogate pair"),
    pytest.param("Host(`a`)\n&& Pth(`/`)", 14, "at line 2, column 4", id="line and column"),
]

BAD_ARGUMENTS = [
    pytest.param("Host()", 1, "Host takes 1 argument, got 0 at 1", id="no argument"),
    pytest.param("Host(`a`, `b`)", 1, "(Host(`a`) || Host(`b`))", id="two hosts"),
    pytest.param("Header(`a`)", 1, "Header takes 2 arguments, got 1 at 1", id="header without value"),
    pytest.param("Query(`a`, `b`, `c`)", 1, "Query takes 1 or 2 arguments, got 3 at 1", id="three for a query"),
    pytest.param("Host(``)", 6, "an argument of Host is empty at 6", id="empty argument"),
    pytest.param("Header(`a`, ``)", 13, "an argument of Header is empty at 13", id="empty value"),
    pytest.param("Host(`é.fr`)", 6, "not ASCII", id="host beyond ASCII"),
    pytest.param("HostRegexp(`é`)", 12, "not ASCII", id="host pattern beyond ASCII"),
    pytest.param("Path(`p`)", 6, "Path 'p' does not start with '/' at 6", id="path without slash"),
    pytest.param("PathPrefix(`p`)", 12, "does not start with '/'", id="prefix without slash"),
    pytest.param("HostRegexp(`a(`)", 12, "missing ): a(", id="bad host pattern"),
    pytest.param("PathRegexp(`[`)", 12, "not a regular expression", id="bad path pattern"),
    pytest.param("PathRegexp(`(?=a)`)", 12, "not a regular expression", id="look-ahead"),
    pytest.param("HeaderRegexp(`a`, `*`)", 19, "not a regular expression", id="bad header pattern"),
    pytest.param("QueryRegexp(`a`, `(`)", 18, "not a regular expression", id="bad query pattern"),
    pytest.param(
        "QueryRegexp(`a`, `x(^|y)`)", 18, "'^' and '$' are supported only at the ends", id="anchor inside"
    ),
    pytest.param(r"QueryRegexp(`a`, `x\b`)", 18, "not at all", id="word boundary in a query"),
    pytest.param("PathRegexp(`(a{99}){10}(.{99}){9}`)", 12, "too large", id="huge pattern"),
    pytest.param("ClientIP(`10.0.0`)", 10, "neither an IP address nor a CIDR", id="bad address"),
    pytest.param("ClientIP(`10.0.0.0/33`)", 10, "neither an IP address nor a CIDR", id="bad prefix length"),
    pytest.param("ClientIP(`10.0.0.0/255.0.0.0`)", 10, "neither", id="netmask"),
    pytest.param("ClientIP(`010.0.0.1`)", 10, "neither", id="leading zero"),
    pytest.param("ClientIP(`fe80::1%eth0`)", 10, "neither", id="zone"),
    pytest.param("!HeaderRegexp(`X`, `^a?$`)", 1, "is not supported", id="negated pattern of an empty value"),
]


@pytest.mark.parametrize(("text", "position", "message"), BAD_SYNTAX + BAD_ARGUMENTS)
def test_refused(text: str, position: int, message: str) -> None:
    result = error(text)
    assert (result.position, result.too_complex) == (position, False)
    assert message in result.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("Host(`" + "a" * 64 * 1024 + "`)", f"more than {MAX_LENGTH}", id="64 KB"),
        pytest.param("(" * 1000 + "Host(`a`)" + ")" * 1000, "deeper than 100 levels", id="nested 1,000 deep"),
        pytest.param("!" * 1000 + "Host(`a`)", "deeper than 100 levels", id="1,000 negations"),
        pytest.param(
            " || ".join(f"Host(`{n}`)" for n in range(513)), "more than 512 alternatives", id="513 hosts"
        ),
        pytest.param(
            " && ".join(f"(Query(`{n}`) || Header(`h{n}`, `v`))" for n in range(40)), "more than 512", id="2^40"
        ),
        pytest.param(
            "({0}) && ({0})".format(" || ".join(f"Host(`{n}`)" for n in range(300))), "more than 512", id="300²"
        ),
    ],
)
def test_too_complex(text: str, message: str) -> None:
    result = error(text)
    assert result.too_complex
    assert message in result.message


def test_nesting_up_to_the_limit_is_accepted() -> None:
    assert rule("(" * 100 + "Host(`a`)" + ")" * 100).expression == HOST


def test_other_syntaxes_are_refused_by_name() -> None:
    result = compile_rule("Host(`a`)", "v4")
    assert isinstance(result, RuleError)
    assert "no rule syntax 'v4'" in result.message
    assert isinstance(compile_rule("Host(`a`)", "v3"), Rule)


def test_rules_are_equal_by_their_text() -> None:
    assert rule("Host(`a`)") == rule("Host(`a`)")
    assert rule("Host(`a`)") != rule("Host( `a`)")
    assert len({rule("Host(`a`)"), rule("Host(`a`)"), rule("Host(`b`)")}) == 2


def test_default_priority_counts_bytes_of_the_text_as_written() -> None:
    assert rule("Host(`a`)").default_priority == 9
    assert rule("  Path(`/é`) ").default_priority == 14


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        pytest.param("Path(`/`)", (), id="none"),
        pytest.param("Host(`B.Test.`) || Host(`a.test`)", ("a.test", "b.test"), id="sorted, lower case, no dot"),
        pytest.param("Path(`/`) && !(Host(`a`) && Path(`/x`))", ("a",), id="negated"),
        pytest.param("Host(`*.a.test`)", ("*.a.test",), id="wildcard"),
        pytest.param("Host(`*`)", (), id="everything"),
        pytest.param("Host(`a.*`) || Host(`a:80`) || Host(`a b`)", (), id="what no host can be"),
        pytest.param("Host(`::1`)", ("::1",), id="IPv6"),
        pytest.param("Host(`a`) && Host(`b`)", ("a", "b"), id="of a rule that never matches"),
    ],
)
def test_hosts(text: str, hosts: tuple[str, ...]) -> None:
    assert rule(text).hosts == hosts
