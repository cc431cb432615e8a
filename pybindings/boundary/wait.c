/* Taking steps, and waiting between them.
 *
 * The wait is outside Go and without the GIL, in slices. The end of each is for what nothing wakes us for:
 * a signal that landed between the last look and the system call, the death of one whom the step depends
 * on, and that of one who had no time to wake us after the store that did what we wait for. */
#include "boundary.h"

#include <errno.h>
#include <linux/futex.h>
#include <math.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SLICE_NS = 70000000 }; /* less than the fault model promises, and Ctrl-C: 100 ms */

int64_t gomp_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* ---- spinning ---- */

/* In ns. A sleep and a wake cost 20 to 50 us, where the other CPU has halted meanwhile. */
enum { SPIN_MOST = 80000, SPIN_LEAST = 4000, SPIN_PROBE = 64, SPIN_LOOKS = 64 };

/* Not more spin than there are CPUs: the others would only wait for their turn to look. */
static uint64_t *take_seat(void) {
  gomp_header *h = gomp_head();
  for (uint64_t i = 0; i < h->nseats && i < GOMP_SEATS; i++) {
    uint64_t empty = 0;
    if (!__atomic_load_n(&h->seats[i], __ATOMIC_RELAXED) &&
        __atomic_compare_exchange_n(&h->seats[i], &empty, gomp_family.owner, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
      return &h->seats[i];
  }
  return NULL;
}

/* A listed waiter's word is Awake or, once it has slept, Asleep: only Notified ends its wait. */
static int changed(void *wait) {
  const gomp_wait *w = wait;
  uint32_t now = __atomic_load_n((const uint32_t *)w->word, __ATOMIC_ACQUIRE);
  return w->listed ? now == GOMP_NOTIFIED : now != w->value;
}

/* Every few looks it lets others run, of whom one may be the one that it waits for: a wake often puts the woken on the
   CPU of the waker. Alone on its CPU it loses a quarter of a microsecond. */
static int spin_until(int (*done)(void *), void *what, int64_t end) {
  for (;;) {
    for (int i = 0; i < SPIN_LOOKS; i++) {
      if (done(what))
        return 1;
      __builtin_ia32_pause();
    }
    if (gomp_now() >= end)
      return 0;
    sched_yield();
  }
}

/* Spins until done() says so, within a budget that follows what past spins have won: it grows by a
   quarter of what is left to the most after each that has, and shrinks by an eighth after each in vain.
   (It does not follow how long the successful ones took: the few that take longer would sleep, and a
   sleep costs more than all of them.) */
static int spin(int (*done)(void *), void *what, uint32_t *budget) {
  static unsigned turn;
  uint32_t most = *budget ? *budget : SPIN_MOST;
  if (most < SPIN_LEAST) { /* it does not pay; look now and then whether that has changed */
    if (++turn % SPIN_PROBE)
      return 0;
    most = SPIN_MOST / 2;
  }
  uint64_t *seat = take_seat();
  if (!seat)
    return 0;
  int won = spin_until(done, what, gomp_now() + most);
  __atomic_store_n(seat, 0, __ATOMIC_RELEASE);
  *budget = won ? most + (SPIN_MOST - most) / 4 : most - most / 8;
  return won;
}

int gomp_spin(int (*done)(void *), void *what, uint32_t *budget) {
  PyThreadState *state = PyEval_SaveThread();
  int won = spin(done, what, budget);
  PyEval_RestoreThread(state);
  return won;
}

/* ---- sleeping ---- */

/* Sleeps on the word of w. Precondition: no GIL. Returns whether the time was up. */
static int sleep_on(gomp_wait *w, int64_t ns) {
  uint32_t *word = (uint32_t *)w->word, value = w->value;
  if (w->listed) { /* tell the notifier that a wake is needed; it may have come meanwhile */
    uint32_t seen = value;
    if (!__atomic_compare_exchange_n(word, &seen, GOMP_ASLEEP, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) && seen != GOMP_ASLEEP)
      return 0;
    value = GOMP_ASLEEP;
  }
  struct timespec t = {ns / 1000000000, ns % 1000000000};
  return syscall(SYS_futex, word, FUTEX_WAIT, value, &t, NULL, 0) < 0 && errno == ETIMEDOUT;
}

static int over(const gomp_op *op) { return op->deadline >= 0 && gomp_now() >= op->deadline ? GOMP_LAST : 0; }

/* Sleeps for a slice at most. Precondition: no GIL. Returns whether the time was up. */
static int sleep_slice(gomp_op *op) {
  int64_t left = SLICE_NS;
  if (op->deadline >= 0) { /* past it, the last step has met a busy lock: let that pass */
    int64_t until = op->deadline - gomp_now();
    if (until > 0 && until < left)
      left = until;
  }
  return sleep_on(&op->wait, left);
}

enum {
  QUIET = -2,
  IDENTIFY_EVERY = 14, /* slices: who has called exec is found dead within a second of sleep */
  STEP_EVERY = 850,    /* slices: belt and braces, once a minute */
};

/* Whether a step would find nothing new after a slice in vain. Entering Go wakes its monitor thread, which
   looks around some sixty times before it sleeps again: 1 to 2 ms of a core, against a few system calls. */
static int quiet(gomp_op *op, int (*alive)(uint64_t owner)) {
  gomp_wait *w = &op->wait;
  if (changed(w) || w->watched > sizeof w->watch / sizeof *w->watch)
    return 0;
  if (w->hint && __atomic_load_n((const uint32_t *)w->hint, __ATOMIC_ACQUIRE) != w->hint_value)
    return 0;
  for (uint32_t i = 0; i < w->watched; i++)
    if (!alive(w->watch[i]))
      return 0;
  return !op->look || !op->look(op);
}

/* The nth slice. Precondition: no GIL; what op->look may see half-done, it will see again with the GIL.
   Returns the flags for a step, or QUIET. */
static int slice(gomp_op *op, int n) {
  int timed_out = sleep_slice(op), last = over(op);
  if (!timed_out || last || n % STEP_EVERY == 0)
    return last | (timed_out ? GOMP_CHECK : 0);
  return quiet(op, n % IDENTIFY_EVERY == 1 ? gomp_lives : gomp_runs) ? QUIET : GOMP_CHECK;
}

/* Python runs signal handlers in its main thread only. That is the process's first one, unless a program
   that embeds Python has it otherwise: there they run when a step is due. */
static int runs_handlers(const gomp_op *op) { return !op->stubborn && gomp_me() == (gomp_family.owner | GOMP_OWNER_THREAD(gomp_family.pid)); }

/* Sleeps until there is something for a step to do. Returns its flags, or -1 with an exception. */
static int slept(gomp_op *op) {
  for (int n = 1, flags;;) {
    PyThreadState *state = PyEval_SaveThread();
    do
      flags = slice(op, n++);
    while (flags == QUIET && !runs_handlers(op));
    PyEval_RestoreThread(state);
    if (!op->stubborn && PyErr_CheckSignals())
      return -1;
    if (flags != QUIET)
      return flags;
  }
}

/* ---- steps ---- */

/* After each step: what it found to be done that it could not do itself. */
static void tidy(gomp_wait *w) {
  if (w->garbage) {
    uint64_t block = w->garbage;
    w->garbage = 0;
    gomp_live->free(gomp_me(), block);
  }
  if (w->dead) {
    uint64_t dead = w->dead;
    w->dead = 0;
    gomp_live->sweep(gomp_me(), dead);
  }
}

static int32_t take(gomp_op *op, uint32_t flags) {
  int32_t status = op->step(op, flags, &op->wait);
  if (UNLIKELY(op->wait.garbage || op->wait.dead))
    tidy(&op->wait);
  return status;
}

/* The caller gives up: the step leaves its lists. Nothing may interrupt that. */
static void cancel(gomp_op *op) {
  uint32_t flags = GOMP_CANCEL;
  while (take(op, flags) == GOMP_AGAIN) {
    Py_BEGIN_ALLOW_THREADS
    sleep_on(&op->wait, SLICE_NS / 2);
    Py_END_ALLOW_THREADS
    flags = GOMP_CANCEL | GOMP_CHECK;
  }
}

static int give_block(gomp_wait *w) {
  if (w->spare)
    gomp_live->free(gomp_me(), w->spare);
  w->spare = 0;
  int64_t block = gomp_alloc(w->kind, w->want);
  if (block < 0)
    return -1;
  w->spare = (uint64_t)block;
  return 0;
}

static int32_t finish(gomp_op *op, int32_t status) {
  if (UNLIKELY(op->wait.spare != 0)) {
    gomp_live->free(gomp_me(), op->wait.spare);
    op->wait.spare = 0;
  }
  return status;
}

/* Who has slept for a slice in vain goes on sleeping. */
static int spun(gomp_op *op, uint32_t flags) { return op->spin && !(flags & GOMP_CHECK) && gomp_spin(changed, &op->wait, op->spin); }

/* Between two steps. Returns the flags for the next one, or -1 with an exception. */
static int wait_once(gomp_op *op, uint32_t flags_before, int *hung_up) {
  if (spun(op, flags_before))
    return over(op);
  /* What was put before the other end went must still be found: one more step after the look. */
  if (op->look && !*hung_up && op->look(op)) {
    *hung_up = 1;
    return GOMP_LAST;
  }
  int flags = slept(op);
  return flags < 0 ? flags : flags | (*hung_up ? GOMP_LAST : 0);
}

/* A signal handler may have forked, and this is the child: the waits of its parent are not its own. */
static int start_anew(gomp_op *op, uint64_t *owner) {
  op->wait = (gomp_wait){0};
  if (op->object ? gomp_ready(op->object) : gomp_need())
    return -1;
  *owner = gomp_family.owner;
  return 0;
}

int32_t gomp_run(gomp_op *op) {
  uint64_t owner = gomp_family.owner;
  uint32_t flags = op->deadline == 0 ? GOMP_LAST : 0;
  int hung_up = 0;
  for (;;) {
    int32_t status = take(op, flags);
    if (LIKELY(status != GOMP_AGAIN && status != GOMP_NEED_BLOCK))
      return finish(op, status == GOMP_TIMED_OUT && hung_up ? GOMP_HUNG_UP : status);
    int next = status == GOMP_NEED_BLOCK ? give_block(&op->wait) : wait_once(op, flags, &hung_up);
    if (UNLIKELY(gomp_family.owner != owner)) {
      if (next < 0 || start_anew(op, &owner))
        return -1;
      next = 0;
    }
    if (next < 0) {
      cancel(op);
      return finish(op, -1);
    }
    flags = (uint32_t)next | (status == GOMP_NEED_BLOCK ? flags : 0);
  }
}

PyObject *gomp_status_error(int32_t status) {
  switch (status) {
  case GOMP_FULL:
    return PyErr_Format(PyExc_MemoryError, "the family's shared memory is full (its cap is %llu bytes; GOMP_MEMORY sets it)",
                        (unsigned long long)gomp_head()->cap);
  case GOMP_TOO_MANY:
    PyErr_SetString(PyExc_ValueError, "semaphore or lock released too many times");
    return NULL;
  case GOMP_INVALID:
    PyErr_SetString(PyExc_ValueError, "a parameter is out of range, or the shared memory is corrupt");
    return NULL;
  case GOMP_CLOSED:
    PyErr_SetString(PyExc_OSError, "handle is closed");
    return NULL;
  }
  if (status >= 0)
    PyErr_Format(PyExc_SystemError, "the core answered %d", status);
  return NULL;
}

/* ---- blocks ---- */

typedef struct {
  gomp_op op;
  uint32_t kind;
  uint64_t size, target, block;
} allocation;

static int32_t alloc_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  allocation *a = (allocation *)op;
  return gomp_live->alloc(gomp_me(), a->kind, a->size, flags, w, &a->block);
}

static int32_t refer_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  allocation *a = (allocation *)op;
  return gomp_live->refer(gomp_me(), a->target, flags, w, &a->block);
}

