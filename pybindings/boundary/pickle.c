/* Pickling with a cached pickler, straight into what will travel.
 *
 * A new Pickler costs more than pickling a small object, so picklers are kept and reused; one that is
 * in use is not in the list, so __reduce__ may pickle again. Its dispatch table looks into
 * ForkingPickler's and copyreg's own dictionaries at each use, so later registrations count.
 *
 * Large buffers do not go into the pickle but beside it, by protocol 5: each is copied into a block of its
 * own, or, if it lies in a Buffer that the family shares, is referred to. */
#include "boundary.h"

#include <stdlib.h>
#include <string.h>

/* ---- the dispatch table ---- */

typedef struct {
  PyObject_HEAD
  PyObject *first, *second;
} dispatch;

static PyObject *dispatch_get(PyObject *self, PyObject *key) {
  dispatch *d = (dispatch *)self;
  PyObject *found = PyDict_GetItemWithError(d->first, key);
  if (!found && !PyErr_Occurred())
    found = PyDict_GetItemWithError(d->second, key);
  if (!found && !PyErr_Occurred())
    PyErr_SetObject(PyExc_KeyError, key);
  Py_XINCREF(found);
  return found;
}

static void dispatch_dealloc(PyObject *self) {
  PyTypeObject *tp = Py_TYPE(self);
  Py_XDECREF(((dispatch *)self)->first);
  Py_XDECREF(((dispatch *)self)->second);
  ((freefunc)PyType_GetSlot(tp, Py_tp_free))(self);
  Py_DECREF((PyObject *)tp);
}

static PyType_Slot dispatch_slots[] = {{Py_tp_dealloc, dispatch_dealloc}, {Py_mp_subscript, dispatch_get}, {0, NULL}};
PyType_Spec gomp_dispatch_spec = {"gomp._boundary._Dispatch", sizeof(dispatch), 0, Py_TPFLAGS_DEFAULT, dispatch_slots};

/* ---- the sink: what the pickler writes to ---- */

/* A record: a header of 8 bytes and the data, in memory of our own while it is small, then in a block
   of the family that goes to the channel as it is. */
struct gomp_sink {
  PyObject_HEAD
  struct gomp_sink *next; /* in the list of those not in use */
  PyObject *dump, *clear; /* bound methods of its pickler */
  uint64_t block;         /* 0: the data is in small */
  size_t length;          /* of the data */
  size_t room;            /* in the block */
  uint64_t remote[3];     /* the record when the data is in a block */
  char *small;
  gomp_part *parts; /* of the message: this process's, until the message is sealed */
  size_t count, space, weight; /* how many there are, how many have room; their bytes */
};

enum { HEADER = 8, SMALL = HEADER + GOMP_INLINE_MAX + 8, LARGE_COPY = 1 << 20 };

static gomp_sink *idle;

static gomp_envelope *envelope(uint64_t block) { return gomp_at(block + GOMP_HEADER); }
static char *block_data(uint64_t block) { return (char *)(envelope(block) + 1); }

static void copy(char *to, const void *from, size_t n) {
  if (n < LARGE_COPY) {
    memcpy(to, from, n);
    return;
  }
  Py_BEGIN_ALLOW_THREADS
  memcpy(to, from, n);
  Py_END_ALLOW_THREADS
}

/* Makes room for n more bytes in a block; sizes double, so that copying stays in proportion. */
static int grow(gomp_sink *s, size_t n) {
  size_t want = s->length + n;
  if (s->block || n < want / 2) /* more is likely to follow */
    want += want / 2;
  int64_t block = gomp_alloc(GOMP_KIND_PAYLOAD, sizeof(gomp_envelope) + want);
  if (block < 0)
    return -1;
  copy(block_data((uint64_t)block), s->block ? block_data(s->block) : s->small + HEADER, s->length);
  if (s->block)
    gomp_free(s->block);
  s->block = (uint64_t)block;
  s->room = want;
  return 0;
}

static int append(gomp_sink *s, const void *data, size_t n) {
  if (!s->block && s->length + n <= GOMP_INLINE_MAX) {
    memcpy(s->small + HEADER + s->length, data, n);
  } else {
    if ((!s->block || s->length + n > s->room) && grow(s, n))
      return -1;
    copy(block_data(s->block) + s->length, data, n);
  }
  s->length += n;
  return 0;
}

