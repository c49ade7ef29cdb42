-- passTLSClientCert: reads the client's certificates (X.509 in DER) and tells the backend of them as upstream does.
-- When something cannot be read, the backend is told of no certificate.

local bit = require("bit")
local NAMES = {
  ["\85\4\6"] = "C", ["\85\4\8"] = "ST", ["\85\4\7"] = "L", ["\85\4\10"] = "O", ["\85\4\11"] = "OU",
  ["\85\4\5"] = "SN", ["\85\4\3"] = "CN", ["\9\146\38\137\147\242\44\100\1\25"] = "DC",
}
local ORDER = { "DC", "C", "ST", "L", "O", "OU", "SN", "CN" }
local LAST_WINS = { SN = true, CN = true }
local ALTERNATIVE_NAMES = "\85\29\17"

local VALUES = {}
for index = 0, 63 do
  local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  VALUES[letters:byte(index + 1)] = index
end

local function decode64(text)
  local bytes, held, count = {}, 0, 0
  for index = 1, #text do
    local value = VALUES[text:byte(index)]
    if value then
      held = bit.bor(bit.lshift(bit.band(held, 0x3ffff), 6), value)
      count = count + 6
      if count >= 8 then
        count = count - 8
        bytes[#bytes + 1] = string.char(bit.band(bit.rshift(held, count), 255))
      end
    end
  end
  return table.concat(bytes)
end

-- The element at a place: its tag, its content, and where the next one begins (X.690 8.1).
local function element(der, place)
  local tag, length = der:byte(place, place + 1)
  local start = place + 2
  if length >= 128 then
    local size = length - 128
    length = 0
    for index = start, start + size - 1 do length = length * 256 + der:byte(index) end
    start = start + size
  end
  return tag, der:sub(start, start + length - 1), start + length
end

local function elements(der)
  local found, place = {}, 1
  while place <= #der do
    local tag, content, after = element(der, place)
    found[#found + 1] = { tag = tag, content = content }
    place = after
  end
  return found
end

local function utf8(code)
  if code < 0x80 then return string.char(code) end
  if code < 0x800 then return string.char(0xc0 + bit.rshift(code, 6), 0x80 + bit.band(code, 63)) end
  local middle = 0x80 + bit.band(bit.rshift(code, 6), 63)
  return string.char(0xe0 + bit.rshift(code, 12), middle, 0x80 + bit.band(code, 63))
end

local function text_of(value)
  if value.tag ~= 30 then return value.content end
  return (value.content:gsub("(.)(.)", function(high, low) return utf8(high:byte() * 256 + low:byte()) end))
end

local function name_of(der)
  local name = {}
  for _, group in ipairs(elements(der)) do
    for _, pair in ipairs(elements(group.content)) do
      local parts = elements(pair.content)
      local key = NAMES[parts[1].content]
      if key then
        local values = LAST_WINS[key] and {} or name[key] or {}
        values[#values + 1] = text_of(parts[2])
        name[key] = values
      end
    end
  end
  return name
end

local function decimal(der)
  local negative = der:byte(1) >= 128
  local digits, carry = { 0 }, 0
  for index = 1, #der do
    carry = negative and 255 - der:byte(index) or der:byte(index)
    for place = 1, #digits do
      carry = carry + digits[place] * 256
      digits[place], carry = carry % 10, math.floor(carry / 10)
    end
    while carry > 0 do
      digits[#digits + 1], carry = carry % 10, math.floor(carry / 10)
    end
  end
  local place = 1
  while negative do
    digits[place] = (digits[place] or 0) + 1
    if digits[place] < 10 then break end
    digits[place], place = 0, place + 1
  end
  return (negative and "-" or "") .. table.concat(digits):reverse()
end

local function seconds(time)
  local text = time.content
  if time.tag == 23 then text = (tonumber(text:sub(1, 2)) < 50 and "20" or "19") .. text end
  local year, month, day, hour, minute, second = text:match("^(%d%d%d%d)(%d%d)(%d%d)(%d%d)(%d%d)(%d%d)")
  year, month = tonumber(year), tonumber(month)
  if month <= 2 then year, month = year - 1, month + 12 end
  local days = 365 * year + math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
  days = days + math.floor((153 * month - 457) / 5) + day - 719469
  return ("%.0f"):format(((days * 24 + hour) * 60 + minute) * 60 + second)
end

-- RFC 5952: the longest run of zeros, of at least two groups, is left out.
local function address(bytes)
  if bytes:sub(1, 12) == ("\0"):rep(10) .. "\255\255" then bytes = bytes:sub(13) end
  if #bytes == 4 then return ("%d.%d.%d.%d"):format(bytes:byte(1, 4)) end
  local groups, best, length, run = {}, 0, 1, 0
  for index = 1, 8 do
    local high, low = bytes:byte(2 * index - 1, 2 * index)
    groups[index] = ("%x"):format(high * 256 + low)
    run = groups[index] == "0" and run + 1 or 0
    if run > length then best, length = index - run + 1, run end
  end
  if best == 0 then return table.concat(groups, ":") end
  return table.concat(groups, ":", 1, best - 1) .. "::" .. table.concat(groups, ":", best + length)
end

local function alternative_names(extensions)
  local found = { [0x82] = {}, [0x81] = {}, [0x87] = {}, [0x86] = {} }
  for _, extension in ipairs(elements(extensions)) do
    local parts = elements(extension.content)
    if parts[1].content == ALTERNATIVE_NAMES then
      for _, name in ipairs(elements(elements(parts[#parts].content)[1].content)) do
        local list = found[name.tag]
        if list then list[#list + 1] = name.tag == 0x87 and address(name.content) or name.content end
      end
    end
  end
  local all = {}
  for _, tag in ipairs({ 0x82, 0x81, 0x87, 0x86 }) do
    for _, name in ipairs(found[tag]) do all[#all + 1] = name end
  end
  return all
end

local function certificate_of(base64)
  local _, whole = element(decode64(base64), 1)
  local _, content = element(whole, 1)
  local parts = elements(content)
  local first = parts[1].tag == 0xa0 and 2 or 1
  local last = parts[#parts]
  local validity = elements(parts[first + 3].content)
  return {
    base64 = base64,
    serial = decimal(parts[first].content),
    issuer = name_of(parts[first + 2].content),
    begins = seconds(validity[1]),
    ends = seconds(validity[2]),
    subject = name_of(parts[first + 4].content),
    names = last.tag == 0xa3 and alternative_names(elements(last.content)[1].content) or {},
  }
end

-- Clients show the same certificate with each request: what was read is kept, up to a number of them.
local known, count = {}, 0

local function certificates_of(escaped)
  if known[escaped] then return known[escaped] end
  local pem = escaped:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end)
  local found = {}
  for base64 in pem:gmatch("%-%-%-%-%-BEGIN CERTIFICATE%-%-%-%-%-(.-)%-%-%-%-%-END CERTIFICATE%-%-%-%-%-") do
    found[#found + 1] = certificate_of((base64:gsub("%s", "")))
  end
  if count >= 128 then known, count = {}, 0 end
  known[escaped], count = found, count + 1
  return found
end

local function distinguished(name, wanted)
  local parts = {}
  for _, key in ipairs(ORDER) do
    for _, value in ipairs(wanted[key] and name[key] or {}) do
      if value ~= "" or key == "DC" then parts[#parts + 1] = key .. "=" .. value end
    end
  end
  return table.concat(parts, ",")
end

local function info_of(certificate, wanted)
  local parts = {}
  local function add(key, value)
    if value and value ~= "" then parts[#parts + 1] = key .. '="' .. value .. '"' end
  end
  add("Subject", wanted.subject and distinguished(certificate.subject, wanted.subject))
  add("Issuer", wanted.issuer and distinguished(certificate.issuer, wanted.issuer))
  add("SerialNumber", wanted.serial and certificate.serial)
  add("NB", wanted.begins and certificate.begins)
  add("NA", wanted.ends and certificate.ends)
  add("SAN", wanted.names and table.concat(certificate.names, ","))
  return table.concat(parts, ";")
end

local function escape(text)
  text = text:gsub("[^%w%-_.~ ]", function(c) return ("%%%02X"):format(c:byte()) end)
  return (text:gsub(" ", "+"))
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local connection = handle:streamInfo():downstreamSslConnection()
  if not connection or not connection:peerCertificatePresented() then return end
  local certificates = certificates_of(connection:urlEncodedPemEncodedPeerCertificateChain())
  local wanted = handle:filterContext():get("info")
  local bodies, infos = {}, {}
  for index, certificate in ipairs(certificates) do
    bodies[index] = certificate.base64
    infos[index] = wanted and info_of(certificate, wanted)
  end
  if handle:filterContext():get("pem") then
    headers:add("x-forwarded-tls-client-cert", table.concat(bodies, ","))
  end
  if wanted then headers:add("x-forwarded-tls-client-cert-info", escape(table.concat(infos, ","))) end
end
