/* Pool and Job: the parent's and the workers' side of package pool.
 *
 * The parent pickles tasks into batches and unpickles answers in the thread that asks for them. Pages and
 * jobs are the parent's to free, and it does so with the GIL held: what the pool says of a job that a
 * Python object stands for stays true while this thread runs. */
#include "boundary.h"

#include <stdlib.h>
#include <string.h>
#include <structmember.h>
#include <unistd.h>

typedef struct {
  gomp_object o;
  PyObject *functions; /* of a worker: what it has unpickled, by the job's serial */
  uint64_t abandoned;  /* of the parent: jobs that Reap will give */
  int64_t looked;      /* of a worker: when it has last looked whether its parent lives */
  int native;          /* of the parent: tasks and answers are packed, see gomp_pack */
  uint64_t page;       /* of the parent: one that the next tasks may be submitted with, or 0 */
  uint64_t owner;      /* whose that page is: a forked child has no part in it */
} Pool;

typedef struct {
  PyObject_HEAD
  Pool *pool;
  uint64_t off, owner; /* the process that made it: a forked child has no part in it */
  uint64_t chain;      /* answers taken from the job, the oldest first */
  uint64_t popped;     /* how many were given to Python */
  PyObject *refused;   /* exceptions of pickling, by the task's index; NULL: none */
} Job;

enum { BATCH = 1 << 18, HEAVY = 64 << 20, FUNCTIONS = 64, SPECS = 1 << 10 };

static PyTypeObject *job_type;

static gomp_pool *pool_body(const Pool *self) { return gomp_body(&self->o); }
static gomp_job *job_at(uint64_t off) { return gomp_at(off); }
static gomp_task *task_at(uint64_t off) { return gomp_at(off); }
static char *arguments(gomp_task *t) { return (char *)t + sizeof *t; }
static char *answer_of(gomp_task *t) { return arguments(t) + t->arguments; }
static uint32_t kind_of(const char *record) { return (uint32_t)(*(const uint64_t *)record >> 32 & 0xff); }
static size_t space_of(const char *record) { return 8 + ((*(const uint32_t *)record + 7) & ~7ul); }
static uint64_t weight_of(const char *record) {
  return kind_of(record) == GOMP_REMOTE ? ((const uint64_t *)record)[2] : *(const uint32_t *)record;
}

/* The block that a record names becomes this process's. Precondition: it is the pool's. */
static void take_over(const char *record) {
  if (kind_of(record) == GOMP_REMOTE) {
    gomp_block *b = gomp_at(((const uint64_t *)record)[1]);
    __atomic_store_n(&b->owner, gomp_family.owner, __ATOMIC_RELEASE);
  }
}

static PyObject *status_error(const Pool *self, int32_t status) {
  if (status == GOMP_BROKEN) {
    PyErr_SetString(PyExc_ValueError, "Pool not running");
    return NULL;
  }
  if (status == GOMP_INVALID && pool_body(self)->parent != gomp_family.owner) {
    PyErr_SetString(PyExc_ValueError, "the pool is another process's, which alone can give it tasks");
    return NULL;
  }
  return gomp_status_error(status);
}

/* ---- pages ---- */

enum { SPARE_MOST = 1 << 10 };

static uint64_t spare_of(Pool *self) { return self->owner == gomp_family.owner ? self->page : 0; }

/* One small page is kept: to free and to allocate another one costs as much as to submit a task. */
static void leave_page(Pool *self, uint64_t page) {
  gomp_page *p = (gomp_page *)((char *)gomp_at(page) + 64);
  if (--p->left)
    return;
  gomp_block *b = gomp_at(page);
  __atomic_store_n(&b->owner, gomp_family.owner, __ATOMIC_RELEASE);
  if (b->size > SPARE_MOST || spare_of(self)) {
    gomp_free(page);
    return;
  }
  self->page = page;
  self->owner = gomp_family.owner;
}

/* A page for so many bytes, or -1 with an exception. */
static int64_t take_page(Pool *self, uint64_t size) {
  uint64_t page = spare_of(self);
  if (!page || ((gomp_block *)gomp_at(page))->size < size)
    return gomp_alloc(GOMP_KIND_JOBPAGE, size);
  self->page = 0;
  return (int64_t)page;
}

/* A job follows the header of the page that it was made with. */
static uint64_t page_of_job(uint64_t off) { return off - sizeof(gomp_page) - 64; }

/* The parent is done with an answered task. `read`: its answer was unpickled. */
static void free_task(Pool *self, gomp_task *t, int read) {
  if (!t->passed) {
    take_over(arguments(t));
    gomp_drop_record(arguments(t));
  }
  if (!read && (t->status == GOMP_RETURNED || t->status == GOMP_RAISED)) {
    take_over(answer_of(t));
    gomp_drop_record(answer_of(t));
  }
  leave_page(self, t->page);
}

static void free_chain(Pool *self, uint64_t first) {
  while (first) {
    gomp_task *t = task_at(first);
    first = t->link;
    free_task(self, t, 0);
  }
}

static uint64_t reversed(uint64_t first) {
  uint64_t done = 0;
  while (first) {
    uint64_t next = task_at(first)->link;
    task_at(first)->link = done;
    done = first;
    first = next;
  }
  return done;
}

/* The function's record, if it has a block, goes with the job. */
static void free_job(Pool *self, uint64_t off) {
  gomp_job *j = job_at(off);
  if (j->function) {
    take_over(gomp_at(j->function));
    gomp_drop_record(gomp_at(j->function));
  }
  leave_page(self, page_of_job(off));
}

/* ---- steps ---- */

typedef struct {
  gomp_op op;
  uint64_t job, n, out;
  uint32_t what;
} asking;

static int32_t await_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  asking *a = (asking *)op;
  return gomp_live->pool_await(gomp_me(), op->object->off, a->job, a->n, flags, w);
}

static int32_t answers_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  asking *a = (asking *)op;
  return gomp_live->pool_answers(gomp_me(), op->object->off, a->job, flags, w, &a->out);
}

static int32_t tell_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  asking *a = (asking *)op;
  return gomp_live->pool_tell(gomp_me(), op->object->off, a->job, a->what, flags, w, &a->out);
}

static int32_t next_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  asking *a = (asking *)op;
  return gomp_live->pool_next(gomp_me(), op->object->off, a->what, flags, w, &a->out);
}

static int32_t turn_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  return gomp_live->pool_turn(gomp_me(), op->object->off, ((asking *)op)->what, flags, w);
}

static int32_t enter_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  asking *a = (asking *)op;
  return gomp_live->pool_enter(gomp_me(), op->object->off, (uint32_t)a->n, a->what, gomp_now(), flags, w);
}

/* ---- submitting ---- */

