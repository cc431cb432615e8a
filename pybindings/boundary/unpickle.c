/* What is made of a record: the object, or the bytes of the message. */
#include "boundary.h"

#include <string.h>

enum { HEADER = 8, LARGE_COPY = 1 << 20 };

/* Where the bytes of a message lie. Returns what the record takes. */
static size_t locate(const char *record, gomp_message *m) {
  uint64_t header, block;
  memcpy(&header, record, sizeof header);
  *m = (gomp_message){record + HEADER, (uint32_t)header, 0, NULL};
  size_t space = HEADER + ((m->n + 7) & ~7ul);
  if ((header >> 32 & 0xff) == GOMP_REMOTE) {
    memcpy(&block, m->data, sizeof block);
    const gomp_envelope *e = gomp_at(block + GOMP_HEADER);
    *m = (gomp_message){(const char *)(e + 1), e->length, block, NULL};
  }
  return space;
}

void gomp_message_done(gomp_message *m) {
  if (m->block)
    gomp_free(m->block);
  Py_XDECREF(m->pickle);
}

void gomp_drop_record(const char *record) {
  gomp_message m;
  locate(record, &m);
  gomp_message_done(&m);
}

/* ---- the parts of a parcel ---- */

static int is_parcel(const gomp_message *m) { return m->block && ((gomp_block *)gomp_at(m->block))->kind == GOMP_KIND_PARCEL; }
static Py_ssize_t count(const gomp_message *m) { return (Py_ssize_t)((const gomp_envelope *)m->data - 1)->parts; }
static const gomp_part *table(const gomp_message *m) { return (const gomp_part *)(m->data + ((m->n + 7) & ~7ul)); }

static int is_reference(const gomp_part *p) { return p->block && ((gomp_block *)gomp_at(p->block))->kind == GOMP_KIND_REFERENCE; }

static int plenty(void) { return gomp_head()->used <= gomp_head()->cap / 2; }

/* A receiver that keeps what it gets must not use up what senders need; and only so many can be set apart
   in a fork. Then it gets copies in memory of its own. But processes may have died that nobody has waited for. */
static int may_take(void) {
  enum { LOOK_EVERY_NS = 100000000 };
  static int64_t looked;
  if (gomp_buffers_crowded())
    return 0;
  if (!plenty() && gomp_now() - looked > LOOK_EVERY_NS) {
    gomp_live->sweep_all(gomp_me());
    looked = gomp_now();
  }
  return plenty();
}

static PyObject *copy_of(const gomp_part *p) {
  PyObject *bytes = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)p->length);
  if (!bytes)
    return NULL;
  char *to = PyByteArray_AsString(bytes);
  const char *from = gomp_at(p->place);
  if (p->length < LARGE_COPY) {
    memcpy(to, from, p->length);
    return bytes;
  }
  Py_BEGIN_ALLOW_THREADS
  memcpy(to, from, p->length);
  Py_END_ALLOW_THREADS
  return bytes;
}

/* What will stand for each part: made before the parcel is opened, so that nothing can fail halfway. */
static PyObject *prepare(const gomp_message *m, int take) {
  PyObject *list = PyList_New(count(m));
  for (Py_ssize_t i = 0; list && i < count(m); i++) {
    const gomp_part *p = table(m) + i;
    PyObject *item = take || is_reference(p) ? (PyObject *)gomp_buffer_new() : copy_of(p);
    if (!item || PyList_SetItem(list, i, item)) {
      Py_DECREF(list);
      return NULL;
    }
  }
  return list;
}

/* A shared Buffer has one Python object in a process, if it came with messages. */
static void fill_shared(PyObject *list, Py_ssize_t i, uint64_t off) {
  gomp_buffer *b = gomp_buffer_shared(off);
  if (b) {
    Py_INCREF((PyObject *)b);
    PyList_SetItem(list, i, (PyObject *)b);
    return;
  }
  gomp_buffer_fill((gomp_buffer *)PyList_GetItem(list, i), off, gomp_buffer_length(off), 0);
}

/* A memoryview of each part, in place of what stands for it. */
static int view_all(const gomp_message *m, PyObject *list) {
  for (Py_ssize_t i = 0; i < count(m); i++) {
    const gomp_part *p = table(m) + i;
    PyObject *item = PyList_GetItem(list, i), *view = PyMemoryView_FromObject(item);
    if (view && is_reference(p)) {
      Py_ssize_t from = (Py_ssize_t)((char *)gomp_at(p->place) - ((gomp_buffer *)item)->data);
      PyObject *slice = PySequence_GetSlice(view, from, from + (Py_ssize_t)p->length);
      Py_DECREF(view);
      view = slice;
    }
    if (!view || PyList_SetItem(list, i, view))
      return -1;
  }
  return 0;
}