static PyObject *sink_write(PyObject *self, PyObject *data) {
  Py_buffer b;
  if (PyObject_GetBuffer(data, &b, PyBUF_SIMPLE))
    return NULL;
  int failed = append((gomp_sink *)self, b.buf, (size_t)b.len);
  Py_ssize_t n = b.len;
  PyBuffer_Release(&b);
  return failed ? NULL : PyLong_FromSsize_t(n);
}

/* ---- buffers beside the pickle ---- */

/* Enters a part. On failure its block is freed. */
static int enter(gomp_sink *s, int64_t block, uint64_t place, size_t n) {
  if (block < 0)
    return -1;
  if (s->count == s->space) {
    size_t space = s->space ? 2 * s->space : 8;
    gomp_part *parts = realloc(s->parts, space * sizeof *parts);
    if (!parts) {
      gomp_free((uint64_t)block);
      PyErr_NoMemory();
      return -1;
    }
    s->parts = parts;
    s->space = space;
  }
  s->parts[s->count++] = (gomp_part){(uint64_t)block, place, n};
  return 0;
}

static int enter_copy(gomp_sink *s, const char *data, size_t n) {
  int64_t block = gomp_alloc(GOMP_KIND_BUFFER, GOMP_BUFFER_DATA - GOMP_HEADER + n);
  if (block >= 0)
    copy(gomp_at((uint64_t)block + GOMP_BUFFER_DATA), data, n);
  s->weight += n;
  return enter(s, block, (uint64_t)block + GOMP_BUFFER_DATA, n);
}

/* The pickler asks where a buffer, a contiguous one, is to go: true into the pickle. */
static PyObject *sink_buffer(PyObject *self, PyObject *object) {
  gomp_sink *s = (gomp_sink *)self;
  Py_buffer b;
  if (PyObject_GetBuffer(object, &b, PyBUF_FULL_RO))
    return NULL;
  const gomp_buffer *shared = b.len ? gomp_buffer_around(b.buf, (size_t)b.len) : NULL;
  int failed = 0, inside = !shared && b.len < GOMP_BUFFER_MIN;
  if (shared)
    failed = enter(s, gomp_refer(shared->o.off), (uint64_t)((char *)b.buf - gomp_family.base), (size_t)b.len);
  else if (!inside)
    failed = enter_copy(s, b.buf, (size_t)b.len);
  PyBuffer_Release(&b);
  return failed ? NULL : PyBool_FromLong(inside);
}

/* Makes the message, which is complete, one with parts. What is not the message's then, frees forget_parts. */
static int seal(gomp_sink *s) {
  static const char padding[8];
  const size_t length = s->length, table = s->count * sizeof *s->parts;
  if (!s->block && grow(s, table + 8))
    return -1;
  if (append(s, padding, -length & 7) || append(s, s->parts, table))
    return -1;
  s->length = length;
  *envelope(s->block) = (gomp_envelope){length, s->count};
  if (gomp_need())
    return -1;
  if (gomp_live->seal(gomp_me(), s->block) != GOMP_DONE) {
    PyErr_SetString(PyExc_RuntimeError, "the process was forked while it pickled this");
    return -1;
  }
  s->count = 0;
  return 0;
}

static void forget_parts(gomp_sink *s) {
  while (s->count)
    gomp_free(s->parts[--s->count].block);
}

static void sink_dealloc(PyObject *self) {
  PyTypeObject *tp = Py_TYPE(self);
  free(((gomp_sink *)self)->small);
  free(((gomp_sink *)self)->parts);
  ((freefunc)PyType_GetSlot(tp, Py_tp_free))(self);
  Py_DECREF((PyObject *)tp);
}

static PyMethodDef sink_methods[] = {METHOD("write", sink_write, METH_O), METHOD("buffer", sink_buffer, METH_O), {NULL, NULL, 0, NULL}};
static PyType_Slot sink_slots[] = {{Py_tp_dealloc, sink_dealloc}, {Py_tp_methods, sink_methods}, {0, NULL}};
PyType_Spec gomp_sink_spec = {"gomp._boundary._Sink", sizeof(gomp_sink), 0, Py_TPFLAGS_DEFAULT, sink_slots};

