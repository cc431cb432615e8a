/* Channel: a queue, or one direction of a pipe. The messages are pickles, or bytes as they are.
 *
 * The Python object knows this process's descriptors, if there are any: for the bell (package channel)
 * and to see that the other end is gone. */
#include "boundary.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  gomp_object o;
  int rfd, wfd;
  int closed, strict, used; /* used: this Python object has put something */
  int packed;               /* the messages are MessagePack, for kernels, too */
  uint32_t eager;   /* GOMP_EAGER for a socket, whose bell the reader cannot ring */
  uint32_t hangups; /* as seen at the last look at wfd */
  int64_t looked;   /* when that was */
} Channel;

enum { HEADER = 8, RECORD_MOST = HEADER + GOMP_INLINE_MAX + 8, BATCH = 1 << 16 };

static gomp_channel *body(Channel *self) { return gomp_body(&self->o); }

static int32_t settle_step(gomp_op *op, uint32_t flags, gomp_wait *w) { return gomp_live->settle(gomp_me(), op->object->off, flags, w); }

/* The number of messages. Somebody may be in the middle of a get or put, or have died there: then it is
   read under the lock. */
static uint64_t length(Channel *self) {
  gomp_channel *c = body(self);
  if (UNLIKELY(__atomic_load_n(&c->mutex, __ATOMIC_ACQUIRE) != 0)) {
    gomp_op op = {.step = settle_step, .deadline = -1, .stubborn = 1, .object = &self->o};
    gomp_run(&op);
  }
  return __atomic_load_n(&c->nput, __ATOMIC_ACQUIRE) - __atomic_load_n(&c->nget, __ATOMIC_ACQUIRE);
}

static PyObject *raise_from(const char *module, const char *name) {
  PyObject *cls = gomp_import(module, name);
  if (cls)
    PyErr_SetNone(cls);
  Py_XDECREF(cls);
  return NULL;
}

static int check_open(Channel *self) {
  if (UNLIKELY(self->closed)) {
    PyErr_Format(PyExc_ValueError, "Queue %R is closed", (PyObject *)self);
    return -1;
  }
  return gomp_ready(&self->o);
}

/* Sorts the arguments of a method into out, by place and by name; those not given stay NULL. */
static int arguments(const char *const *names, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, PyObject **out) {
  Py_ssize_t most = 0, named = kwnames ? PyTuple_Size(kwnames) : 0;
  for (; names[most]; most++)
    out[most] = most < nargs ? args[most] : NULL;
  if (nargs > most) {
    PyErr_Format(PyExc_TypeError, "at most %zd positional arguments are taken (%zd given)", most, nargs);
    return -1;
  }
  for (Py_ssize_t i = 0; i < named; i++) {
    PyObject *name = PyTuple_GetItem(kwnames, i);
    Py_ssize_t at = 0;
    while (at < most && PyUnicode_CompareWithASCIIString(name, names[at]) != 0)
      at++;
    if (at == most || out[at]) {
      PyErr_Format(PyExc_TypeError, at == most ? "'%U' is an invalid keyword argument" : "argument '%U' is given twice", name);
      return -1;
    }
    out[at] = args[nargs + i];
  }
  return 0;
}

/* An integer argument; `other` when it is not given or None. */
static int integer(PyObject *value, Py_ssize_t other, Py_ssize_t *out) {
  *out = value && value != Py_None ? PyNumber_AsSsize_t(value, PyExc_OverflowError) : other;
  return *out == -1 && PyErr_Occurred() ? -1 : 0;
}

/* ---- the other end ---- */

static int hung_up(int fd, short events) {
  struct pollfd p = {.fd = fd, .events = events};
  return fd >= 0 && poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL | POLLRDHUP));
}

static int no_writer(gomp_op *op) { return hung_up(((Channel *)op->object)->rfd, POLLRDHUP); }
static int no_reader(gomp_op *op) { return hung_up(((Channel *)op->object)->wfd, POLLOUT); }

/* ---- putting ---- */

typedef struct {
  gomp_op op;
  const char *records;
  uint64_t left;
  int connected; /* this process had the descriptor when it began */
} putting;