/* The buffers that the pickle asks for. Nothing between opening the parcel and filling the last object can let
   another thread run, or fail. */
static PyObject *receive(const gomp_message *m, int take) {
  PyObject *list = prepare(m, take);
  if (!list)
    return NULL;
  if (gomp_live->open(gomp_me(), m->block, (uint32_t)take) != GOMP_DONE) {
    Py_DECREF(list);
    return gomp_status_error(GOMP_INVALID);
  }
  for (Py_ssize_t i = 0; i < count(m); i++) {
    const gomp_part *p = table(m) + i;
    if (is_reference(p))
      fill_shared(list, i, ((gomp_block *)gomp_at(p->block))->target);
    else if (take)
      gomp_buffer_fill((gomp_buffer *)PyList_GetItem(list, i), p->place - GOMP_BUFFER_DATA, p->length, 1);
  }
  if (!view_all(m, list))
    return list;
  Py_DECREF(list);
  return NULL;
}

/* ---- objects ---- */

static PyObject *load(const gomp_message *m, PyObject *buffers) {
  static PyObject *loads;
  if (!loads && !(loads = gomp_import("pickle", "loads")))
    return NULL;
  PyObject *view = PyMemoryView_FromMemory((char *)m->data, (Py_ssize_t)m->n, PyBUF_READ);
  PyObject *object = NULL;
  if (view && buffers) {
    PyObject *args = PyTuple_Pack(1, view), *names = Py_BuildValue("{sO}", "buffers", buffers);
    object = args && names ? PyObject_Call(loads, args, names) : NULL;
    Py_XDECREF(args);
    Py_XDECREF(names);
  } else if (view) {
    object = PyObject_CallFunctionObjArgs(loads, view, NULL);
  }
  Py_XDECREF(view);
  return object;
}

static PyObject *unpickle(const gomp_message *m, int take) {
  if (!is_parcel(m))
    return load(m, NULL);
  PyObject *buffers = gomp_need() ? NULL : receive(m, take && may_take());
  PyObject *object = buffers ? load(m, buffers) : NULL;
  Py_XDECREF(buffers);
  return object;
}

PyObject *gomp_peek_record(const char *record, size_t *space) {
  gomp_message m;
  size_t n = locate(record, &m);
  if (space)
    *space = n;
  return unpickle(&m, 0);
}

PyObject *gomp_unpickle_record(const char *record, size_t *space) {
  gomp_message m;
  size_t n = locate(record, &m);
  if (space)
    *space = n;
  PyObject *object = unpickle(&m, 1);
  gomp_message_done(&m);
  return object;
}

static PyObject *unpack(const gomp_message *m) {
  PyObject *parts = !is_parcel(m) ? PyList_New(0) : gomp_need() ? NULL : receive(m, may_take());
  PyObject *data = parts ? PyBytes_FromStringAndSize(m->data, (Py_ssize_t)m->n) : NULL;
  PyObject *all = data && !PyList_Insert(parts, 0, data) ? PyList_AsTuple(parts) : NULL;
  Py_XDECREF(data);
  Py_XDECREF(parts);
  return all;
}

PyObject *gomp_unpack_record(const char *record, size_t *space) {
  gomp_message m;
  size_t n = locate(record, &m);
  if (space)
    *space = n;
  PyObject *object = unpack(&m);
  gomp_message_done(&m);
  return object;
}

PyObject *gomp_unpickle_as(int packed, const char *record, size_t *space) {
  static PyObject *loads;
  if (!packed)
    return gomp_unpickle_record(record, space);
  PyObject *message = gomp_unpack_record(record, space);
  if (!message || (!loads && !(loads = gomp_import("gomp._packing", "unpack")))) {
    Py_XDECREF(message);
    return NULL;
  }
  PyObject *object = PyObject_CallFunctionObjArgs(loads, message, NULL);
  Py_DECREF(message);
  return object;
}

/* ---- bytes ---- */

/* The bytes of an object's message are its pickle. One with parts is pickled anew, without. */
int gomp_read_record(const char *record, gomp_message *m) {
  locate(record, m);
  if (!is_parcel(m))
    return 0;
  PyObject *object = gomp_unpickle_record(record, NULL), *class = object ? gomp_import("multiprocessing.reduction", "ForkingPickler") : NULL;
  PyObject *view = class ? PyObject_CallMethod(class, "dumps", "O", object) : NULL;
  PyObject *bytes = view ? PyBytes_FromObject(view) : NULL;
  Py_XDECREF(object);
  Py_XDECREF(class);
  Py_XDECREF(view);
  if (!bytes)
    return -1;
  *m = (gomp_message){PyBytes_AsString(bytes), (size_t)PyBytes_Size(bytes), 0, bytes};
  return 0;
}
