-- SPDX-License-Identifier: Apache-2.0
-- The load that wrk puts on the service: searches for 4096 words in turn, and every 64th request
-- something rarer.
local rare = {
  "/suggest?q=word%d", "/lookup?q=doc%d", "/watch?q=topic%d", "/index?q=doc%d",
  "/refresh?q=page%d", "/order?q=customer%d", "/audit?q=line%d",
}
local searches, others = {}, {}
local n = 0

function init()
  for i = 0, 4095 do searches[i] = wrk.format("GET", "/search?q=word" .. i) end
  for i = 0, 64 * #rare - 1 do
    others[i] = wrk.format("GET", string.format(rare[i % #rare + 1], math.floor(i / #rare)))
  end
end

function request()
  n = n + 1
  if n % 64 == 0 then return others[n / 64 % (64 * #rare)] end
  return searches[n % 4096]
end

-- One line of JSON for demo.py; wrk's own report is for people.
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('JSON {"requests": %d, "seconds": %.3f, ', summary.requests,
    summary.duration / 1e6))
  io.write(string.format('"latency_ms": {"p50": %.3f, "p99": %.3f, "max": %.3f}, ',
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
  io.write(string.format(
    '"errors": {"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}}\n',
    e.connect, e.read, e.write, e.timeout, e.status))
end
