/* Python objects that stand for objects of the family.
 *
 * This process holds a shared object (its bit among the holders is set) while at least one Python
 * object stands for it. A fork sets the child's bit on all of them before the child exists; a
 * pickled handle sets it for the child that is being spawned. */
#include "boundary.h"

#include <errno.h>
#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* a fork may come from a thread without the GIL */
static gomp_object *first;

void gomp_objects_lock(void) { pthread_mutex_lock(&mutex); }
void gomp_objects_unlock(void) { pthread_mutex_unlock(&mutex); }
void gomp_objects_reset(void) { mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER; }

void gomp_hold(uint64_t off, int slot) {
  gomp_block *b = gomp_at(off);
  __atomic_fetch_or(&b->holders[slot / 64], 1ull << slot % 64, __ATOMIC_SEQ_CST);
  __atomic_fetch_add(&b->holds, 1, __ATOMIC_SEQ_CST);
}

void gomp_hold_all(int slot) {
  for (gomp_object *o = first; o; o = o->next)
    gomp_hold(o->off, slot);
}

static int lost; /* this process was forked when there was no slot for it */

void gomp_lose_all(void) {
  lost = first != NULL;
  for (gomp_object *o = first; o; o = o->next)
    o->off = 0;
  first = NULL;
}

static void enlist(gomp_object *o) {
  gomp_objects_lock();
  o->prev = NULL;
  o->next = first;
  if (first)
    first->prev = o;
  first = o;
  gomp_objects_unlock();
}

/* Unlists o; reports whether another Python object stands for the same shared one. */
static int delist(gomp_object *o) {
  int another = 0;
  gomp_objects_lock();
  if (o->prev)
    o->prev->next = o->next;
  else
    first = o->next;
  if (o->next)
    o->next->prev = o->prev;
  if (o->twin)
    for (gomp_object *x = first; x && !another; x = x->next)
      another = x->off == o->off;
  gomp_objects_unlock();
  return another;
}

/* ---- what messages refer to ---- */

enum { REFERABLE = 8 };
static PyTypeObject *referable[REFERABLE];

void gomp_object_type(PyObject *type) {
  int i = 0;
  while (referable[i])
    i++;
  referable[i] = (PyTypeObject *)Py_NewRef(type);
}

gomp_object *gomp_object_in(PyObject *object) {
  for (int i = 0; i < REFERABLE && referable[i]; i++)
    if (PyObject_TypeCheck(object, referable[i]))
      return (gomp_object *)object;
  return NULL;
}

/* ---- making ---- */

typedef struct {
  gomp_op op;
  uint32_t kind;
  const uint64_t *params;
  uint64_t off;
} making;

static int32_t make_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  making *m = (making *)op;
  return gomp_live->new_object(gomp_me(), m->kind, m->params, flags, w, &m->off);
}

void gomp_object_adopt(gomp_object *o, uint32_t kind, uint64_t off) {
  o->off = off;
  o->kind = kind;
  o->serial = ((gomp_block *)gomp_at(off))->serial;
  enlist(o);
}

int gomp_object_create(gomp_object *o, uint32_t kind, const uint64_t params[4]) {
  if (o->off) {
    PyErr_SetString(PyExc_ValueError, "the object exists already");
    return -1;
  }
  if (gomp_need())
    return -1;
  making m = {.op = {.step = make_step, .deadline = -1}, .kind = kind, .params = params};
  int32_t status = gomp_run(&m.op);
  if (status < 0)
    return -1;
  if (status != GOMP_DONE) {
    gomp_status_error(status);
    return -1;
  }
  gomp_object_adopt(o, kind, m.off);
  return 0;
}

PyObject *gomp_object_attach(gomp_object *o, uint32_t kind, PyObject *handle) {
  uint64_t four[4];
  int good = PyTuple_Check(handle) && PyTuple_Size(handle) == 4;
  for (int i = 0; good && i < 4; i++)
    good = !gomp_u64(PyTuple_GetItem(handle, i), &four[i]);
  if (!good) {
    PyErr_Clear();
    return PyErr_Format(PyExc_ValueError, "handle must be a tuple of four integers of 64 bits, not %R", handle);
  }
  const uint64_t key = four[0], off = four[1], said = four[2], serial = four[3];
  if (o->off)
    return PyErr_Format(PyExc_ValueError, "the object exists already");
  if (!gomp_family.base || gomp_family.key != key)
    return PyErr_Format(PyExc_ValueError, "handle %R belongs to another family of processes", handle);
  if (gomp_need())
    return NULL;
  if (said != kind || gomp_live->valid(gomp_me(), off, kind, serial) != GOMP_DONE)
    return PyErr_Format(PyExc_ValueError, "handle %R is forged or stale", handle);
  o->off = off;
  o->kind = kind;
  o->serial = serial;
  for (gomp_object *x = first; x; x = x->next)
    if (x->off == off)
      x->twin = o->twin = 1;
  enlist(o);
  Py_RETURN_NONE;
}

