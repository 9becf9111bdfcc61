/* Lines that the documentation must contain exactly as the program prints them, so that it shows measured results. */
#ifndef TESTS_ROPE_DOC_H
#define TESTS_ROPE_DOC_H

#include <stdbool.h>

/* Reads a file. The caller frees the text. NULL, with a message on stderr, on errors. */
char *rope_doc_read(const char *path);

/* Prints the line. Returns false, with a message on stderr, if text is not NULL and does not contain it as a line. */
bool rope_doc_line(const char *text, const char *line);

#endif
