/* WaitList (of a Condition), Event and Barrier: thin over the packages cond, event and barrier. */
#include "boundary.h"

#include <stddef.h>

static const uint64_t no_params[4];

static PyObject *waitlist_attach(gomp_object *self, PyObject *h) { return gomp_object_attach(self, GOMP_KIND_COND, h); }
static PyObject *event_attach(gomp_object *self, PyObject *h) { return gomp_object_attach(self, GOMP_KIND_EVENT, h); }
static PyObject *barrier_attach(gomp_object *self, PyObject *h) { return gomp_object_attach(self, GOMP_KIND_BARRIER, h); }
static PyObject *handle(gomp_object *self, PyObject *token) { return gomp_object_handle(self, token); }

static PyObject *created(int failed) {
  if (failed)
    return NULL;
  Py_RETURN_NONE;
}

static PyObject *broken(void) {
  PyObject *cls = gomp_import("threading", "BrokenBarrierError");
  if (cls)
    PyErr_SetNone(cls);
  Py_XDECREF(cls);
  return NULL;
}

/* ---- WaitList ---- */

/* An entry of this thread lies there: its first word is the owner. */
static int entry_valid(uint64_t entry) {
  return entry >= 4096 && entry % 8 == 0 && entry <= gomp_family.size - 64 && *(uint64_t *)gomp_at(entry) == gomp_me();
}

static PyObject *waitlist_create(gomp_object *self, PyObject *unused) {
  (void)unused;
  return created(gomp_object_create(self, GOMP_KIND_COND, no_params));
}

static int32_t enter_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  return gomp_live->cond_enter(gomp_me(), op->object->off, flags, w);
}

static PyObject *waitlist_enter(gomp_object *self, PyObject *unused) {
  (void)unused;
  if (gomp_ready(self))
    return NULL;
  gomp_op op = {.step = enter_step, .deadline = -1, .stubborn = 1, .object = self};
  int32_t status = gomp_run(&op);
  return status == GOMP_DONE ? PyLong_FromUnsignedLongLong(op.wait.entry) : gomp_status_error(status);
}

static int32_t cond_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  return gomp_live->cond_wait(gomp_me(), op->object->off, flags, w);
}

static int32_t barrier_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  return gomp_live->barrier_wait(gomp_me(), op->object->off, flags, w);
}

static PyObject *not_an_entry(uint64_t entry) {
  return PyErr_Format(PyExc_ValueError, "entry %llu is not a wait of this thread", (unsigned long long)entry);
}

/* (entry, timeout) of the two waits; the entry must be one of this object's that this thread entered.
   Whatever goes wrong, the caller cancels: see Condition.wait and Barrier.wait. */
static int32_t wait_entry(gomp_object *self, PyObject *args, int32_t (*step)(gomp_op *, uint32_t, gomp_wait *)) {
  uint64_t entry;
  PyObject *said, *timeout = Py_None;
  gomp_op op = {.step = step, .object = self, .spin = &((gomp_barrier *)gomp_body(self))->spin};
  if (!PyArg_ParseTuple(args, "O|O", &said, &timeout) || gomp_u64(said, &entry) || gomp_deadline(timeout, &op.deadline))
    return -1;
  op.wait.entry = entry;
  int32_t status = entry_valid(entry) ? gomp_run(&op) : GOMP_INVALID;
  if (status != GOMP_INVALID)
    return status;
  not_an_entry(entry);
  return -1;
}

/* Runs a step that takes no time to speak of, to its end whatever signals come. */
static PyObject *settle(gomp_object *self, int32_t (*step)(gomp_op *, uint32_t, gomp_wait *), uint64_t entry) {
  if (gomp_ready(self))
    return NULL;
  gomp_op op = {.step = step, .deadline = -1, .stubborn = 1, .object = self, .wait = {.entry = entry}};
  int32_t status = gomp_run(&op);
  if (status == GOMP_BROKEN)
    return broken();
  if (status != GOMP_DONE)
    return gomp_status_error(status);
  Py_RETURN_NONE;
}

static int32_t cond_cancel_step(gomp_op *op, uint32_t flags, gomp_wait *w) { return gomp_live->cond_cancel(gomp_me(), op->object->off, flags, w); }

static PyObject *waitlist_cancel(gomp_object *self, PyObject *unused) { return (void)unused, settle(self, cond_cancel_step, 0); }

static PyObject *waitlist_wait(gomp_object *self, PyObject *args) {
  if (gomp_ready(self))
    return NULL;
  int32_t status = wait_entry(self, args, cond_step);
  return status == GOMP_DONE || status == GOMP_TIMED_OUT ? PyBool_FromLong(status == GOMP_DONE) : gomp_status_error(status);
}

typedef struct {
  gomp_op op;
  int64_t n, found;
} notification;

static int32_t notify_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  notification *n = (notification *)op;
  return gomp_live->cond_notify(gomp_me(), op->object->off, n->n, flags, w, &n->found);
}

