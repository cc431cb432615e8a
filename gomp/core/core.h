/* The core's table of functions: the one way into it. None of them blocks; `me` is the caller's owner
 * word, `object` a block's offset, `flags` and `gomp_wait` are package step's. */
#ifndef GOMP_CORE_H
#define GOMP_CORE_H
#include "layout.h"

#define GOMP_ABI 2

typedef struct gomp_table {
  uint32_t abi;
  uint32_t pad;
  const char *version;

  /* 0, or -errno with a text of up to n bytes. */
  int32_t (*create)(uint64_t limit, uint64_t key, int32_t seats, gomp_mapping *out, char *text, uint64_t n);
  int32_t (*attach)(int32_t fd, gomp_mapping *out, char *text, uint64_t n);
  void (*use)(uintptr_t base);

  int32_t (*new_object)(uint64_t me, uint32_t kind, const uint64_t *params, uint32_t flags, gomp_wait *w, uint64_t *object);
  int32_t (*valid)(uint64_t me, uint64_t object, uint32_t kind, uint64_t serial);
  void (*take_down)(uint64_t me, uint64_t object);
  int32_t (*alloc)(uint64_t me, uint32_t kind, uint64_t size, uint32_t flags, gomp_wait *w, uint64_t *block);
  void (*free)(uint64_t me, uint64_t block);
  int32_t (*refer)(uint64_t me, uint64_t target, uint32_t flags, gomp_wait *w, uint64_t *block);
  int32_t (*seal)(uint64_t me, uint64_t parcel);
  int32_t (*open)(uint64_t me, uint64_t parcel, uint32_t take);

  int32_t (*lock_acquire)(uint64_t me, uint64_t object, uint32_t flags, gomp_wait *w);
  int32_t (*lock_release)(uint64_t me, uint64_t object, uint32_t flags, gomp_wait *w);

  void (*event_set)(uint64_t object);
  void (*event_clear)(uint64_t object);
  int32_t (*event_wait)(uint64_t object, uint32_t flags, gomp_wait *w);

  int32_t (*cond_enter)(uint64_t me, uint64_t object, uint32_t flags, gomp_wait *w);
  int32_t (*cond_wait)(uint64_t me, uint64_t object, uint32_t flags, gomp_wait *w);
  int32_t (*cond_cancel)(uint64_t me, uint64_t object, uint32_t flags, gomp_wait *w);
  int32_t (*cond_notify)(uint64_t me, uint64_t object, int64_t n, uint32_t flags, gomp_wait *w, int64_t *found);
  int64_t (*cond_sleeping)(uint64_t object);

  int32_t (*barrier_arrive)(uint64_t me, uint64_t object, uint32_t flags, gomp_wait *w, int64_t *index);
  int32_t (*barrier_wait)(uint64_t me, uint64_t object, uint32_t flags, gomp_wait *w);
  int32_t (*barrier_trip)(uint64_t me, uint64_t object, uint32_t flags, gomp_wait *w);
  int32_t (*barrier_break)(uint64_t me, uint64_t object, uint32_t flags, gomp_wait *w);
  int32_t (*barrier_cancel)(uint64_t me, uint64_t object, uint32_t flags, gomp_wait *w);
  int32_t (*barrier_reset)(uint64_t me, uint64_t object, uint32_t flags, gomp_wait *w);
  int64_t (*barrier_waiting)(uint64_t object);

  int32_t (*put)(uint64_t me, uint64_t object, const void *records, uint64_t n, int32_t rfd, int32_t wfd, uint32_t flags, gomp_wait *w, uint64_t *done);
  int32_t (*get)(uint64_t me, uint64_t object, void *buf, uint64_t n, uint64_t most, int32_t rfd, int32_t wfd, uint32_t flags, gomp_wait *w, uint64_t *filled, uint64_t *count);
  int32_t (*channel_wait)(uint64_t me, uint64_t object, uint32_t flags, gomp_wait *w);
  int32_t (*hangup)(uint64_t me, uint64_t object, uint32_t flags, gomp_wait *w);
  int32_t (*arm)(uint64_t me, uint64_t object, int32_t rfd, int32_t wfd, uint32_t flags, gomp_wait *w);
  int32_t (*settle)(uint64_t me, uint64_t object, uint32_t flags, gomp_wait *w);
  int32_t (*task_done)(uint64_t me, uint64_t object, uint32_t flags, gomp_wait *w);
  int32_t (*join)(uint64_t me, uint64_t object, uint32_t flags, gomp_wait *w);

  /* A submission: the records of a new job's function (or none) and, each after its gomp_spec, of its tasks. */
  int32_t (*pool_submit)(uint64_t me, uint64_t object, uint64_t *job, const void *function, uint64_t nfunction, const void *specs, uint64_t nspecs, uint32_t open, uint64_t limit, int64_t now, uint32_t flags, gomp_wait *w);
  int32_t (*pool_await)(uint64_t me, uint64_t object, uint64_t job, uint64_t n, uint32_t flags, gomp_wait *w);
  int32_t (*pool_answers)(uint64_t me, uint64_t object, uint64_t job, uint32_t flags, gomp_wait *w, uint64_t *first);
  /* GOMP_TELL_..: what is to be done with a job. *more is what the answer depends on. */
  int32_t (*pool_tell)(uint64_t me, uint64_t object, uint64_t job, uint32_t what, uint32_t flags, gomp_wait *w, uint64_t *more);
  int32_t (*pool_next)(uint64_t me, uint64_t object, uint32_t reap, uint32_t flags, gomp_wait *w, uint64_t *job);
  int32_t (*pool_turn)(uint64_t me, uint64_t object, uint32_t state, uint32_t flags, gomp_wait *w);
  int32_t (*pool_enter)(uint64_t me, uint64_t object, uint32_t index, uint32_t ready, int64_t now, uint32_t flags, gomp_wait *w);
  int32_t (*pool_take)(uint64_t me, uint64_t object, uint32_t index, int64_t now, uint32_t flags, gomp_wait *w, uint64_t *task);
  int32_t (*pool_answer)(uint64_t me, uint64_t object, uint32_t index, uint32_t status, const void *record, uint64_t n, int64_t now, uint32_t flags, gomp_wait *w);
  int32_t (*pool_bury)(uint64_t me, uint64_t object, uint32_t index, uint32_t pid, int32_t code, uint32_t spare, int64_t now, uint32_t flags, gomp_wait *w, uint32_t *stage, uint32_t *waiting);
  int32_t (*pool_doom)(uint64_t me, uint64_t object, uint64_t job, int64_t now, uint32_t *indices, uint64_t most, uint32_t flags, gomp_wait *w, uint64_t *n, int64_t *more);

  void (*sweep)(uint64_t me, uint64_t dead);
  void (*sweep_pid)(uint64_t me, uint32_t pid);
  int32_t (*sweep_all)(uint64_t me);
  /* The lines of the report, up to n bytes of them; returns how many bytes there are. */
  int64_t (*check)(uint64_t me, char *text, uint64_t n);
  /* used, warm, cap, recoveries, sweeps, steps */
  void (*stats)(uint64_t *six);
} gomp_table;

#endif
