-- grpc_answers: gives an answer of the proxy's own back the status and the body that Envoy has put into gRPC's words.

local function plain(text)
  return (text:gsub("%%(%x%x)", function(code) return string.char(tonumber(code, 16)) end))
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local status = headers:get("x-hg-status")
  if not status then return end
  headers:remove("x-hg-status")
  local message = headers:get("grpc-message")
  headers:remove("grpc-status")
  headers:remove("grpc-message")
  headers:replace(":status", status)
  headers:remove("content-type")
  if message then
    headers:replace("content-type", "text/plain; charset=utf-8")
    handle:body(true):setBytes(plain(message))
  end
end
