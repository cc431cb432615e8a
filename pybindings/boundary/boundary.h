/* What the files of the boundary share. */
#ifndef GOMP_BOUNDARY_H
#define GOMP_BOUNDARY_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <sys/types.h>

#include "core.h"
#include "loader.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* ---- family.c: the mapping and this process's slot ---- */

typedef struct {
  char *base; /* NULL: this process has no family */
  uint64_t size, key;
  int fd;
  uint64_t owner; /* owner word of this process without a thread; 0: it has no slot */
  uint32_t pid;   /* of the process that took the slot */
  dev_t dev; /* of fd, which the program may close */
  ino_t ino;
} gomp_family_state;

extern gomp_family_state gomp_family;

/* Makes the core live, the family mapped and this process registered. 0, or -1 with an exception.
   Precondition: the GIL is held. */
int gomp_need(void);
uint64_t gomp_me_slow(void);
extern __thread uint64_t gomp_thread; /* the thread's part of its owner word; 0: not known yet */
extern PyMethodDef gomp_family_methods[];

static inline uint64_t gomp_me(void) {
  return LIKELY(gomp_thread) ? gomp_family.owner | gomp_thread : gomp_me_slow();
}
int gomp_is_me(void); /* this process has a slot of its own, and not one copied by a fork that bypassed our handlers */
static inline void *gomp_at(uint64_t offset) { return gomp_family.base + offset; }
static inline gomp_header *gomp_head(void) { return (gomp_header *)gomp_family.base; }
/* Whether the process of an owner word lives; an error counts as no: a step has a closer look. */
int gomp_lives(uint64_t owner);
int gomp_runs(uint64_t owner); /* the same for half the price, of one that lived: it may have called exec since */
int gomp_slot_of_token(uint64_t token); /* -1 if it names no reserved or live slot */
int gomp_slot_of_pid(long pid);         /* -1 if no live process of the family has it */
static inline int gomp_my_slot(void) { return (int)(gomp_family.owner >> 23) & (GOMP_SLOTS - 1); }

/* ---- object.c: Python objects that stand for shared ones ---- */

typedef struct gomp_object {
  PyObject_HEAD
  struct gomp_object *next, *prev; /* all of this process: a fork holds each for the child */
  uint64_t off;                    /* 0: not created */
  uint64_t serial;
  uint32_t kind;
  int twin; /* another Python object may stand for the same one */
} gomp_object;

gomp_object *gomp_object_in(PyObject *object); /* what a message may refer to; NULL: it is no such object */
int gomp_object_create(gomp_object *o, uint32_t kind, const uint64_t params[4]);
PyObject *gomp_object_attach(gomp_object *o, uint32_t kind, PyObject *handle);
PyObject *gomp_object_handle(gomp_object *o, PyObject *token);
void gomp_object_adopt(gomp_object *o, uint32_t kind, uint64_t off); /* this process holds it already */
void gomp_object_drop(gomp_object *o);
void gomp_hold(uint64_t off, int slot);
void gomp_object_dealloc(PyObject *self);
void gomp_hold_all(int slot);  /* fork: the child in slot holds what this process holds */
void gomp_lose_all(void);     /* fork: the child has no slot, so it can hold nothing */
void gomp_objects_lock(void);
void gomp_objects_unlock(void);
void gomp_objects_reset(void);
static inline void *gomp_body(const gomp_object *o) { return gomp_at(o->off + GOMP_BODY); }

/* Every method begins with it: the object exists and the core is there. */
int gomp_object_ready(gomp_object *o);
static inline int gomp_ready(gomp_object *o) {
  return LIKELY(o->off && gomp_live && gomp_family.owner) ? 0 : gomp_object_ready(o);
}

/* ---- wait.c: steps and waits ---- */

typedef struct gomp_op {
  int32_t (*step)(struct gomp_op *op, uint32_t flags, gomp_wait *w);
  int (*look)(struct gomp_op *op); /* before sleeping: 1 when nobody is at the other end; or NULL */
  uint32_t *spin;                  /* the object's spin budget, or NULL */
  int64_t deadline;                /* CLOCK_MONOTONIC ns; 0: do not wait; -1: for ever */
  int stubborn;                    /* not to be interrupted by a signal: for giving back */
  gomp_object *object;
  gomp_wait wait;
} gomp_op;

enum { GOMP_HUNG_UP = 100, GOMP_CLOSED }; /* statuses of our own */

/* Takes steps until one is done. A status, or -1 with an exception (a signal handler's). */
int32_t gomp_run(gomp_op *op);
/* Spins until done(what), unless it has not been worth while; whether it is done. Precondition: the GIL is held,
   which is released meanwhile. */
int gomp_spin(int (*done)(void *), void *what, uint32_t *budget);
int64_t gomp_now(void);
int gomp_deadline(PyObject *timeout, int64_t *deadline); /* None: -1. 0, or -1 with an exception */
int gomp_block_deadline(PyObject *block, PyObject *timeout, int64_t *deadline); /* either may be NULL */
/* Parses (block=True, timeout=None) of FASTCALL|KEYWORDS, after `skip` other positional arguments. */
int gomp_block_timeout(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, Py_ssize_t skip, int64_t *deadline);
PyObject *gomp_status_error(int32_t status); /* sets the exception for a status that is an error; NULL */
int64_t gomp_alloc(uint32_t kind, uint64_t size); /* a block's offset, or -1 with an exception */
int64_t gomp_refer(uint64_t target);                /* a Reference's offset, or -1 with an exception */
void gomp_free(uint64_t block);

