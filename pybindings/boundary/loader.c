/* The life of the Go runtime in a process: loaded at first use, and after a fork put back to the state
   that it was loaded in and started again, at the same addresses. docs/fork.md tells why each step is
   needed. In short: the parent's runtime is dead in the child, since its threads are gone, so nothing may
   enter it any more (quarantine); and the child may not open anything, since the fork may have come while
   another thread held the dynamic linker's lock (reboot in place). */
#define _GNU_SOURCE
#include <Python.h>

#include "image.h"
#include "loader.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096

/* What is true of this process only. The kernel clears the page in every forked child, even in one
   that bypassed libc's fork() and with it our handlers: such a child is noticed, not trusted. */
static struct {
  const gomp_table *volatile live;
  bool running; /* Go has been started in this process, though gomp_core_booted() may have failed */
  char rest[PAGE - sizeof(void *) - sizeof(bool)];
} here __attribute__((aligned(PAGE)));

extern const gomp_table *volatile gomp_live __attribute__((alias("here")));

/* The core as it is mapped, the same in this process and in every child forked from it. */
static struct {
  const gomp_image *image; /* NULL until it is loaded and accepted */
  const gomp_table *table;
  int (*awake)(void);
  ptrdiff_t slot;    /* where Go keeps its g in a thread: an offset from the thread pointer */
  pthread_key_t key; /* by which Go notices that a thread which called it ends */
  bool has_key;
} core;

static char core_path[PATH_MAX];
static char refusal[256];  /* why the library that was loaded is not used, for good */
static bool dirty;         /* a runtime has used the core's memory, and no quarantine has followed */
static volatile pid_t booting; /* the thread that is bringing the core up */
static pthread_key_t leader;
static struct sigaction before[NSIG]; /* dispositions as they were just before Go's start */

static pid_t this_thread(void) { return (pid_t)syscall(SYS_gettid); }

static void sleep_ms(long ms) {
  struct timespec time = {0, ms * 1000000};
  nanosleep(&time, NULL);
}

/* --- the core's symbols --- */

/* All of them are looked up when the core is loaded: dlsym() takes the dynamic linker's lock, which may be
   held for ever in a forked child. */
static struct {
  const char *name;
  void *address;
} symbols[] = {{"gomp_img", NULL}, {"GompTable", NULL}, {"GompAwake", NULL}, {"gomp_ctl", NULL}};

#define SYMBOL_COUNT (sizeof symbols / sizeof symbols[0])

void *gomp_symbol(const char *name) {
  for (size_t i = 0; i < SYMBOL_COUNT; i++)
    if (strcmp(symbols[i].name, name) == 0) return symbols[i].address;
  return NULL;
}

static int refuse(const char *why) {
  snprintf(refusal, sizeof refusal, "%s", why);
  return -1;
}

static int look_up_symbols(void *library) {
  for (size_t i = 0; i < SYMBOL_COUNT; i++) {
    symbols[i].address = dlsym(library, symbols[i].name);
    if (symbols[i].address) continue;
    snprintf(refusal, sizeof refusal, "gomp's Go core lacks the symbol %s: reinstall gomp", symbols[i].name);
    return -1;
  }
  return 0;
}

/* --- signals --- */

static void save_dispositions(void) {
  for (int number = 1; number < NSIG; number++) sigaction(number, NULL, &before[number]);
}

static bool in_core(const gomp_image *image, const struct sigaction *action) {
  uintptr_t handler = (uintptr_t)action->sa_sigaction;
  return handler >= image->text_lo && handler < image->text_hi;
}

/* Puts back each disposition that Go has replaced. Go's handlers for faults would chain with faulthandler's
   into an endless loop in a rebooted child. SIGURG alone is worth keeping while the runtime lives: it
   preempts a tight loop, which would otherwise hold up the collector for seconds. */
static void restore_dispositions(const gomp_image *image, bool keep_preemption) {
  for (int number = 1; number < NSIG; number++) {
    struct sigaction now;
    if (keep_preemption && number == SIGURG) continue;
    if (sigaction(number, NULL, &now) == 0 && in_core(image, &now)) sigaction(number, &before[number], NULL);
  }
}

/* Go's threads inherit the mask of the thread that starts the runtime. Without a mask of their own they
   would take signals that the program has blocked in its threads to wait for them, or that should
   interrupt the main thread. What Go itself needs stays open (and Go opens SIGCHLD, whatever we do). */
static void mask_for_go(sigset_t *saved) {
  static const int needed[] = {SIGURG, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
  sigset_t mask;
  sigfillset(&mask);
  for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) sigdelset(&mask, needed[i]);
  pthread_sigmask(SIG_SETMASK, &mask, saved);
}

