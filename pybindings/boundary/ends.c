/* Ends: the base class of a connection. The methods that messages go through are here, so that they cost
 * no frame of Python, and are methods of the connection and not of its channels: a bound one keeps it open.
 *
 * Where there is no channel (the end is closed, the direction is the other one, it is a socket) the next
 * class answers, which is the standard library's. */
#include "boundary.h"

#include <stddef.h>

typedef struct {
  PyObject_HEAD
  PyObject *rx, *tx; /* Channels, or NULL */
} Ends;

static PyObject *ends, *channel; /* the types */

/* ---- methods ---- */

static PyObject *in_dict(PyObject *const *values, PyObject *names) {
  PyObject *dict = PyDict_New();
  for (Py_ssize_t i = 0; dict && i < PyTuple_Size(names); i++)
    if (PyDict_SetItem(dict, PyTuple_GetItem(names, i), values[i]))
      Py_CLEAR(dict);
  return dict;
}

static PyObject *in_tuple(PyObject *const *values, Py_ssize_t n) {
  PyObject *tuple = PyTuple_New(n);
  for (Py_ssize_t i = 0; tuple && i < n; i++)
    PyTuple_SetItem(tuple, i, Py_NewRef(values[i]));
  return tuple;
}

/* super().name(...) */
static PyObject *next_class(PyObject *self, const char *name, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  PyObject *super = PyObject_CallFunctionObjArgs((PyObject *)&PySuper_Type, ends, self, NULL);
  PyObject *method = super ? PyObject_GetAttrString(super, name) : NULL;
  PyObject *tuple = method ? in_tuple(args, nargs) : NULL;
  PyObject *dict = tuple && kwnames ? in_dict(args + nargs, kwnames) : NULL;
  PyObject *result = tuple && (dict || !kwnames) ? PyObject_Call(method, tuple, dict) : NULL;
  Py_XDECREF(super);
  Py_XDECREF(method);
  Py_XDECREF(tuple);
  Py_XDECREF(dict);
  return result;
}

/* A method that is the channel's if there is one. Another thread may close the connection meanwhile: the
   channel is to outlive the call. */
#define DELEGATE(name, way)                                                                       \
  static PyObject *name(Ends *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) { \
    PyObject *c = self->way;                                                                      \
    if (UNLIKELY(!c))                                                                             \
      return next_class((PyObject *)self, #name, args, nargs, kwnames);                           \
    Py_INCREF(c);                                                                                 \
    PyObject *result = gomp_channel_calls.name(c, args, nargs, kwnames);                          \
    Py_DECREF(c);                                                                                 \
    return result;                                                                                \
  }

DELEGATE(send, tx)
DELEGATE(send_bytes, tx)
DELEGATE(recv, rx)
DELEGATE(recv_bytes, rx)
DELEGATE(recv_bytes_into, rx)
DELEGATE(poll, rx)

static PyMethodDef methods[] = {
    SIGNED("send", send, FAST, "($self, /, obj)", "Send a (picklable) object"),
    SIGNED("send_bytes", send_bytes, FAST, "($self, /, buf, offset=0, size=None)", "Send the bytes data from a bytes-like object"),
    SIGNED("recv", recv, FAST, "($self, /)", "Receive a (picklable) object"),
    SIGNED("recv_bytes", recv_bytes, FAST, "($self, /, maxlength=None)", "Receive bytes data as a bytes object."),
    SIGNED("recv_bytes_into", recv_bytes_into, FAST, "($self, /, buf, offset=0)",
           "Receive bytes data into a writeable bytes-like object. Return the number of bytes read."),
    SIGNED("poll", poll, FAST, "($self, /, timeout=0.0)", "Whether there is any input available to be read"),
    {NULL, NULL, 0, NULL},
};

/* ---- attributes ---- */

static PyObject **end_of(Ends *self, const void *where) { return (PyObject **)((char *)self + (size_t)where); }

static PyObject *get_end(Ends *self, void *where) {
  PyObject *c = *end_of(self, where);
  return Py_NewRef(c ? c : Py_None);
}

/* The methods trust it to be a channel. */
static int set_end(Ends *self, PyObject *value, void *where) {
  PyObject *former = *end_of(self, where);
  if (value == Py_None)
    value = NULL;
  if (value && !PyObject_TypeCheck(value, (PyTypeObject *)channel)) {
    PyErr_Format(PyExc_TypeError, "an end of a connection is a Channel or None, not %R", value);
    return -1;
  }
  *end_of(self, where) = Py_XNewRef(value);
  Py_XDECREF(former);
  return 0;
}

static PyGetSetDef getset[] = {
    {"rx", (getter)get_end, (setter)set_end, "The channel that it receives from, or None.", (void *)offsetof(Ends, rx)},
    {"tx", (getter)get_end, (setter)set_end, "The channel that it sends to, or None.", (void *)offsetof(Ends, tx)},
    {NULL, NULL, NULL, NULL, NULL},
};

/* ---- life ---- */

static int traverse(Ends *self, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE((PyObject *)self));
  Py_VISIT(self->rx);
  Py_VISIT(self->tx);
  return 0;
}

static int clear(Ends *self) {
  Py_CLEAR(self->rx);
  Py_CLEAR(self->tx);
  return 0;
}

static void dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  clear((Ends *)self);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF((PyObject *)type);
}

static PyType_Slot slots[] = {
    {Py_tp_dealloc, dealloc}, {Py_tp_traverse, traverse}, {Py_tp_clear, clear}, {Py_tp_methods, methods}, {Py_tp_getset, getset},
    {Py_tp_doc, "What a connection sends to and receives from."}, {0, NULL},
};

static PyType_Spec spec = {"gomp._boundary.Ends", sizeof(Ends), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};

int gomp_ends_init(PyObject *module) {
  ends = PyType_FromSpec(&spec);
  channel = PyObject_GetAttrString(module, "Channel");
  return !ends || !channel || PyModule_AddObjectRef(module, "Ends", ends) ? -1 : 0;
}
