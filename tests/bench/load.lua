-- SPDX-License-Identifier: Apache-2.0
-- wrk's request maker: keep-alive chat calls of BODY_BYTES each, every body different; prints its result as one line of JSON.
local size = tonumber(os.getenv("BODY_BYTES") or "2048")
local close = os.getenv("NEW_CONNECTIONS") == "1"
local words = {}
for word in ("the harbour keeps a quiet ledger of boats and tides while gulls argue over bread on warm stone steps and every evening a lamp is lit"):gmatch("%a+") do
  words[#words + 1] = word
end

local threads = 0
function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local text, calls = nil, 0
function init()
  math.randomseed(os.time() * 100 + number)
  local parts = {}
  for i = 1, 40000 do parts[i] = words[math.random(#words)] end
  text = table.concat(parts, " ")
end

function request()
  calls = calls + 1
  local head = string.format('{"model":"gpt-5","messages":[{"role":"user","content":"%d-%d ', number, calls)
  local tail = '"}]}'
  local length = size - #head - #tail
  local from = (calls * 131) % (#text - length) + 1
  local body = head .. text:sub(from, from + length - 1) .. tail
  local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer bench" }
  if close then headers["Connection"] = "close" end
  return wrk.format("POST", "/v1/chat/completions", headers, body)
end

function done(summary, latency, _)
  local errors = summary.errors
  print(string.format('RESULT {"requests":%d,"us":%d,"p50_us":%d,"p99_us":%d,"bad_status":%d,"socket_errors":%d}', summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
