/* SemLock: Lock, RLock, Semaphore and BoundedSemaphore.
 *
 * Where nobody waits, taking and releasing is one compare-and-swap here; the rest is package lock. */
#include "boundary.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct {
  gomp_object o;
  long count;        /* of a semaphore: taken less released by this Python object, as the standard counts */
  uint64_t last;     /* the thread that took it last */
} SemLock;

static gomp_sem *sem_of(SemLock *self) { return gomp_body(&self->o); }

static int has_ledger(const gomp_sem *s) { return s->kind == GOMP_SEMAPHORE && s->policy == GOMP_POLICY_RELEASE; }

/* Takes it if that needs no waiting and no ledger. */
static int try_acquire(gomp_sem *s, uint64_t me) {
  uint64_t v = __atomic_load_n(&s->word, __ATOMIC_RELAXED);
  if (s->kind == GOMP_SEMAPHORE)
    return !has_ledger(s) && (uint32_t)v != 0 &&
           __atomic_compare_exchange_n(&s->word, &v, v - 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
  if (v == 0)
    return __atomic_compare_exchange_n(&s->word, &v, me, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
  if (s->kind == GOMP_RLOCK && (v & ~GOMP_LOCK_ASLEEP) == me) {
    s->depth++;
    return 1;
  }
  return 0;
}

typedef struct {
  gomp_sem *s;
  uint64_t me;
  unsigned pauses;
} attempt;

/* Each look takes the cache line away from the owner, who has work to do there: one in a microsecond. */
static int succeeds(void *what) {
  attempt *a = what;
  return ++a->pauses % 32 == 0 && try_acquire(a->s, a->me);
}

/* Most locks are held for microseconds. Who tries for as long before it marks the lock spares the owner the
   system call that the mark would cost it. */
static int try_for_long(gomp_sem *s, uint64_t me) {
  attempt a = {s, me, 0};
  return gomp_spin(succeeds, &a, &s->spin);
}

static int32_t acquire_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  return gomp_live->lock_acquire(gomp_me(), op->object->off, flags, w);
}

static int release_(SemLock *self);

static int warn(SemLock *self, PyObject *cls, uint32_t pid) {
  PyObject *name = PyType_GetName(Py_TYPE((PyObject *)self));
  int failed = name ? PyErr_WarnFormat(cls, 1, "process %u died while it held a %U, which has a new owner now", pid, name) : -1;
  Py_XDECREF(name);
  return failed;
}

/* The lock was taken from a dead owner, which the policy wants known. */
static int owner_died(SemLock *self, uint32_t pid) {
  gomp_sem *s = sem_of(self);
  int raise = s->policy == GOMP_POLICY_RAISE;
  PyObject *cls = gomp_error_class(raise ? "OwnerDied" : "OwnerDiedWarning");
  if (!cls)
    return -1;
  int failed = -1;
  if (raise) {
    PyObject *e = PyObject_CallFunction(cls, "I", pid);
    if (e)
      PyErr_SetObject(cls, e); /* the lock stays held, as with a robust POSIX mutex */
    Py_XDECREF(e);
  } else if (warn(self, cls, pid) == 0) {
    failed = 0;
  } else {
    PyObject *type, *value, *traceback; /* warnings are errors: who gets one has not got the lock */
    PyErr_Fetch(&type, &value, &traceback);
    release_(self);
    PyErr_Restore(type, value, traceback);
  }
  Py_DECREF(cls);
  return failed;
}

/* 1 taken, 0 not, -1 exception */
static int acquire_(SemLock *self, int64_t deadline) {
  uint64_t me = gomp_me();
  gomp_sem *s = sem_of(self);
  int ledger = has_ledger(s), patient = deadline != 0 && !ledger;
  if (!try_acquire(s, me) && !(patient && try_for_long(s, me))) {
    gomp_op op = {.step = acquire_step, .spin = ledger ? &s->spin : NULL, .deadline = deadline, .object = &self->o};
    Py_INCREF((PyObject *)self);
    int32_t status = gomp_run(&op);
    if (status == GOMP_OWNER_DIED && owner_died(self, op.wait.pid))
      status = -1;
    Py_DECREF((PyObject *)self);
    if (status == GOMP_TIMED_OUT)
      return 0;
    if (status != GOMP_DONE && status != GOMP_OWNER_DIED) {
      gomp_status_error(status);
      return -1;
    }
  }
  self->count++;
  self->last = me;
  return 1;
}

static void wake(void *word) { syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0); }

