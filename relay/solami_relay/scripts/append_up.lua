-- Append what a client's socket sent, once.
-- KEYS  meta, up
-- ARGV  socket number (0 = not from a socket), highest up_seq ('' = none), at_us, keep_ms, then (kind, data) each
-- Returns the number of entries, -1 when there is no such session, -2 when a newer socket took over.
local meta = redis.call('HMGET', KEYS[1], 'socket', 'up_seq')
if not meta[1] then return -1 end
if ARGV[1] ~= '0' and ARGV[1] ~= meta[1] then return -2 end
for i = 5, #ARGV, 2 do
  redis.call('XADD', KEYS[2], '*', 'k', ARGV[i], 'd', ARGV[i + 1], 't', ARGV[3])
end
if ARGV[2] ~= '' and tonumber(ARGV[2]) > tonumber(meta[2] or '0') then
  redis.call('HSET', KEYS[1], 'up_seq', ARGV[2])
end
local time = redis.call('TIME')
local oldest_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) - tonumber(ARGV[4])
redis.call('XTRIM', KEYS[2], 'MINID', '~', oldest_ms)
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return (#ARGV - 4) / 2
