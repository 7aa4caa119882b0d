-- Append down entries in the name of a lease holder; the entry's id is the session's next seq.
-- KEYS  meta, lease, down
-- ARGV  holder "<fence>:<worker>", fence, keep_ms, expire_ms, max_entries, then (kind, data, epoch) for each entry
-- Returns the seqs (0 for media of a cancelled epoch, which is not written), or -1 when the lease is not the holder's.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
local meta = redis.call('HMGET', KEYS[1], 'fence', 'seq', 'epoch', 'cancelled_epoch', 'epoch_seq', 'mark_old', 'mark_new', 'mark_ms')
if meta[1] ~= ARGV[2] then return -1 end
local seq = tonumber(meta[2] or '0')
local epoch = tonumber(meta[3] or '0')
local cancelled = tonumber(meta[4] or '0')
local epoch_seq = tonumber(meta[5] or '0')
local seqs = {}
for i = 6, #ARGV, 3 do
  local kind, of = ARGV[i], tonumber(ARGV[i + 2])
  if kind == 'm' and of > 0 and of <= cancelled then
    seqs[#seqs + 1] = 0
  else
    seq = seq + 1
    if of > epoch then
      epoch = of
      epoch_seq = seq
    end
    redis.call('XADD', KEYS[3], seq .. '-0', 'k', kind, 'd', ARGV[i + 1], 'e', of)
    seqs[#seqs + 1] = seq
  end
end
redis.call('HSET', KEYS[1], 'seq', seq, 'epoch', epoch, 'epoch_seq', epoch_seq)
-- Two marks, at least half of keep_ms apart, say which seq is older than keep_ms without a clock in each entry.
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local mark_ms = tonumber(meta[8] or '0')
if now_ms - mark_ms >= tonumber(ARGV[3]) / 2 then
  local old, new = tonumber(meta[6] or '0'), tonumber(meta[7] or '0')
  local first = old
  if epoch_seq > 0 then first = math.min(old, epoch_seq) end  -- the running epoch stays
  if first > 0 then redis.call('XTRIM', KEYS[3], 'MINID', first .. '-0') end
  redis.call('HSET', KEYS[1], 'mark_old', new, 'mark_new', seq, 'mark_ms', now_ms)
  redis.call('XTRIM', KEYS[3], 'MAXLEN', ARGV[5])
end
redis.call('PEXPIRE', KEYS[3], ARGV[4])
return seqs