static int32_t release_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  return gomp_live->lock_release(gomp_me(), op->object->off, flags, w);
}

static int too_many(void) {
  PyErr_SetString(PyExc_ValueError, "semaphore or lock released too many times");
  return -1;
}

static int release_semaphore(SemLock *self, gomp_sem *s) {
  if (has_ledger(s)) {
    gomp_op op = {.step = release_step, .deadline = -1, .stubborn = 1, .object = &self->o};
    int32_t status = gomp_run(&op);
    if (status != GOMP_DONE) {
      gomp_status_error(status);
      return -1;
    }
    self->count--;
    return 0;
  }
  uint64_t v = __atomic_load_n(&s->word, __ATOMIC_RELAXED);
  do
    if ((uint32_t)v >= s->max)
      return too_many();
  while (!__atomic_compare_exchange_n(&s->word, &v, v + 1, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
  if (v >> 32)
    wake(&s->word);
  self->count--;
  return 0;
}

static int release_(SemLock *self) {
  gomp_sem *s = sem_of(self);
  if (s->kind == GOMP_SEMAPHORE)
    return release_semaphore(self, s);
  uint64_t v = __atomic_load_n(&s->word, __ATOMIC_RELAXED);
  if (s->kind == GOMP_RLOCK) {
    if ((v & ~GOMP_LOCK_ASLEEP) != gomp_me()) {
      PyErr_SetString(PyExc_AssertionError, "attempt to release recursive lock not owned by thread");
      return -1;
    }
    if (s->depth) {
      s->depth--;
      return 0;
    }
  }
  do /* a standard Lock may be released by anybody */
    if (v == 0)
      return too_many();
  while (!__atomic_compare_exchange_n(&s->word, &v, 0, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
  if (v & GOMP_LOCK_ASLEEP)
    wake(&s->word);
  return 0;
}

/* ---- methods ---- */

static PyObject *acquire(SemLock *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  int64_t deadline = -1;
  if (UNLIKELY(gomp_ready(&self->o)))
    return NULL;
  if (nargs == 0 && kwnames == NULL) {
    if (LIKELY(try_acquire(sem_of(self), gomp_me()))) {
      self->count++;
      self->last = gomp_me();
      Py_RETURN_TRUE;
    }
  } else if (gomp_block_timeout(args, nargs, kwnames, 0, &deadline))
    return NULL;
  int got = acquire_(self, deadline);
  return got < 0 ? NULL : PyBool_FromLong(got);
}

static PyObject *release(SemLock *self, PyObject *unused) {
  (void)unused;
  if (gomp_ready(&self->o) || release_(self))
    return NULL;
  Py_RETURN_NONE;
}

static PyObject *enter(SemLock *self, PyObject *unused) {
  (void)unused;
  if (gomp_ready(&self->o) || acquire_(self, -1) < 0)
    return NULL;
  Py_RETURN_TRUE;
}

static PyObject *leave(SemLock *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  (void)args, (void)nargs, (void)kwnames;
  return release(self, NULL);
}

/* The standard library's exception, with a text that says more. */
static PyObject *invalid(long long value, long long maximum) {
  return gomp_os_error(EINVAL, PyUnicode_FromFormat("Invalid argument: the initial value must be from 0 to %lld, not %lld", maximum, value));
}

static PyObject *create(SemLock *self, PyObject *args) {
  long long kind, value, maximum, policy = 0;
  if (!PyArg_ParseTuple(args, "LLL|L:_create", &kind, &value, &maximum, &policy))
    return NULL;
  if (kind < 0 || kind > GOMP_SEMAPHORE || policy < 0 || policy > GOMP_POLICY_RELEASE)
    return PyErr_Format(PyExc_ValueError, "there is no lock of kind %lld with policy %lld", kind, policy);
  if (value > 0x7fffffff)
    return PyErr_Format(PyExc_OverflowError, "the initial value must be at most %d, not %lld", 0x7fffffff, value);
  if (value < 0 || maximum < value || maximum > 0xffffffffll)
    return invalid(value, maximum);
  const uint64_t params[4] = {(uint64_t)kind, (uint64_t)value, (uint64_t)maximum, (uint64_t)policy};
  if (gomp_object_create(&self->o, GOMP_KIND_LOCK, params))
    return NULL;
  Py_RETURN_NONE;
}

static PyObject *attach(SemLock *self, PyObject *handle) { return gomp_object_attach(&self->o, GOMP_KIND_LOCK, handle); }
static PyObject *handle(SemLock *self, PyObject *token) { return gomp_object_handle(&self->o, token); }

/* What the standard SemLock tells of itself. */

static PyObject *get_count(SemLock *self, PyObject *unused) {
  (void)unused;
  if (gomp_ready(&self->o))
    return NULL;
  gomp_sem *s = sem_of(self);
  if (s->kind == GOMP_SEMAPHORE)
    return PyLong_FromLong(self->count);
  uint64_t v = __atomic_load_n(&s->word, __ATOMIC_RELAXED);
  return PyLong_FromLong(v && (v & GOMP_OWNER_PROCESS_MASK) == gomp_family.owner ? 1 + (long)s->depth : 0);
}

static PyObject *is_mine(SemLock *self, PyObject *unused) {
  (void)unused;
  if (gomp_ready(&self->o))
    return NULL;
  gomp_sem *s = sem_of(self);
  if (s->kind == GOMP_SEMAPHORE)
    return PyBool_FromLong(self->count > 0 && self->last == gomp_me());
  return PyBool_FromLong((__atomic_load_n(&s->word, __ATOMIC_RELAXED) & ~GOMP_LOCK_ASLEEP) == gomp_me());
}

static long value_of(gomp_sem *s) {
  uint64_t v = __atomic_load_n(&s->word, __ATOMIC_RELAXED);
  return s->kind == GOMP_SEMAPHORE ? (long)(uint32_t)v : v == 0;
}

static PyObject *get_value(SemLock *self, PyObject *unused) {
  (void)unused;
  return gomp_ready(&self->o) ? NULL : PyLong_FromLong(value_of(sem_of(self)));
}

static PyObject *is_zero(SemLock *self, PyObject *unused) {
  (void)unused;
  return gomp_ready(&self->o) ? NULL : PyBool_FromLong(value_of(sem_of(self)) == 0);
}

static PyObject *after_fork(SemLock *self, PyObject *unused) {
  (void)unused;
  self->count = 0;
  Py_RETURN_NONE;
}

static PyObject *get_kind(SemLock *self, void *unused) {
  (void)unused;
  return gomp_ready(&self->o) ? NULL : PyLong_FromUnsignedLong(sem_of(self)->kind);
}

static PyObject *get_maxvalue(SemLock *self, void *unused) {
  (void)unused;
  return gomp_ready(&self->o) ? NULL : PyLong_FromUnsignedLong(sem_of(self)->max);
}

static PyObject *get_handle(SemLock *self, void *unused) {
  (void)unused;
  return PyLong_FromUnsignedLongLong(self->o.off);
}

static PyObject *get_name(SemLock *self, void *unused) {
  (void)unused;
  char name[48]; /* CPython 3.11 has no %llx */
  snprintf(name, sizeof name, "/gomp-%llx-%llx", (unsigned long long)gomp_family.key, (unsigned long long)self->o.off);
  return PyUnicode_FromString(name);
}

static PyMethodDef methods[] = {
    SIGNED("acquire", acquire, FAST, "($self, /, block=True, timeout=None)", "Take it; False when timeout seconds have passed."),          SIGNED("release", release, METH_NOARGS, "($self, /)", "Release it. ValueError: it was not taken; AssertionError: not this thread's."),       METHOD("__enter__", enter, METH_NOARGS),
    METHOD("__exit__", leave, FAST),           METHOD("_create", create, METH_VARARGS),       METHOD("_attach", attach, METH_O),
    METHOD("_handle", handle, METH_O),         METHOD("_count", get_count, METH_NOARGS),      METHOD("_is_mine", is_mine, METH_NOARGS),
    METHOD("_get_value", get_value, METH_NOARGS), METHOD("_is_zero", is_zero, METH_NOARGS),   METHOD("_after_fork", after_fork, METH_NOARGS),
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"kind", (getter)get_kind, NULL, NULL, NULL},     {"maxvalue", (getter)get_maxvalue, NULL, NULL, NULL},
    {"handle", (getter)get_handle, NULL, NULL, NULL}, {"name", (getter)get_name, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, gomp_object_dealloc}, {Py_tp_methods, methods}, {Py_tp_getset, getset},
    {Py_tp_doc, "A lock or a semaphore of the family."}, {0, NULL},
};

PyType_Spec gomp_sem_spec = {"gomp._boundary.SemLock", sizeof(SemLock), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