/* Another thread has closed the connection meanwhile: leave the list, and say so. */
static int32_t closed(int32_t status) { return status == GOMP_AGAIN ? GOMP_AGAIN : GOMP_CLOSED; }

static int32_t put_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  putting *p = (putting *)op;
  Channel *c = (Channel *)op->object;
  uint64_t done = 0;
  if (UNLIKELY(p->connected && c->wfd < 0))
    return closed(gomp_live->put(gomp_me(), c->o.off, p->records, p->left, -1, -1, flags | GOMP_CANCEL, w, &done));
  int32_t status = gomp_live->put(gomp_me(), c->o.off, p->records, p->left, c->rfd, c->wfd, flags | c->eager, w, &done);
  p->records += done;
  p->left -= done;
  return status;
}

static int32_t put_records(Channel *self, const void *records, size_t n, int64_t deadline) {
  self->used = 1;
  putting p = {
      .op = {.step = put_step, .look = no_reader, .spin = &body(self)->spin, .deadline = deadline, .object = &self->o},
      .records = records,
      .left = n,
      .connected = self->wfd >= 0,
  };
  return gomp_run(&p.op);
}

static PyObject *put_error(int32_t status) {
  switch (status) {
  case GOMP_TIMED_OUT:
    return raise_from("queue", "Full");
  case GOMP_HUNG_UP:
    errno = EPIPE;
    return PyErr_SetFromErrno(PyExc_OSError);
  }
  return gomp_status_error(status);
}

static int put_sink(Channel *self, gomp_sink *s, int64_t deadline) {
  const void *record;
  size_t n;
  gomp_sink_record(s, &record, &n);
  int32_t status = put_records(self, record, n, deadline);
  if (status == GOMP_DONE)
    gomp_sink_sent(s);
  gomp_sink_done(s);
  if (status == GOMP_DONE)
    return 0;
  put_error(status);
  return -1;
}

/* The standard Queue reports what cannot be pickled through this hook; strict ones raise. That the memory
   is full is not the object's fault: the message is not dropped without an exception. */
static int report(Channel *self, PyObject *object) {
  if (self->strict || self->packed || PyErr_ExceptionMatches(PyExc_MemoryError))
    return -1;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback)
    PyException_SetTraceback(value, traceback);
  if (!PyErr_GivenExceptionMatches(type, PyExc_Exception)) { /* KeyboardInterrupt and its like */
    PyErr_Restore(type, value, traceback);
    return -1;
  }
  PyObject *hook = PyObject_GetAttrString((PyObject *)self, "_on_queue_feeder_error");
  PyObject *r = hook ? PyObject_CallFunctionObjArgs(hook, value, object, NULL) : NULL;
  Py_XDECREF(hook);
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(traceback);
  Py_XDECREF(r);
  return r ? 0 : -1;
}

static PyObject *put_object(Channel *self, PyObject *object, int64_t deadline) {
  if (check_open(self))
    return NULL;
  gomp_sink *s = gomp_pickle_as(self->packed, object);
  if (s ? put_sink(self, s, deadline) : report(self, object))
    return NULL;
  Py_RETURN_NONE;
}

static PyObject *put(Channel *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  static const char *const names[] = {"obj", "block", "timeout", NULL};
  if (LIKELY(nargs == 1 && !kwnames))
    return put_object(self, args[0], -1);
  PyObject *given[3];
  int64_t deadline;
  if (arguments(names, args, nargs, kwnames, given))
    return NULL;
  if (!given[0])
    return PyErr_Format(PyExc_TypeError, "put() needs the object to put");
  return gomp_block_deadline(given[1], given[2], &deadline) ? NULL : put_object(self, given[0], deadline);
}

typedef struct {
  char *data;
  size_t n;
} batch;

static int flush(Channel *self, batch *b, int64_t deadline) {
  if (!b->n)
    return 0;
  int32_t status = put_records(self, b->data, b->n, deadline);
  b->n = 0;
  if (status == GOMP_DONE)
    return 0;
  put_error(status);
  return -1;
}

