/* Steward: a thread that sleeps on descriptors and calls Python when one of them is ready.
 *
 * It is a thread of the system's: it has a Python state only while it is in the call, so that a pool whose
 * workers are well costs the program no thread of Python's. */
#include "boundary.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  PyObject_HEAD
  PyObject *tend; /* () -> ([descriptor, ...], seconds until the next call, or None) */
  pthread_t thread;
  pid_t pid; /* of the process that has the thread; 0: none has */
  int wake;
  volatile int stop;
} Steward;

typedef struct {
  struct pollfd *fds;
  size_t n;
  int timeout; /* ms; -1: none */
} watch;

static int parse(PyObject *told, watch *w) {
  PyObject *fds, *timeout;
  if (!PyArg_ParseTuple(told, "O!O", &PyList_Type, &fds, &timeout))
    return -1;
  double seconds = timeout == Py_None ? -1 : PyFloat_AsDouble(timeout);
  if (seconds == -1 && PyErr_Occurred())
    return -1;
  w->timeout = timeout == Py_None ? -1 : seconds > 1e6 ? 1000000000 : seconds < 0 ? 0 : (int)(seconds * 1e3) + 1;
  Py_ssize_t n = PyList_Size(fds);
  struct pollfd *all = realloc(w->fds, ((size_t)n + 1) * sizeof *all);
  if (!all) {
    PyErr_NoMemory();
    return -1;
  }
  w->fds = all;
  w->n = (size_t)n + 1;
  for (Py_ssize_t i = 0; i < n; i++)
    all[i + 1] = (struct pollfd){.fd = (int)PyLong_AsLong(PyList_GetItem(fds, i)), .events = POLLIN};
  return PyErr_Occurred() ? -1 : 0;
}

/* One call of tend. Returns whether the thread goes on. */
static int tend_once(Steward *self, watch *w) {
  enum { AFTER_FAILURE_MS = 1000 };
  PyGILState_STATE state = PyGILState_Ensure();
  PyObject *told = self->stop ? NULL : PyObject_CallNoArgs(self->tend);
  int on = !self->stop;
  if (on && (!told || parse(told, w)))
    w->timeout = AFTER_FAILURE_MS;
  if (PyErr_Occurred())
    PyErr_WriteUnraisable(self->tend);
  Py_XDECREF(told);
  PyGILState_Release(state);
  return on;
}

/* A descriptor that the program has closed under us would make poll return at once, again and again. */
static void rest_if_closed(const watch *w) {
  for (size_t i = 0; i < w->n; i++)
    if (w->fds[i].revents & POLLNVAL) {
      nanosleep(&(struct timespec){0, 50000000}, NULL);
      return;
    }
}

/* Precondition: the caller has given the thread a reference to self. */
static void *serve(void *arg) {
  Steward *self = arg;
  watch w = {calloc(1, sizeof(struct pollfd)), 1, -1};
  while (w.fds && tend_once(self, &w)) {
    uint64_t count;
    w.fds[0] = (struct pollfd){.fd = self->wake, .events = POLLIN};
    if (poll(w.fds, w.n, w.timeout) > 0)
      rest_if_closed(&w);
    if (w.fds[0].revents & POLLIN && read(self->wake, &count, sizeof count) < 0)
      rest_if_closed(&w);
  }
  free(w.fds);
  PyGILState_STATE state = PyGILState_Ensure();
  close(self->wake);
  Py_CLEAR(self->tend);
  Py_DECREF((PyObject *)self);
  PyGILState_Release(state);
  return NULL;
}

/* The program's signals are for its own threads. */
static int start_thread(Steward *self) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&self->thread, NULL, serve, self);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return failed;
}

/* _start(tend) */
static PyObject *start(Steward *self, PyObject *tend) {
  if (self->tend)
    return PyErr_Format(PyExc_RuntimeError, "the steward was started before");
  self->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (self->wake < 0)
    return PyErr_SetFromErrno(PyExc_OSError);
  Py_INCREF(tend);
  Py_INCREF((PyObject *)self); /* the thread's */
  self->tend = tend;
  self->stop = 0;
  self->pid = getpid();
  int failed = start_thread(self);
  if (!failed)
    Py_RETURN_NONE;
  self->pid = 0;
  close(self->wake);
  Py_CLEAR(self->tend);
  Py_DECREF((PyObject *)self);
  return gomp_os_error(failed, PyUnicode_FromString("gomp cannot start the thread that looks after a pool"));
}

static int lives(const Steward *self) { return self->pid && self->pid == getpid(); }

static void ring(Steward *self) {
  uint64_t one = 1;
  if (write(self->wake, &one, sizeof one) < 0 && errno == EBADF)
    return; /* the program has closed it: the thread looks now and then */
}

/* _wake(): tend is called soon. */
static PyObject *wake(Steward *self, PyObject *unused) {
  (void)unused;
  if (lives(self))
    ring(self);
  Py_RETURN_NONE;
}

/* _stop(): tend is not called any more once this returns, but for the call that this comes from. */
static PyObject *stop(Steward *self, PyObject *unused) {
  (void)unused;
  if (!lives(self))
    Py_RETURN_NONE;
  self->stop = 1;
  self->pid = 0;
  ring(self);
  if (pthread_equal(self->thread, pthread_self())) {
    pthread_detach(self->thread);
    Py_RETURN_NONE;
  }
  pthread_t thread = self->thread;
  Py_BEGIN_ALLOW_THREADS
  pthread_join(thread, NULL);
  Py_END_ALLOW_THREADS
  Py_RETURN_NONE;
}

/* The thread has a reference: it does not run any more, or this is a forked child, where it never did. */
static void dealloc(PyObject *o) {
  Py_CLEAR(((Steward *)o)->tend);
  PyTypeObject *tp = Py_TYPE(o);
  ((freefunc)PyType_GetSlot(tp, Py_tp_free))(o);
  Py_DECREF((PyObject *)tp);
}

static PyMethodDef methods[] = {
    METHOD("_start", start, METH_O), METHOD("_wake", wake, METH_NOARGS), METHOD("_stop", stop, METH_NOARGS), {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, dealloc}, {Py_tp_methods, methods}, {Py_tp_doc, "A thread that looks after descriptors."}, {0, NULL},
};

PyType_Spec gomp_steward_spec = {"gomp._boundary.Steward", sizeof(Steward), 0, Py_TPFLAGS_DEFAULT, slots};
