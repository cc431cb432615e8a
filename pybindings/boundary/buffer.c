/* Buffer: memory of the family whose data begin at a page.
 *
 * There are two sorts. A shared one is an array that all who hold it see. An own one came with a message
 * and is this process's alone, where it lies in the family's memory: nobody else has it, until this
 * process forks. Then its pages become private mappings of the same memory, in the parent, before the
 * child exists: both see what was there, and each what it writes itself. Both hold the block, so nobody
 * writes to the memory beneath; and the mapping is undone before a process lets go, since whoever gets
 * the block next must see what others write there. */
#include "boundary.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { PAGE = 4096 };

/* Both lists change under the lock of the objects: a fork may come from a thread without the GIL. */
static gomp_buffer *shared, *own;
static size_t own_count;

static PyTypeObject *type;

static gomp_buffer **list_of(const gomp_buffer *b) { return b->own ? &own : &shared; }

static void link_in(gomp_buffer *b) {
  gomp_buffer **list = list_of(b);
  gomp_objects_lock();
  b->before = NULL;
  b->after = *list;
  if (*list)
    (*list)->before = b;
  *list = b;
  own_count += b->own;
  gomp_objects_unlock();
}

static void link_out(gomp_buffer *b) {
  if (b->before)
    b->before->after = b->after;
  else
    *list_of(b) = b->after;
  if (b->after)
    b->after->before = b->before;
  own_count -= b->own;
}

/* ---- apart from the relatives ---- */

static size_t pages(const gomp_buffer *b) { return (b->length + PAGE - 1) & ~(size_t)(PAGE - 1); }

/* Maps the memory of b anew. The program may have closed the descriptor, or use its number for another file. */
static int map(const gomp_buffer *b, int flags) {
  struct stat st;
  if (fstat(gomp_family.fd, &st) || st.st_dev != gomp_family.dev || st.st_ino != gomp_family.ino)
    return -1;
  void *at = mmap(b->data, pages(b), PROT_READ | PROT_WRITE, flags | MAP_FIXED | MAP_NORESERVE, gomp_family.fd, b->data - gomp_family.base);
  return at == MAP_FAILED ? -1 : 0;
}