/* Small messages gather in the batch; a large one goes after those before it. */
static int put_next(Channel *self, batch *b, PyObject *object, int64_t deadline) {
  gomp_sink *s = gomp_pickle_as(self->packed, object);
  if (!s)
    return report(self, object);
  const void *record;
  size_t n;
  gomp_sink_record(s, &record, &n);
  if (b->n + n > BATCH) {
    if (flush(self, b, deadline)) {
      gomp_sink_done(s);
      return -1;
    }
  }
  if (*(const uint64_t *)record >> 32 == GOMP_REMOTE)
    return flush(self, b, deadline) ? (gomp_sink_done(s), -1) : put_sink(self, s, deadline);
  memcpy(b->data + b->n, record, n);
  b->n += n;
  gomp_sink_done(s);
  return 0;
}

static PyObject *put_many(Channel *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  int64_t deadline = -1;
  if (nargs < 1)
    return PyErr_Format(PyExc_TypeError, "put_many() needs an iterable");
  if (gomp_block_timeout(args, nargs, kwnames, 1, &deadline) || check_open(self))
    return NULL;
  PyObject *items = PyObject_GetIter(args[0]);
  batch b = {items ? malloc(BATCH) : NULL, 0};
  if (!b.data) {
    Py_XDECREF(items);
    return items ? PyErr_NoMemory() : NULL;
  }
  PyObject *object;
  int failed = 0;
  while (!failed && (object = PyIter_Next(items))) {
    failed = put_next(self, &b, object, deadline);
    Py_DECREF(object);
  }
  PyObject *type, *value, *traceback; /* what came before the failure is put all the same */
  PyErr_Fetch(&type, &value, &traceback);
  failed = flush(self, &b, deadline) || failed || type;
  if (type)
    PyErr_Restore(type, value, traceback);
  free(b.data);
  Py_DECREF(items);
  if (failed)
    return NULL;
  Py_RETURN_NONE;
}

/* ---- getting ---- */

typedef struct {
  gomp_op op;
  char *buf;
  uint64_t size, most, filled, count;
  int connected;
} getting;

static int32_t get_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  getting *g = (getting *)op;
  Channel *c = (Channel *)op->object;
  if (UNLIKELY(g->connected && c->rfd < 0))
    return closed(gomp_live->get(gomp_me(), c->o.off, g->buf, g->size, g->most, -1, -1, flags | GOMP_CANCEL, w, &g->filled, &g->count));
  return gomp_live->get(gomp_me(), c->o.off, g->buf, g->size, g->most, c->rfd, c->wfd, flags, w, &g->filled, &g->count);
}

static int32_t get_records(Channel *self, getting *g, int64_t deadline) {
  g->connected = self->rfd >= 0;
  g->op = (gomp_op){.step = get_step, .look = no_writer, .spin = &body(self)->spin, .deadline = deadline, .stubborn = g->op.stubborn, .object = &self->o};
  return gomp_run(&g->op);
}

static PyObject *get_error(int32_t status) {
  switch (status) {
  case GOMP_TIMED_OUT:
    return raise_from("queue", "Empty");
  case GOMP_HUNG_UP:
    PyErr_SetNone(PyExc_EOFError);
    return NULL;
  }
  return gomp_status_error(status);
}

/* Takes one message, as a record. Precondition: buf has RECORD_MOST bytes. */
static int take(Channel *self, char *buf, int64_t deadline) {
  getting g = {.buf = buf, .size = RECORD_MOST, .most = 1};
  int32_t status = get_records(self, &g, deadline);
  if (status == GOMP_DONE)
    return 0;
  get_error(status);
  return -1;
}

static int take_message(Channel *self, char *buf, gomp_message *m) { return take(self, buf, -1) || gomp_read_record(buf, m); }

static PyObject *take_object(Channel *self, int64_t deadline) {
  char buf[RECORD_MOST];
  return take(self, buf, deadline) ? NULL : gomp_unpickle_as(self->packed, buf, NULL);
}

static PyObject *get(Channel *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  int64_t deadline = -1;
  if ((nargs || kwnames) && gomp_block_timeout(args, nargs, kwnames, 0, &deadline))
    return NULL;
  return check_open(self) ? NULL : take_object(self, deadline);
}

