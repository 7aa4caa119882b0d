-- From now on media of epochs up to this one are not written.
-- KEYS  meta, lease     ARGV  holder, fence, epoch
-- Returns 1, or -1 when the lease is not the holder's.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
local meta = redis.call('HMGET', KEYS[1], 'fence', 'cancelled_epoch')
if meta[1] ~= ARGV[2] then return -1 end
if tonumber(ARGV[3]) > tonumber(meta[2] or '0') then redis.call('HSET', KEYS[1], 'cancelled_epoch', ARGV[3]) end
return 1
