#include "cli/suggest.h"

#include <string.h>

#define LONGEST 32
#define FARTHEST 2

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The optimal string alignment distance, by rows; both are shorter than LONGEST. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][LONGEST + 1] = {{0}}, n = strlen(b);
	for (size_t j = 0; j <= n; j++)
		rows[0][j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			row[j] = least(above[j], row[j - 1]) + 1;
			row[j] = least(row[j], above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return rows[strlen(a) % 3][n];
}

const char *gw_suggest(const char *word, const char *const *names, size_t n)
{
	const char *best = NULL;
	size_t nearest = FARTHEST + 1;
	if (strlen(word) >= LONGEST)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t edits = strlen(names[i]) < LONGEST ? distance(word, names[i]) : nearest;
		if (edits < nearest && edits < strlen(names[i])) {
			nearest = edits;
			best = names[i];
		}
	}
	return best;
}
