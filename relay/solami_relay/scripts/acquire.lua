-- Take the lease of a session that nobody holds.
-- KEYS  meta, lease     ARGV  worker, lease_ms
-- Returns {fence, end of the lease in ms}, 0 when somebody holds it, -1 when there is no such session.
if redis.call('HEXISTS', KEYS[1], 'sid') == 0 then return -1 end
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('SET', KEYS[2], fence .. ':' .. ARGV[1], 'PX', ARGV[2])
local time = redis.call('TIME')
return {fence, tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + tonumber(ARGV[2])}
