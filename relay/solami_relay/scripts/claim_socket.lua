-- Number a new socket.   KEYS  meta     ARGV  1 when it resumes     Returns the number, -1 when there is no such session.
if redis.call('HEXISTS', KEYS[1], 'sid') == 0 then return -1 end
if ARGV[1] == '0' then redis.call('HSET', KEYS[1], 'up_seq', 0) end
return redis.call('HINCRBY', KEYS[1], 'socket', 1)