typedef struct {
  gomp_op op;
  uint64_t job;
  const char *function;
  size_t nfunction;
  char *specs; /* first the buffer of who submits, then memory of its own */
  char *own;
  size_t n, room;
  uint64_t weight;
  uint64_t size; /* of the tasks in a page */
  uint32_t open;
  unsigned long long limit;
} submission;

static int32_t submit_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  submission *s = (submission *)op;
  return gomp_live->pool_submit(gomp_me(), op->object->off, &s->job, s->function, s->nfunction, s->specs, s->n, s->open, s->limit, gomp_now(), flags, w);
}

static void drop_specs(submission *s) {
  for (size_t at = 0; at < s->n;) {
    const char *record = s->specs + at + sizeof(gomp_spec);
    gomp_drop_record(record);
    at += sizeof(gomp_spec) + space_of(record);
  }
  s->n = 0;
}

/* Submits what has gathered. 0, or -1 with an exception; then nothing of it is submitted. */
static int flush(Pool *self, submission *s) {
  s->op = (gomp_op){.step = submit_step, .deadline = -1, .object = &self->o};
  /* The step would ask for the page, and then be taken again. */
  int64_t page = take_page(self, sizeof(gomp_page) + s->size + (s->job ? 0 : sizeof(gomp_job) + s->nfunction));
  s->op.wait.spare = page < 0 ? 0 : (uint64_t)page;
  int32_t status = page < 0 ? -1 : gomp_run(&s->op);
  if (status != GOMP_DONE) {
    if (status > 0)
      status_error(self, status);
    drop_specs(s);
    return -1;
  }
  s->n = s->weight = s->size = 0;
  s->function = NULL; /* it is the job's */
  s->nfunction = 0;
  return 0;
}

static int add_spec(submission *s, const gomp_spec *spec, const void *record, size_t n) {
  if (s->n + sizeof *spec + n > s->room) {
    size_t room = 2 * s->room + sizeof *spec + n;
    char *specs = realloc(s->own, room);
    if (!specs) {
      PyErr_NoMemory();
      return -1;
    }
    if (!s->own)
      memcpy(specs, s->specs, s->n);
    s->specs = s->own = specs;
    s->room = room;
  }
  memcpy(s->specs + s->n, spec, sizeof *spec);
  memcpy(s->specs + s->n + sizeof *spec, record, n);
  s->n += sizeof *spec + n;
  s->size += sizeof(gomp_task) + n + spec->room;
  s->weight += weight_of(record);
  return 0;
}

/* What cannot be pickled is answered with its exception. */
static int add_refused(submission *s, gomp_spec *spec, Job *j) {
  static const uint64_t empty = (uint64_t)GOMP_INLINE << 32;
  if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError))
    return -1;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback)
    PyException_SetTraceback(value, traceback);
  PyObject *index = PyLong_FromUnsignedLong(spec->index);
  if (!j->refused && (j->refused = PyDict_New()))
    PyObject_GC_Track(j);
  int failed = !index || !j->refused || PyDict_SetItem(j->refused, index, value);
  Py_XDECREF(index);
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(traceback);
  spec->refused = 1;
  return failed || add_spec(s, spec, &empty, sizeof empty) ? -1 : 0;
}

static int add_payload(submission *s, gomp_spec *spec, PyObject *payload, Job *j) {
  gomp_sink *sink = j->pool->native ? gomp_pack(payload) : gomp_pickle(payload);
  if (!sink)
    return add_refused(s, spec, j);
  const void *record;
  size_t n;
  gomp_sink_record(sink, &record, &n);
  int failed = add_spec(s, spec, record, n);
  if (!failed)
    gomp_sink_sent(sink);
  gomp_sink_done(sink);
  return failed;
}

/* Jobs that were abandoned and are complete by now. */
static void reap(Pool *self) {
  while (self->abandoned) {
    asking a = {.op = {.step = next_step, .deadline = -1, .stubborn = 1, .object = &self->o}, .what = 1};
    if (gomp_run(&a.op) != GOMP_DONE || !a.out)
      return;
    self->abandoned--;
    free_chain(self, job_at(a.out)->answers);
    free_job(self, a.out);
  }
}

static Job *new_job(Pool *self) {
  Job *j = PyObject_GC_New(Job, job_type);
  if (!j)
    return NULL;
  j->pool = self;
  Py_INCREF((PyObject *)self);
  j->off = j->chain = j->popped = 0;
  j->owner = gomp_family.owner;
  j->refused = NULL; /* before there is one, the collector need not know of the job */
  return j;
}

/* What a payload stands for and what its index counts: one item, a chunk and chunks, or a chunk and items. */
enum { ONE, CHUNK, ITEMS };

static Py_ssize_t packed_items(PyObject *payload) {
  PyObject *n = PyTuple_Check(payload) ? PyTuple_GetItem(payload, 0) : NULL;
  return n ? PyLong_AsSsize_t(n) : -1;
}

/* All payloads of an iterable, in batches: the workers begin while the rest is pickled. */
static int add_all(Pool *self, Job *j, submission *s, PyObject *payloads, gomp_spec *spec, int chunked, uint32_t open) {
  PyObject *items = PyObject_GetIter(payloads), *payload;
  if (!items)
    return -1;
  int failed = 0;
  while (!failed && (payload = PyIter_Next(items))) {
    Py_ssize_t n = chunked == ONE ? 1 : self->native ? packed_items(payload) : PyObject_Size(payload);
    spec->items = (uint32_t)n;
    spec->refused = 0;
    failed = n < 0 || add_payload(s, spec, payload, j);
    Py_DECREF(payload);
    spec->index += chunked == ITEMS ? spec->items : 1;
    if (!failed && (s->n > BATCH || s->weight > HEAVY)) {
      s->open = 1;
      failed = flush(self, s);
      j->off = s->job;
    }
  }
  Py_DECREF(items);
  s->open = open;
  if (failed || PyErr_Occurred()) {
    drop_specs(s);
    return -1;
  }
  failed = flush(self, s);
  j->off = s->job;
  return failed;
}

/* _submit(job, function, payloads, first, chunked, open, room, retries, timeout, limit): the tasks of a job (None: a
   new one), whose first has that index. It waits while more than limit bytes are queued; 0: the pool's limit. */
