-- Answers clients by their addresses. `ranges4` and `ranges6` hold those that are answered, or `table` names a file
-- with them, which our process writes (middlewares/ranges.py says how it looks). It is read again when it changed, which
-- is looked for twice a second. A request costs a binary search. With `real_ip` it tells who stands behind Cloudflare.
-- Nothing here runs outside of pcall: a script that fails lets the request through.

local INTERVAL = 500
local tables, networks = {}, {}

local function option(handle, name) return handle:filterContext():get(name) end

-- Reads the table when it is another one. Its ranges are two strings of sorted pairs of addresses.
local function read(known, path)
  local file = io.open(path, "rb")
  if not file then return end
  local line = file:read("*l") or ""
  local digest, status, four, six = line:match("^hgr1 (%x+) (%d+) (%d+) (%d+)$")
  if digest and digest ~= known.digest then
    four, six = tonumber(four) * 8, tonumber(six) * 32
    local v4 = four > 0 and file:read(four) or ""
    local v6 = six > 0 and file:read(six) or ""
    if #v4 == four and #v6 == six then
      known.digest, known.status, known.v4, known.v6 = digest, status, v4, v6
    end
  end
  file:close()
end

local function table_of(handle, path)
  local now = tonumber(handle:timestamp())
  local known = tables[path]
  if not known then
    for other, one in pairs(tables) do
      if now - one.used > 600000 then tables[other] = nil end
    end
    known = { looked = -INTERVAL }
    tables[path] = known
  end
  known.used = now
  if now - known.looked >= INTERVAL or now < known.looked then
    known.looked = now
    read(known, path)
  end
  return known
end

-- Whether an address is in one of the sorted ranges.
local function holds(ranges, address)
  local width = #address
  local low, high = 0, #ranges / (2 * width) - 1
  while low <= high do
    local middle = math.floor((low + high) / 2)
    local place = middle * 2 * width
    if address < ranges:sub(place + 1, place + width) then
      high = middle - 1
    elseif address > ranges:sub(place + width + 1, place + 2 * width) then
      low = middle + 1
    else
      return true
    end
  end
  return false
end

local function packed4(text)
  local a, b, c, d = text:match("^(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$")
  if not a then return nil end
  a, b, c, d = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  if a > 255 or b > 255 or c > 255 or d > 255 then return nil end
  return string.char(a, b, c, d)
end

-- The groups of one side of `::`, two bytes each.
local function groups(text)
  local found = {}
  if text == "" then return found end
  for group in (text .. ":"):gmatch("([^:]*):") do
    local four = group:find(".", 1, true) and packed4(group)
    if four then
      table.insert(found, four:sub(1, 2))
      table.insert(found, four:sub(3, 4))
    elseif group:match("^%x%x?%x?%x?$") then
      local number = tonumber(group, 16)
      table.insert(found, string.char(math.floor(number / 256), number % 256))
    else
      return nil
    end
  end
  return found
end

local MAPPED = ("\0"):rep(10) .. "\255\255"

local function packed6(text)
  local head, tail = text:match("^(.-)::(.*)$")
  local left, right = groups(head or text), groups(tail or "")
  if not left or not right then return nil end
  local gap = 8 - #left - #right
  if gap < 0 or (head and gap < 1) or (not head and gap ~= 0) then return nil end
  local bytes = table.concat(left) .. ("\0\0"):rep(gap) .. table.concat(right)
  if bytes:sub(1, 12) == MAPPED then return bytes:sub(13) end
  return bytes
end

-- An address with or without port, brackets and zone, as bytes; nil when it is none.
local function packed(text)
  text = text:match("^%s*(.-)%s*$")
  local inner = text:match("^%[([^%]]*)%]")
  if inner then
    text = inner
  else
    text = text:match("^([^:]*):[^:]*$") or text
  end
  text = text:match("^[^%%]*")
  if text:find(":", 1, true) then return packed6(text) end
  return packed4(text)
end

-- Sorted ranges of an option, which travels as hexadecimal digits.
local function ranges_of(handle, name)
  local digits = option(handle, name)
  if not digits then return "" end
  local known = networks[digits]
  if not known then
    known = digits:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)
    networks[digits] = known
  end
  return known
end

local function peer_of(handle)
  local info = handle:streamInfo()
  return packed(info:filterState():get("hearthgate.client_ip") or info:downstreamDirectRemoteAddress())
end

-- The rightmost address of the header that is no proxy's, else the peer's; nil when it cannot be read.
local function client(handle)
  local said = handle:headers():get(option(handle, "header"))
  if said then
    local hops = {}
    for hop in said:gmatch("[^,]+") do
      if hop:find("%S") then table.insert(hops, hop) end
    end
    for place = #hops, 1, -1 do
      local address = packed(hops[place])
      if not address then return nil end
      if not holds(ranges_of(handle, #address == 4 and "proxies4" or "proxies6"), address) then return address end
    end
  end
  return peer_of(handle)
end

local function refuse(handle, status)
  local headers = { [":status"] = tostring(status) }
  local page = ""
  if status == option(handle, "status") then
    for name, value in pairs(option(handle, "headers") or {}) do headers[name] = value end
    page = option(handle, "page") or ""
  else
    headers["content-type"], page = "text/plain; charset=utf-8", "Service Unavailable"
  end
  handle:headers():replace("x-hg-relayed", "1")
  handle:respond(headers, page)
end

-- The address that Cloudflare names becomes the client's. What others name is a lie.
local function tell_real(handle)
  local headers = handle:headers()
  local peer = peer_of(handle)
  local inside = peer and holds(ranges_of(handle, #peer == 4 and "proxies4" or "proxies6"), peer)
  local named = headers:get("cf-connecting-ip")
  if not inside then
    headers:remove("cf-connecting-ip")
    if option(handle, "only") then refuse(handle, option(handle, "status")) end
  elseif named and packed(named) then
    headers:replace("x-real-ip", named)
    headers:replace("x-forwarded-for", named)
  end
end

local function judge(handle)
  if option(handle, "real_ip") then return tell_real(handle) end
  if option(handle, "all") then return refuse(handle, option(handle, "status")) end
  if not option(handle, "table") then
    local address = client(handle)
    if not address or holds(ranges_of(handle, #address == 4 and "ranges4" or "ranges6"), address) then
      refuse(handle, option(handle, "status"))
    end
    return
  end
  local known = table_of(handle, option(handle, "table"))
  if not known.digest then
    if not option(handle, "open") then refuse(handle, 503) end
    return
  end
  local address = client(handle)
  if not address then return refuse(handle, option(handle, "status")) end
  if holds(#address == 4 and known.v4 or known.v6, address) then
    refuse(handle, known.status == "0" and option(handle, "status") or tonumber(known.status))
  end
end

function envoy_on_request(handle)
  local fine, failure = pcall(judge, handle)
  if not fine then
    handle:logErr("addresses: " .. tostring(failure))
    refuse(handle, 503)
  end
end
