/* ggwire key: the keys of a server's clients. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "cli/key_store.h"
#include "cli/verb.h"
#include "cli/verbs.h"
#include "transport/tls/policy.h"

#define KEY_BYTES 32
#define SECONDS_A_DAY 86400

struct options {
	const char *file;
	char default_file[4096];
	uint64_t days; /* that a new key is valid; 0: without end */
};

static const char usage[] =
	"[options] add NAME | list | remove NAME\n"
	"\n"
	"Manages the keys of a server's clients. \"add\" makes a key for NAME and prints one line, which goes into\n"
	"~/.config/ggwire/keys of that client (mode 0600). \"list\" shows who has a key, and no keys. A server that\n"
	"runs with --tls-psk FILE notices every change.\n"
	"\n"
	"  -f, --file FILE         the key file; default: /etc/ggwire/keys for root, otherwise\n"
	"                          ~/.config/ggwire/server-keys\n"
	"  -d, --days N            the new key expires after N days\n" GW_VERB_HELP;

static int complain(const char *program, enum gw_status status, const struct gw_error *err)
{
	return gw_verb_complain(program, status == GW_ERR_INVALID ? GW_EXIT_USAGE : GW_EXIT_FINDING, "%s", err->text);
}

static enum gw_status make_key(const char *name, uint64_t days, struct gw_tls_key *key, struct gw_error *err)
{
	*key = (struct gw_tls_key){.secret_len = KEY_BYTES};
	if (getrandom(key->secret, KEY_BYTES, 0) != KEY_BYTES)
		return gw_error_set(err, GW_ERR_SYSTEM, "the system has no random bytes");
	snprintf(key->identity, sizeof(key->identity), "%s", name);
	if (days)
		key->expires = ((int64_t)time(NULL) / SECONDS_A_DAY + (int64_t)days + 1) * SECONDS_A_DAY;
	return GW_OK;
}

static int add(const char *program, const struct options *o, const char *name)
{
	struct gw_tls_key key;
	struct gw_error err;
	char line[GW_KEY_LINE];
	if (!gw_tls_is_identity(name))
		return gw_verb_complain(program, GW_EXIT_USAGE,
			"\"%s\": a name has 1 to %d letters, digits, and any of . _ @ + -", name, GW_IDENTITY_MAX - 1);
	enum gw_status status = make_key(name, o->days, &key, &err);
	if (!status)
		status = gw_key_store_add(o->file, &key, &err);
	if (!status) {
		gw_key_store_line(&key, line);
		fprintf(stderr,
			"Added %s to %s (ggwire serve --tls-psk %s).\n"
			"Put this line into ~/.config/ggwire/keys on the client, mode 0600; it is a secret:\n",
			name, o->file, o->file);
		printf("%s\n", line);
		explicit_bzero(line, sizeof(line));
	}
	gw_tls_key_wipe(&key);
	if (status)
		return complain(program, status, &err);
	return fflush(stdout) ? gw_verb_complain(program, GW_EXIT_FINDING, "the key cannot be printed") : GW_EXIT_GOOD;
}

static void print_key(const struct gw_tls_key *key, int64_t now)
{
	char until[48] = "does not expire";
	if (key->expires) {
		time_t last = (time_t)key->expires - 1;
		struct tm tm;
		strftime(until, sizeof(until),
			gw_tls_key_has_expired(key, now) ? "expired after %Y-%m-%d" : "valid to %Y-%m-%d",
			gmtime_r(&last, &tm));
	}
	printf("%-24s %4zu bits  %s%s%s\n", key->identity, key->secret_len * 8, until, key->pattern[0] ? "  for " : "",
		key->pattern);
}

static int list(const char *program, const struct options *o)
{
	struct gw_tls_keys keys;
	struct gw_error err;
	enum gw_status status = gw_tls_keys_load(o->file, &keys, &err);
	if (status)
		return complain(program, status, &err);
	for (size_t i = 0; i < keys.n; i++)
		print_key(&keys.keys[i], time(NULL));
	if (keys.n == 0)
		fprintf(stderr, "%s has no keys\n", o->file);
	gw_tls_keys_free(&keys);
	return GW_EXIT_GOOD;
}

static int remove_key(const char *program, const struct options *o, const char *name)
{
	struct gw_error err;
	enum gw_status status = gw_key_store_remove(o->file, name, &err);
	if (status)
		return complain(program, status, &err);
	fprintf(stderr, "Removed %s from %s. Clients that are connected stay connected.\n", name, o->file);
	return GW_EXIT_GOOD;
}

static int parse(const char *program, int argc, char **argv, struct options *o, int *first)
{
	const struct gw_verb_option known[] = {
		{"file", 'f', .text = &o->file},
		{"days", 'd', .whole = &o->days, .min = 1, .max = 36500},
	};
	struct gw_error err;
	*o = (struct options){0};
	int rc = gw_verb_options(program, argc, argv, usage, known, sizeof(known) / sizeof(known[0]), first);
	if (rc != GW_VERB_GOES_ON || o->file)
		return rc;
	enum gw_status status = gw_tls_server_file(o->default_file, sizeof(o->default_file), &err);
	o->file = o->default_file;
	return status ? complain(program, status, &err) : GW_VERB_GOES_ON;
}

int gw_key_main(const char *program, int argc, char **argv)
{
	struct options o;
	int first;
	int rc = parse(program, argc, argv, &o, &first);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	int n = argc - first;
	const char *what = n > 0 ? argv[first] : "";
	if (o.days && strcmp(what, "add") != 0)
		return gw_verb_complain(program, GW_EXIT_USAGE, "--days is for add");
	if (strcmp(what, "add") == 0 && n == 2)
		return add(program, &o, argv[first + 1]);
	if (strcmp(what, "list") == 0 && n == 1)
		return list(program, &o);
	if (strcmp(what, "remove") == 0 && n == 2)
		return remove_key(program, &o, argv[first + 1]);
	return gw_verb_complain(
		program, GW_EXIT_USAGE, "expected add NAME, list, or remove NAME (see ggwire key --help)");
}