static PyObject *submit(Pool *self, PyObject *args) {
  PyObject *job, *function, *payloads;
  int chunked, open;
  unsigned int room;
  gomp_spec spec = {0};
  long long timeout;
  unsigned long long limit = 0;
  if (!PyArg_ParseTuple(args, "OOOIipIIL|K", &job, &function, &payloads, &spec.index, &chunked, &open, &room, &spec.retries, &timeout, &limit) ||
      gomp_ready(&self->o))
    return NULL;
  spec.room = (room + 7) & ~7u;
  spec.timeout = timeout;
  reap(self);
  Job *j = job == Py_None ? new_job(self) : (Job *)job;
  if (!j)
    return NULL;
  if (job != Py_None)
    Py_INCREF(job);
  char first[SPECS];
  submission s = {.job = j->off, .limit = limit, .room = SPECS, .specs = first};
  gomp_sink *sink = NULL;
  int failed = 0;
  if (function != Py_None) {
    const void *record;
    sink = self->native ? gomp_pack(function) : gomp_pickle(function);
    failed = !sink;
    if (sink) {
      gomp_sink_record(sink, &record, &s.nfunction);
      s.function = record;
    }
  }
  failed = failed || add_all(self, j, &s, payloads, &spec, chunked, (uint32_t)open);
  if (sink) {
    if (!s.function) /* it went with the first flush */
      gomp_sink_sent(sink);
    gomp_sink_done(sink);
  }
  free(s.own);
  if (!failed)
    return (PyObject *)j;
  Py_DECREF((PyObject *)j);
  return NULL;
}

/* _apply(function, args, kwds, room, retries, timeout): the job of a single call; of a native pool, _apply(packed, None,
   None, ...). */
static PyObject *apply(Pool *self, PyObject *const *args, Py_ssize_t nargs) {
  if (nargs != 6)
    return PyErr_Format(PyExc_TypeError, "_apply() takes 6 arguments");
  gomp_spec spec = {.room = (uint32_t)PyLong_AsUnsignedLong(args[3]), .retries = (uint32_t)PyLong_AsUnsignedLong(args[4]), .items = 1, .timeout = PyLong_AsLongLong(args[5])};
  if (PyErr_Occurred() || gomp_ready(&self->o))
    return NULL;
  reap(self);
  char first[SPECS];
  submission s = {.room = SPECS, .specs = first};
  Job *j = new_job(self);
  PyObject *call = !j ? NULL : self->native ? Py_NewRef(args[0]) : PyTuple_Pack(3, args[0], args[1], args[2]);
  int failed = !call || add_payload(&s, &spec, call, j) || flush(self, &s);
  Py_XDECREF(call);
  free(s.own);
  if (!failed) {
    j->off = s.job;
    return (PyObject *)j;
  }
  Py_XDECREF((PyObject *)j);
  return NULL;
}

/* ---- jobs ---- */

static int32_t ask(Job *self, asking *a) {
  a->op.object = &self->pool->o;
  a->job = self->off;
  return gomp_run(&a->op);
}

static int mine(Job *self) {
  if (LIKELY(self->off && self->owner == gomp_family.owner && gomp_live))
    return 1;
  if (!self->off || self->owner != gomp_family.owner) {
    PyErr_SetString(PyExc_RuntimeError, "a result belongs to the process that has asked for it");
    return 0;
  }
  return gomp_need() == 0;
}

typedef struct {
  const gomp_job *job;
  uint64_t n;
} awaited;

static int answered_enough(void *what) {
  const awaited *a = what;
  uint64_t posted = __atomic_load_n(&a->job->posted, __ATOMIC_ACQUIRE);
  return posted >= a->n || (posted == __atomic_load_n(&a->job->total, __ATOMIC_RELAXED) && !a->job->open);
}

/* GOMP_DONE when n tasks are answered, or all; another status, or -1 with an exception. It spins before it takes a step:
   who has said that he waits costs the worker a system call. */
static int32_t await(Job *self, uint64_t n, int64_t deadline) {
  awaited a = {job_at(self->off), n};
  if (answered_enough(&a) || (deadline != 0 && gomp_spin(answered_enough, &a, &pool_body(self->pool)->spin_answer)))
    return GOMP_DONE;
  asking ask_for = {.op = {.step = await_step, .deadline = deadline}, .n = n};
  int32_t status = ask(self, &ask_for);
  if (self->owner == gomp_family.owner)
    return status;
  if (!PyErr_Occurred()) /* a signal handler has forked, and this is the child: the job is not its own */
    mine(self);
  return -1;
}

/* _await(n, timeout): whether n tasks are answered, or all; None: they will not be, for the pool has ended. */
static PyObject *job_await(Job *self, PyObject *args) {
  unsigned long long n;
  PyObject *timeout = Py_None;
  int64_t deadline;
  if (!PyArg_ParseTuple(args, "K|O", &n, &timeout) || !mine(self) || gomp_deadline(timeout, &deadline))
    return NULL;
  int32_t status = await(self, n, deadline);
  if (status < 0)
    return NULL;
  if (status == GOMP_BROKEN)
    Py_RETURN_NONE;
  return PyBool_FromLong(status == GOMP_DONE);
}

/* The value of an answered task; NULL with an exception when it cannot be unpickled. */
static PyObject *value_of(Job *self, gomp_task *t) {
  if (t->status == GOMP_RETURNED || t->status == GOMP_RAISED) {
    take_over(answer_of(t));
    return self->pool->native ? gomp_unpack_record(answer_of(t), NULL) : gomp_unpickle_record(answer_of(t), NULL);
  }
  if (t->status != GOMP_REFUSED)
    return Py_BuildValue("Ii", t->pid, t->code);
  PyObject *index = PyLong_FromUnsignedLong(t->index);
  PyObject *value = index && self->refused ? PyDict_GetItemWithError(self->refused, index) : NULL;
  Py_XINCREF(value);
  if (value && PyDict_DelItem(self->refused, index))
    Py_CLEAR(value);
  Py_XDECREF(index);
  return value;
}

/* Whether all was answered, and nobody else looks at the job any more: no list has it, and who has posted the last
   answer is out of the lock that he held. */
static int alone_with(Job *self) {
  enum { LOOKS = 50 };
  const gomp_job *j = job_at(self->off);
  if (__atomic_load_n(&j->posted, __ATOMIC_ACQUIRE) != j->total || j->open || j->flags)
    return 0;
  for (int i = 0; i < LOOKS; i++) {
    if (!__atomic_load_n(&pool_body(self->pool)->mutex, __ATOMIC_ACQUIRE))
      return 1;
    __builtin_ia32_pause();
  }
  return 0;
}

static int32_t take_answers(Job *self, asking *a) {
  gomp_job *j = job_at(self->off);
  if (!alone_with(self))
    return ask(self, a);
  a->out = j->answers;
  j->taken = j->posted;
  j->answers = 0;
  return GOMP_DONE;
}

/* The answers that are there, the oldest first. 0, or -1 with an exception. */
static int fetch(Job *self) {
  if (self->chain || job_at(self->off)->posted == job_at(self->off)->taken)
    return 0;
  asking a = {.op = {.step = answers_step, .deadline = -1, .stubborn = 1}};
  int32_t status = take_answers(self, &a);
  if (status != GOMP_DONE) {
    gomp_status_error(status);
    return -1;
  }
  uint64_t *last = &self->chain; /* another thread may have been here meanwhile */
  while (*last)
    last = &task_at(*last)->link;
  *last = reversed(a.out);
  return 0;
}