/* --- the thread's tie to Go --- */

typedef struct {
  unsigned long module, offset;
} tls_index;

extern void *__tls_get_addr(tls_index *);

/* Go's g is in static TLS: at the same distance from the thread pointer in every thread. The dynamic
   linker's own table of blocks (dlpi_tls_data) does not list it. */
static void find_slot(void) {
  tls_index index = {core.image->tls_module, 0};
  core.slot = (char *)__tls_get_addr(&index) - (char *)__builtin_thread_pointer();
}

static void **slot(void) { return (void **)((char *)__builtin_thread_pointer() + core.slot); }

/* Precondition: this thread has called Go, which marks the thread under the key with its g. */
static bool find_key(void) {
  void *g = *slot();
  for (pthread_key_t key = 0; g && key < PTHREAD_KEYS_MAX; key++) {
    if (pthread_getspecific(key) != g) continue;
    core.key = key;
    return core.has_key = true;
  }
  return false;
}

/* --- start --- */

/* Precondition: Go's constructors have run; its other threads may still be starting. */
static int settle(void) {
  core.awake();
  bool found = find_key();
  restore_dispositions(core.image, found);
  if (!found) return refuse("gomp cannot find Go's mark in this thread, and so could not survive a fork");
  here.running = true;
  return 0;
}

static int check_version(void) {
  const gomp_table *(*get_table)(void) = (const gomp_table *(*)(void))gomp_symbol("GompTable");
  core.table = get_table();
  if (core.table->abi == GOMP_ABI && strcmp(core.table->version, GOMP_VERSION) == 0) return 0;
  snprintf(refusal, sizeof refusal, "gomp %s found a Go core of version %s (interface %u, not %u): reinstall gomp",
           GOMP_VERSION, core.table->version, (unsigned)core.table->abi, (unsigned)GOMP_ABI);
  return -1;
}

/* Precondition: the GIL is held throughout, so that no thread can fork through Python in the meantime. */
static int load(void) {
  void *library = dlopen(core_path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    PyErr_Format(PyExc_ImportError, "gomp cannot load its Go core: %s", dlerror());
    return -1;
  }
  if (look_up_symbols(library)) return -1;
  const gomp_image *image = gomp_symbol("gomp_img");
  core.awake = (int (*)(void))gomp_symbol("GompAwake");
  if (image->magic != GOMP_IMAGE_MAGIC) {
    restore_dispositions(image, false); /* Go has started, but will never be called */
    return refuse(image->fault);
  }
  core.image = image;
  dirty = true;
  find_slot();
  return settle() || check_version() ? -1 : 0;
}

static void clear(uintptr_t from, uintptr_t to) {
  if (to > from) memset((void *)from, 0, to - from);
}

/* The pages of .bss that are wholly its own go back to the kernel: clearing them would copy each. */
static void clear_bss(uintptr_t from, uintptr_t to) {
  uintptr_t first = (from + PAGE - 1) & ~(uintptr_t)(PAGE - 1), last = to & ~(uintptr_t)(PAGE - 1);
  if (first >= last || madvise((void *)first, last - first, MADV_DONTNEED) != 0) {
    clear(from, to);
    return;
  }
  clear(from, first);
  clear(last, to);
}

/* Precondition: a forked child after its quarantine. Opens nothing and takes no lock. */
static int reboot(void) {
  const gomp_image image = *core.image; /* it lies in the memory that is overwritten */
  dirty = true;
  memcpy((void *)image.data_lo, image.pristine, image.data_hi - image.data_lo);
  clear_bss(image.data_hi, image.bss_hi);
  for (size_t i = 1; i < image.constructor_count; i++) /* 0 made the copy */
    image.constructors[i](image.argc, image.argv, image.envp);
  return settle();
}

static int start(void) {
  sigset_t mask;
  save_dispositions();
  mask_for_go(&mask);
  int failed = core.image ? reboot() : load();
  pthread_sigmask(SIG_SETMASK, &mask, NULL);
  return failed;
}

static int bring_up(void) {
  if (dirty && !here.running && !refusal[0])
    return refuse("gomp cannot be used in a child that was made without libc's fork()");
  if (!here.running && start()) return -1;
  if (gomp_core_booted(core.table)) return -1;
  here.live = core.table;
  return 0;
}

