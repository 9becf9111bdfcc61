#include "base/elf.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

/* The fields up to e_machine are the same in all classes. */
static bool read_header(const char *path, Elf64_Ehdr *out)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	bool ok = fread(out, sizeof(*out), 1, file) == 1 && memcmp(out->e_ident, ELFMAG, SELFMAG) == 0;
	fclose(file);
	return ok;
}

bool gw_elf_is_foreign(const char *path)
{
	Elf64_Ehdr theirs, ours;
	return read_header(path, &theirs) && read_header("/proc/self/exe", &ours) &&
	       (theirs.e_machine != ours.e_machine || theirs.e_ident[EI_CLASS] != ours.e_ident[EI_CLASS]);
}