typedef struct {
  uint32_t index, items, status;
  PyObject *value;
} answered_task;

/* The first task of the chain, which is freed. */
static answered_task take_first(Job *self) {
  gomp_task *t = task_at(self->chain);
  self->chain = t->link;
  self->popped++;
  answered_task a = {t->index, t->items, t->status, NULL};
  PyObject *value = value_of(self, t);
  PyObject *type, *failure, *traceback;
  PyErr_Fetch(&type, &failure, &traceback);
  free_task(self->pool, t, 1);
  if (!value) {
    PyErr_NormalizeException(&type, &failure, &traceback);
    if (traceback)
      PyException_SetTraceback(failure, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    a.status = GOMP_RAISED;
    value = failure;
  }
  a.value = value;
  return a;
}

/* _next(answers): appends (index, items, status, value) of the next answered task to a list. Returns whether there was
   one. A signal's exception that comes with the return must not cost the answer. */
static PyObject *job_next(Job *self, PyObject *answers) {
  if (!PyList_Check(answers))
    return PyErr_Format(PyExc_TypeError, "answers must be a list");
  if (!mine(self) || fetch(self))
    return NULL;
  if (!self->chain)
    Py_RETURN_FALSE;
  answered_task a = take_first(self);
  PyObject *one = Py_BuildValue("IIIN", a.index, a.items, a.status, a.value);
  if (!one)
    return NULL;
  int failed = PyList_Append(answers, one);
  Py_DECREF(one);
  if (failed)
    return NULL;
  Py_RETURN_TRUE;
}

static PyObject *tell(Job *self, uint32_t what) {
  asking a = {.op = {.step = tell_step, .deadline = -1, .stubborn = 1}, .what = what};
  if (!mine(self))
    return NULL;
  int32_t status = ask(self, &a);
  if (status != GOMP_DONE)
    return gomp_status_error(status);
  Py_RETURN_NONE;
}

static PyObject *job_end(Job *self, PyObject *unused) { return (void)unused, tell(self, GOMP_TELL_END); }
static PyObject *job_notify(Job *self, PyObject *unused) { return (void)unused, tell(self, GOMP_TELL_NOTIFY); }

typedef struct {
  gomp_op op;
  uint64_t job, n;
  uint32_t indices[GOMP_SLOTS];
  uint64_t most; /* indices that are wanted */
  int64_t more;
} dooming;

static int32_t doom_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  dooming *d = (dooming *)op;
  return gomp_live->pool_doom(gomp_me(), op->object->off, d->job, gomp_now(), d->indices, d->most, flags, w, &d->n, &d->more);
}

/* ([index of a worker that must be killed, ...], what else the core says) */
static PyObject *doom(Pool *self, uint64_t job) {
  dooming d = {.op = {.step = doom_step, .deadline = -1, .stubborn = 1, .object = &self->o}, .job = job, .most = GOMP_SLOTS};
  int32_t status = gomp_run(&d.op);
  if (status != GOMP_DONE)
    return gomp_status_error(status);
  PyObject *list = PyList_New(0);
  for (uint64_t i = 0; list && i < d.n; i++) {
    PyObject *index = PyLong_FromUnsignedLong(d.indices[i]);
    if (!index || PyList_Append(list, index))
      Py_CLEAR(list);
    Py_XDECREF(index);
  }
  return list ? Py_BuildValue("NL", list, (long long)d.more) : NULL;
}

static PyObject *job_cancel(Job *self, PyObject *unused) {
  (void)unused;
  return mine(self) ? doom(self->pool, self->off) : NULL;
}

/* How many tasks, of a job or of all, were cancelled because they waited. Who runs is let run. */
static PyObject *withdraw(Pool *self, uint64_t job) {
  dooming d = {.op = {.step = doom_step, .deadline = -1, .stubborn = 1, .object = &self->o}, .job = job};
  int32_t status = gomp_run(&d.op);
  return status == GOMP_DONE ? PyLong_FromLongLong(d.more) : gomp_status_error(status);
}

static PyObject *job_withdraw(Job *self, PyObject *unused) {
  (void)unused;
  return mine(self) ? withdraw(self->pool, self->off) : NULL;
}

/* Cancels a job whose waiter was interrupted, and keeps the exception. */
static void give_up(Job *self) {
  if (self->owner != gomp_family.owner)
    return;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyObject *doomed = doom(self->pool, self->off);
  Py_XDECREF(doomed);
  PyErr_Clear();
  PyErr_Restore(type, value, traceback);
}

/* _call(packed): (status, value) of a task that is submitted, waited for and done with at once; None when the pool has
   ended. An interruption cancels it. */
static PyObject *call(Pool *self, PyObject *packed) {
  enum { ANSWER_ROOM = 256 };
  if (gomp_ready(&self->o))
    return NULL;
  gomp_spec spec = {.room = ANSWER_ROOM, .items = 1};
  char first[SPECS];
  submission s = {.room = SPECS, .specs = first};
  Job *j = new_job(self);
  int failed = !j || add_payload(&s, &spec, packed, j) || flush(self, &s);
  free(s.own);
  if (j)
    j->off = s.job;
  int32_t status = failed ? -1 : await(j, 1, -1);
  PyObject *result = NULL;
  if (status == GOMP_DONE && !fetch(j)) {
    answered_task a = take_first(j);
    result = Py_BuildValue("IN", a.status, a.value);
  } else if (status == GOMP_BROKEN) {
    result = Py_NewRef(Py_None);
  } else if (!failed) {
    give_up(j);
  }
  Py_XDECREF((PyObject *)j);
  return result;
}

static void abandon(Job *self) {
  asking a = {.op = {.step = tell_step, .deadline = -1, .stubborn = 1}, .what = GOMP_TELL_ABANDON};
  const gomp_job *j = job_at(self->off);
  free_chain(self->pool, self->chain);
  /* All was answered when the answers were last taken, under the pool's lock, and no list has the job: nobody else
     looks at it any more. */
  if (j->taken == j->total && !j->open && !j->flags) {
    free_job(self->pool, self->off);
    return;
  }
  if (ask(self, &a) != GOMP_DONE)
    return;
  if (!a.out) {
    self->pool->abandoned++;
    return;
  }
  free_chain(self->pool, job_at(self->off)->answers);
  free_job(self->pool, self->off);
}

static int job_traverse(PyObject *o, visitproc visit, void *arg) {
  Job *self = (Job *)o;
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(self->pool);
  Py_VISIT(self->refused);
  return 0;
}

/* The pool stays: without it the job could not be given back. */
static int job_clear(PyObject *o) {
  Py_CLEAR(((Job *)o)->refused);
  return 0;
}