static PyObject *waitlist_notify(gomp_object *self, PyObject *arg) {
  notification n = {.op = {.step = notify_step, .deadline = -1, .stubborn = 1, .object = self}};
  n.n = PyLong_AsLongLong(arg);
  if (PyErr_Occurred() || gomp_ready(self))
    return NULL;
  int32_t status = gomp_run(&n.op);
  return status == GOMP_DONE ? PyLong_FromLongLong(n.found) : gomp_status_error(status);
}

static PyObject *waitlist_sleeping(gomp_object *self, PyObject *unused) {
  (void)unused;
  return gomp_ready(self) ? NULL : PyLong_FromLongLong(gomp_live->cond_sleeping(self->off));
}

static PyMethodDef waitlist_methods[] = {
    METHOD("_create", waitlist_create, METH_NOARGS), METHOD("_attach", waitlist_attach, METH_O), METHOD("_handle", handle, METH_O),
    METHOD("enter", waitlist_enter, METH_NOARGS),    METHOD("wait", waitlist_wait, METH_VARARGS), METHOD("notify", waitlist_notify, METH_O),
    METHOD("cancel", waitlist_cancel, METH_NOARGS), METHOD("_sleeping", waitlist_sleeping, METH_NOARGS), {NULL, NULL, 0, NULL},
};

static PyType_Slot waitlist_slots[] = {
    {Py_tp_dealloc, gomp_object_dealloc}, {Py_tp_methods, waitlist_methods}, {Py_tp_doc, "Who waits for a condition."}, {0, NULL},
};

PyType_Spec gomp_waitlist_spec = {"gomp._boundary.WaitList", sizeof(gomp_object), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, waitlist_slots};

/* ---- Event ---- */

static PyObject *event_create(gomp_object *self, PyObject *unused) {
  (void)unused;
  return created(gomp_object_create(self, GOMP_KIND_EVENT, no_params));
}

static PyObject *event_set(gomp_object *self, PyObject *unused) {
  (void)unused;
  if (gomp_ready(self))
    return NULL;
  gomp_live->event_set(self->off);
  Py_RETURN_NONE;
}

static PyObject *event_clear(gomp_object *self, PyObject *unused) {
  (void)unused;
  if (gomp_ready(self))
    return NULL;
  gomp_live->event_clear(self->off);
  Py_RETURN_NONE;
}

static PyObject *event_is_set(gomp_object *self, PyObject *unused) {
  (void)unused;
  if (gomp_ready(self))
    return NULL;
  return PyBool_FromLong(__atomic_load_n(&((gomp_event *)gomp_body(self))->epoch, __ATOMIC_ACQUIRE) & 1);
}

static int32_t event_step(gomp_op *op, uint32_t flags, gomp_wait *w) { return gomp_live->event_wait(op->object->off, flags, w); }

static PyObject *event_wait(gomp_object *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  Py_ssize_t named = kwnames ? PyTuple_Size(kwnames) : 0;
  if (nargs + named > 1 || (named && PyUnicode_CompareWithASCIIString(PyTuple_GetItem(kwnames, 0), "timeout") != 0))
    return PyErr_Format(PyExc_TypeError, "wait() takes one argument, timeout");
  gomp_op op = {.step = event_step, .object = self};
  if (gomp_deadline(nargs + named ? args[0] : NULL, &op.deadline) || gomp_ready(self))
    return NULL;
  op.spin = &((gomp_event *)gomp_body(self))->spin;
  int32_t status = gomp_run(&op);
  return status == GOMP_DONE || status == GOMP_TIMED_OUT ? PyBool_FromLong(status == GOMP_DONE) : gomp_status_error(status);
}

static PyMethodDef event_methods[] = {
    METHOD("_create", event_create, METH_NOARGS), METHOD("_attach", event_attach, METH_O), METHOD("_handle", handle, METH_O),
    SIGNED("set", event_set, METH_NOARGS, "($self, /)", "Set the event and wake all who wait."),        SIGNED("clear", event_clear, METH_NOARGS, "($self, /)", "Clear the event."), SIGNED("is_set", event_is_set, METH_NOARGS, "($self, /)", "Whether the event is set."),
    SIGNED("wait", event_wait, FAST, "($self, /, timeout=None)", "Wait until the event is set; False when timeout seconds have passed."),             {NULL, NULL, 0, NULL},
};

static PyType_Slot event_slots[] = {
    {Py_tp_dealloc, gomp_object_dealloc}, {Py_tp_methods, event_methods}, {Py_tp_doc, "An event of the family."}, {0, NULL},
};

PyType_Spec gomp_event_spec = {"gomp._boundary.Event", sizeof(gomp_object), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, event_slots};

/* ---- Barrier ---- */

