#include "doc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DOC ((size_t)1 << 20)

char *rope_doc_read(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = file ? calloc(1, MAX_DOC) : NULL;
	if (!text || fread(text, 1, MAX_DOC - 1, file) == 0) {
		perror(path);
		free(text);
		text = NULL;
	}
	if (file)
		fclose(file);
	return text;
}

static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);
	for (const char *at = strstr(text, line); at; at = strstr(at + 1, line))
		if ((at == text || at[-1] == '\n') && (at[len] == '\n' || !at[len]))
			return true;
	return false;
}

bool rope_doc_line(const char *text, const char *line)
{
	puts(line);
	if (!text || has_line(text, line))
		return true;
	fprintf(stderr, "the documentation lacks this line: %s\n", line);
	return false;
}