static void job_dealloc(PyObject *o) {
  Job *self = (Job *)o;
  PyObject_GC_UnTrack(o);
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  if (self->off && self->owner == gomp_family.owner && self->pool->o.off && gomp_live) {
    reap(self->pool); /* what nobody waits for is freed with the next result that ends, or at the next call */
    abandon(self);
  }
  Py_XDECREF(self->refused);
  Py_XDECREF((PyObject *)self->pool);
  PyErr_Restore(type, value, traceback);
  PyTypeObject *tp = Py_TYPE(o);
  ((freefunc)PyType_GetSlot(tp, Py_tp_free))(o);
  Py_DECREF((PyObject *)tp);
}

#define COUNTER(name, expression)                          \
  static PyObject *job_##name(Job *self, void *unused) {   \
    (void)unused;                                          \
    if (!mine(self))                                       \
      return NULL;                                         \
    gomp_job *j = job_at(self->off);                       \
    return PyLong_FromUnsignedLongLong(expression);        \
  }

COUNTER(serial, j->serial)
COUNTER(total, __atomic_load_n(&j->total, __ATOMIC_ACQUIRE))
COUNTER(popped, ((void)j, self->popped))
COUNTER(open, j->open)
COUNTER(posted, __atomic_load_n(&j->posted, __ATOMIC_ACQUIRE))

/* Whether a worker is at a task of it. Who has begun one gives up the claim after _posted counts it. */
static PyObject *job_running(Job *self, void *unused) {
  (void)unused;
  if (!mine(self))
    return NULL;
  const gomp_worker *k = (gomp_worker *)((char *)pool_body(self->pool) + GOMP_POOL_WORKERS);
  for (uint32_t n = pool_body(self->pool)->workers; n--; k++) {
    uint64_t claim = __atomic_load_n(&k->claim, __ATOMIC_ACQUIRE);
    if (claim && task_at(claim)->job == self->off)
      Py_RETURN_TRUE;
  }
  Py_RETURN_FALSE;
}

static PyMethodDef job_methods[] = {
    METHOD("_await", job_await, METH_VARARGS), METHOD("_next", job_next, METH_O),     METHOD("_end", job_end, METH_NOARGS),
    METHOD("_notify", job_notify, METH_NOARGS), METHOD("_cancel", job_cancel, METH_NOARGS),
    METHOD("_withdraw", job_withdraw, METH_NOARGS),
    {NULL, NULL, 0, NULL},
};

static PyObject *job_refused(Job *self, void *unused) {
  (void)unused;
  if (!self->refused)
    Py_RETURN_NONE;
  Py_INCREF(self->refused);
  return self->refused;
}

