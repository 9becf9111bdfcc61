/* Checks that a device rotates as RoPE is defined: compares every layout and parameter of ggml_rope_ext and
 * ggml_rope_multi, and their backward counterparts, with a reference in double precision, and the pictures and slots of
 * docs/rope.md with what the device and ggml do. The device may be remote. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include <ggml-backend.h>

#include "cases.h"
#include "doc.h"
#include "layout.h"
#include "slots.h"

struct options {
	const char *device, *backends, *doc;
	bool no_offsets;
};

static int usage(const char *program)
{
	fprintf(stderr,
		"Usage: %s [--device NAME] [--backends DIR] [--doc FILE] [--no-offsets]\n"
		"  --device NAME    default: CPU\n"
		"  --backends DIR   where to load ggml's backends from; default: where ggml looks\n"
		"  --doc FILE       documentation that must have the printed layouts and slots\n"
		"  --no-offsets     the device must decline rotations that do not begin at the front\n",
		program);
	return EXIT_FAILURE;
}

static bool options_parse(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{"device", required_argument, NULL, 'd'},
		{"backends", required_argument, NULL, 'b'},
		{"doc", required_argument, NULL, 't'},
		{"no-offsets", no_argument, NULL, 'n'},
		{NULL, 0, NULL, 0},
	};
	*options = (struct options){.device = "CPU"};
	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		if (c == 'd')
			options->device = optarg;
		else if (c == 'b')
			options->backends = optarg;
		else if (c == 't')
			options->doc = optarg;
		else if (c == 'n')
			options->no_offsets = true;
		else
			return false;
	}
	return optind == argc;
}

static ggml_backend_t device_open(const struct options *options)
{
	if (options->backends)
		ggml_backend_load_all_from_path(options->backends);
	else
		ggml_backend_load_all();
	ggml_backend_dev_t device = ggml_backend_dev_by_name(options->device);
	if (!device) {
		fprintf(stderr, "no device %s; available devices:\n", options->device);
		for (size_t i = 0; i < ggml_backend_dev_count(); i++)
			fprintf(stderr, "  %s\n", ggml_backend_dev_name(ggml_backend_dev_get(i)));
		return NULL;
	}
	printf("on %s: %s\n", ggml_backend_dev_name(device), ggml_backend_dev_description(device));
	return ggml_backend_dev_init(device, NULL);
}

static bool all_check(ggml_backend_t backend, const char *text, bool offsets)
{
	bool slots = rope_slots_check(text);
	bool layouts = rope_layouts_check(backend, text, offsets);
	return rope_cases_check(backend, offsets) && slots && layouts;
}

int main(int argc, char **argv)
{
	struct options options;
	if (!options_parse(argc, argv, &options))
		return usage(argv[0]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	char *text = options.doc ? rope_doc_read(options.doc) : NULL;
	if (options.doc && !text)
		return EXIT_FAILURE;
	ggml_backend_t backend = device_open(&options);
	bool good = backend && all_check(backend, text, !options.no_offsets);
	ggml_backend_free(backend);
	free(text);
	printf("%s\n", good ? "as defined" : "NOT as defined");
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
