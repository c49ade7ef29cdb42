"""The Common Expression Language, as far as rules of Kubernetes schemas use it.

A room of its own because no engine on PyPI does what rules need: an evaluation that ends (they hold the
interpreter until a nested loop is done), optionals (`a.?b`), comprehensions over two variables, and methods on
values of the Kubernetes extensions (`ip(x).family()`, `quantity(x).compareTo(y)`). Expressions become closures.
The language follows the specification of cel-spec; types are checked while evaluating, not before.
"""