/* Without the descriptor: memory of this process with the same contents takes its place. */
static int replace(const gomp_buffer *b) {
  char *copy = mmap(NULL, pages(b), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (copy == MAP_FAILED)
    return -1;
  memcpy(copy, b->data, b->length);
  return mremap(copy, pages(b), pages(b), MREMAP_MAYMOVE | MREMAP_FIXED, b->data) == MAP_FAILED ? -1 : 0;
}

/* Makes a copy of each page, as a write would: another thread may be writing to them now. */
static void leave_family(const gomp_buffer *b) {
  for (size_t i = 0; i < b->length; i += PAGE)
    __atomic_fetch_or(b->data + i, 0, __ATOMIC_RELAXED);
}

void gomp_buffers_part(int held) {
  for (gomp_buffer *b = own; b; b = b->after) {
    if (!b->apart)
      b->apart = map(b, MAP_PRIVATE) == 0 || replace(b) == 0;
    if (!held && b->apart)
      leave_family(b);
  }
}

/* With the flags of the mapping around it, so that the kernel joins them again. */
static int rejoin(gomp_buffer *b) {
  if (b->apart && map(b, MAP_SHARED))
    return -1;
  if (b->apart)
    madvise(b->data, pages(b), MADV_DONTDUMP);
  b->apart = 0;
  return 0;
}

/* Set apart, each takes up to two of the mappings that a process may have: 65,530, if nobody has changed that. */
int gomp_buffers_crowded(void) { return own_count >= 2048; }

int gomp_buffers_homeless(void) {
  for (gomp_buffer *b = own; b; b = b->after)
    if (!b->o.off)
      return 1;
  return 0;
}

/* ---- finding ---- */

gomp_buffer *gomp_buffer_shared(uint64_t off) {
  gomp_buffer *b = shared;
  while (b && b->o.off != off)
    b = b->after;
  return b;
}

gomp_buffer *gomp_buffer_around(const char *data, size_t n) {
  if ((size_t)(data - gomp_family.base) >= gomp_family.size)
    return NULL;
  gomp_buffer *b = shared;
  while (b && (!b->o.off || data < b->data || data + n > b->data + b->length))
    b = b->after;
  return b;
}

/* ---- the Python object ---- */

gomp_buffer *gomp_buffer_new(void) {
  return (gomp_buffer *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
}

void gomp_buffer_fill(gomp_buffer *b, uint64_t off, size_t length, int is_own) {
  b->data = gomp_at(off + GOMP_BUFFER_DATA);
  b->length = length;
  b->own = is_own;
  gomp_object_adopt(&b->o, GOMP_KIND_BUFFER, off);
  link_in(b);
}

static void filled(gomp_buffer *b) {
  b->data = gomp_at(b->o.off + GOMP_BUFFER_DATA);
  b->length = gomp_buffer_length(b->o.off);
  link_in(b);
}

static PyObject *create(gomp_buffer *self, PyObject *args) {
  Py_ssize_t size;
  int as_is;
  if (!PyArg_ParseTuple(args, "np:_create", &size, &as_is))
    return NULL;
  if (size < 0)
    return PyErr_Format(PyExc_ValueError, "size must not be negative, not %zd", size);
  const uint64_t params[4] = {(uint64_t)size, (uint64_t)as_is};
  if (gomp_object_create(&self->o, GOMP_KIND_BUFFER, params))
    return NULL;
  filled(self);
  Py_RETURN_NONE;
}

static PyObject *attach(gomp_buffer *self, PyObject *h) {
  PyObject *done = gomp_object_attach(&self->o, GOMP_KIND_BUFFER, h);
  if (done)
    filled(self);
  return done;
}

static PyObject *handle(gomp_buffer *self, PyObject *token) { return gomp_object_handle(&self->o, token); }

static int get_buffer(PyObject *self, Py_buffer *view, int flags) {
  gomp_buffer *b = (gomp_buffer *)self;
  view->obj = NULL;
  if (!b->data) {
    PyErr_SetString(PyExc_ValueError, "the object was not created");
    return -1;
  }
  return PyBuffer_FillInfo(view, self, b->data, (Py_ssize_t)b->length, 0, flags);
}

/* A fork sees an own one on both lists, or neither mapped apart nor needed any more. One that cannot be
   mapped back keeps its block, and its place in the lists, for the life of this process. */
static void dealloc(PyObject *self) {
  gomp_buffer *b = (gomp_buffer *)self;
  gomp_objects_lock();
  int stuck = rejoin(b);
  if (!stuck && b->data)
    link_out(b);
  gomp_objects_unlock();
  if (!stuck)
    gomp_object_dealloc(self);
}

static PyMethodDef methods[] = {
    METHOD("_create", create, METH_VARARGS), METHOD("_attach", attach, METH_O), METHOD("_handle", handle, METH_O),
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, dealloc}, {Py_tp_methods, methods}, {Py_bf_getbuffer, get_buffer},
    {Py_tp_doc, "Memory of the family that begins at a page."}, {0, NULL},
};

PyType_Spec gomp_buffer_spec = {"gomp._boundary.Buffer", sizeof(gomp_buffer), 0, Py_TPFLAGS_DEFAULT, slots};

/* The shared Buffer that has all of an object's bytes, and where they begin in it; or None. */
static PyObject *around(PyObject *module, PyObject *object) {
  (void)module;
  Py_buffer view;
  if (PyObject_GetBuffer(object, &view, PyBUF_FULL_RO))
    return NULL;
  gomp_buffer *b = PyBuffer_IsContiguous(&view, 'A') ? gomp_buffer_around(view.buf, (size_t)view.len) : NULL;
  PyObject *found = b ? Py_BuildValue("(On)", (PyObject *)b, (Py_ssize_t)((char *)view.buf - b->data)) : Py_BuildValue("");
  PyBuffer_Release(&view);
  return found;
}

PyMethodDef gomp_buffer_methods[] = {METHOD("around", around, METH_O), {NULL, NULL, 0, NULL}};

int gomp_buffer_init(PyObject *module) {
  type = (PyTypeObject *)PyType_FromSpec(&gomp_buffer_spec);
  return type ? PyModule_AddObjectRef(module, "Buffer", (PyObject *)type) : -1;
}