/* Unpickles all of a batch, whatever fails: the others must not be lost. The first exception is kept. */
static void unpickle_batch(Channel *self, getting *g, PyObject *list, PyObject *failure[3]) {
  const char *record = g->buf;
  for (uint64_t i = 0; i < g->count; i++) {
    size_t space;
    PyObject *object = gomp_unpickle_as(self->packed, record, &space);
    record += space;
    if (object ? PyList_Append(list, object) : 1) {
      if (!failure[0])
        PyErr_Fetch(&failure[0], &failure[1], &failure[2]);
      else
        PyErr_Clear();
    }
    Py_XDECREF(object);
  }
}

static PyObject *get_many(Channel *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  int64_t deadline = -1;
  Py_ssize_t n = nargs > 0 ? PyNumber_AsSsize_t(args[0], PyExc_OverflowError) : 0;
  if (nargs < 1)
    return PyErr_Format(PyExc_TypeError, "get_many() needs the number of messages");
  if (PyErr_Occurred() || gomp_block_timeout(args, nargs, kwnames, 1, &deadline) || check_open(self))
    return NULL;
  if (n < 1)
    return PyErr_Format(PyExc_ValueError, "n must be at least 1, not %zd", n);
  PyObject *list = PyList_New(0), *failure[3] = {NULL, NULL, NULL};
  char *buf = malloc(BATCH);
  if (!list || !buf) {
    free(buf);
    Py_XDECREF(list);
    return PyErr_NoMemory();
  }
  Py_ssize_t got = 0;
  int32_t status = GOMP_DONE;
  while (got < n && status == GOMP_DONE && !failure[0]) {
    getting g = {.op = {.stubborn = got > 0}, .buf = buf, .size = BATCH, .most = (uint64_t)(n - got)};
    status = get_records(self, &g, got ? 0 : deadline); /* wait for the first, take what is there besides */
    if (status == GOMP_DONE) {
      unpickle_batch(self, &g, list, failure);
      got += (Py_ssize_t)g.count;
    }
  }
  free(buf);
  if (failure[0]) { /* what could be unpickled goes with the exception */
    PyErr_NormalizeException(&failure[0], &failure[1], &failure[2]);
    if (PyObject_SetAttrString(failure[1], "messages", list))
      PyErr_Clear();
    PyErr_Restore(failure[0], failure[1], failure[2]);
  } else if (got || status == GOMP_DONE) {
    PyErr_Clear();
    return list;
  } else {
    get_error(status);
  }
  Py_DECREF(list);
  return NULL;
}

/* ---- as a connection ---- */

/* A connection is open in a direction while this process has its descriptor. */
static int ready(Channel *self, int fd) {
  if (LIKELY(fd >= 0))
    return gomp_ready(&self->o);
  gomp_status_error(GOMP_CLOSED);
  return -1;
}

/* Whether the reader has gone. One that closes says so (hangups); for one that was killed the descriptor
   is looked at, but not for every message: what was sent just before is lost with any pipe. */
static int reader_gone(Channel *self) {
  enum { LOOK_EVERY_NS = 1000000 };
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &t); /* a tick is enough, and costs a fifth of the exact time */
  int64_t now = t.tv_sec * 1000000000ll + t.tv_nsec;
  uint32_t hangups = __atomic_load_n(&body(self)->hangups, __ATOMIC_ACQUIRE);
  if (LIKELY(hangups == self->hangups && now - self->looked < LOOK_EVERY_NS))
    return 0;
  if (hung_up(self->wfd, POLLOUT))
    return 1;
  self->hangups = hangups;
  self->looked = now;
  return 0;
}

static int send_sink(Channel *self, gomp_sink *s) {
  if (reader_gone(self)) {
    gomp_sink_done(s);
    put_error(GOMP_HUNG_UP);
    return -1;
  }
  return put_sink(self, s, -1);
}

