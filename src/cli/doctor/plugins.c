/* The plug-in through which programs here would borrow. */
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ggml.h>

#include "base/elf.h"
#include "cli/doctor/checks.h"
#include "cli/doctor/plugin_trial.h"
#include "ggml/abi.h"

#define TRIAL_MS 20000
#define AREA "plug-in"

/* The best that was found so far. */
struct search {
	struct gw_findings *f;
	int api_version; /* of the running ggml; 0 = not known */
	char best[PATH_MAX];
	bool best_is_ours;
	int best_score; /* 0: one without a score, which counts if there is no other */
	bool has_ours;
	size_t n_dirs;
};

static bool is_ours(const char *path)
{
	return strstr(path, "libggml-rpc-ggwire") != NULL;
}

/* ggml uses the plug-in with the highest score. It uses one without a score, by its bare name, only if no other exists.
 */
static void take(struct search *s, const char *path, const struct gw_plugin_trial *t)
{
	int score = t->has_score ? t->score : 0;
	s->has_ours |= is_ours(path);
	if (s->best[0] && score <= s->best_score)
		return;
	snprintf(s->best, sizeof(s->best), "%s", path);
	s->best_is_ours = is_ours(path);
	s->best_score = score;
}

static void say_loaded(struct search *s, const char *path, const struct gw_plugin_trial *t)
{
	if (s->api_version && t->api_version != s->api_version) {
		gw_found(s->f, GW_FINDING_PROBLEM, AREA, "%s has backend API version %d, but this ggml has %d", path,
			t->api_version, s->api_version);
		gw_found_advice(s->f, "install the plug-in built for ggml %s", ggml_version());
		return;
	}
	if (t->has_score)
		gw_found(s->f, GW_FINDING_OK, AREA, "%s loads: registry %s, API version %d, score %d", path, t->name,
			t->api_version, t->score);
	else
		gw_found(s->f, GW_FINDING_OK, AREA, "%s loads: registry %s, API version %d, no score", path, t->name,
			t->api_version);
	take(s, path, t);
}

static void try_plugin(struct search *s, const char *path)
{
	struct gw_plugin_trial t;
	gw_plugin_try(path, TRIAL_MS, &t);
	switch (t.step) {
	case GW_PLUGIN_LOADED:
		say_loaded(s, path, &t);
		return;
	case GW_PLUGIN_NO_LOAD:
		gw_found(s->f, GW_FINDING_PROBLEM, AREA, "%s cannot be loaded: %s", path, t.text);
		gw_found_advice(s->f, gw_elf_is_foreign(path) ? "install the file for this machine's architecture"
							      : "install what is missing");
		return;
	case GW_PLUGIN_REFUSED:
		gw_found(s->f, GW_FINDING_PROBLEM, AREA, "%s refuses this ggml: %s", path,
			t.text[0] ? t.text : "no reason given");
		gw_found_advice(s->f, "install a ggwire that supports ggml %s", ggml_version());
		return;
	default:
		gw_found(s->f, GW_FINDING_PROBLEM, AREA, "%s: %s", path, t.text);
		gw_found_advice(s->f, "remove the file, or reinstall its package");
	}
}

static bool is_plugin(const char *name)
{
	static const char start[] = "libggml-rpc", end[] = ".so";
	size_t len = strlen(name);
	return len > sizeof(start) + sizeof(end) - 3 && strncmp(name, start, sizeof(start) - 1) == 0 &&
	       (name[sizeof(start) - 1] == '-' || name[sizeof(start) - 1] == '.') &&
	       strcmp(name + len - (sizeof(end) - 1), end) == 0;
}

static void search_dir(struct search *s, const char *dir)
{
	struct gw_source_names names = gw_source_list(dir, ".");
	char path[PATH_MAX];
	size_t n = 0;
	if (names.n > 0)
		s->n_dirs++;
	for (size_t i = 0; i < names.n; i++) {
		if (!is_plugin(names.names[i]) ||
			(size_t)snprintf(path, sizeof(path), "%s/%s", dir, names.names[i]) >= sizeof(path))
			continue;
		try_plugin(s, path);
		n++;
	}
	if (n > 1 && s->best[0])
		gw_found(s->f, GW_FINDING_OK, AREA, "%s has %zu RPC plug-ins; programs load one of them: %s", dir, n,
			s->best);
	gw_source_names_free(&names);
}