static PyGetSetDef job_getset[] = {
    {"_refused", (getter)job_refused, NULL, NULL, NULL},
    {"_serial", (getter)job_serial, NULL, NULL, NULL},
    {"_total", (getter)job_total, NULL, NULL, NULL},
    {"_popped", (getter)job_popped, NULL, NULL, NULL},
    {"_open", (getter)job_open, NULL, NULL, NULL},
    {"_posted", (getter)job_posted, NULL, NULL, NULL},
    {"_running", (getter)job_running, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot job_slots[] = {
    {Py_tp_dealloc, job_dealloc}, {Py_tp_traverse, job_traverse}, {Py_tp_clear, job_clear},
    {Py_tp_methods, job_methods}, {Py_tp_getset, job_getset},
    {Py_tp_doc, "A call of a pool, in the process that has made it."}, {0, NULL},
};

PyType_Spec gomp_job_spec = {"gomp._boundary.Job", sizeof(Job), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, job_slots};

int gomp_pool_init(PyObject *job_class) {
  job_type = (PyTypeObject *)job_class;
  return job_class ? 0 : -1;
}

/* ---- results of single calls ---- */

enum { DROPPED = GOMP_REFUSED + 1 }; /* the status of a call whose pool has ended before */

typedef struct {
  PyObject_HEAD
  PyObject *pool, *callback, *error_callback, *func, *args, *kwds, *limit; /* what was asked, and of whom */
  PyObject *job; /* until the result is settled */
  PyObject *value;
  uint32_t status;
  unsigned long taker; /* the thread that unpickles the answer */
} Result;

static PyObject **first_of(Result *self) { return &self->pool; }
enum { ASKED = 7, OBJECTS = 9 };

static int result_traverse(PyObject *o, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(o));
  for (int i = 0; i < OBJECTS; i++)
    Py_VISIT(first_of((Result *)o)[i]);
  return 0;
}

static int result_clear(PyObject *o) {
  for (int i = 0; i < OBJECTS; i++)
    Py_CLEAR(first_of((Result *)o)[i]);
  return 0;
}

static void result_dealloc(PyObject *o) {
  PyObject_GC_UnTrack(o);
  result_clear(o);
  PyTypeObject *tp = Py_TYPE(o);
  ((freefunc)PyType_GetSlot(tp, Py_tp_free))(o);
  Py_DECREF((PyObject *)tp);
}

/* Takes the reference. */
static void store(PyObject **to, PyObject *value) {
  PyObject *before = *to;
  *to = value;
  Py_XDECREF(before);
}

static int result_init(PyObject *o, PyObject *args, PyObject *names) {
  Py_ssize_t n = PyTuple_Size(args);
  if (names || n < 3 || n > ASKED) {
    PyErr_SetString(PyExc_TypeError, "a result takes a pool, two callbacks, and what was asked");
    return -1;
  }
  for (Py_ssize_t i = 0; i < n; i++)
    store(first_of((Result *)o) + i, Py_NewRef(PyTuple_GetItem(args, i)));
  return 0;
}

/* What a native worker answers is packed: the result unpacks it. What that raises is what the call has raised. */
static void unpack(Result *self, answered_task *a) {
  PyObject *opened = PyObject_CallMethod((PyObject *)self, "_opened", "IIN", a->items, a->status, a->value), *value;
  if (opened && PyArg_ParseTuple(opened, "IO", &a->status, &value)) {
    a->value = Py_NewRef(value);
  } else {
    PyObject *type, *traceback;
    PyErr_Fetch(&type, &a->value, &traceback);
    PyErr_NormalizeException(&type, &a->value, &traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    a->status = GOMP_RAISED;
  }
  Py_XDECREF(opened);
}

/* Everything is in place before anything is let go, which may run code of the program's. */
static void settle(Result *self, uint32_t status, PyObject *value) {
  PyObject *job = self->job;
  self->job = NULL;
  self->status = status;
  store(&self->value, value);
  Py_DECREF(job);
  if (status != DROPPED)
    Py_CLEAR(self->pool);
  if (status == GOMP_LOST || status == GOMP_EXPIRED || status == GOMP_CANCELLED)
    return; /* its message says what was asked */
  Py_CLEAR(self->func);
  Py_CLEAR(self->args);
  Py_CLEAR(self->kwds);
}

/* Waits for the thread that has taken the answer before us. 1: settled; 0: the time is up; -1 with an exception. */
static int await_taker(Result *self, int64_t deadline) {
  enum { LOOK_US = 100 };
  if (self->taker == PyThread_get_thread_ident()) {
    PyErr_SetString(PyExc_RuntimeError, "a result was asked for while this thread unpickled it");
    return -1;
  }
  while (self->job) {
    if (deadline >= 0 && gomp_now() >= deadline)
      return 0;
    Py_BEGIN_ALLOW_THREADS
    usleep(LOOK_US);
    Py_END_ALLOW_THREADS
    if (PyErr_CheckSignals())
      return -1;
  }
  return 1;
}

/* _settle(timeout): waits for the answer and takes it. False: the time is up. All in one call, so that no signal's
   exception can come between taking and keeping it. */
static PyObject *result_settle(Result *self, PyObject *timeout) {
  int64_t deadline;
  Job *j = (Job *)self->job;
  if (!j || (PyObject *)j == Py_None)
    Py_RETURN_TRUE;
  if (!PyObject_TypeCheck((PyObject *)j, job_type))
    return PyErr_Format(PyExc_TypeError, "not a job: %R", j);
  if (!mine(j) || gomp_deadline(timeout, &deadline))
    return NULL;
  Py_INCREF((PyObject *)j);
  int32_t status = await(j, 1, deadline);
  int done = status < 0 || (status == GOMP_DONE && fetch(j)) ? -1 : status == GOMP_DONE || status == GOMP_BROKEN;
  if (done == 1 && self->job == (PyObject *)j) { /* no other thread was faster */
    if (j->chain) {
      self->taker = PyThread_get_thread_ident();
      answered_task a = take_first(j);
      if (j->pool->native)
        unpack(self, &a);
      settle(self, a.status, a.value);
    } else if (status == GOMP_BROKEN && !j->popped) {
      settle(self, DROPPED, NULL);
    } else {
      done = await_taker(self, deadline);
    }
  }
  Py_DECREF((PyObject *)j);
  return done < 0 ? NULL : PyBool_FromLong(done);
}

/* _fail(exception): it is what the call has raised. */
static PyObject *result_fail(Result *self, PyObject *failure) {
  self->status = GOMP_RAISED;
  store(&self->value, Py_NewRef(failure));
  Py_RETURN_NONE;
}

static PyObject *result_success(Result *self, void *unused) {
  (void)unused;
  return PyBool_FromLong(self->status <= GOMP_RETURNED);
}

static PyMethodDef result_methods[] = {METHOD("_settle", result_settle, METH_O), METHOD("_fail", result_fail, METH_O), {NULL, NULL, 0, NULL}};
static PyGetSetDef result_getset[] = {{"_success", (getter)result_success, NULL, NULL, NULL}, {NULL, NULL, NULL, NULL, NULL}};

#define HAS(name) {"_" #name, T_OBJECT, offsetof(Result, name), 0, NULL}
static PyMemberDef result_members[] = {
    HAS(pool), HAS(callback), HAS(error_callback), HAS(func), HAS(args), HAS(kwds), HAS(limit), HAS(job), HAS(value),
    {"_status", T_UINT, offsetof(Result, status), 0, NULL}, {NULL, 0, 0, 0, NULL},
};

static PyType_Slot result_slots[] = {
    {Py_tp_init, result_init}, {Py_tp_dealloc, result_dealloc}, {Py_tp_traverse, result_traverse}, {Py_tp_clear, result_clear},
    {Py_tp_methods, result_methods}, {Py_tp_getset, result_getset}, {Py_tp_members, result_members},
    {Py_tp_doc, "Result(pool, callback, error_callback)\n--\n\nThe result of a single call: what was asked, then what was answered."}, {0, NULL},
};

PyType_Spec gomp_result_spec = {"gomp._boundary.Result", sizeof(Result), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE, result_slots};

/* ---- workers ---- */

typedef struct {
  gomp_op op;
  uint32_t index, status;
  uint64_t task;
  const void *record;
  size_t n;
} working;

/* A worker that always finds a task would never sleep, and so never see that nobody wants the answers. */
static int32_t take_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  enum { LOOK_NS = 100000000 };
  working *k = (working *)op;
  Pool *self = (Pool *)op->object;
  int64_t now = gomp_now();
  if (now - self->looked > LOOK_NS) {
    self->looked = now;
    flags |= GOMP_CHECK;
  }
  return gomp_live->pool_take(gomp_me(), op->object->off, k->index, now, flags, w, &k->task);
}

static int32_t answer_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  working *k = (working *)op;
  return gomp_live->pool_answer(gomp_me(), op->object->off, k->index, k->status, k->record, k->n, gomp_now(), flags, w);
}

static gomp_worker *worker_at(Pool *self, uint32_t index) {
  return (gomp_worker *)((char *)pool_body(self) + GOMP_POOL_WORKERS) + index;
}

static int parse_index(Pool *self, PyObject *value, uint32_t *index) {
  uint64_t n;
  if (gomp_ready(&self->o) || gomp_u64(value, &n))
    return -1;
  if (n >= pool_body(self)->workers) {
    PyErr_Format(PyExc_ValueError, "the pool has %u workers, not %llu", pool_body(self)->workers, (unsigned long long)n + 1);
    return -1;
  }
  *index = (uint32_t)n;
  return 0;
}

/* The job's function: new reference; None if each task has its own. */
static PyObject *function_of(Pool *self, gomp_job *j) {
  if (!j->function)
    Py_RETURN_NONE;
  if (!self->functions && !(self->functions = PyDict_New()))
    return NULL;
  PyObject *key = PyLong_FromUnsignedLongLong(j->serial);
  PyObject *found = key ? PyDict_GetItemWithError(self->functions, key) : NULL;
  Py_XINCREF(found);
  if (key && !found && !PyErr_Occurred()) {
    found = gomp_peek_record(gomp_at(j->function), NULL);
    if (PyDict_Size(self->functions) >= FUNCTIONS)
      PyDict_Clear(self->functions);
    if (found && PyDict_SetItem(self->functions, key, found))
      Py_CLEAR(found);
  }
  Py_XDECREF(key);
  return found;
}

/* _take(index): (function, payload) of the next task; None when the worker is to end. What raises while it is
   unpickled is the task's answer. */
