/* Runs of a list's numbers as memory, and back: a map of an element-wise kernel is little else. */
#include "boundary.h"

#include <string.h>

/* float64 from an exact float or int, as the array module does it; other objects are for Python to look at. */
static int one_double(PyObject *item, double *to) {
  if (!PyFloat_CheckExact(item) && !PyLong_CheckExact(item))
    return -1;
  *to = PyFloat_AsDouble(item);
  return *to == -1.0 && PyErr_Occurred() ? -1 : 0;
}

static int one_int(PyObject *item, int64_t *to) {
  if (!PyLong_CheckExact(item))
    return -1;
  *to = PyLong_AsLongLong(item);
  return *to == -1 && PyErr_Occurred() ? -1 : 0;
}

/* gather(list, start, stop, is_float): the items from start to stop as float64 or int64, in bytes; None: one of them is
   neither, or too large. */
static PyObject *gather(PyObject *module, PyObject *args) {
  (void)module;
  PyObject *list;
  Py_ssize_t start, stop;
  int is_float;
  if (!PyArg_ParseTuple(args, "O!nnp:gather", &PyList_Type, &list, &start, &stop, &is_float))
    return NULL;
  if (start < 0 || start > stop || stop > PyList_Size(list))
    return PyErr_Format(PyExc_ValueError, "no items %zd to %zd in a list of %zd", start, stop, PyList_Size(list));
  PyObject *bytes = PyBytes_FromStringAndSize(NULL, (stop - start) * 8);
  char *to = bytes ? PyBytes_AsString(bytes) : NULL;
  int failed = 0;
  for (Py_ssize_t i = start; to && !failed && i < stop; i++, to += 8) {
    PyObject *item = PyList_GetItem(list, i);
    failed = is_float ? one_double(item, (double *)(void *)to) : one_int(item, (int64_t *)(void *)to);
  }
  if (!failed)
    return bytes;
  Py_DECREF(bytes);
  PyErr_Clear();
  Py_RETURN_NONE;
}

/* scatter(list, start, buffer, is_float): stores the numbers of a buffer of float64 or int64 in a list from start on. */
static PyObject *scatter(PyObject *module, PyObject *args) {
  (void)module;
  PyObject *list;
  Py_ssize_t start;
  Py_buffer view;
  int is_float;
  if (!PyArg_ParseTuple(args, "O!ny*p:scatter", &PyList_Type, &list, &start, &view, &is_float))
    return NULL;
  Py_ssize_t n = view.len / 8;
  int failed = start < 0 || n > PyList_Size(list) - start;
  if (failed)
    PyErr_Format(PyExc_ValueError, "no room for %zd items from %zd on in a list of %zd", n, start, PyList_Size(list));
  const char *from = view.buf;
  for (Py_ssize_t i = start; !failed && i < start + n; i++, from += 8) {
    int64_t integer;
    double number;
    memcpy(&integer, from, 8);
    memcpy(&number, from, 8);
    PyObject *item = is_float ? PyFloat_FromDouble(number) : PyLong_FromLongLong(integer);
    failed = !item || PyList_SetItem(list, i, item);
  }
  PyBuffer_Release(&view);
  if (failed)
    return NULL;
  Py_RETURN_NONE;
}

PyMethodDef gomp_vector_methods[] = {METHOD("gather", gather, METH_VARARGS), METHOD("scatter", scatter, METH_VARARGS), {NULL, NULL, 0, NULL}};