/* ---- buffer.c: memory that begins at a page ---- */

typedef struct gomp_buffer {
  gomp_object o;
  struct gomp_buffer *after, *before; /* all of its sort */
  char *data;
  size_t length;
  int own;   /* this process's alone, also after a fork */
  int apart; /* its pages are mapped so that a relative does not see what is written */
} gomp_buffer;

/* How many bytes the shared Buffer at off has. */
static inline size_t gomp_buffer_length(uint64_t off) { return ((gomp_block *)gomp_at(off))->size - (GOMP_BUFFER_DATA - GOMP_HEADER); }
gomp_buffer *gomp_buffer_new(void); /* of nothing yet */
/* Makes b stand for the Buffer at off, which this process holds already. */
void gomp_buffer_fill(gomp_buffer *b, uint64_t off, size_t length, int own);
gomp_buffer *gomp_buffer_shared(uint64_t off);                /* the one that stands for it, if there is any; borrowed */
gomp_buffer *gomp_buffer_around(const char *data, size_t n); /* the shared one that has these bytes, or NULL; borrowed */
int gomp_buffers_crowded(void); /* so many own ones that more could not be set apart */
int gomp_buffers_homeless(void); /* own ones that this process does not hold */
void gomp_buffers_part(int held); /* fork: to each process its own; not held: nothing of them stays in the family's memory */
int gomp_buffer_init(PyObject *module);
extern PyMethodDef gomp_buffer_methods[];

/* ---- vector.c ---- */

extern PyMethodDef gomp_vector_methods[];

/* ---- pickle.c ---- */

#define GOMP_INLINE_MAX 8192 /* larger messages get a block of their own */
#define GOMP_BUFFER_MIN (64 << 10) /* larger buffers too */

typedef struct gomp_sink gomp_sink;
/* Pickles; the result is a record (packed, see layout.h) that lives until gomp_sink_done. */
gomp_sink *gomp_pickle(PyObject *object);
/* The same of what is pickled by somebody else: a tuple (items that it stands for, bytes, buffer, ...). */
gomp_sink *gomp_pack(PyObject *message);
/* Pickles, or packs as gomp._packing does. */
gomp_sink *gomp_pickle_as(int packed, PyObject *object);
gomp_sink *gomp_sink_bytes(const void *data, size_t n);
void gomp_sink_record(gomp_sink *s, const void **record, size_t *n);
void gomp_sink_sent(gomp_sink *s); /* the channel has the block now */
void gomp_sink_done(gomp_sink *s);
int gomp_pickle_init(void);

/* ---- unpickle.c ---- */

/* Precondition of all: a Remote block that the record names belongs to this process. */

/* The object of a record, and in *space, unless NULL, what the record takes. The block is given back, also with an
   exception; what lies in shared memory for the object to use stays until the object dies. */
PyObject *gomp_unpickle_record(const char *record, size_t *space);
/* The same for a message that may be read again, by this process or by another that it is passed to: nothing is
   given back, and the object has copies of its own. */
PyObject *gomp_peek_record(const char *record, size_t *space);
/* What was packed: a tuple (bytes, memoryview, ...). The block is given back. */
PyObject *gomp_unpack_record(const char *record, size_t *space);
/* The object of a record that gomp_pickle_as has made. */
PyObject *gomp_unpickle_as(int packed, const char *record, size_t *space);
void gomp_drop_record(const char *record); /* unread */

typedef struct { /* the bytes of a message, until gomp_message_done */
  const char *data;
  size_t n;
  uint64_t block;
  PyObject *pickle; /* or the bytes are this object's */
} gomp_message;

int gomp_read_record(const char *record, gomp_message *m); /* 0, or -1 with an exception */
void gomp_message_done(gomp_message *m);

/* ---- pool.c ---- */

int gomp_pool_init(PyObject *job_class); /* keeps the reference */

/* ---- channel.c: what a connection calls of its channels ---- */

typedef PyObject *gomp_call(PyObject *channel, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);
extern const struct gomp_channel_calls {
  gomp_call *send, *send_bytes, *recv, *recv_bytes, *recv_bytes_into, *poll;
} gomp_channel_calls;
int gomp_ends_init(PyObject *module); /* ends.c: adds the type; Channel is there already */

/* ---- module.c ---- */

int gomp_u64(PyObject *value, uint64_t *out); /* 0, or -1 with TypeError or OverflowError */
PyObject *gomp_os_error(int number, PyObject *text); /* takes text's reference; sets OSError; NULL */
PyObject *gomp_import(const char *module, const char *name); /* new reference */
PyObject *gomp_error_class(const char *name);                /* of gomp._errors; new reference */

void gomp_object_type(PyObject *type); /* its instances are what a message may refer to; keeps a reference */
extern PyType_Spec gomp_sem_spec, gomp_waitlist_spec, gomp_event_spec, gomp_barrier_spec, gomp_channel_spec, gomp_memory_spec,
    gomp_sink_spec, gomp_dispatch_spec, gomp_buffer_spec, gomp_pool_spec, gomp_job_spec, gomp_result_spec, gomp_steward_spec;

#define METHOD(name, function, flags) {name, (PyCFunction)(void (*)(void))(function), flags, NULL}
/* With the signature that inspect and help show. */
#define SIGNED(name, function, flags, signature, text) \
  {name, (PyCFunction)(void (*)(void))(function), flags, name signature "\n--\n\n" text}
#define FAST (METH_FASTCALL | METH_KEYWORDS)

#endif