/* It is loaded after those found in the directories, and programs use the first registry named RPC. */
static void search_environment(struct search *s)
{
	const char *path = getenv("GGML_BACKEND_PATH");
	if (!path || !*path)
		return;
	struct search before = *s;
	try_plugin(s, path);
	if (!before.best[0])
		return;
	*s = before;
	gw_found(s->f, GW_FINDING_WARNING, AREA,
		"GGML_BACKEND_PATH names %s, which is loaded but not used, because %s has priority", path, before.best);
	gw_found_advice(
		s->f, "install the plug-in in the same directory as the other one: ggml then chooses the better one");
}

static void say_best(struct search *s)
{
	if (!s->best[0]) {
		gw_found(s->f, GW_FINDING_WARNING, AREA,
			"no RPC plug-in was found: programs on this machine cannot use remote devices");
		gw_found_advice(s->f,
			"install ggwire's plug-in into ggml's backend directory, or name it in GGML_BACKEND_PATH; "
			"a machine that only runs a server needs none");
	} else if (s->best_is_ours) {
		gw_found(s->f, GW_FINDING_OK, AREA, "programs on this machine load %s", s->best);
	} else if (s->has_ours) {
		gw_found(s->f, GW_FINDING_WARNING, AREA,
			"programs on this machine load %s, which has a higher score than ggwire's plug-in", s->best);
		gw_found_advice(s->f, "remove it to use ggwire's plug-in");
	} else {
		gw_found(s->f, GW_FINDING_WARNING, AREA,
			"programs on this machine load %s: ggwire's plug-in is not in the same directory, or does not "
			"load",
			s->best);
		gw_found_advice(s->f, "install ggwire's plug-in into the same directory");
	}
}

static struct search search_begin(struct gw_findings *f)
{
	const struct gw_abi *abi = gw_abi_get(NULL);
	return (struct search){.f = f, .api_version = abi ? abi->api_version : 0};
}

void gw_doctor_plugins(const char *const *backend_dirs, struct gw_findings *f)
{
	struct search s = search_begin(f);
	for (size_t i = 0; backend_dirs[i]; i++)
		search_dir(&s, backend_dirs[i]);
	search_environment(&s);
	if (s.n_dirs == 0) {
		gw_found(f, GW_FINDING_WARNING, AREA, "ggml's backend directory was not found at %s",
			backend_dirs[0] ? backend_dirs[0] : "any known place");
		gw_found_advice(f, "install ggml, or configure ggwire with -DGGML_BACKEND_DIR=");
	}
	say_best(&s);
}

void gw_doctor_backends(const char *dir, char out[PATH_MAX])
{
	char pattern[PATH_MAX];
	glob_t found;
	snprintf(out, PATH_MAX, "%s", dir);
	if ((size_t)snprintf(pattern, sizeof(pattern), "%s/ggml/backends*", dir) >= sizeof(pattern) ||
		glob(pattern, GLOB_ONLYDIR, NULL, &found) != 0)
		return;
	snprintf(out, PATH_MAX, "%s", found.gl_pathv[0]);
	globfree(&found);
}

void gw_doctor_host_plugins(const char *dir, const char *ours, struct gw_findings *f)
{
	struct search s = search_begin(f);
	char backends[PATH_MAX];
	gw_doctor_backends(dir, backends);
	search_dir(&s, backends);
	if (s.has_ours || !ours) {
		say_best(&s);
		return;
	}
	try_plugin(&s, ours);
	if (s.best_is_ours)
		gw_found(f, GW_FINDING_WARNING, AREA, "ggwire's plug-in is not in %s; programs would use it there",
			backends);
	else
		say_best(&s);
	gw_found_advice(f, "copy %s to %s", ours, backends);
}