static PyTypeObject *sink_type, *dispatch_type;
static PyObject *pickler_class;
static dispatch *table;

/* On first use and not at import: the import stays cheap. */
static int prepare(void) {
  if (table)
    return 0;
  PyObject *forking = gomp_import("multiprocessing.reduction", "ForkingPickler");
  PyObject *extra = forking ? PyObject_GetAttrString(forking, "_extra_reducers") : NULL;
  PyObject *general = extra ? gomp_import("copyreg", "dispatch_table") : NULL;
  if (general && !pickler_class)
    pickler_class = gomp_import("pickle", "Pickler");
  dispatch *d = pickler_class ? PyObject_New(dispatch, dispatch_type) : NULL;
  Py_XDECREF(forking);
  if (!d) {
    Py_XDECREF(extra);
    Py_XDECREF(general);
    return -1;
  }
  d->first = extra;
  d->second = general;
  table = d;
  return 0;
}

static PyObject *new_pickler(PyObject *sink) {
  PyObject *args = Py_BuildValue("(Oi)", sink, 5), *callback = PyObject_GetAttrString(sink, "buffer");
  PyObject *names = callback ? Py_BuildValue("{sO}", "buffer_callback", callback) : NULL;
  PyObject *pickler = args && names ? PyObject_Call(pickler_class, args, names) : NULL;
  Py_XDECREF(args);
  Py_XDECREF(callback);
  Py_XDECREF(names);
  return pickler;
}

static gomp_sink *new_sink(void) {
  if (prepare())
    return NULL;
  gomp_sink *s = PyObject_New(gomp_sink, sink_type);
  if (!s)
    return NULL;
  s->next = NULL;
  s->dump = s->clear = NULL;
  s->block = 0;
  s->length = s->count = s->space = s->weight = 0;
  s->parts = NULL;
  if (!(s->small = malloc(SMALL))) {
    Py_DECREF((PyObject *)s);
    PyErr_NoMemory();
    return NULL;
  }
  return s;
}

static int give_pickler(gomp_sink *s) {
  PyObject *pickler = new_pickler((PyObject *)s);
  if (pickler && PyObject_SetAttrString(pickler, "dispatch_table", (PyObject *)table) == 0 &&
      (s->dump = PyObject_GetAttrString(pickler, "dump")) && !(s->clear = PyObject_GetAttrString(pickler, "clear_memo")))
    Py_CLEAR(s->dump);
  Py_XDECREF(pickler);
  return s->dump ? 0 : -1;
}

static gomp_sink *take_sink(void) {
  gomp_sink *s = idle;
  if (!s)
    return new_sink();
  idle = s->next;
  s->length = s->weight = 0;
  return s;
}

void gomp_sink_done(gomp_sink *s) {
  forget_parts(s);
  if (s->block)
    gomp_free(s->block);
  s->block = 0;
  s->next = idle;
  idle = s;
}

void gomp_sink_sent(gomp_sink *s) { s->block = 0; }

void gomp_sink_record(gomp_sink *s, const void **record, size_t *n) {
  if (s->block) {
    s->remote[0] = 16 | (uint64_t)GOMP_REMOTE << 32;
    s->remote[1] = s->block;
    s->remote[2] = s->length + s->weight;
    envelope(s->block)->length = s->length;
    *record = s->remote;
    *n = sizeof s->remote;
    return;
  }
  uint64_t header = s->length | (uint64_t)GOMP_INLINE << 32;
  memcpy(s->small, &header, HEADER);
  *record = s->small;
  *n = HEADER + ((s->length + 7) & ~7ul);
}

/* The memo's table grows with what is pickled and never shrinks, and to clear it is to walk it: the pickler of a message
   that may have had many objects is not used again. */
static void drop_pickler(gomp_sink *s) {
  Py_CLEAR(s->dump);
  Py_CLEAR(s->clear);
}

