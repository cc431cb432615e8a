/* What every call of gomp._ctl does around the core's function. */
#ifndef GOMP_CTL_CALL_H
#define GOMP_CTL_CALL_H
#include "../export/table.h"
#include "loader.h"
#include <stdlib.h>
#include <string.h>

/* The error of the call that this thread is in: the core hands it over while the GIL is released. Static
   TLS, since the dynamic kind takes the dynamic linker's lock, which may be held for ever in a child. */
static __thread char *pending __attribute__((tls_model("initial-exec")));

static void keep_error(const char *message) {
  free(pending);
  pending = strdup(message);
}

/* Not by PyCapsule_Import(), which looks in the package and may be there before the import is through. */
static const gomp_c_api *find_boundary(void) {
  PyObject *boundary = PyImport_ImportModule("gomp._boundary");
  PyObject *capsule = boundary ? PyObject_GetAttrString(boundary, "_C_API") : NULL;
  const gomp_c_api *api = capsule ? PyCapsule_GetPointer(capsule, "gomp._boundary._C_API") : NULL;
  Py_XDECREF(capsule);
  Py_XDECREF(boundary);
  return api; /* valid for good: a single-phase module is never unloaded */
}

/* The core's functions, once it is up in this process, or NULL with an exception. */
static const struct gomp_ctl *enter_core(void) {
  static const gomp_c_api *api;
  if (!api && !(api = find_boundary())) return NULL;
  if (!*api->live && api->ensure()) return NULL;
  const struct gomp_ctl *core = api->sym("gomp_ctl");
  *core->error_sink = keep_error;
  return core;
}

static void leave_core(PyThreadState *state) {
  PyEval_RestoreThread(state);
  if (!pending) return;
  PyErr_SetString(PyExc_RuntimeError, pending);
  free(pending);
  pending = NULL;
}

#endif
