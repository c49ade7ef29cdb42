-- circuitBreaker: counts outcomes, tells the service about them at most every period, and does what it answers. The
-- service knows what all workers saw. While it is away requests pass.

local BASE = math.log(1.05)
local breakers = {}

local function options_of(handle)
  local context = handle:filterContext()
  return {
    cluster = context:get("cluster"), question = context:get("question"), period = context:get("period"),
    status = context:get("status"), body = context:get("body"), namespace = context:get("namespace"),
  }
end

local function now_ms(handle)
  return tonumber(handle:timestamp())
end

-- Breakers whose routes are gone are not asked for again.
local function sweep(now)
  for question, breaker in pairs(breakers) do
    if now - breaker.synced > 600000 then breakers[question] = nil end
  end
end

local function breaker_of(question, now)
  local breaker = breakers[question]
  if not breaker then
    sweep(now)
    breaker = { synced = 0, mode = "closed", codes = {}, latencies = {} }
    breakers[question] = breaker
  end
  return breaker
end

local function joined(counts)
  local items = {}
  for key, count in pairs(counts) do items[#items + 1] = key .. "=" .. count end
  return table.concat(items, ",")
end

local function sync(handle, options, breaker, now)
  local report = joined(breaker.codes) .. ";" .. joined(breaker.latencies)
  breaker.synced, breaker.codes, breaker.latencies = now, {}, {}
  local headers = handle:httpCall(options.cluster, {
    [":method"] = "GET", [":path"] = options.question, [":authority"] = "hearthgate", ["x-hg-report"] = report,
  }, nil, 1000)
  local mode, share, growth = (headers["x-hg-state"] or ""):match("^(%a+) (%S+) (%S+)$")
  if mode ~= breaker.mode then breaker.passed, breaker.refused = 0, 0 end
  breaker.mode, breaker.since = mode or "closed", now_ms(handle)
  breaker.share, breaker.growth = tonumber(share), tonumber(growth)
end

local function passes(breaker, now)
  if breaker.mode == "open" then return false end
  if breaker.mode ~= "recovering" then return true end
  local share = breaker.share + breaker.growth * (now - breaker.since) / 1000
  if breaker.passed + 1 <= share * (breaker.passed + breaker.refused + 1) then
    breaker.passed = breaker.passed + 1
    return true
  end
  breaker.refused = breaker.refused + 1
  return false
end

function envoy_on_request(handle)
  local options = options_of(handle)
  local now = now_ms(handle)
  local breaker = breaker_of(options.question, now)
  if now - breaker.synced >= options.period or now < breaker.synced then
    sync(handle, options, breaker, now)
    now = now_ms(handle)
  end
  if passes(breaker, now) then
    handle:streamInfo():dynamicMetadata():set(options.namespace, "started", now)
  else
    handle:respond({ [":status"] = tostring(options.status), ["content-type"] = "text/plain; charset=utf-8" }, options.body)
  end
end

function envoy_on_response(handle)
  local options = options_of(handle)
  local mark = handle:streamInfo():dynamicMetadata():get(options.namespace)
  if not mark or not mark.started then return end
  local now = now_ms(handle)
  local breaker = breaker_of(options.question, now)
  local code = handle:headers():get(":status")
  local place = math.ceil(math.log(math.max(1, now - mark.started)) / BASE)
  breaker.codes[code] = (breaker.codes[code] or 0) + 1
  breaker.latencies[place] = (breaker.latencies[place] or 0) + 1
end