static PyObject *send_object(Channel *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  static const char *const names[] = {"obj", NULL};
  PyObject *object;
  if (arguments(names, args, nargs, kwnames, &object))
    return NULL;
  if (!object)
    return PyErr_Format(PyExc_TypeError, "send() needs the object to send");
  gomp_sink *s = ready(self, self->wfd) ? NULL : gomp_pickle_as(self->packed, object);
  if (!s || send_sink(self, s))
    return NULL;
  Py_RETURN_NONE;
}

static PyObject *value_error(const char *text) {
  PyErr_SetString(PyExc_ValueError, text);
  return NULL;
}

/* What of a buffer of n bytes is to be sent; the texts are the standard library's. */
static const char *wrong_range(Py_ssize_t n, Py_ssize_t offset, PyObject *said, Py_ssize_t *size) {
  if (offset < 0)
    return "offset is negative";
  if (n < offset)
    return "buffer length < offset";
  if (!said || said == Py_None)
    *size = n - offset;
  else if (*size < 0)
    return "size is negative";
  return *size > n - offset ? "buffer length < offset + size" : NULL;
}

static PyObject *send_bytes(Channel *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  static const char *const names[] = {"buf", "offset", "size", NULL};
  PyObject *given[3];
  Py_ssize_t offset, size;
  Py_buffer b;
  if (arguments(names, args, nargs, kwnames, given) || integer(given[1], 0, &offset) || integer(given[2], 0, &size))
    return NULL;
  if (!given[0])
    return PyErr_Format(PyExc_TypeError, "send_bytes() needs a buffer");
  if (ready(self, self->wfd) || PyObject_GetBuffer(given[0], &b, PyBUF_SIMPLE))
    return NULL;
  const char *wrong = wrong_range(b.len, offset, given[2], &size);
  gomp_sink *s = wrong ? (void *)value_error(wrong) : gomp_sink_bytes((char *)b.buf + offset, (size_t)size);
  PyBuffer_Release(&b);
  if (!s || send_sink(self, s))
    return NULL;
  Py_RETURN_NONE;
}

static PyObject *recv_object(Channel *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  static const char *const names[] = {NULL};
  return arguments(names, args, nargs, kwnames, NULL) || ready(self, self->rfd) ? NULL : take_object(self, -1);
}

static void copy_out(char *to, const gomp_message *m) {
  if (m->n < 1 << 20) {
    memcpy(to, m->data, m->n);
    return;
  }
  Py_BEGIN_ALLOW_THREADS
  memcpy(to, m->data, m->n);
  Py_END_ALLOW_THREADS
}

static PyObject *to_bytes(const gomp_message *m) {
  PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)m->n);
  if (bytes)
    copy_out(PyBytes_AsString(bytes), m);
  return bytes;
}

static PyObject *recv_bytes(Channel *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  static const char *const names[] = {"maxlength", NULL};
  PyObject *most;
  Py_ssize_t maxlength;
  if (arguments(names, args, nargs, kwnames, &most) || integer(most, PY_SSIZE_T_MAX, &maxlength) || ready(self, self->rfd))
    return NULL;
  if (maxlength < 0)
    return value_error("negative maxlength");
  char buf[RECORD_MOST];
  gomp_message m;
  if (take_message(self, buf, &m))
    return NULL;
  PyObject *bytes = NULL;
  if (m.n <= (size_t)maxlength)
    bytes = to_bytes(&m);
  else
    PyErr_SetString(PyExc_OSError, "bad message length");
  gomp_message_done(&m);
  return bytes;
}

static PyObject *too_short(const gomp_message *m) {
  PyObject *cls = gomp_import("multiprocessing.context", "BufferTooShort"), *bytes = cls ? to_bytes(m) : NULL;
  PyObject *e = bytes ? PyObject_CallFunctionObjArgs(cls, bytes, NULL) : NULL;
  if (e)
    PyErr_SetObject(cls, e);
  Py_XDECREF(e);
  Py_XDECREF(bytes);
  Py_XDECREF(cls);
  return NULL;
}

