-- Set fields of a hash of the session in the name of a lease holder.
-- KEYS  meta, lease, target     ARGV  holder, fence, then (field, value) each
-- Returns 1, or -1 when the lease is not the holder's. A target other than meta lives as long as meta does.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[2] then return -1 end
redis.call('HSET', KEYS[3], unpack(ARGV, 3))
if KEYS[3] ~= KEYS[1] then redis.call('PEXPIRE', KEYS[3], math.max(1, redis.call('PTTL', KEYS[1]))) end
return 1
