/* Block: memory of the family with the buffer protocol, behind Value, Array and the heap. */
#include "boundary.h"

static PyObject *create(gomp_object *self, PyObject *arg) {
  Py_ssize_t size = PyNumber_AsSsize_t(arg, PyExc_OverflowError);
  if (size == -1 && PyErr_Occurred())
    return NULL;
  if (size < 0)
    return PyErr_Format(PyExc_ValueError, "size must not be negative, not %zd", size);
  const uint64_t params[4] = {(uint64_t)size};
  if (gomp_object_create(self, GOMP_KIND_MEMORY, params))
    return NULL;
  Py_RETURN_NONE;
}

static PyObject *attach(gomp_object *self, PyObject *h) { return gomp_object_attach(self, GOMP_KIND_MEMORY, h); }
static PyObject *handle(gomp_object *self, PyObject *token) { return gomp_object_handle(self, token); }

static uint64_t size_of(gomp_object *self) { return ((gomp_block *)gomp_at(self->off))->size - GOMP_SLOTS / 8; }

static PyObject *shared(gomp_object *self, PyObject *unused) {
  (void)unused;
  if (gomp_ready(self))
    return NULL;
  gomp_block *b = gomp_at(self->off);
  int holders = 0;
  for (int i = 0; i < GOMP_SLOTS / 64; i++)
    holders += __builtin_popcountll(__atomic_load_n(&b->holders[i], __ATOMIC_ACQUIRE));
  return PyBool_FromLong(holders > 1 || __atomic_load_n(&b->refs, __ATOMIC_ACQUIRE)); /* of messages on their way */
}

static PyObject *get_size(gomp_object *self, void *unused) {
  (void)unused;
  return gomp_ready(self) ? NULL : PyLong_FromUnsignedLongLong(size_of(self));
}

static int get_buffer(PyObject *self, Py_buffer *view, int flags) {
  gomp_object *o = (gomp_object *)self;
  view->obj = NULL;
  if (gomp_ready(o))
    return -1;
  return PyBuffer_FillInfo(view, self, gomp_body(o), (Py_ssize_t)size_of(o), 0, flags);
}

static PyMethodDef methods[] = {
    METHOD("_create", create, METH_O), METHOD("_attach", attach, METH_O), METHOD("_handle", handle, METH_O),
    METHOD("_shared", shared, METH_NOARGS), {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {{"size", (getter)get_size, NULL, NULL, NULL}, {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, gomp_object_dealloc}, {Py_tp_methods, methods}, {Py_tp_getset, getset}, {Py_bf_getbuffer, get_buffer},
    {Py_tp_doc, "Memory of the family."}, {0, NULL},
};

PyType_Spec gomp_memory_spec = {"gomp._boundary.Block", sizeof(gomp_object), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