/* The handle, and the reference that travels with it: the child of `token` holds the object from now
   on, until it lets go or dies. Setting a bit twice is setting it once. */
PyObject *gomp_object_handle(gomp_object *o, PyObject *token) {
  if (gomp_ready(o))
    return NULL;
  uint64_t t;
  if (gomp_u64(token, &t))
    return NULL;
  int slot = gomp_slot_of_token(t);
  if (slot < 0)
    return PyErr_Format(PyExc_ValueError, "token %llu names no process of this family", (unsigned long long)t);
  gomp_hold(o->off, slot);
  return Py_BuildValue("(KKIK)", (unsigned long long)gomp_family.key, (unsigned long long)o->off, o->kind, (unsigned long long)o->serial);
}

int gomp_object_ready(gomp_object *o) {
  if (!o->off) {
    if (lost)
      gomp_os_error(EAGAIN, PyUnicode_FromFormat("all %d process slots of the family were in use when this process was forked", GOMP_SLOTS));
    else
      PyErr_SetString(PyExc_ValueError, "the object was not created");
    return -1;
  }
  return gomp_need();
}

/* ---- letting go ---- */

static int held(gomp_sem *s) {
  if (s->kind != GOMP_SEMAPHORE)
    return (s->word & GOMP_OWNER_PROCESS_MASK) == gomp_family.owner;
  return s->policy == GOMP_POLICY_RELEASE && ((uint32_t *)((char *)s + GOMP_LEDGER))[gomp_my_slot()];
}

/* A lock that this process holds keeps its object: if the process dies, the sweep must find it. */
static int must_stay(gomp_object *o, gomp_block *b) {
  if (o->kind != GOMP_KIND_LOCK || !held(gomp_body(o)))
    return 0;
  int holders = 0;
  for (int i = 0; i < GOMP_SLOTS / 64; i++)
    holders += __builtin_popcountll(b->holders[i]);
  return holders > 1;
}

/* arena.Block.forsaken */
static int forsaken(gomp_block *b) {
  for (;;) {
    uint32_t holds = __atomic_load_n(&b->holds, __ATOMIC_SEQ_CST);
    for (int i = 0; i < GOMP_SLOTS / 64; i++)
      if (__atomic_load_n(&b->holders[i], __ATOMIC_SEQ_CST))
        return 0;
    if (__atomic_load_n(&b->refs, __ATOMIC_SEQ_CST))
      return 0;
    if (__atomic_load_n(&b->holds, __ATOMIC_SEQ_CST) == holds)
      return 1;
  }
}

void gomp_object_drop(gomp_object *o) {
  uint64_t off = o->off;
  if (!off)
    return;
  int another = delist(o);
  gomp_block *b = gomp_at(off);
  if (another || !gomp_is_me() || must_stay(o, b)) {
    o->off = 0;
    return;
  }
  o->off = 0;
  int slot = gomp_my_slot();
  __atomic_fetch_and(&b->holders[slot / 64], ~(1ull << slot % 64), __ATOMIC_SEQ_CST);
  if (!forsaken(b))
    return;
  /* Nobody holds it: whoever makes it his own takes it down. If we die before that, the next sweep does. */
  uint64_t shared = GOMP_SHARED_BY(o->serial);
  if (!__atomic_compare_exchange_n(&b->owner, &shared, gomp_family.owner, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    return;
  if (gomp_live || gomp_ensure() == 0)
    gomp_live->take_down(gomp_me(), off);
  else
    PyErr_Clear(); /* swept with this process */
}

void gomp_object_dealloc(PyObject *self) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  gomp_object_drop((gomp_object *)self);
  PyErr_Restore(type, value, traceback);
  PyTypeObject *tp = Py_TYPE(self);
  ((freefunc)PyType_GetSlot(tp, Py_tp_free))(self);
  Py_DECREF((PyObject *)tp);
}