static PyObject *barrier_create(gomp_object *self, PyObject *arg) {
  long long parties = PyLong_AsLongLong(arg);
  if (parties == -1 && PyErr_Occurred())
    return NULL;
  enum { MOST = 1 << 30 };
  if (parties < 1 || parties > MOST)
    return PyErr_Format(PyExc_ValueError, "parties must be from 1 to %d, not %lld", MOST, parties);
  const uint64_t params[4] = {(uint64_t)parties};
  return created(gomp_object_create(self, GOMP_KIND_BARRIER, params));
}

typedef struct {
  gomp_op op;
  int64_t index;
} arrival;

static int32_t arrive_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  return gomp_live->barrier_arrive(gomp_me(), op->object->off, flags, w, &((arrival *)op)->index);
}

static PyObject *barrier_arrive(gomp_object *self, PyObject *unused) {
  (void)unused;
  if (gomp_ready(self))
    return NULL;
  arrival a = {.op = {.step = arrive_step, .deadline = -1, .object = self}};
  int32_t status = gomp_run(&a.op);
  if (status == GOMP_BROKEN)
    return broken();
  return status == GOMP_DONE ? Py_BuildValue("(LK)", (long long)a.index, (unsigned long long)a.op.wait.entry) : gomp_status_error(status);
}

static PyObject *barrier_wait(gomp_object *self, PyObject *args) {
  if (gomp_ready(self))
    return NULL;
  int32_t status = wait_entry(self, args, barrier_step);
  return status == GOMP_DONE || status == GOMP_BROKEN ? PyBool_FromLong(status == GOMP_DONE) : gomp_status_error(status);
}

static int32_t trip_step(gomp_op *op, uint32_t flags, gomp_wait *w) { return gomp_live->barrier_trip(gomp_me(), op->object->off, flags, w); }
static int32_t break_step(gomp_op *op, uint32_t flags, gomp_wait *w) { return gomp_live->barrier_break(gomp_me(), op->object->off, flags, w); }
static int32_t reset_step(gomp_op *op, uint32_t flags, gomp_wait *w) { return gomp_live->barrier_reset(gomp_me(), op->object->off, flags, w); }

static int32_t cancel_step(gomp_op *op, uint32_t flags, gomp_wait *w) { return gomp_live->barrier_cancel(gomp_me(), op->object->off, flags, w); }

static PyObject *barrier_trip(gomp_object *self, PyObject *arg) {
  uint64_t entry;
  if (gomp_u64(arg, &entry) || gomp_ready(self))
    return NULL;
  if (!entry_valid(entry))
    return not_an_entry(entry);
  return settle(self, trip_step, entry);
}

static PyObject *barrier_abort(gomp_object *self, PyObject *unused) { return (void)unused, settle(self, break_step, 0); }
static PyObject *barrier_cancel(gomp_object *self, PyObject *unused) { return (void)unused, settle(self, cancel_step, 0); }
static PyObject *barrier_reset(gomp_object *self, PyObject *unused) { return (void)unused, settle(self, reset_step, 0); }

static PyObject *barrier_parties(gomp_object *self, void *unused) {
  (void)unused;
  return gomp_ready(self) ? NULL : PyLong_FromUnsignedLong(((gomp_barrier *)gomp_body(self))->parties);
}

static PyObject *barrier_waiting(gomp_object *self, void *unused) {
  (void)unused;
  return gomp_ready(self) ? NULL : PyLong_FromLongLong(gomp_live->barrier_waiting(self->off));
}

static PyObject *barrier_broken(gomp_object *self, void *unused) {
  (void)unused;
  return gomp_ready(self) ? NULL : PyBool_FromLong(((gomp_barrier *)gomp_body(self))->broken != 0);
}

static PyMethodDef barrier_methods[] = {
    METHOD("_create", barrier_create, METH_O),      METHOD("_attach", barrier_attach, METH_O),    METHOD("_handle", handle, METH_O),
    METHOD("_arrive", barrier_arrive, METH_NOARGS), METHOD("_wait", barrier_wait, METH_VARARGS),  METHOD("_trip", barrier_trip, METH_O),
    METHOD("_abort", barrier_abort, METH_NOARGS), METHOD("_cancel", barrier_cancel, METH_NOARGS),   METHOD("_reset", barrier_reset, METH_NOARGS), {NULL, NULL, 0, NULL},
};

static PyGetSetDef barrier_getset[] = {
    {"_parties", (getter)barrier_parties, NULL, NULL, NULL}, {"_n_waiting", (getter)barrier_waiting, NULL, NULL, NULL},
    {"_broken", (getter)barrier_broken, NULL, NULL, NULL},   {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot barrier_slots[] = {
    {Py_tp_dealloc, gomp_object_dealloc}, {Py_tp_methods, barrier_methods}, {Py_tp_getset, barrier_getset},
    {Py_tp_doc, "A barrier of the family."}, {0, NULL},
};

PyType_Spec gomp_barrier_spec = {"gomp._boundary.Barrier", sizeof(gomp_object), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, barrier_slots};