static PyObject *recv_bytes_into(Channel *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  static const char *const names[] = {"buf", "offset", NULL};
  PyObject *given[2];
  Py_ssize_t offset;
  Py_buffer b;
  if (arguments(names, args, nargs, kwnames, given) || integer(given[1], 0, &offset))
    return NULL;
  if (!given[0])
    return PyErr_Format(PyExc_TypeError, "recv_bytes_into() needs a buffer");
  if (PyObject_GetBuffer(given[0], &b, PyBUF_WRITABLE))
    return NULL;
  PyObject *result = NULL;
  char buf[RECORD_MOST];
  gomp_message m;
  if (offset < 0)
    PyErr_SetString(PyExc_ValueError, "negative offset");
  else if (offset > b.len)
    PyErr_SetString(PyExc_ValueError, "offset too large");
  else if (!ready(self, self->rfd) && !take_message(self, buf, &m)) {
    if (m.n > (size_t)(b.len - offset)) {
      too_short(&m);
    } else {
      copy_out((char *)b.buf + offset, &m);
      result = PyLong_FromSize_t(m.n);
    }
    gomp_message_done(&m);
  }
  PyBuffer_Release(&b);
  return result;
}

typedef struct {
  gomp_op op;
  int wfd;
} arming;

static int32_t arm_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  return gomp_live->arm(gomp_me(), op->object->off, ((Channel *)op->object)->rfd, ((arming *)op)->wfd, flags, w);
}

