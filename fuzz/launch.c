/* Runs graphs that the rules allow on ggml's CPU backend: the input is a stream of choices (fuzz/kernels/gen.h). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/kernels/run.h"
#include "fuzz/kernels/world.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct kcase the_case;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (!world_open(NULL))
		exit(2);
	run_init();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct finding f;

	gen_bytes(&the_case.gen, data, size);
	the_case.one_thread = true;
	if (run_case(&the_case, &f) == FOUND) {
		printf("FINDING: %s\n", f.text);
		case_print(&the_case);
		fflush(stdout);
		signal(SIGABRT, SIG_DFL);
		abort();
	}
	return 0;
}
