#include "cli/key_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void gw_key_store_line(const struct gw_tls_key *key, char out[GW_KEY_LINE])
{
	size_t n = (size_t)snprintf(out, GW_KEY_LINE, "%s:", key->identity);
	for (size_t i = 0; i < key->secret_len; i++)
		n += (size_t)snprintf(out + n, GW_KEY_LINE - n, "%02x", key->secret[i]);
	if (key->expires) {
		time_t last = (time_t)key->expires - 1;
		struct tm tm;
		strftime(out + n, GW_KEY_LINE - n, " expires=%Y-%m-%d", gmtime_r(&last, &tm));
	}
}

static enum gw_status failed(const char *path, struct gw_error *err)
{
	return gw_error_set(err, GW_ERR_SYSTEM, "key file %s: %s", path, strerror(errno));
}

/* All directories above the file. If this fails, so does opening the file, and its error says enough. */
static void make_directories(const char *path)
{
	char directory[4096];
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t n = (size_t)(slash - path);
		if (n == 0 || n >= sizeof(directory))
			continue;
		memcpy(directory, path, n);
		directory[n] = '\0';
		(void)mkdir(directory, 0755);
	}
}

/* Opens and locks the file that the path names when the lock is had: another process may have replaced it. */
static enum gw_status open_locked(const char *path, int flags, int *out, struct gw_error *err)
{
	for (;;) {
		struct stat opened, named;
		int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags, 0600);
		if (fd < 0)
			return failed(path, err);
		if (flock(fd, LOCK_EX) < 0 || fstat(fd, &opened) < 0) {
			(void)failed(path, err);
			close(fd);
			return GW_ERR_SYSTEM;
		}
		if (stat(path, &named) == 0 && named.st_ino == opened.st_ino && named.st_dev == opened.st_dev) {
			*out = fd;
			return GW_OK;
		}
		close(fd);
	}
}

static bool write_all(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t put = write(fd, text, n);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return false;
		text += put;
		n -= (size_t)put;
	}
	return true;
}

static enum gw_status append(int fd, const char *path, const struct gw_tls_key *key, struct gw_error *err)
{
	char line[GW_KEY_LINE + 2] = "\n", last = '\n';
	struct stat st;
	if (fstat(fd, &st) < 0 || (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) != 1))
		return failed(path, err);
	gw_key_store_line(key, line + 1);
	strcat(line, "\n");
	/* A last line without an end gets one first. */
	const char *text = last == '\n' ? line + 1 : line;
	enum gw_status status = GW_OK;
	if (!write_all(fd, text, strlen(text)) || fsync(fd) < 0)
		status = failed(path, err);
	explicit_bzero(line, sizeof(line));
	return status;
}

enum gw_status gw_key_store_add(const char *path, const struct gw_tls_key *key, struct gw_error *err)
{
	struct gw_tls_keys keys;
	int fd;
	make_directories(path);
	enum gw_status status = open_locked(path, O_CREAT, &fd, err);
	if (status)
		return status;
	status = gw_tls_keys_load(path, &keys, err);
	if (!status) {
		if (gw_tls_keys_find(&keys, key->identity))
			status = gw_error_set(err, GW_ERR_INVALID,
				"key file %s: %s has a key already; run ggwire key remove %s first", path,
				key->identity, key->identity);
		else
			status = append(fd, path, key, err);
		gw_tls_keys_free(&keys);
	}
	close(fd);
	return status;
}

static bool is_line_of(const char *line, const char *identity)
{
	size_t n = strlen(identity);
	line += strspn(line, " \t");
	return strncmp(line, identity, n) == 0 && line[n] == ':';
}

/* Copies all lines but those of the identity. */
static bool copy_others(FILE *from, FILE *to, const char *identity)
{
	char *line = NULL;
	size_t room = 0;
	bool good = true;
	for (ssize_t n; good && (n = getline(&line, &room, from)) > 0;)
		if (!is_line_of(line, identity))
			good = fwrite(line, 1, (size_t)n, to) == (size_t)n;
	if (line)
		explicit_bzero(line, room);
	free(line);
	return good && !ferror(from);
}

/* Replaces the file by one without the identity, in one step. */
static enum gw_status rewrite(int fd, const char *path, const char *identity, struct gw_error *err)
{
	char temporary[4096];
	struct stat st;
	int n = snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
	if (n < 0 || (size_t)n >= sizeof(temporary))
		return gw_error_set(err, GW_ERR_INVALID, "key file %.100s...: the path is too long", path);
	FILE *from = fopen(path, "re");
	int made = from ? mkostemp(temporary, O_CLOEXEC) : -1;
	FILE *to = made < 0 ? NULL : fdopen(made, "w");
	bool good = to && copy_others(from, to, identity) && fflush(to) == 0 && fstat(fd, &st) == 0 &&
		    fchown(made, st.st_uid, st.st_gid) == 0 && fsync(made) == 0 && rename(temporary, path) == 0;
	enum gw_status status = good ? GW_OK : failed(path, err);
	if (from)
		fclose(from);
	if (to)
		fclose(to);
	if (made >= 0 && !good)
		unlink(temporary);
	return status;
}

enum gw_status gw_key_store_remove(const char *path, const char *identity, struct gw_error *err)
{
	struct gw_tls_keys keys;
	int fd;
	enum gw_status status = open_locked(path, 0, &fd, err);
	if (status)
		return status;
	status = gw_tls_keys_load(path, &keys, err);
	if (!status) {
		if (gw_tls_keys_find(&keys, identity))
			status = rewrite(fd, path, identity, err);
		else
			status = gw_error_set(err, GW_ERR_NOT_FOUND, "key file %s: no key of %s", path, identity);
		gw_tls_keys_free(&keys);
	}
	close(fd);
	return status;
}