/* gomp_core_booted() may run Python code and so let another thread in here, or come back itself. */
static int wait_for_other_thread(void) {
  while (booting) {
    if (booting == this_thread()) {
      PyErr_SetString(PyExc_RuntimeError, "gomp's Go core was used while it was being started");
      return -1;
    }
    Py_BEGIN_ALLOW_THREADS
    sleep_ms(1);
    Py_END_ALLOW_THREADS
    if (PyErr_CheckSignals()) return -1;
  }
  return 0;
}

int gomp_ensure(void) {
  if (wait_for_other_thread()) return -1;
  if (here.live) return 0;
  booting = this_thread();
  int failed = refusal[0] ? -1 : bring_up();
  booting = 0;
  if (failed && !PyErr_Occurred()) PyErr_SetString(PyExc_ImportError, refusal);
  return failed;
}

/* --- fork --- */

/* From here on nothing may enter the parent's runtime: neither a call, nor a signal, nor the end of the
   thread, nor the thread's stale g. Async-signal-safe: memory, sigaction() and key operations only. */
static void quarantine(void) {
  here.live = NULL;
  here.running = false;
  restore_dispositions(core.image, false);
  if (core.has_key) pthread_key_delete(core.key);
  core.has_key = false;
  memset(slot(), 0, core.image->tls_size);
  dirty = false;
}

/* The thread that forked is the only one, so whoever was in gomp_ensure() is gone. (It was not in the
   middle of load(): that keeps the GIL, without which a child cannot run Python.) */
static void in_child(void) {
  gomp_fork_child();
  if (dirty && core.image) quarantine();
  booting = 0;
  pthread_setspecific(leader, &leader);
}

/* Go's threads are known by the mask that mask_for_go() gave them: no other thread leaves only these open.
   A thread that Go has just made, or that is entering Go, blocks everything and so counts as the program's. */
static bool is_go_thread(const char *task) {
  char path[64], line[128];
  unsigned long long blocked = 0, asked = 1ull << (SIGTERM - 1) | 1ull << (SIGINT - 1) | 1ull << (SIGUSR1 - 1);
  snprintf(path, sizeof path, "/proc/self/task/%.20s/status", task);
  FILE *status = fopen(path, "re");
  while (status && fgets(line, sizeof line, status))
    if (sscanf(line, "SigBlk: %llx", &blocked) == 1) break;
  if (status) fclose(status);
  return (blocked & asked) == asked && !(blocked & 1ull << (SIGURG - 1));
}

/* How many threads the program has, beside the calling one. */
static int other_threads(void) {
  int count = -1;
  DIR *tasks = opendir("/proc/self/task");
  for (struct dirent *task; tasks && (task = readdir(tasks));)
    count += task->d_name[0] != '.' && !is_go_thread(task->d_name);
  if (tasks) closedir(tasks);
  return count;
}

/* A child forked from a thread ends when that thread and those it started have returned: there is no main
   thread to call exit(). Go's threads never return, so we end it once the others are through. */
static void leader_ends(void *unused) {
  (void)unused;
  if (this_thread() != getpid()) return;
  while (booting || other_threads() > 0) sleep_ms(10); /* who boots has Go's mask for the moment */
  if (here.running) _exit(0);
}

/* --- module initialisation --- */

static int find_core_path(void) {
  Dl_info self;
  char folder[PATH_MAX];
  if (!dladdr((void *)&core, &self) || !self.dli_fname) {
    PyErr_SetString(PyExc_ImportError, "gomp cannot find the folder that it was loaded from");
    return -1;
  }
  snprintf(folder, sizeof folder, "%s", self.dli_fname);
  char *end = strrchr(folder, '/');
  if (end) *end = 0;
  /* Made absolute now: the program may change its working directory before the first use. */
  char *absolute = realpath(end ? folder : ".", NULL);
  int length = absolute ? snprintf(core_path, sizeof core_path, "%s/_core.so", absolute) : -1;
  free(absolute);
  if (length < 0 || (size_t)length >= sizeof core_path) {
    PyErr_Format(PyExc_ImportError, "gomp cannot resolve the folder that it was loaded from: %s", folder);
    return -1;
  }
  return 0;
}

int gomp_loader_init(void) {
  static bool done;
  if (done) return 0;
  if (find_core_path()) return -1;
  madvise(&here, sizeof here, MADV_WIPEONFORK); /* before Linux 4.14 only the check of in_child() is left */
  if (pthread_key_create(&leader, leader_ends) || pthread_atfork(gomp_fork_prepare, gomp_fork_parent, in_child)) {
    PyErr_SetString(PyExc_ImportError, "gomp cannot register its fork handlers");
    return -1;
  }
  done = true;
  return 0;
}
