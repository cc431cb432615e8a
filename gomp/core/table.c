#include "_cgo_export.h"
#include "core.h"

static gomp_table table = {
    .abi = GOMP_ABI,
    .create = GompCreate, .attach = GompAttach, .use = GompUse,
    .new_object = (int32_t (*)(uint64_t, uint32_t, const uint64_t *, uint32_t, gomp_wait *, uint64_t *))GompNew,
    .valid = GompValid, .take_down = GompTakeDown, .alloc = GompAlloc, .free = GompFree, .refer = GompRefer, .seal = GompSeal, .open = GompOpen,
    .lock_acquire = GompLockAcquire, .lock_release = GompLockRelease,
    .event_set = GompEventSet, .event_clear = GompEventClear, .event_wait = GompEventWait,
    .cond_enter = GompCondEnter, .cond_wait = GompCondWait, .cond_cancel = GompCondCancel, .cond_notify = GompCondNotify, .cond_sleeping = GompCondSleeping,
    .barrier_arrive = GompBarrierArrive, .barrier_wait = GompBarrierWait, .barrier_trip = GompBarrierTrip,
    .barrier_break = GompBarrierBreak, .barrier_cancel = GompBarrierCancel, .barrier_reset = GompBarrierReset, .barrier_waiting = GompBarrierWaiting,
    .put = (int32_t (*)(uint64_t, uint64_t, const void *, uint64_t, int32_t, int32_t, uint32_t, gomp_wait *, uint64_t *))GompPut,
    .get = GompGet, .channel_wait = GompChannelWait, .hangup = GompHangup, .arm = GompArm, .settle = GompSettle, .task_done = GompTaskDone, .join = GompJoin,
    .pool_submit = (int32_t (*)(uint64_t, uint64_t, uint64_t *, const void *, uint64_t, const void *, uint64_t, uint32_t, uint64_t, int64_t, uint32_t, gomp_wait *))GompPoolSubmit,
    .pool_await = GompPoolAwait, .pool_answers = GompPoolAnswers, .pool_tell = GompPoolTell, .pool_next = GompPoolNext, .pool_turn = GompPoolTurn,
    .pool_enter = GompPoolEnter, .pool_take = GompPoolTake,
    .pool_answer = (int32_t (*)(uint64_t, uint64_t, uint32_t, uint32_t, const void *, uint64_t, int64_t, uint32_t, gomp_wait *))GompPoolAnswer,
    .pool_bury = GompPoolBury, .pool_doom = GompPoolDoom,
    .sweep = GompSweep, .sweep_pid = GompSweepPid, .sweep_all = GompSweepAll, .check = GompCheck, .stats = GompStats,
};

const gomp_table *GompTable(void) {
  if (!table.version)
    table.version = GompVersion();
  return &table;
}