/* A pipe can be rung by its reader too: its other end can be opened by name. */
static int other_end(int rfd) {
  struct stat st;
  char path[40];
  if (rfd < 0 || fstat(rfd, &st) || !S_ISFIFO(st.st_mode))
    return -1;
  snprintf(path, sizeof path, "/proc/self/fd/%d", rfd);
  return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

static PyObject *done(int32_t status) {
  if (status != GOMP_DONE)
    return gomp_status_error(status);
  Py_RETURN_NONE;
}

/* Brings the bell and the channel into agreement: silent if and only if there is no message. */
static int32_t agree(Channel *self) {
  gomp_channel *c = body(self);
  if (c->armed && (length(self) != 0) == (c->rung != 0))
    return GOMP_DONE;
  arming a = {.op = {.step = arm_step, .deadline = -1, .stubborn = 1, .object = &self->o}, .wfd = self->wfd};
  int32_t status = gomp_run(&a.op);
  /* From now on producers ring. What came before is for us to ring. */
  if (status == GOMP_DONE && a.wfd < 0 && length(self) && !c->rung && (a.wfd = other_end(self->rfd)) >= 0) {
    status = gomp_run(&a.op);
    close(a.wfd);
  }
  return status;
}

static int32_t await_step(gomp_op *op, uint32_t flags, gomp_wait *w) {
  if (UNLIKELY(((Channel *)op->object)->rfd < 0))
    return closed(gomp_live->channel_wait(gomp_me(), op->object->off, flags | GOMP_CANCEL, w));
  return gomp_live->channel_wait(gomp_me(), op->object->off, flags, w);
}

static PyObject *poll_(Channel *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  static const char *const names[] = {"timeout", NULL};
  PyObject *timeout;
  if (arguments(names, args, nargs, kwnames, &timeout) || ready(self, self->rfd))
    return NULL;
  gomp_op op = {.step = await_step, .look = no_writer, .spin = &body(self)->spin, .object = &self->o};
  if (timeout && gomp_deadline(timeout, &op.deadline))
    return NULL;
  if (length(self) || hung_up(self->rfd, POLLRDHUP))
    Py_RETURN_TRUE;
  if (body(self)->rung && agree(self) != GOMP_DONE) /* a bell without a message: its ringer died */
    return NULL;
  if (op.deadline == 0 && !length(self))
    Py_RETURN_FALSE;
  int32_t status = gomp_run(&op);
  if (status == GOMP_DONE || status == GOMP_HUNG_UP || status == GOMP_TIMED_OUT)
    return PyBool_FromLong(status != GOMP_TIMED_OUT);
  return gomp_status_error(status);
}

#define CALL(function) ((gomp_call *)(void (*)(void))(function))
const struct gomp_channel_calls gomp_channel_calls = {
    CALL(send_object), CALL(send_bytes), CALL(recv_object), CALL(recv_bytes), CALL(recv_bytes_into), CALL(poll_),
};

/* ---- descriptors ---- */

static PyObject *set_fds(Channel *self, PyObject *args) {
  struct stat st;
  if (!PyArg_ParseTuple(args, "ii:set_fds", &self->rfd, &self->wfd))
    return NULL;
  self->eager = self->wfd >= 0 && fstat(self->wfd, &st) == 0 && S_ISSOCK(st.st_mode) ? GOMP_EAGER : 0;
  self->looked = 0;
  Py_RETURN_NONE;
}

static PyObject *arm(Channel *self, PyObject *unused) {
  (void)unused;
  return gomp_ready(&self->o) ? NULL : done(agree(self));
}

static int32_t hangup_step(gomp_op *op, uint32_t flags, gomp_wait *w) { return gomp_live->hangup(gomp_me(), op->object->off, flags, w); }

static PyObject *hangup(Channel *self, PyObject *unused) {
  (void)unused;
  if (gomp_ready(&self->o))
    return NULL;
  gomp_op op = {.step = hangup_step, .deadline = -1, .stubborn = 1, .object = &self->o};
  return done(gomp_run(&op));
}

static PyObject *hold_for_pid(Channel *self, PyObject *arg) {
  long pid = PyLong_AsLong(arg);
  if (PyErr_Occurred() || gomp_ready(&self->o))
    return NULL;
  int slot = gomp_slot_of_pid(pid);
  if (slot < 0)
    return PyErr_Format(PyExc_ValueError, "process %ld is not of this family", pid);
  gomp_hold(self->o.off, slot);
  return Py_BuildValue("(KKIK)", (unsigned long long)gomp_family.key, (unsigned long long)self->o.off, self->o.kind,
                       (unsigned long long)self->o.serial);
}

/* ---- the rest ---- */

static PyObject *create(Channel *self, PyObject *args) {
  long long items = 0, bytes = 0;
  if (!PyArg_ParseTuple(args, "|LL:_create", &items, &bytes))
    return NULL;
  if (items < 0 || bytes < 0)
    return PyErr_Format(PyExc_ValueError, "bounds must not be negative: %lld messages, %lld bytes", items, bytes);
  const uint64_t params[4] = {(uint64_t)items, (uint64_t)bytes};
  self->rfd = self->wfd = -1;
  if (gomp_object_create(&self->o, GOMP_KIND_CHANNEL, params))
    return NULL;
  Py_RETURN_NONE;
}

static PyObject *attach(Channel *self, PyObject *h) {
  self->rfd = self->wfd = -1;
  return gomp_object_attach(&self->o, GOMP_KIND_CHANNEL, h);
}

static PyObject *handle(Channel *self, PyObject *token) { return gomp_object_handle(&self->o, token); }

static PyObject *qsize(Channel *self, PyObject *unused) {
  (void)unused;
  return gomp_ready(&self->o) ? NULL : PyLong_FromUnsignedLongLong(length(self));
}

static int32_t task_done_step(gomp_op *op, uint32_t flags, gomp_wait *w) { return gomp_live->task_done(gomp_me(), op->object->off, flags, w); }
static int32_t join_step(gomp_op *op, uint32_t flags, gomp_wait *w) { return gomp_live->join(gomp_me(), op->object->off, flags, w); }

static PyObject *task_done(Channel *self, PyObject *unused) {
  (void)unused;
  if (gomp_ready(&self->o))
    return NULL;
  gomp_op op = {.step = task_done_step, .deadline = -1, .stubborn = 1, .object = &self->o};
  int32_t status = gomp_run(&op);
  if (status == GOMP_TOO_MANY)
    return value_error("task_done() called too many times");
  return done(status);
}

static PyObject *join_tasks(Channel *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  static const char *const names[] = {"timeout", NULL};
  PyObject *timeout;
  gomp_op op = {.step = join_step, .object = &self->o};
  if (arguments(names, args, nargs, kwnames, &timeout) || gomp_deadline(timeout, &op.deadline) || gomp_ready(&self->o))
    return NULL;
  op.spin = &body(self)->spin;
  int32_t status = gomp_run(&op);
  return status == GOMP_DONE || status == GOMP_TIMED_OUT ? PyBool_FromLong(status == GOMP_DONE) : gomp_status_error(status);
}

static PyObject *get_flag(int *flag) { return PyBool_FromLong(*flag); }

static int set_flag(int *flag, PyObject *value) {
  int v = value ? PyObject_IsTrue(value) : 0;
  if (v >= 0)
    *flag = v;
  return v < 0 ? -1 : 0;
}

static PyObject *get_closed(Channel *self, void *unused) { return (void)unused, get_flag(&self->closed); }
static int set_closed(Channel *self, PyObject *v, void *unused) { return (void)unused, set_flag(&self->closed, v); }
static PyObject *get_strict(Channel *self, void *unused) { return (void)unused, get_flag(&self->strict); }
static int set_strict(Channel *self, PyObject *v, void *unused) { return (void)unused, set_flag(&self->strict, v); }
static PyObject *get_packed(Channel *self, void *unused) { return (void)unused, get_flag(&self->packed); }
static int set_packed(Channel *self, PyObject *v, void *unused) { return (void)unused, set_flag(&self->packed, v); }

static PyMethodDef methods[] = {
    METHOD("_create", create, METH_VARARGS), METHOD("_attach", attach, METH_O), METHOD("_handle", handle, METH_O),
    SIGNED("put", put, FAST, "($self, /, obj, block=True, timeout=None)", "Put an object. queue.Full: no room in time."), SIGNED("put_many", put_many, FAST, "($self, iterable, /, block=True, timeout=None)", "Put each object of an iterable, in order."), SIGNED("get", get, FAST, "($self, /, block=True, timeout=None)", "Take an object. queue.Empty: none came in time."), SIGNED("get_many", get_many, FAST, "($self, n, /, block=True, timeout=None)",
           "Take up to n objects: wait for the first, take what else is there. If one cannot be unpickled, the others are in the\n"
           "exception's attribute messages."),
    SIGNED("send", send_object, FAST, "($self, /, obj)", "Send an object."), SIGNED("send_bytes", send_bytes, FAST, "($self, /, buf, offset=0, size=None)", "Send bytes as one message."), SIGNED("recv", recv_object, FAST, "($self, /)", "Receive an object. EOFError: the other end is closed."),
    SIGNED("recv_bytes", recv_bytes, FAST, "($self, /, maxlength=None)", "Receive a message as bytes."), SIGNED("recv_bytes_into", recv_bytes_into, FAST, "($self, /, buf, offset=0)", "Receive a message into a buffer; its length."),
    SIGNED("poll", poll_, FAST, "($self, /, timeout=0.0)", "Whether a message, or the end, is there."), SIGNED("qsize", qsize, METH_NOARGS, "($self, /)", "The number of messages."), SIGNED("task_done", task_done, METH_NOARGS, "($self, /)", "Count one message as dealt with."),
    METHOD("join_tasks", join_tasks, FAST), METHOD("set_fds", set_fds, METH_VARARGS), METHOD("arm", arm, METH_NOARGS),
    METHOD("hangup", hangup, METH_NOARGS), METHOD("_hold_for_pid", hold_for_pid, METH_O),
    {NULL, NULL, 0, NULL},
};

static PyObject *get_used(Channel *self, void *unused) { return (void)unused, get_flag(&self->used); }

static PyGetSetDef getset[] = {
    {"_used", (getter)get_used, NULL, NULL, NULL},
    {"_closed", (getter)get_closed, (setter)set_closed, NULL, NULL},
    {"_packed", (getter)get_packed, (setter)set_packed, NULL, NULL},
    {"_strict", (getter)get_strict, (setter)set_strict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, gomp_object_dealloc}, {Py_tp_methods, methods}, {Py_tp_getset, getset},
    {Py_tp_doc, "A message channel of the family."}, {0, NULL},
};

PyType_Spec gomp_channel_spec = {"gomp._boundary.Channel", sizeof(Channel), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
