-- errors: puts the page of another service in the place of an answer with an unwanted status. When that service does
-- not answer, the client gets what it would have got without.

local HOP = {
  ["connection"] = true, ["keep-alive"] = true, ["te"] = true, ["trailers"] = true,
  ["transfer-encoding"] = true, ["upgrade"] = true, ["content-length"] = true,
}

-- The middleware's options by name, read when they are needed.
local function options_of(handle)
  return setmetatable({}, {
    __index = function(known, name)
      local value = handle:filterContext():get(name)
      rawset(known, name, value)
      return value
    end,
  })
end

local function within(ranges, status)
  for _, range in ipairs(ranges or {}) do
    if status >= range.from and status <= range.to then return range end
  end
end

local function escape(text)
  text = text:gsub("[^%w%-_.~ ]", function(c) return ("%%%02X"):format(c:byte()) end)
  return (text:gsub(" ", "+"))
end

-- `replacement` may hold a %, which means something to gsub.
local function fill(text, name, replacement)
  return (text:gsub("{" .. name .. "}", function() return replacement end))
end

local function own(name)
  return name:sub(1, 1) == ":" or name:sub(1, 5) == "x-hg-" or name:sub(1, 8) == "x-envoy-"
end

local function note(handle, config)
  local sent = handle:headers()
  local kept = {}
  local allowed
  if config.only then
    allowed = {}
    for _, name in ipairs(config.request_headers or {}) do allowed[name] = true end
  end
  for name, value in pairs(sent) do
    if not own(name) and not HOP[name] and name ~= "host" and (not allowed or allowed[name]) then
      kept[name] = kept[name] or {}
      table.insert(kept[name], value)
    end
  end
  local authority = config.host or sent:get(":authority") or ""
  local uri = sent:get("x-hg-uri") or sent:get(":path")
  sent:remove("x-hg-uri")
  handle:streamInfo():dynamicMetadata():set(config.namespace, "request", {
    headers = kept, method = sent:get(":method"), authority = authority,
    url = config.scheme .. "://" .. authority .. uri,
  })
end

local function pick(members)
  local left = math.random() * members.total
  for _, member in ipairs(members.list) do
    left = left - member.weight
    if left < 0 then return member end
  end
  return members.list[#members.list]
end

local function page(handle, config, request, status, shown)
  local member = pick(config.members)
  local question = request.headers or {}
  local path = fill(config.query, "status", tostring(shown))
  path = fill(path, "originalStatus", tostring(status))
  question[":path"] = fill(path, "url", escape(request.url))
  question[":method"] = "GET"
  question[":authority"] = member.host or request.authority
  question[":scheme"] = member.scheme
  return handle:httpCall(member.cluster, question, nil, {
    timeout_ms = 30000, return_duplicate_headers = true, send_xff = false,
  })
end

local function replace(handle, config, request)
  local status = tonumber(handle:headers():get(":status"))
  if not within(config.ranges, status) then return end
  local length = tonumber(handle:headers():get("content-length") or "0")
  if length > config.body_limit then return end
  local rewrite = within(config.rewrites, status)
  local shown = rewrite and rewrite.status or status
  -- First, because what arrives during the call cannot be taken later.
  local has_body = request.method ~= "HEAD" and handle:body(true) ~= nil
  local said, body = page(handle, config, request, status, shown)
  local headers = handle:headers()
  headers:replace(":status", tostring(shown))
  if not said["x-hg-answered"] then return end
  body = body or ""
  local names = {}
  for name in pairs(headers) do
    if name:sub(1, 1) ~= ":" then names[name] = true end
  end
  for name in pairs(names) do headers:remove(name) end
  for name, values in pairs(said) do
    if not own(name) and not HOP[name] then
      for _, value in ipairs(type(values) == "table" and values or { values }) do headers:add(name, value) end
    end
  end
  headers:add("content-length", tostring(#body))
  if has_body then handle:body(true):setBytes(body) end
end

function envoy_on_request(handle)
  note(handle, options_of(handle))
end

function envoy_on_response(handle)
  local config = options_of(handle)
  local state = handle:streamInfo():dynamicMetadata():get(config.namespace)
  if state and state.request then replace(handle, config, state.request) end
end
