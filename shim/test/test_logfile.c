#include <sys/mount.h>
#include <sys/stat.h>
#include <sched.h>

#include "check.h"
#include "logfile.h"
#include "protocol.h"

static char directory[] = "/tmp/wharf-logfile-XXXXXX";

static void path_of(char *out, size_t size, const char *name)
{
	snprintf(out, size, "%s/%s", directory, name);
}

static int open_log(struct logfile *log, const char *path, const char *attrs, int64_t max_size, int max_files, bool compress)
{
	const struct log_options options = { LOG_JSON, path, attrs, max_size, max_files, compress };
	return logfile_open(log, &options);
}

static int lines_of(const char *path, char *text, size_t size)
{
	int length = read_text(path, text, size);
	CHECK(length >= 0);
	int lines = 0;
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	return lines;
}

/* The pieces in which bytes arrive make no difference to the lines. */
static void splits_make_no_difference(void)
{
	static char whole[40000], carry[80000], first[400000], other[400000];
	char path[128];
	for (size_t i = 0; i < sizeof(whole); i++)
		whole[i] = i % 700 == 13 && i < 20000 ? '\n' : (char)('a' + i % 26);
	for (size_t step = 1; step < 50000; step = step * 7 + 3) {
		struct logfile log;
		size_t carried = 0;
		path_of(path, sizeof(path), "split");
		unlink(path);
		CHECK(open_log(&log, path, NULL, -1, 1, false) == 0);
		for (size_t at = 0; at < sizeof(whole); at += step) {
			size_t n = sizeof(whole) - at < step ? sizeof(whole) - at : step;
			memcpy(carry + carried, whole + at, n);
			carried += n;
			size_t used = logfile_feed(&log, STREAM_STDERR, carry, carried, false);
			CHECK(used <= carried);
			carried -= used;
			CHECK(carried < LOG_PIECE_BYTES);
			memmove(carry, carry + used, carried);
		}
		CHECK(logfile_feed(&log, STREAM_STDERR, carry, carried, true) == carried);
		logfile_close(&log);
		char *text = step == 1 ? first : other;
		lines_of(path, text, sizeof(first));
		/* the times differ */
		for (char *p = text; (p = strstr(p, "\"time\":\"")); ) {
			char *stop = strchr(p + 8, '"');
			memmove(p, stop, strlen(stop) + 1);
		}
		if (step > 1)
			CHECK_TEXT(other, first);
	}
}

static void continues_and_rotates(void)
{
	static char text[100000];
	char path[128], rotated[160];
	struct logfile log;
	path_of(path, sizeof(path), "rotate");
	for (int run = 0; run < 2; run++) {
		CHECK(open_log(&log, path, "{\"k\":\"v\"}", 1000, 2, false) == 0);
		for (int i = 0; i < 6; i++)
			CHECK(logfile_feed(&log, STREAM_STDOUT, "line\n", 5, false) == 5);
		logfile_close(&log);
	}
	/* a line of about 90 bytes: the twelfth is the first that finds 1000 bytes there */
	snprintf(rotated, sizeof(rotated), "%s.1", path);
	int before = lines_of(rotated, text, sizeof(text));
	CHECK(strlen(text) >= 1000 && strlen(text) < 1100);
	CHECK(before + lines_of(path, text, sizeof(text)) == 12);
	static const char head[] = "{\"log\":\"line\\n\",\"stream\":\"stdout\",\"attrs\":{\"k\":\"v\"},\"time\":\"";
	CHECK(strncmp(text, head, sizeof(head) - 1) == 0);
}

static void compresses(void)
{
	char path[128], name[160], text[4096];
	struct logfile log;
	struct stat st;
	path_of(path, sizeof(path), "gz");
	CHECK(open_log(&log, path, NULL, 200, 3, true) == 0);
	for (int i = 0; i < 20; i++)
		logfile_feed(&log, STREAM_STDOUT, "line\n", 5, false);
	logfile_close(&log);
	snprintf(name, sizeof(name), "%s.1.gz", path);
	CHECK(stat(name, &st) == 0 && (st.st_mode & 0777) == 0640);
	snprintf(name, sizeof(name), "%s.2.gz", path);
	CHECK(stat(name, &st) == 0);
	snprintf(name, sizeof(name), "%s.1", path);
	CHECK(stat(name, &st) < 0);
	CHECK(lines_of(path, text, sizeof(text)) > 0);
}

/* On a full disk lines are lost, whole ones only, and when there is room again the log goes on. */
static void survives_a_full_disk(void)
{
	static char text[200000];
	char path[128], filler[160], line[1001];
	struct logfile log;
	path_of(path, sizeof(path), "small");
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		fprintf(stderr, "not root: a full disk is left out\n");
		return;
	}
	mkdir(path, 0700);
	CHECK(mount("tmpfs", path, "tmpfs", 0, "size=64k") == 0);
	snprintf(filler, sizeof(filler), "%s/filler", path);
	snprintf(path + strlen(path), 8, "/log");
	memset(line, 'x', sizeof(line) - 1);
	line[1000] = '\n';
	CHECK(open_log(&log, path, NULL, -1, 1, false) == 0);
	for (int i = 0; i < 100; i++)
		CHECK(logfile_feed(&log, STREAM_STDOUT, line, sizeof(line), false) == sizeof(line));
	CHECK(log.write_failed);
	int kept = lines_of(path, text, sizeof(text));
	CHECK(kept > 30 && kept < 65);
	CHECK(text[strlen(text) - 1] == '\n');
	CHECK(truncate(path, 0) == 0);
	CHECK(logfile_feed(&log, STREAM_STDOUT, "again\n", 6, false) == 6);
	CHECK(lines_of(path, text, sizeof(text)) == 1);
	CHECK(strstr(text, "again") != NULL);
	logfile_close(&log);
	*strrchr(path, '/') = '\0';
	CHECK(umount2(path, MNT_DETACH) == 0);
}

static void formats_times(void)
{
	char out[RFC3339_SIZE];
	format_rfc3339(0, out);
	CHECK_TEXT(out, "1970-01-01T00:00:00Z");
	format_rfc3339(1704067200123456789, out);
	CHECK_TEXT(out, "2024-01-01T00:00:00.123456789Z");
	format_rfc3339(1704067200120000000, out);
	CHECK_TEXT(out, "2024-01-01T00:00:00.12Z");
	char base64[16];
	encode_base64("abcd", 4, base64);
	CHECK_TEXT(base64, "YWJjZA==");
}

int main(void)
{
	CHECK(mkdtemp(directory));
	formats_times();
	splits_make_no_difference();
	continues_and_rotates();
	compresses();
	survives_a_full_disk();
	char command[128];
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) != 0;
}
