-- contentType: what an answer without a type is, by its first bytes (WHATWG MIME Sniffing, in the order of Go's
-- http.DetectContentType). Only answers of known, moderate length are held for it.

local function literal(text, kind) return { text = text, kind = kind } end

local MARKUP = {
  "<!doctype html", "<html", "<head", "<script", "<iframe", "<h1", "<div", "<font", "<table", "<a", "<style",
  "<title", "<b", "<body", "<br", "<p", "<!--",
}
local PREFIXES = {
  literal("%PDF-", "application/pdf"), literal("%!PS-Adobe-", "application/postscript"),
  literal("\254\255", "text/plain; charset=utf-16be"), literal("\255\254", "text/plain; charset=utf-16le"),
  literal("\239\187\191", "text/plain; charset=utf-8"),
  literal("\0\0\1\0", "image/x-icon"), literal("\0\0\2\0", "image/x-icon"), literal("BM", "image/bmp"),
  literal("GIF87a", "image/gif"), literal("GIF89a", "image/gif"),
  literal("\137PNG\r\n\26\n", "image/png"), literal("\255\216\255", "image/jpeg"),
  literal("OggS\0", "application/ogg"), literal("MThd\0\0\0\6", "audio/midi"), literal("ID3", "audio/mpeg"),
  literal("\26\69\223\163", "video/webm"),
  literal("\0\1\0\0", "font/ttf"), literal("OTTO", "font/otf"), literal("ttcf", "font/collection"),
  literal("wOFF", "font/woff"), literal("wOF2", "font/woff2"),
  literal("\31\139\8", "application/x-gzip"), literal("PK\3\4", "application/zip"),
  literal("Rar!\26\7\0", "application/x-rar-compressed"), literal("Rar!\26\7\1\0", "application/x-rar-compressed"),
  literal("\0asm", "application/wasm"),
}
local FORMS = {
  RIFF = { ["WEBPVP"] = "image/webp", ["AVI "] = "video/avi", ["WAVE"] = "audio/wave" },
  FORM = { ["AIFF"] = "audio/aiff" },
}

local function starts(text, prefix) return text:sub(1, #prefix) == prefix end

local function is_markup(text)
  for _, tag in ipairs(MARKUP) do
    if starts(text, tag) then
      local after = text:sub(#tag + 1, #tag + 1)
      if tag == "<!--" or after == " " or after == ">" then return true end
    end
  end
end

local function form(data)
  for name, kind in pairs(FORMS[data:sub(1, 4)] or {}) do
    if data:sub(9, 8 + #name) == name then return kind end
  end
end

local function is_mp4(data)
  local size = 0
  for place = 1, 4 do size = size * 256 + (data:byte(place) or 0) end
  if #data < 12 or #data < size or size % 4 ~= 0 or data:sub(5, 8) ~= "ftyp" then return false end
  for place = 9, size - 2, 4 do
    if place ~= 13 and data:sub(place, place + 2) == "mp4" then return true end
  end
end

local function is_binary(data)
  return data:find("[%z\1-\8\11\14-\26\28-\31]") ~= nil
end

local function guess(data)
  local text = data:gsub("^[\t\n\12\r ]+", "")
  if is_markup(text:sub(1, 32):lower()) then return "text/html; charset=utf-8" end
  if starts(text, "<?xml") then return "text/xml; charset=utf-8" end
  for _, known in ipairs(PREFIXES) do
    if starts(data, known.text) then return known.kind end
  end
  if form(data) then return form(data) end
  if is_mp4(data) then return "video/mp4" end
  return is_binary(data) and "application/octet-stream" or "text/plain; charset=utf-8"
end

function envoy_on_response(handle)
  local headers = handle:headers()
  if headers:get("content-type") or headers:get("content-encoding") then return end
  local length = tonumber(headers:get("content-length") or "")
  if not length or length == 0 or length > handle:filterContext():get("largest") then return end
  local body = handle:body()
  if body and body:length() > 0 then
    -- Taken again: what was taken before the wait for the body is not to be used after it.
    handle:headers():replace("content-type", guess(body:getBytes(0, math.min(512, body:length()))))
  end
end
