/* Takes the pristine copy of the core's writable segment, which lets a forked child start Go again.

   Precondition: this runs before Go's constructor. The dynamic linker has done all relocations by then, so
   the copy is complete, and no byte of the Go runtime has run, so it is clean. */
#define _GNU_SOURCE
#include "image.h"
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Initialised, so that it lies in .data: its content is in the copy and survives the restoration. */
__attribute__((visibility("default"))) gomp_image gomp_img = {.fault = "the core's first constructor did not run"};

/* The attribute must be on the first declaration: gcc drops the priority silently otherwise. */
__attribute__((constructor(101))) static void take_pristine_copy(int argc, char **argv, char **envp);

static bool contains(const ElfW(Phdr) * part, uintptr_t bias, uintptr_t address) {
  uintptr_t start = bias + part->p_vaddr;
  return part->p_type == PT_LOAD && address >= start && address < start + part->p_memsz;
}

static bool is_core(const struct dl_phdr_info *object) {
  for (int i = 0; i < object->dlpi_phnum; i++)
    if (contains(&object->dlpi_phdr[i], object->dlpi_addr, (uintptr_t)&take_pristine_copy)) return true;
  return false;
}

static void read_dynamic(gomp_image *image, const ElfW(Dyn) * entry, uintptr_t bias) {
  for (; entry->d_tag != DT_NULL; entry++) {
    /* Some C libraries relocate these addresses in place, others do not. */
    uintptr_t address = entry->d_un.d_ptr < bias ? entry->d_un.d_ptr + bias : entry->d_un.d_ptr;
    if (entry->d_tag == DT_INIT_ARRAY) image->constructors = (const gomp_constructor *)address;
    if (entry->d_tag == DT_INIT_ARRAYSZ) image->constructor_count = entry->d_un.d_val / sizeof(gomp_constructor);
  }
}

/* Reads the program headers. Returns what is wrong with them, or NULL. */
static const char *read_headers(gomp_image *image, const struct dl_phdr_info *object) {
  uintptr_t bias = object->dlpi_addr, relro_hi = 0;
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  int writable = 0;
  for (int i = 0; i < object->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &object->dlpi_phdr[i];
    uintptr_t start = bias + part->p_vaddr;
    if (part->p_type == PT_LOAD && (part->p_flags & PF_X)) {
      image->text_lo = start;
      image->text_hi = start + part->p_memsz;
    } else if (part->p_type == PT_LOAD && (part->p_flags & PF_W)) {
      writable++;
      image->data_lo = start;
      image->data_hi = start + part->p_filesz;
      image->bss_hi = start + part->p_memsz;
    } else if (part->p_type == PT_GNU_RELRO) {
      relro_hi = (start + part->p_memsz) & ~(page - 1); /* the linker protects whole pages only */
    } else if (part->p_type == PT_TLS) {
      image->tls_module = object->dlpi_tls_modid;
      image->tls_size = part->p_memsz;
    } else if (part->p_type == PT_DYNAMIC) {
      read_dynamic(image, (const ElfW(Dyn) *)start, bias);
    }
  }
  if (writable != 1) return "the core does not have exactly one writable segment";
  if (!image->tls_module) return "the core has no thread-local storage, where Go keeps its g";
  if (relro_hi > image->data_lo) image->data_lo = relro_hi;
  if (!image->constructor_count || image->constructors[0] != take_pristine_copy)
    return "the core's first constructor is not its own: a forked child would start from a used runtime";
  return NULL;
}

static int find_core(struct dl_phdr_info *object, size_t size, void *context) {
  (void)size;
  if (!is_core(object)) return 0;
  gomp_image *image = context;
  image->fault = read_headers(image, object);
  return 1;
}

static void take_pristine_copy(int argc, char **argv, char **envp) {
  gomp_image *image = &gomp_img;
  image->argc = argc;
  image->argv = argv;
  image->envp = envp;
  dl_iterate_phdr(find_core, image);
  if (image->fault) return;
  size_t size = image->data_hi - image->data_lo;
  void *copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (copy == MAP_FAILED) {
    image->fault = "no memory for the copy of the core's data";
    return;
  }
  image->pristine = copy;
  image->magic = GOMP_IMAGE_MAGIC; /* before the copy is made, so that the copy says the same */
  memcpy(copy, (const void *)image->data_lo, size);
  mprotect(copy, size, PROT_READ);
}
