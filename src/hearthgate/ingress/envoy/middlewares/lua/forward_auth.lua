-- forwardAuth: asks a server by HTTP whether a request may pass. Every error is a refusal: a script that fails lets
-- the request through, so nothing here runs outside of pcall.

local HOP = {
  ["connection"] = true, ["keep-alive"] = true, ["te"] = true, ["trailers"] = true,
  ["transfer-encoding"] = true, ["upgrade"] = true,
}
local FRAMING = { "connection", "content-length", "expect", "te", "transfer-encoding", "upgrade" }

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

local function set_of(list)
  local found = {}
  for _, name in ipairs(list or {}) do found[name] = true end
  return found
end

local function list_of(value)
  if value == nil then return {} end
  return type(value) == "table" and value or { value }
end

-- Header lines by name, without those of the protocol and our own.
local function lines_of(headers)
  local lines = {}
  for name, value in pairs(headers) do
    if name:sub(1, 1) ~= ":" and name:sub(1, 5) ~= "x-hg-" and name:sub(1, 8) ~= "x-envoy-" then
      lines[name] = lines[name] or {}
      table.insert(lines[name], value)
    end
  end
  return lines
end

local function peer(handle)
  local address = handle:streamInfo():downstreamDirectRemoteAddress():gsub(":%d+$", "")
  return (address:gsub("[%[%]]", ""))
end

local function port_of(authority, tls)
  return authority:match(":(%d+)$") or (tls and "443" or "80")
end

local function forwarded(handle, config, sent, lines, question)
  local trust = config.trust == "all"
  local method, authority = sent:get(":method"), config.host or sent:get(":authority") or ""
  local uri = sent:get("x-hg-uri") or sent:get(":path")
  if config.trust == "none" then
    for name in pairs(question) do
      if name:gsub("_", "-"):sub(1, 12) == "x-forwarded-" then question[name] = nil end
    end
  end
  local function first(name) return trust and lines[name] and lines[name][1] end
  local client = peer(handle)
  if trust and lines["x-forwarded-for"] then
    client = table.concat(lines["x-forwarded-for"], ", ") .. ", " .. client
  end
  question["x-forwarded-for"] = client
  question["x-forwarded-method"] = first("x-forwarded-method") or method
  question["x-forwarded-proto"] = first("x-forwarded-proto") or (config.tls and "https" or "http")
  question["x-forwarded-host"] = first("x-forwarded-host") or authority
  question["x-forwarded-uri"] = first("x-forwarded-uri") or uri
  if config.trust ~= "legacy" then
    question["x-forwarded-port"] = first("x-forwarded-port") or port_of(authority, config.tls)
  end
end

local function question_of(handle, config)
  local sent = handle:headers()
  local lines = lines_of(sent)
  local listed = {}
  for _, value in ipairs(lines["connection"] or {}) do
    for token in value:gmatch("[^,%s]+") do listed[token:lower()] = true end
  end
  local allowed = config.request_headers and set_of(config.request_headers)
  local question = {}
  for name, values in pairs(lines) do
    local own = HOP[name] or listed[name] or name == "host" or name == "content-length"
    if not own and (not allowed or allowed[name]) then question[name] = values end
  end
  forwarded(handle, config, sent, lines, question)
  question[":method"] = config.keep_method and sent:get(":method") or "GET"
  question[":path"] = config.path
  question[":authority"] = config.authority
  question[":scheme"] = config.scheme
  return question
end

-- Answers the client. The mark says that the text of a 401 is not ours.
local function answer(handle, headers, body)
  handle:headers():replace("x-hg-relayed", "1")
  handle:respond(headers, body)
end

local function refuse(handle, status)
  answer(handle, { [":status"] = tostring(status) }, "")
end

-- Takes dot segments out of a path (RFC 3986 5.2.4).
local function without_dots(path)
  local kept = {}
  for segment in (path .. "/"):gmatch("([^/]*)/") do
    if segment == ".." then
      if #kept > 1 then table.remove(kept) end
    elseif segment ~= "." then
      table.insert(kept, segment)
    end
  end
  local last = path:match("[^/]*$")
  if last == "." or last == ".." then table.insert(kept, "") end
  return table.concat(kept, "/")
end

-- A Location of the server as the client must see it (RFC 3986 5.2.2).
local function absolute(config, location)
  if location:match("^%a[%w+.-]*:") then return location end
  if location:sub(1, 2) == "//" then return config.scheme .. ":" .. location end
  local base = config.scheme .. "://" .. config.authority
  local path, rest = location:match("^([^?#]*)(.*)$")
  if path == "" then
    local own, query = config.path:match("^([^?]*)(.*)$")
    return base .. own .. (rest:sub(1, 1) == "?" and "" or query) .. rest
  end
  if path:sub(1, 1) ~= "/" then path = config.path:match("^([^?]*/)") .. path end
  return base .. without_dots(path) .. rest
end

local function relay(handle, config, headers, body)
  local told = { [":status"] = headers[":status"] }
  local sign_in = config.sign_in and headers[":status"] == "401"
  for name, values in pairs(headers) do
    local own = HOP[name] or name:sub(1, 1) == ":" or name == "content-length"
    own = own or name == "x-hg-answered" or name:sub(1, 8) == "x-envoy-"
    if not own and (not sign_in or name == "set-cookie") then told[name] = values end
  end
  if sign_in then
    told[":status"], told["location"] = "302", config.sign_in
    return answer(handle, told, "")
  end
  local location = list_of(told["location"])[1]
  if location and location ~= "" and not config.keep_location then
    told["location"] = absolute(config, location)
  end
  answer(handle, told, body)
