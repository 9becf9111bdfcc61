/* The header of a program or a shared object. */
#ifndef GW_BASE_ELF_H
#define GW_BASE_ELF_H

#include <stdbool.h>

/* Whether the file is an ELF object for another architecture than this program's. False if it cannot be read, or is
 * no ELF object. Reads the file; thread-safe. */
bool gw_elf_is_foreign(const char *path);

#endif