gomp_sink *gomp_pickle(PyObject *object) {
  enum { FEW = 1024 }; /* bytes: they hold some three hundred objects at most */
  gomp_sink *s = take_sink();
  if (!s)
    return NULL;
  if (!s->dump && give_pickler(s)) {
    gomp_sink_done(s);
    return NULL;
  }
  PyObject *r = PyObject_CallFunctionObjArgs(s->dump, object, NULL);
  PyObject *type = NULL, *value = NULL, *traceback = NULL;
  if (!r)
    PyErr_Fetch(&type, &value, &traceback);
  int few = r && s->length <= FEW;
  PyObject *c = few ? PyObject_CallFunctionObjArgs(s->clear, NULL) : Py_NewRef(Py_None);
  if (!few)
    drop_pickler(s);
  int failed = !r || !c || (s->count && seal(s));
  Py_XDECREF(r);
  Py_XDECREF(c);
  if (!failed)
    return s;
  gomp_sink_done(s);
  if (type)
    PyErr_Restore(type, value, traceback);
  return NULL;
}

/* The message keeps an object of the family, for who receives it to hold. */
static int enter_object(gomp_sink *s, gomp_object *o) {
  return gomp_ready(o) ? -1 : enter(s, gomp_refer(o->off), o->off + GOMP_BODY, 0);
}

/* Puts a buffer beside the data, or an object of the family. */
static int add_part(gomp_sink *s, PyObject *object) {
  Py_buffer b;
  gomp_object *o = gomp_object_in(object);
  if (o)
    return enter_object(s, o);
  if (PyObject_GetBuffer(object, &b, PyBUF_FULL_RO))
    return -1;
  int failed = 1;
  const gomp_buffer *shared = b.len ? gomp_buffer_around(b.buf, (size_t)b.len) : NULL;
  if (!PyBuffer_IsContiguous(&b, 'A'))
    PyErr_SetString(PyExc_ValueError, "a buffer that is sent must be contiguous");
  else if (shared)
    failed = enter(s, gomp_refer(shared->o.off), (uint64_t)((char *)b.buf - gomp_family.base), (size_t)b.len);
  else
    failed = enter_copy(s, b.buf, (size_t)b.len);
  PyBuffer_Release(&b);
  return failed;
}

static int pack_into(gomp_sink *s, PyObject *message) {
  Py_ssize_t n = PyTuple_Check(message) ? PyTuple_Size(message) : 0;
  PyObject *data = n > 1 ? PyTuple_GetItem(message, 1) : NULL;
  if (data && PyExceptionInstance_Check(data)) {
    PyErr_SetObject((PyObject *)Py_TYPE(data), data);
    return -1;
  }
  if (!data || !PyBytes_Check(data)) {
    PyErr_SetString(PyExc_TypeError, "a packed message is a tuple of a number of items, bytes, or the exception that it stands for, and buffers");
    return -1;
  }
  if (append(s, PyBytes_AsString(data), (size_t)PyBytes_Size(data)))
    return -1;
  for (Py_ssize_t i = 2; i < n; i++)
    if (add_part(s, PyTuple_GetItem(message, i)))
      return -1;
  return s->count ? seal(s) : 0;
}

gomp_sink *gomp_pack(PyObject *message) {
  gomp_sink *s = take_sink();
  if (s && pack_into(s, message)) {
    gomp_sink_done(s);
    return NULL;
  }
  return s;
}

gomp_sink *gomp_pickle_as(int packed, PyObject *object) {
  static PyObject *pack;
  if (!packed)
    return gomp_pickle(object);
  if (!pack && !(pack = gomp_import("gomp._packing", "pack")))
    return NULL;
  PyObject *message = PyObject_CallFunctionObjArgs(pack, object, NULL);
  gomp_sink *s = message ? gomp_pack(message) : NULL;
  Py_XDECREF(message);
  return s;
}

gomp_sink *gomp_sink_bytes(const void *data, size_t n) {
  gomp_sink *s = take_sink();
  if (s && append(s, data, n)) {
    gomp_sink_done(s);
    return NULL;
  }
  return s;
}

int gomp_pickle_init(void) {
  sink_type = (PyTypeObject *)PyType_FromSpec(&gomp_sink_spec);
  dispatch_type = sink_type ? (PyTypeObject *)PyType_FromSpec(&gomp_dispatch_spec) : NULL;
  return dispatch_type ? 0 : -1;
}