static PyObject *take(Pool *self, PyObject *arg) {
  working k = {.op = {.step = take_step, .deadline = -1, .object = &self->o}};
  if (parse_index(self, arg, &k.index))
    return NULL;
  k.op.spin = &pool_body(self)->spin;
  int32_t status = gomp_run(&k.op);
  if (status == GOMP_BROKEN)
    Py_RETURN_NONE;
  if (status != GOMP_DONE)
    return gomp_status_error(status);
  gomp_task *t = task_at(k.task);
  PyObject *function = function_of(self, job_at(t->job));
  if (!function) {
    if (t->passed)
      gomp_drop_record(arguments(t));
    return NULL;
  }
  PyObject *payload = t->passed ? gomp_unpickle_record(arguments(t), NULL) : gomp_peek_record(arguments(t), NULL);
  if (payload)
    return Py_BuildValue("NN", function, payload);
  Py_DECREF(function);
  return NULL;
}

/* _holding(index): whether the worker has taken a task that it has not answered. */
static PyObject *holding(Pool *self, PyObject *arg) {
  uint32_t index;
  if (parse_index(self, arg, &index))
    return NULL;
  return PyBool_FromLong(worker_at(self, index)->claim != 0);
}

/* An answer that has no room in the task gets a block of its own. */
static int64_t answer_block(const void *record, uint64_t remote[3]) {
  const uint32_t length = *(const uint32_t *)record;
  int64_t block = gomp_alloc(GOMP_KIND_PAYLOAD, sizeof(gomp_envelope) + length);
  if (block < 0)
    return -1;
  gomp_envelope *e = gomp_at((uint64_t)block + GOMP_HEADER);
  *e = (gomp_envelope){.length = length};
  memcpy(e + 1, (const char *)record + 8, length);
  remote[0] = 16 | (uint64_t)GOMP_REMOTE << 32;
  remote[1] = (uint64_t)block;
  remote[2] = length;
  return block;
}

/* _answer(index, raised, value) */
static PyObject *answer(Pool *self, PyObject *const *args, Py_ssize_t nargs) {
  working k = {.op = {.step = answer_step, .deadline = -1, .stubborn = 1, .object = &self->o}};
  if (nargs != 3)
    return PyErr_Format(PyExc_TypeError, "_answer() takes 3 arguments");
  if (parse_index(self, args[0], &k.index))
    return NULL;
  uint64_t claim = worker_at(self, k.index)->claim;
  if (!claim)
    return PyErr_Format(PyExc_RuntimeError, "worker %u holds no task", k.index);
  int raised = PyObject_IsTrue(args[1]);
  gomp_sink *s = raised < 0 ? NULL : gomp_pickle(args[2]);
  if (!s)
    return NULL;
  uint64_t remote[3];
  int64_t block = 0;
  k.status = raised ? GOMP_RAISED : GOMP_RETURNED;
  gomp_sink_record(s, &k.record, &k.n);
  if (k.n > task_at(claim)->room) {
    block = answer_block(k.record, remote);
    k.record = remote;
    k.n = sizeof remote;
  }
  int32_t status = block < 0 ? -1 : gomp_run(&k.op);
  if (status == GOMP_DONE)
    gomp_sink_sent(s);
  else if (block > 0)
    gomp_free((uint64_t)block);
  gomp_sink_done(s);
  if (status == GOMP_DONE || status == GOMP_TIMED_OUT)
    Py_RETURN_NONE;
  return gomp_status_error(status);
}

/* ---- the pool ---- */

static PyObject *run(Pool *self, asking *a) {
  if (gomp_ready(&self->o))
    return NULL;
  a->op.object = &self->o;
  int32_t status = gomp_run(&a->op);
  if (status != GOMP_DONE)
    return status_error(self, status);
  Py_RETURN_NONE;
}

/* _create(workers, limit, native=False): limit is how many bytes of arguments may wait before a submitter does. */
static PyObject *create(Pool *self, PyObject *args) {
  unsigned long long workers, limit;
  if (!PyArg_ParseTuple(args, "KK|p", &workers, &limit, &self->native))
    return NULL;
  if (workers > GOMP_SLOTS)
    return PyErr_Format(PyExc_ValueError, "a pool has at most %d workers, not %llu", GOMP_SLOTS, workers);
  const uint64_t params[4] = {workers, limit, (uint64_t)self->native};
  if (gomp_object_create(&self->o, GOMP_KIND_POOL, params))
    return NULL;
  Py_RETURN_NONE;
}

static PyObject *attach(Pool *self, PyObject *h) { return gomp_object_attach(&self->o, GOMP_KIND_POOL, h); }
static PyObject *handle(Pool *self, PyObject *token) { return gomp_object_handle(&self->o, token); }

static PyObject *enter(Pool *self, PyObject *arg) {
  uint32_t index;
  if (parse_index(self, arg, &index))
    return NULL;
  asking a = {.op = {.step = enter_step, .deadline = -1}, .n = index};
  return run(self, &a);
}

static PyObject *begin(Pool *self, PyObject *arg) {
  uint32_t index;
  if (parse_index(self, arg, &index))
    return NULL;
  asking a = {.op = {.step = enter_step, .deadline = -1}, .n = index, .what = 1};
  return run(self, &a);
}

static PyObject *turn(Pool *self, PyObject *arg) {
  uint64_t state;
  if (gomp_u64(arg, &state))
    return NULL;
  asking a = {.op = {.step = turn_step, .deadline = -1, .stubborn = 1}, .what = (uint32_t)state};
  return run(self, &a);
}

typedef struct {
  gomp_op op;
  uint32_t index, pid, stage, waiting;
  int32_t code;
  int spare;
} burial;

enum { CODE_UNKNOWN = 255, STAGE_LIVING = 3 };

static int32_t bury_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  burial *b = (burial *)op;
  return gomp_live->pool_bury(gomp_me(), op->object->off, b->index, b->pid, b->code, (uint32_t)b->spare, gomp_now(), flags, w, &b->stage, &b->waiting);
}

/* _bury(index, pid, exitcode, spare=False): (how far the worker had come: 0 not at all, 1 into its initializer, 2 to its tasks,
   3: it lives, and is not buried; whether tasks wait). */
static PyObject *bury(Pool *self, PyObject *args) {
  burial b = {.op = {.step = bury_step, .deadline = -1, .stubborn = 1, .object = &self->o}};
  PyObject *index;
  if (!PyArg_ParseTuple(args, "OIi|p", &index, &b.pid, &b.code, &b.spare) || parse_index(self, index, &b.index))
    return NULL;
  /* A fork server that was killed leaves workers behind whose end it cannot tell of. */
  uint64_t owner = worker_at(self, b.index)->owner;
  if (b.code == CODE_UNKNOWN && owner && gomp_lives(owner))
    return Py_BuildValue("IN", STAGE_LIVING, PyBool_FromLong(0));
  int32_t status = gomp_run(&b.op);
  if (status != GOMP_DONE)
    return gomp_status_error(status);
  return Py_BuildValue("IN", b.stage, PyBool_FromLong((long)b.waiting));
}

