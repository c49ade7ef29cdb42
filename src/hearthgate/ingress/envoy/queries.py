"""What stands for `;` in queries (entryPoints.*.http.encodeQuerySemicolons), before rules look at them.

Only requests that have one there are touched by the script; all others of such an entrypoint pay for the look.
"""

from typing import Any, Final

from hearthgate.ingress.envoy.messages import extension

_QUERY_WITH_SEMICOLON: Final = r"[^?]*\?[^;]*;.*"
_SCRIPT: Final = """\
function envoy_on_request(handle)
  local path = handle:headers():get(":path")
  local start = path:find("?", 1, true)
  if start then
    local query = path:sub(start):gsub(";", "{replacement}")
    handle:headers():replace(":path", path:sub(1, start - 1) .. query)
    handle:clearRouteCache()
  end
end
"""


def filters(replacement: str) -> list[dict[str, Any]]:
    """The filters that put `replacement` in place of each `;`; none when it is empty."""
    if not replacement:
        return []
    # In a replacement of Lua's gsub `%` must be doubled.
    code = _SCRIPT.replace("{replacement}", replacement.replace("%", "%%"))
    script = extension(
        "envoy.filters.http.lua",
        "envoy.extensions.filters.http.lua.v3.Lua",
        default_source_code={"inline_string": code},
    )
    path = extension("request-header", "envoy.type.matcher.v3.HttpRequestHeaderMatchInput", header_name=":path")
    pattern = {"safe_regex": {"google_re2": {}, "regex": _QUERY_WITH_SEMICOLON}}
    without = {"not_matcher": {"single_predicate": {"input": path, "value_match": pattern}}}
    skip = extension("skip", "envoy.extensions.filters.common.matcher.action.v3.SkipFilter")
    return [
        extension(
            "hearthgate.query_semicolons",
            "envoy.extensions.common.matching.v3.ExtensionWithMatcher",
            xds_matcher={"matcher_list": {"matchers": [{"predicate": without, "on_match": {"action": skip}}]}},
            extension_config=script,
        )
    ]