static int64_t allocate(allocation *a) {
  if (gomp_need()) /* the caller may have been forked since it looked */
    return -1;
  int32_t status = gomp_run(&a->op);
  if (status == GOMP_DONE)
    return (int64_t)a->block;
  gomp_status_error(status);
  return -1;
}

int64_t gomp_alloc(uint32_t kind, uint64_t size) {
  allocation a = {.op = {.step = alloc_step, .deadline = -1}, .kind = kind, .size = size};
  return allocate(&a);
}

int64_t gomp_refer(uint64_t target) {
  allocation a = {.op = {.step = refer_step, .deadline = -1}, .target = target};
  return allocate(&a);
}

void gomp_free(uint64_t block) {
  if (gomp_live && gomp_family.owner)
    gomp_live->free(gomp_me(), block);
}

/* ---- arguments ---- */

int gomp_deadline(PyObject *timeout, int64_t *deadline) {
  if (timeout == NULL || timeout == Py_None) {
    *deadline = -1;
    return 0;
  }
  double seconds = PyFloat_AsDouble(timeout);
  if (seconds == -1.0 && PyErr_Occurred())
    return -1;
  if (isnan(seconds)) {
    PyErr_SetString(PyExc_ValueError, "timeout must be a number of seconds, not nan");
    return -1;
  }
  if (seconds <= 0)
    *deadline = 0;
  else if (seconds > 1e9) /* thirty years are for ever */
    *deadline = -1;
  else
    *deadline = gomp_now() + (int64_t)(seconds * 1e9);
  return 0;
}

