/* Lines that the documentation must have exactly as the program prints them, so that what it shows was measured. */
#ifndef TESTS_ROPE_DOC_H
#define TESTS_ROPE_DOC_H

#include <stdbool.h>

/* The text of a file, to be freed; NULL, reported on stderr, if it cannot be read. */
char *rope_doc_read(const char *path);

/* Prints the line. False, reported on stderr, if there is a text (not NULL) in which it is no line. */
bool rope_doc_line(const char *text, const char *line);

#endif
