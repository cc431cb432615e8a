/* Stands in for CPython's header where gopy's Go side is compiled into the core, which thereby stays free of
   Python's symbols and of Python's state: the extension beside it holds the GIL's side, and raises the
   error that it is handed here. */
#ifndef GOMP_CTL_PYTHON_H
#define GOMP_CTL_PYTHON_H
#include <stdlib.h>

typedef struct _ts PyThreadState;
typedef struct _object PyObject;

/* Set by the extension before every call: the core's memory goes back to its first state in a fork. */
extern void (*ctl_error_sink)(const char *message);

static inline PyThreadState *PyEval_SaveThread(void) { return NULL; }
static inline void PyEval_RestoreThread(PyThreadState *state) { (void)state; }
#define PyExc_RuntimeError ((PyObject *)NULL)
static inline void PyErr_SetString(PyObject *type, const char *message) {
  (void)type;
  ctl_error_sink(message);
}
#endif
