/* Brings the Go core up in a process, and up again in a forked child. */
#ifndef GOMP_LOADER_H
#define GOMP_LOADER_H
#include "core.h"

/* The core's functions, or NULL while no Go runtime runs in this process: before the first use, and
   in a forked child until its own first use. Never keep a copy across a point where a fork can happen. */
extern const gomp_table *volatile gomp_live;

/* Makes gomp_live valid. Precondition: the GIL is held. 0, or -1 with a Python exception. */
int gomp_ensure(void);

/* Precondition: the GIL is held (module initialisation). Loads nothing. 0, or -1 with a Python exception. */
int gomp_loader_init(void);

/* An exported symbol of the core, or NULL. Precondition: gomp_ensure() has returned 0 in this process
   or in one that it was forked from. */
void *gomp_symbol(const char *name);

/* What the capsule gomp._boundary._C_API holds, for gomp._ctl. */
typedef struct {
  const void *const volatile *live;
  int (*ensure)(void);
  void *(*sym)(const char *name);
} gomp_c_api;

/* Hooks of the family. The fork hooks run around every fork() of the process, async-signal-safe in the
   child, where gomp_fork_child() is the very first thing; gomp_core_booted() runs after each start of
   the core, before gomp_live says that it is there, and may fail with an exception. */
void gomp_fork_prepare(void);
void gomp_fork_parent(void);
void gomp_fork_child(void);
int gomp_core_booted(const gomp_table *table);

#endif
