/* The module gomp._boundary. */
#include "boundary.h"

PyObject *gomp_import(const char *module, const char *name) {
  PyObject *m = PyImport_ImportModule(module);
  PyObject *found = m ? PyObject_GetAttrString(m, name) : NULL;
  Py_XDECREF(m);
  return found;
}

int gomp_u64(PyObject *value, uint64_t *out) {
  *out = PyLong_AsUnsignedLongLong(value);
  return *out == (uint64_t)-1 && PyErr_Occurred() ? -1 : 0;
}

PyObject *gomp_os_error(int number, PyObject *text) {
  PyObject *e = text ? PyObject_CallFunction(PyExc_OSError, "iO", number, text) : NULL;
  if (e)
    PyErr_SetObject((PyObject *)Py_TYPE(e), e); /* the subclass that the number stands for */
  Py_XDECREF(e);
  Py_XDECREF(text);
  return NULL;
}

PyObject *gomp_error_class(const char *name) { return gomp_import("gomp._errors", name); }

static const gomp_c_api api = {(const void *const volatile *)&gomp_live, gomp_ensure, gomp_symbol};

static int add(PyObject *m, const char *name, PyObject *value) {
  int failed = !value || PyModule_AddObjectRef(m, name, value);
  Py_XDECREF(value);
  return failed;
}

static int fill(PyObject *m) {
  static const struct {
    const char *name;
    PyType_Spec *spec;
    int referable; /* gomp_object_type */
  } types[] = {
      {"SemLock", &gomp_sem_spec, 1}, {"WaitList", &gomp_waitlist_spec, 0}, {"Event", &gomp_event_spec, 0},
      {"Barrier", &gomp_barrier_spec, 0}, {"Channel", &gomp_channel_spec, 1}, {"Block", &gomp_memory_spec, 1},
      {"Pool", &gomp_pool_spec, 0}, {"Result", &gomp_result_spec, 0}, {"Steward", &gomp_steward_spec, 0},
  };
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    PyObject *type = PyType_FromSpec(types[i].spec);
    if (type && types[i].referable)
      gomp_object_type(type);
    if (add(m, types[i].name, type))
      return -1;
  }
  return PyModule_AddIntConstant(m, "LOCK", GOMP_LOCK) || PyModule_AddIntConstant(m, "RLOCK", GOMP_RLOCK) ||
         PyModule_AddIntConstant(m, "SEMAPHORE", GOMP_SEMAPHORE) || PyModule_AddIntConstant(m, "POLICY_WARN", GOMP_POLICY_WARN) ||
         PyModule_AddIntConstant(m, "POLICY_RAISE", GOMP_POLICY_RAISE) ||
         PyModule_AddIntConstant(m, "POLICY_RELEASE", GOMP_POLICY_RELEASE) || PyModule_AddIntConstant(m, "SLOTS", GOMP_SLOTS) ||
         PyModule_AddStringConstant(m, "VERSION", GOMP_VERSION) ||
         add(m, "_C_API", PyCapsule_New((void *)&api, "gomp._boundary._C_API", NULL)) || PyModule_AddFunctions(m, gomp_buffer_methods) || PyModule_AddFunctions(m, gomp_vector_methods) || gomp_buffer_init(m) ||
         gomp_ends_init(m) || gomp_pickle_init() || gomp_pool_init(PyType_FromSpec(&gomp_job_spec)) || gomp_loader_init();
}

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_boundary", "The boundary between Python and the Go core.", -1, gomp_family_methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__boundary(void) {
  PyObject *m = PyModule_Create(&definition);
  if (m && fill(m)) {
    Py_DECREF(m);
    return NULL;
  }
  return m;
}