end

-- Which names a pattern matches only the proxy's own filter can say, the next one in the chain: it removes them. So
-- every name in question is put there, and `restore` looks which ones are gone.
local function prepare_names(sent, metadata, config, headers)
  local there, said, added, kept = {}, {}, {}, {}
  for name, value in pairs(sent) do
    there[name] = true
    if name:sub(1, 1) == ":" then kept[name] = value end
  end
  for _, name in ipairs(FRAMING) do kept[name] = sent:get(name) end
  local function put(name)
    if not there[name] then
      there[name] = true
      table.insert(added, name)
      sent:add(name, "-")
    end
  end
  local dashed = {}
  for name in pairs(there) do
    if name:find("_", 1, true) then table.insert(dashed, (name:gsub("_", "-"))) end
  end
  for _, name in ipairs(dashed) do put(name) end
  for name, values in pairs(headers) do
    local own = HOP[name] or name:sub(1, 1) == ":" or name:sub(1, 5) == "x-hg-" or name:sub(1, 8) == "x-envoy-"
    if not own and name ~= "content-length" and name ~= "host" then
      said[name] = list_of(values)
      put(name)
    end
  end
  metadata:set(config.namespace, "said", said)
  metadata:set(config.namespace, "added", added)
  metadata:set(config.namespace, "kept", kept)
end

-- Puts what the server said in the place of what the client sent; its spellings with `_` go too, because many a
-- backend takes them for the same.
local function admit(handle, config, headers)
  local sent = handle:headers()
  local names = set_of(config.response_headers)
  local spelt = {}
  for name in pairs(sent) do
    if name:find("_", 1, true) and names[(name:gsub("_", "-"))] then spelt[name] = true end
  end
  for name in pairs(spelt) do sent:remove(name) end
  for name in pairs(names) do
    sent:remove(name)
    for _, value in ipairs(list_of(headers[name])) do sent:add(name, value) end
  end
  local metadata = handle:streamInfo():dynamicMetadata()
  local user = config.user_header and list_of(headers[config.user_header])[1]
  if user then metadata:set("hearthgate.user", "name", user) end
  local cookies, wanted = {}, set_of(config.cookies)
  for _, line in ipairs(list_of(headers["set-cookie"])) do
    if wanted[line:match("^%s*([^=;%s]*)")] then table.insert(cookies, line) end
  end
  if #cookies > 0 then metadata:set(config.namespace, "cookies", cookies) end
  if config.pattern then prepare_names(sent, metadata, config, headers) end
end

local function restore(handle, config)
  local state = handle:streamInfo():dynamicMetadata():get(config.namespace)
  local sent = handle:headers()
  for name, value in pairs(state.kept or {}) do
    if not sent:get(name) then sent:replace(name, value) end
  end
  local spelt = {}
  for name in pairs(sent) do
    if name:find("_", 1, true) and not sent:get((name:gsub("_", "-"))) then spelt[name] = true end
  end
  for name in pairs(spelt) do sent:remove(name) end
  local gone = {}
  for name, values in pairs(state.said or {}) do
    if not sent:get(name) then gone[name] = values end
  end
  for _, name in ipairs(state.added or {}) do sent:remove(name) end
  for name, values in pairs(gone) do
    for _, value in ipairs(values) do sent:add(name, value) end
  end
end

local function ask(handle, config)
  local body
  if config.body then
    local length = tonumber(handle:headers():get("content-length") or "0")
    if length > config.max_body then return refuse(handle, 401) end
    local buffer = handle:body()
    if buffer and buffer:length() > config.max_body then return refuse(handle, 401) end
    body = buffer and buffer:getBytes(0, buffer:length())
  end
  local headers, said = handle:httpCall(config.cluster, question_of(handle, config), body, {
    timeout_ms = 30000, return_duplicate_headers = true, send_xff = false,
  })
  if not headers["x-hg-answered"] then return refuse(handle, 500) end
  if config.max_response and #(said or "") > config.max_response then return refuse(handle, 401) end
  local status = tonumber(headers[":status"])
  handle:headers():remove("x-hg-uri")
  if status < 200 or status > 299 then return relay(handle, config, headers, said or "") end
  admit(handle, config, headers)
end

function envoy_on_request(handle)
  local fine, failure = pcall(function()
    local config = options_of(handle)
    if config.restore then return restore(handle, config) end
    return ask(handle, config)
  end)
  if not fine then
    handle:logErr("forwardAuth: " .. tostring(failure))
    refuse(handle, 500)
  end
end

function envoy_on_response(handle)
  local config = options_of(handle)
  if not config.cookies then return end
  local state = handle:streamInfo():dynamicMetadata():get(config.namespace)
  if not state or not state.cookies then return end
  local wanted, headers, kept = set_of(config.cookies), handle:headers(), {}
  for name, value in pairs(headers) do
    if name == "set-cookie" and not wanted[value:match("^%s*([^=;%s]*)")] then table.insert(kept, value) end
  end
  headers:remove("set-cookie")
  for _, value in ipairs(kept) do headers:add("set-cookie", value) end
  for _, value in ipairs(state.cookies) do headers:add("set-cookie", value) end
end