int gomp_block_deadline(PyObject *block, PyObject *timeout, int64_t *deadline) {
  int blocking = block ? PyObject_IsTrue(block) : 1;
  if (blocking < 0)
    return -1;
  if (!blocking) {
    *deadline = 0;
    return 0;
  }
  return gomp_deadline(timeout, deadline);
}

int gomp_block_timeout(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, Py_ssize_t skip, int64_t *deadline) {
  PyObject *block = nargs > skip ? args[skip] : NULL, *timeout = nargs > skip + 1 ? args[skip + 1] : NULL;
  if (nargs > skip + 2) {
    PyErr_Format(PyExc_TypeError, "at most %zd positional arguments are taken (%zd given)", skip + 2, nargs);
    return -1;
  }
  Py_ssize_t n = kwnames ? PyTuple_Size(kwnames) : 0;
  for (Py_ssize_t i = 0; i < n; i++) {
    PyObject *name = PyTuple_GetItem(kwnames, i), *value = args[nargs + i];
    PyObject **which = PyUnicode_CompareWithASCIIString(name, "block") == 0     ? &block
                       : PyUnicode_CompareWithASCIIString(name, "timeout") == 0 ? &timeout
                                                                                : NULL;
    if (!which || *which) {
      PyErr_Format(PyExc_TypeError, which ? "argument '%U' is given twice" : "'%U' is an invalid keyword argument", name);
      return -1;
    }
    *which = value;
  }
  return gomp_block_deadline(block, timeout, deadline);
}
