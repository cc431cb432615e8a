/* The image: what the loader must know of the core to bring its Go runtime back in a forked child. */
#ifndef GOMP_IMAGE_H
#define GOMP_IMAGE_H
#include <stddef.h>
#include <stdint.h>

#define GOMP_IMAGE_MAGIC 0x31676d69706d6f67ull /* "gompimg1" */

typedef void (*gomp_constructor)(int, char **, char **);

typedef struct {
  uint64_t magic;      /* GOMP_IMAGE_MAGIC, or 0: no pristine copy exists and `fault` says why */
  const char *fault;
  uintptr_t text_lo;   /* code: whose signal handlers are the core's */
  uintptr_t text_hi;
  uintptr_t data_lo;   /* the writable segment without RELRO */
  uintptr_t data_hi;   /* ... end of the part that the file initialises */
  uintptr_t bss_hi;    /* ... end of the part that starts as zeroes */
  const void *pristine; /* copy of [data_lo, data_hi), taken before Go's own constructor ran */
  size_t tls_module;   /* the module id and size of the block that holds Go's g */
  size_t tls_size;
  const gomp_constructor *constructors; /* .init_array; the first is the one that fills this in */
  size_t constructor_count;
  int argc;            /* what the dynamic linker passes to constructors */
  char **argv;
  char **envp;
} gomp_image;

#endif
