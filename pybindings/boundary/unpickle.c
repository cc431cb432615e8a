/* What is made of a record: the object, or the bytes of the message. */
#include "boundary.h"

#include <string.h>

enum { HEADER = 8 };

/* Where the bytes of a message lie. Returns what the record takes. */
static size_t locate(const char *record, gomp_message *m) {
  uint64_t header, remote[2];
  memcpy(&header, record, sizeof header);
  *m = (gomp_message){record + HEADER, (uint32_t)header, 0};
  size_t space = HEADER + ((m->n + 7) & ~7ul);
  if ((header >> 32 & 0xff) == GOMP_REMOTE) {
    memcpy(remote, m->data, sizeof remote);
    *m = (gomp_message){(char *)gomp_at(remote[0]) + 64, remote[1], remote[0]};
  }
  return space;
}

int gomp_read_record(const char *record, gomp_message *m) {
  locate(record, m);
  return 0;
}

void gomp_message_done(gomp_message *m) {
  if (m->block)
    gomp_free(m->block);
}

void gomp_drop_record(const char *record) {
  gomp_message m;
  locate(record, &m);
  gomp_message_done(&m);
}

static PyObject *unpickle(const gomp_message *m) {
  static PyObject *loads;
  if (!loads && !(loads = gomp_import("pickle", "loads")))
    return NULL;
  PyObject *view = PyMemoryView_FromMemory((char *)m->data, (Py_ssize_t)m->n, PyBUF_READ);
  if (!view)
    return NULL;
  PyObject *object = PyObject_CallFunctionObjArgs(loads, view, NULL);
  Py_DECREF(view);
  return object;
}

PyObject *gomp_peek_record(const char *record, size_t *space) {
  gomp_message m;
  size_t n = locate(record, &m);
  if (space)
    *space = n;
  return unpickle(&m);
}

PyObject *gomp_unpickle_record(const char *record, size_t *space) {
  PyObject *object = gomp_peek_record(record, space);
  gomp_drop_record(record);
  return object;
}
