/* What C shares with Go of the family's memory. The Go structures are the
 * definition; core.go refuses to start if one of these differs. */
#ifndef GOMP_LAYOUT_H
#define GOMP_LAYOUT_H
#include <stdint.h>

#define GOMP_SLOTS 1024
#define GOMP_SLOTS_OFF 4096
#define GOMP_SEATS 8

typedef struct { /* segment.Header */
  uint64_t magic;
  uint32_t layout, slots;
  uint64_t size, cap, key, heap;
  uint64_t seats[GOMP_SEATS];
  uint64_t nseats, arena_lock, sweep_lock, serial, used;
} gomp_header;

enum { GOMP_SLOT_FREE, GOMP_SLOT_RESERVED, GOMP_SLOT_LIVE, GOMP_SLOT_ENDED };

typedef struct { /* registry.Slot */
  uint64_t state; /* generation << 8 | GOMP_SLOT_... */
  uint32_t pid, pad;
  uint64_t start, stack, since, creator;
  uint64_t pad2[2];
} gomp_slot;

/* registry.Owner */
#define GOMP_OWNER_THREAD(tid) ((uint64_t)(tid) << 1)
#define GOMP_OWNER_PROCESS_MASK (((1ull << 63) - 1) & ~((1ull << 23) - 1))
#define GOMP_OWNER(slot, gen) ((uint64_t)(slot) << 23 | ((gen) & ((1ull << 30) - 1)) << 33)

typedef struct { /* arena.Block and, for objects, the holders after it */
  uint64_t owner;
  uint32_t kind, class_;
  uint64_t size, serial, next, prev, target;
  uint32_t refs, holds;
  uint64_t holders[GOMP_SLOTS / 64];
} gomp_block;

#define GOMP_HEADER 64 /* arena.HeaderSize: where the contents of a block start */
#define GOMP_BODY (GOMP_HEADER + GOMP_SLOTS / 8) /* arena.SharedBody: those of an object, after its holders */
#define GOMP_SHARED_BY(serial) ((serial) << 2 | 1) /* arena.sharedBy */

enum { GOMP_KIND_LOCK = 1, GOMP_KIND_COND, GOMP_KIND_EVENT, GOMP_KIND_BARRIER, GOMP_KIND_CHANNEL, GOMP_KIND_MEMORY, GOMP_KIND_BUFFER, GOMP_KIND_POOL, GOMP_KIND_PAYLOAD, GOMP_KIND_PARCEL, GOMP_KIND_REFERENCE, GOMP_KIND_JOBPAGE };

#define GOMP_BUFFER_DATA 4096 /* arena.BufferData */

enum { GOMP_LOCK, GOMP_RLOCK, GOMP_SEMAPHORE };
enum { GOMP_POLICY_WARN, GOMP_POLICY_RAISE, GOMP_POLICY_RELEASE };
#define GOMP_LOCK_ASLEEP 1ull

typedef struct { /* lock.Sem, the part without the ledger */
  uint64_t word;
  uint32_t kind, policy, max, depth, pid, spin;
} gomp_sem;

#define GOMP_LEDGER 216 /* where lock.Sem has its ledger, a count for each slot */

typedef struct { /* event.Event */
  uint32_t epoch, spin, waiters;
} gomp_event;

typedef struct { /* cond.Cond and barrier.Barrier begin alike */
  uint64_t mutex;
  uint32_t spin, parties, broken;
} gomp_barrier;

typedef struct { /* channel.Channel without its rings and lists */
  uint64_t mutex;
  uint32_t spin, armed;
  uint64_t nput, nget, ndone, bytes, max_items, max_bytes;
  uint32_t hangups, rung;
} gomp_channel;

enum { GOMP_POOL_RUNNING, GOMP_POOL_CLOSED, GOMP_POOL_TERMINATED, GOMP_POOL_BROKEN };

#define GOMP_POOL_BUCKETS 160
#define GOMP_POOL_WORKERS 2048 /* where the table of workers starts */

typedef struct { /* pool.Pool without its queue and lists */
  uint64_t mutex;
  uint32_t spin, spin_answer, state, workers;
  uint64_t parent, queued, bytes, limit, done, failed, lost, retried;
  uint32_t latency[GOMP_POOL_BUCKETS];
} gomp_pool;

typedef struct { /* pool.Worker */
  uint64_t owner, claim;
  uint32_t doom, ready;
  int64_t since, looked, born, started, busy;
  uint64_t done, bytes;
  int64_t doomed;
} gomp_worker;

enum { GOMP_PENDING, GOMP_RETURNED, GOMP_RAISED, GOMP_LOST, GOMP_EXPIRED, GOMP_CANCELLED, GOMP_REFUSED };

enum { GOMP_TELL_END, GOMP_TELL_NOTIFY, GOMP_TELL_ABANDON };

typedef struct { /* pool.page */
  uint64_t left, pad;
} gomp_page;

typedef struct { /* pool.Job */
  uint64_t serial, total, posted, taken, answers, want;
  uint32_t epoch, sleepers;
  uint64_t function, link;
  uint32_t flags, open;
} gomp_job;

typedef struct { /* pool.Task; then the record of the arguments, then the answer's */
  uint64_t next, job, link, page;
  uint32_t index, items;
  uint8_t status, spared;
  uint16_t passed;
  uint32_t retries;
  int64_t timeout, submitted;
  uint32_t arguments, room, pid;
  int32_t code;
} gomp_task;

typedef struct { /* pool.spec */
  uint32_t index, items, retries, room;
  int64_t timeout;
  uint64_t refused;
} gomp_spec;

/* A record: 8 bytes (length | kind << 32), then the data padded to 8. Those of a Remote one are a block, which
 * stands for the whole message, and how many bytes that has, its parts included. */
enum { GOMP_INLINE = 1, GOMP_REMOTE = 2 };

typedef struct { /* parcel.Envelope: what the block begins with; the pickle or the bytes follow */
  uint64_t length, parts;
} gomp_envelope;

typedef struct { /* parcel.Part: entries of the table after the pickle, padded to 8 */
  uint64_t block, place, length;
} gomp_part;

/* waitlist states */
enum { GOMP_AWAKE = 1, GOMP_ASLEEP = 2, GOMP_NOTIFIED = 3 };

/* step.Status */
enum {
  GOMP_DONE, GOMP_AGAIN, GOMP_TIMED_OUT, GOMP_OWNER_DIED, GOMP_BROKEN, GOMP_FULL, GOMP_TOO_MANY,
  GOMP_INVALID, GOMP_NEED_BLOCK,
};

/* step.Flags */
enum { GOMP_CHECK = 1, GOMP_LAST = 2, GOMP_CANCEL = 4, GOMP_EAGER = 8 };

typedef struct { /* step.Wait */
  uintptr_t word;
  uint32_t value, listed;
  uint64_t entry, dead, garbage, spare, want;
  uint32_t kind, pid;
  uintptr_t hint;
  uint32_t hint_value, watched;
  uint64_t watch[6];
} gomp_wait;

typedef struct { /* segment.Mapping */
  int64_t fd;
  uintptr_t base;
  uint64_t size, key;
} gomp_mapping;

#endif