/* _overdue(): ([index of a worker whose task runs for too long, ...], seconds until the next one; 0: none) */
static PyObject *overdue(Pool *self, PyObject *unused) {
  (void)unused;
  if (gomp_ready(&self->o))
    return NULL;
  PyObject *found = doom(self, 0);
  if (!found)
    return NULL;
  long long next = PyLong_AsLongLong(PyTuple_GetItem(found, 1));
  double left = next ? (double)(next - gomp_now()) / 1e9 : 0;
  PyObject *result = Py_BuildValue("Od", PyTuple_GetItem(found, 0), next && left <= 0 ? 1e-6 : left);
  Py_DECREF(found);
  return result;
}

/* _next_ready(): the serial of a job that asked to be announced and is complete; None when the pool has ended. */
static PyObject *next_ready(Pool *self, PyObject *unused) {
  (void)unused;
  asking a = {.op = {.step = next_step, .deadline = -1, .object = &self->o}};
  if (gomp_ready(&self->o))
    return NULL;
  int32_t status = gomp_run(&a.op);
  if (status == GOMP_BROKEN)
    Py_RETURN_NONE;
  if (status != GOMP_DONE)
    return gomp_status_error(status);
  return PyLong_FromUnsignedLongLong(job_at(a.out)->serial);
}

/* _withdraw(): cancels all tasks that wait; how many. */
static PyObject *withdraw_all(Pool *self, PyObject *unused) {
  (void)unused;
  return gomp_ready(&self->o) ? NULL : withdraw(self, 0);
}

/* How many tasks were answered so far. */
static PyObject *answered(Pool *self, void *unused) {
  (void)unused;
  return gomp_ready(&self->o) ? NULL : PyLong_FromUnsignedLongLong(__atomic_load_n(&pool_body(self)->done, __ATOMIC_RELAXED));
}

/* (job, index, seconds) of the task that a worker runs, or None. The GIL keeps the parent from freeing it. */
static PyObject *running(const gomp_worker *k, int64_t now) {
  uint64_t claim = __atomic_load_n(&k->claim, __ATOMIC_ACQUIRE);
  if (!claim)
    Py_RETURN_NONE;
  gomp_task *t = task_at(claim);
  return Py_BuildValue("KId", (unsigned long long)job_at(t->job)->serial, t->index, (double)(now - k->since) / 1e9);
}

static PyObject *worker_stats(Pool *self, uint32_t index, int64_t now) {
  const gomp_worker *k = worker_at(self, index);
  int64_t busy = k->busy + (k->claim ? now - k->since : 0), ready = k->ready ? now - k->started : 0;
  return Py_BuildValue("KdddKN", (unsigned long long)k->done, (double)busy / 1e9, (double)(ready > busy ? ready - busy : 0) / 1e9,
                       k->owner ? (double)((k->ready ? k->started : now) - k->born) / 1e9 : 0.0, (unsigned long long)k->bytes, running(k, now));
}

/* _stats(): ((queued, bytes, done, failed, lost, retried), [count of a bucket of latencies, ...],
   [(done, busy, idle, start-up, bytes, running), ...]) */
static PyObject *stats(Pool *self, PyObject *unused) {
  (void)unused;
  if (gomp_ready(&self->o))
    return NULL;
  const gomp_pool *p = pool_body(self);
  int64_t now = gomp_now();
  PyObject *buckets = PyList_New(0), *workers = PyList_New(0);
  int failed = !buckets || !workers;
  for (int i = 0; !failed && i < GOMP_POOL_BUCKETS; i++) {
    PyObject *n = PyLong_FromUnsignedLong(p->latency[i]);
    failed = !n || PyList_Append(buckets, n);
    Py_XDECREF(n);
  }
  for (uint32_t i = 0; !failed && i < p->workers; i++) {
    PyObject *one = worker_stats(self, i, now);
    failed = !one || PyList_Append(workers, one);
    Py_XDECREF(one);
  }
  if (!failed)
    return Py_BuildValue("(KKKKKK)NN", (unsigned long long)p->queued, (unsigned long long)p->bytes, (unsigned long long)p->done,
                         (unsigned long long)p->failed, (unsigned long long)p->lost, (unsigned long long)p->retried, buckets, workers);
  Py_XDECREF(buckets);
  Py_XDECREF(workers);
  return NULL;
}

/* _needless(): the workers that are still starting although nothing is left to do. Precondition: the pool is closed, so
   that nothing comes. */
static PyObject *needless(Pool *self, PyObject *unused) {
  (void)unused;
  if (gomp_ready(&self->o))
    return NULL;
  const gomp_pool *p = pool_body(self);
  PyObject *list = PyList_New(0);
  int busy = __atomic_load_n(&p->queued, __ATOMIC_ACQUIRE) != 0;
  for (uint32_t i = 0; i < p->workers; i++)
    busy |= __atomic_load_n(&worker_at(self, i)->claim, __ATOMIC_ACQUIRE) != 0;
  for (uint32_t i = 0; list && !busy && i < p->workers; i++) {
    PyObject *index = worker_at(self, i)->ready ? NULL : PyLong_FromUnsignedLong(i);
    if (index && PyList_Append(list, index))
      Py_CLEAR(list);
    Py_XDECREF(index);
  }
  return list;
}

static void dealloc(PyObject *o) {
  Pool *self = (Pool *)o;
  Py_CLEAR(self->functions);
  if (spare_of(self))
    gomp_free(self->page);
  gomp_object_dealloc(o);
}

static PyMethodDef methods[] = {
    METHOD("_create", create, METH_VARARGS), METHOD("_attach", attach, METH_O), METHOD("_handle", handle, METH_O),
    METHOD("_apply", apply, METH_FASTCALL),  METHOD("_submit", submit, METH_VARARGS), METHOD("_enter", enter, METH_O),   METHOD("_begin", begin, METH_O),
    METHOD("_take", take, METH_O),           METHOD("_holding", holding, METH_O), METHOD("_answer", answer, METH_FASTCALL),
    METHOD("_turn", turn, METH_O),           METHOD("_call", call, METH_O), METHOD("_bury", bury, METH_VARARGS), METHOD("_overdue", overdue, METH_NOARGS),
    METHOD("_next_ready", next_ready, METH_NOARGS), METHOD("_stats", stats, METH_NOARGS),
    METHOD("_needless", needless, METH_NOARGS), METHOD("_withdraw", withdraw_all, METH_NOARGS),
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {{"_answered", (getter)answered, NULL, NULL, NULL}, {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, dealloc}, {Py_tp_methods, methods}, {Py_tp_getset, getset}, {Py_tp_doc, "The scheduler of a pool of processes."}, {0, NULL},
};

PyType_Spec gomp_pool_spec = {"gomp._boundary.Pool", sizeof(Pool), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
