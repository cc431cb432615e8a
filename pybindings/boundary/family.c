/* The family's mapping, this process's slot in the registry, and what a fork does to both.
 *
 * The slot is written here and not in Go, because fork handlers run where Go cannot. */
#include "boundary.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

gomp_family_state gomp_family = {.fd = -1};
__thread uint64_t gomp_thread;

static __thread uint64_t forked; /* owner word of the slot of the child that this thread has forked last */
static uint64_t unborn; /* owner word of the slot reserved for the child of the fork in progress */

static gomp_slot *slot_at(int i) { return (gomp_slot *)(gomp_family.base + GOMP_SLOTS_OFF) + i; }
static int slot_of(uint64_t owner) { return (int)(owner >> 23) & (GOMP_SLOTS - 1); }

uint64_t gomp_me_slow(void) {
  gomp_thread = GOMP_OWNER_THREAD(syscall(SYS_gettid));
  return gomp_family.owner | gomp_thread;
}

/* ---- slots ---- */

/* Reserves a free slot; 0 if there is none. Async-signal-safe.
   If the process dies before `creator` is stored the slot stays reserved for good: a window of two stores. */
static uint64_t reserve_slot(uint64_t creator) {
  for (int i = 0; i < GOMP_SLOTS; i++) {
    gomp_slot *s = slot_at(i);
    uint64_t v = __atomic_load_n(&s->state, __ATOMIC_ACQUIRE);
    if ((v & 0xff) != GOMP_SLOT_FREE)
      continue;
    uint64_t gen = v >> 8 ? v >> 8 : 1; /* generation 0 of slot 0 would be the owner word 0 */
    if (!__atomic_compare_exchange_n(&s->state, &v, gen << 8 | GOMP_SLOT_RESERVED, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
      continue;
    s->start = s->stack = 0;
    s->since = (uint64_t)gomp_now();
    __atomic_store_n(&s->creator, creator, __ATOMIC_RELEASE);
    return GOMP_OWNER(i, gen);
  }
  return 0;
}

/* "/proc/PID/stat", without the C library's formatting. Async-signal-safe. */
static void stat_path(char *path, uint32_t pid) {
  char digits[12];
  int n = 0;
  do
    digits[n++] = (char)('0' + pid % 10);
  while (pid /= 10);
  memcpy(path, "/proc/", 6);
  for (path += 6; n; path++)
    *path = digits[--n];
  memcpy(path, "/stat", 6);
}

/* Fields 22 and 28 of /proc/PID/stat. Async-signal-safe. */
static void identify(uint32_t pid, uint64_t *start, uint64_t *stack) {
  char text[1024], path[32];
  stat_path(path, pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0)
    return;
  text[n] = 0;
  char *p = strrchr(text, ')'); /* the name before it may hold anything */
  for (int field = 2; p && field < 28; field++) {
    p = strchr(p + 1, ' ');
    if (p && field == 21)
      *start = strtoull(p + 1, NULL, 10);
    if (p && field == 27)
      *stack = strtoull(p + 1, NULL, 10);
  }
}

int gomp_runs(uint64_t owner) {
  const gomp_slot *s = slot_at(slot_of(owner));
  uint64_t state = __atomic_load_n(&s->state, __ATOMIC_ACQUIRE);
  if (GOMP_OWNER(slot_of(owner), state >> 8) != owner || (state & 0xff) != GOMP_SLOT_LIVE)
    return 0;
  struct pollfd p = {.fd = (int)syscall(SYS_pidfd_open, s->pid, 0u), .events = POLLIN};
  if (p.fd < 0)
    return 0;
  int dead = poll(&p, 1, 0);
  close(p.fd);
  return !dead;
}

int gomp_lives(uint64_t owner) {
  const gomp_slot *s = slot_at(slot_of(owner));
  uint64_t start = 0, stack = 0;
  if (!gomp_runs(owner))
    return 0;
  identify(s->pid, &start, &stack);
  return (!start || !s->start || start == s->start) && (!stack || !s->stack || stack == s->stack);
}

/* This process takes possession of a reserved slot. Async-signal-safe. 0, or -1 if the slot is no longer
   reserved for it: its creator has died, and somebody has swept what it left. */
static int come_alive(uint64_t owner) {
  gomp_slot *s = slot_at(slot_of(owner));
  uint64_t gen = owner >> 33, reserved = gen << 8 | GOMP_SLOT_RESERVED, start = 0, stack = 0;
  uint32_t pid = (uint32_t)getpid(), bound = 0;
  identify(pid, &start, &stack);
  if (!__atomic_compare_exchange_n(&s->pid, &bound, pid, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) && bound != pid)
    return -1;
  s->start = start;
  s->stack = stack;
  if (!__atomic_compare_exchange_n(&s->state, &reserved, gen << 8 | GOMP_SLOT_LIVE, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    return -1;
  gomp_family.owner = owner;
  gomp_family.pid = pid;
  return 0;
}

int gomp_is_me(void) { return gomp_family.owner && gomp_family.pid == (uint32_t)getpid(); }

static uint64_t reserve_or_sweep(void) {
  uint64_t owner = reserve_slot(gomp_family.owner);
  if (!owner && gomp_live && gomp_live->sweep_all(gomp_family.owner) > 0)
    owner = reserve_slot(gomp_family.owner);
  return owner;
}

static PyObject *no_slot(void) {
  return gomp_os_error(EAGAIN, PyUnicode_FromFormat("all %d process slots of the family are in use", GOMP_SLOTS));
}

/* A child that was forked when there was no slot may have Buffers that it does not hold: others may get their
   memory, which this process sees otherwise than they do. So it stays outside while it has them. */
static int register_process(void) {
  uint64_t owner = gomp_buffers_homeless() ? 0 : reserve_or_sweep();
  if (!owner) {
    no_slot();
    return -1;
  }
  return come_alive(owner);
}

/* The process has ended in order: what it leaves locked is meant to be. The last thing it does. */
static void ended(void) {
  if (!gomp_is_me())
    return;
  gomp_slot *s = slot_at(slot_of(gomp_family.owner));
  __atomic_store_n(&s->state, (gomp_family.owner >> 33) << 8 | GOMP_SLOT_ENDED, __ATOMIC_SEQ_CST);
}

/* ---- birth ---- */

static int parse_limit(uint64_t *limit) {
  const char *text = getenv("GOMP_MEMORY");
  *limit = 0;
  if (!text || !*text)
    return 0;
  char *end;
  errno = 0;
  unsigned long long n = strtoull(text, &end, 10);
  int shift = *end == 'K' || *end == 'k' ? 10 : *end == 'M' || *end == 'm' ? 20 : *end == 'G' || *end == 'g' ? 30 : 0;
  if (errno || end == text || *text == '-' || n == 0 || end[shift != 0] || n > (1ull << 46) >> shift) {
    PyErr_Format(PyExc_ValueError, "GOMP_MEMORY must be a whole number of bytes, at least 1M, with K, M or G behind it if need be, not '%s'", text);
    return -1;
  }
  *limit = (uint64_t)n << shift;
  if (*limit < 1 << 20) {
    PyErr_Format(PyExc_ValueError, "GOMP_MEMORY must be at least 1M, not '%s'", text);
    return -1;
  }
  return 0;
}

static int adopt(int32_t error, const gomp_mapping *m, const char *text) {
  if (error) {
    errno = -error;
    PyErr_Format(-error == ENOMEM ? PyExc_MemoryError : PyExc_OSError, "gomp cannot map its shared memory: %s", text);
    return -1;
  }
  struct stat st = {0};
  fstat((int)m->fd, &st);
  gomp_family.base = (char *)m->base;
  gomp_family.size = m->size;
  gomp_family.key = m->key;
  gomp_family.dev = st.st_dev;
  gomp_family.ino = st.st_ino;
  return 0;
}

static int birth(void) {
  uint64_t limit, key = 0;
  char text[256];
  gomp_mapping m;
  if (parse_limit(&limit))
    return -1;
  if (getrandom(&key, sizeof key, 0) != sizeof key)
    key = (uint64_t)gomp_now() ^ (uint64_t)getpid() << 40;
  key >>= 1; /* it travels as a Python int, and it must not be 0 */
  key |= 1;
  int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN), seats = cpus > 1 ? cpus : 0; /* see take_seat */
  if (adopt(gomp_live->create(limit, key, seats, &m, text, sizeof text), &m, text))
    return -1;
  gomp_family.fd = (int)m.fd;
  return 0;
}

int gomp_need(void) {
  if (!gomp_live && gomp_ensure())
    return -1;
  if (!gomp_family.base && birth())
    return -1;
  return gomp_family.owner ? 0 : register_process();
}

/* A fresh runtime does not know the mapping that a forked child inherits. */
int gomp_core_booted(const gomp_table *table) {
  if (gomp_family.base)
    table->use((uintptr_t)gomp_family.base);
  return 0;
}

/* ---- fork ---- */

void gomp_fork_prepare(void) {
  gomp_objects_lock();
  unborn = 0;
  if (!gomp_family.base || !gomp_family.owner)
    return;
  unborn = reserve_or_sweep();
  if (unborn)
    gomp_hold_all(slot_of(unborn));
  gomp_buffers_part(unborn != 0);
}

void gomp_fork_parent(void) {
  forked = unborn;
  gomp_objects_unlock();
}

/* First of all the child must not take itself for its parent: it would take its locks. */
void gomp_fork_child(void) {
  gomp_family.owner = 0;
  gomp_thread = 0;
  gomp_objects_reset();
  if (!unborn || come_alive(unborn))
    gomp_lose_all();
}

/* ---- functions of the module ---- */

static PyObject *supported(PyObject *self, PyObject *unused) {
  (void)self, (void)unused;
  int fd = (int)syscall(SYS_memfd_create, "gomp-probe", 1u);
  if (fd < 0)
    return PyUnicode_FromFormat("gomp needs memfd_create, which this system refuses (%s).", strerror(errno));
  close(fd);
  fd = (int)syscall(SYS_pidfd_open, getpid(), 0u);
  if (fd < 0)
    return PyUnicode_FromFormat("gomp needs pidfd_open (Linux 5.3), which this system refuses (%s).", strerror(errno));
  close(fd);
  Py_RETURN_NONE;
}

static PyObject *family(PyObject *self, PyObject *unused) {
  (void)self, (void)unused;
  if (gomp_need())
    return NULL;
  return Py_BuildValue("(iK)", gomp_family.fd, (unsigned long long)gomp_family.key);
}

static PyObject *born(PyObject *self, PyObject *unused) {
  (void)self, (void)unused;
  return PyBool_FromLong(gomp_family.base != NULL);
}

int gomp_slot_of_token(uint64_t token) {
  int slot = slot_of(token);
  uint64_t v = __atomic_load_n(&slot_at(slot)->state, __ATOMIC_ACQUIRE), state = v & 0xff;
  int valid = token && !(token & ~GOMP_OWNER_PROCESS_MASK) && GOMP_OWNER(slot, v >> 8) == token;
  return valid && (state == GOMP_SLOT_RESERVED || state == GOMP_SLOT_LIVE) ? slot : -1;
}

int gomp_slot_of_pid(long pid) {
  for (int i = 0; i < GOMP_SLOTS; i++) {
    uint64_t v = __atomic_load_n(&slot_at(i)->state, __ATOMIC_ACQUIRE);
    if ((v & 0xff) == GOMP_SLOT_LIVE && (long)slot_at(i)->pid == pid && gomp_lives(GOMP_OWNER(i, v >> 8)))
      return i;
  }
  return -1;
}

/* A spawned child's way in: it takes the slot of `token`, for which its parent has recorded what it is
   to hold. A child of the fork server has a slot by birth, which it leaves: what it holds goes along. */
static PyObject *claim(uint64_t token) {
  int slot = gomp_slot_of_token(token);
  if (slot < 0)
    return PyErr_Format(PyExc_ValueError, "token %llu names no process of this family", (unsigned long long)token);
  uint64_t former = gomp_family.owner;
  if (former == token)
    Py_RETURN_NONE;
  gomp_objects_lock();
  gomp_hold_all(slot);
  int failed = come_alive(token);
  gomp_objects_unlock();
  if (failed)
    return PyErr_Format(PyExc_ValueError, "the process that token %llu was made by has died", (unsigned long long)token);
  if (former) { /* without a pid it does not count as this process */
    __atomic_store_n(&slot_at(slot_of(former))->pid, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&slot_at(slot_of(former))->state, (former >> 33) << 8 | GOMP_SLOT_ENDED, __ATOMIC_SEQ_CST);
    gomp_live->sweep(gomp_me(), former);
  }
  Py_RETURN_NONE;
}

/* Undoes the mapping of a family that this process turns out not to belong to. */
static void forget_family(void) {
  gomp_live->use(0);
  munmap(gomp_family.base, gomp_family.size);
  close(gomp_family.fd);
  gomp_family = (gomp_family_state){.fd = -1};
}

static int map_family(int fd) {
  gomp_mapping m;
  char text[256];
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) {
    PyErr_SetFromErrno(PyExc_OSError);
    return -1;
  }
  if (adopt(gomp_live->attach(copy, &m, text, sizeof text), &m, text)) {
    close(copy);
    return -1;
  }
  gomp_family.fd = copy;
  return 0;
}

static PyObject *attach(PyObject *self, PyObject *args) {
  (void)self;
  int fd, is_new = !gomp_family.base;
  uint64_t key, token;
  PyObject *said_key, *said_token;
  if (!PyArg_ParseTuple(args, "iOO:attach", &fd, &said_key, &said_token) || gomp_u64(said_key, &key) || gomp_u64(said_token, &token))
    return NULL;
  if ((!gomp_live && gomp_ensure()) || (is_new && map_family(fd)))
    return NULL;
  PyObject *done = gomp_family.key == key ? claim(token)
                                          : PyErr_Format(PyExc_ValueError, "this process belongs to another family of processes than %llu",
                                                         (unsigned long long)key);
  if (!done && is_new)
    forget_family();
  return done;
}

static PyObject *reserve(PyObject *self, PyObject *unused) {
  (void)self, (void)unused;
  if (gomp_need())
    return NULL;
  uint64_t owner = reserve_or_sweep();
  if (!owner)
    return no_slot();
  return PyLong_FromUnsignedLongLong(owner);
}

/* 1 when the token's process has come and gone already, and its slot has been swept. */
static int token_argument(PyObject *arg, uint64_t *token) {
  if (gomp_u64(arg, token) || gomp_need())
    return -1;
  if (gomp_slot_of_token(*token) >= 0)
    return 0;
  if (*token && !(*token & ~GOMP_OWNER_PROCESS_MASK))
    return 1;
  PyErr_Format(PyExc_ValueError, "token %llu names no process of this family", (unsigned long long)*token);
  return -1;
}

/* The start failed: the slot is marked as that of a process that has ended, and swept. */
static PyObject *unreserve(PyObject *self, PyObject *arg) {
  (void)self;
  uint64_t token;
  int gone = token_argument(arg, &token);
  if (gone < 0)
    return NULL;
  if (gone)
    Py_RETURN_NONE;
  gomp_slot *s = slot_at(slot_of(token));
  uint64_t reserved = (token >> 33) << 8 | GOMP_SLOT_RESERVED;
  if (__atomic_compare_exchange_n(&s->state, &reserved, (token >> 33) << 8 | GOMP_SLOT_ENDED, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    gomp_live->sweep(gomp_me(), token);
  Py_RETURN_NONE;
}

static void bind_slot(uint64_t token, uint32_t pid) {
  gomp_slot *s = slot_at(slot_of(token));
  uint32_t none = 0, mine = pid;
  if (__atomic_compare_exchange_n(&s->pid, &none, mine, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED) && gomp_slot_of_token(token) < 0)
    __atomic_compare_exchange_n(&s->pid, &mine, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED); /* swept and reserved anew meanwhile */
}

static PyObject *bind(PyObject *self, PyObject *args) {
  (void)self;
  PyObject *number;
  int pid;
  uint64_t token;
  if (!PyArg_ParseTuple(args, "Oi:bind", &number, &pid))
    return NULL;
  if (pid <= 0)
    return PyErr_Format(PyExc_ValueError, "pid must be positive, not %d", pid);
  int gone = token_argument(number, &token);
  if (gone < 0)
    return NULL;
  if (gone)
    Py_RETURN_NONE;
  bind_slot(token, (uint32_t)pid);
  Py_RETURN_NONE;
}

/* forked(pid): the child that this thread has forked last has this pid, which it may have died before it wrote.
   Its slot would count as that of a child yet to come. */
static PyObject *forked_(PyObject *self, PyObject *arg) {
  (void)self;
  long pid = PyLong_AsLong(arg);
  if (PyErr_Occurred())
    return NULL;
  if (forked && pid > 0)
    bind_slot(forked, (uint32_t)pid);
  forked = 0;
  Py_RETURN_NONE;
}

static PyObject *reaped(PyObject *self, PyObject *arg) {
  (void)self;
  long pid = PyLong_AsLong(arg);
  if (PyErr_Occurred())
    return NULL;
  if (!gomp_family.base)
    Py_RETURN_NONE;
  if (gomp_need())
    return NULL;
  gomp_live->sweep_pid(gomp_me(), (uint32_t)pid);
  Py_RETURN_NONE;
}

/* os.fork() without its warning of other threads: for where the caller knows who these are. */
static PyObject *fork_(PyObject *self, PyObject *unused) {
  (void)self, (void)unused;
  PyOS_BeforeFork();
  pid_t pid = fork();
  int error = errno;
  if (pid == 0)
    PyOS_AfterFork_Child();
  else
    PyOS_AfterFork_Parent();
  errno = error;
  return pid < 0 ? PyErr_SetFromErrno(PyExc_OSError) : PyLong_FromLong(pid);
}

static PyObject *ended_(PyObject *self, PyObject *unused) {
  (void)self, (void)unused;
  ended();
  Py_RETURN_NONE;
}

static PyObject *stats(PyObject *self, PyObject *unused) {
  (void)self, (void)unused;
  uint64_t v[6];
  if (gomp_need())
    return NULL;
  gomp_live->stats(v);
  return Py_BuildValue("{s:K,s:K,s:K,s:K,s:K,s:K}", "used", (unsigned long long)v[0], "warm", (unsigned long long)v[1], "cap",
                       (unsigned long long)v[2], "recoveries", (unsigned long long)v[3], "sweeps", (unsigned long long)v[4], "steps",
                       (unsigned long long)v[5]);
}

static PyObject *check(PyObject *self, PyObject *unused) {
  (void)self, (void)unused;
  char text[8192];
  if (gomp_need())
    return NULL;
  gomp_live->check(gomp_me(), text, sizeof text);
  PyObject *lines = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
  if (!lines)
    return NULL;
  PyObject *list = PyUnicode_Splitlines(lines, 0);
  Py_DECREF(lines);
  return list;
}

PyMethodDef gomp_family_methods[] = {
    METHOD("supported", supported, METH_NOARGS), METHOD("family", family, METH_NOARGS), METHOD("born", born, METH_NOARGS),
    METHOD("attach", attach, METH_VARARGS),      METHOD("reserve", reserve, METH_NOARGS), METHOD("unreserve", unreserve, METH_O),
    METHOD("bind", bind, METH_VARARGS),          METHOD("reaped", reaped, METH_O),     METHOD("ended", ended_, METH_NOARGS),
    METHOD("stats", stats, METH_NOARGS),         METHOD("check", check, METH_NOARGS),  METHOD("fork", fork_, METH_NOARGS),
    METHOD("forked", forked_, METH_O),           {NULL, NULL, 0, NULL},
};

/* At exit(), after the interpreter has gone: a process that gets here has ended in order. */
__attribute__((destructor)) static void at_exit(void) { ended(); }
