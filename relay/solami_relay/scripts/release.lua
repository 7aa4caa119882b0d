-- Give a lease back.   KEYS  lease     ARGV  holder     Returns 1, or 0 when it was not the holder's.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
