#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "check.h"
#include "logwriter.h"
#include "protocol.h"

static char directory[] = "/tmp/wharf-logwriter-XXXXXX";

/* A queue in front of a log that can't be written takes what fits and drops the rest, without waiting. */
static void never_waits(void)
{
	char path[128], line[100];
	snprintf(path, sizeof(path), "%s/fifo", directory);
	CHECK(mkfifo(path, 0600) == 0);
	int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	CHECK(reader >= 0);
	struct logwriter log;
	CHECK(logwriter_open(&log, &(struct log_options){ LOG_JSON, path, NULL, -1, 1, false }) == 0);
	CHECK(logwriter_detach(&log, 1 << 20) == 0);
	memset(line, 'x', sizeof(line));
	line[99] = '\n';
	for (int i = 0; i < 100000; i++)
		CHECK(logwriter_feed(&log, STREAM_STDOUT, line, sizeof(line), false) == sizeof(line));
	CHECK(log.dropped);
	/* unfinished lines stay with the caller */
	CHECK(logwriter_feed(&log, STREAM_STDOUT, "abc", 3, false) == 0);
	close(reader);
	logwriter_close(&log);
}

/* Everything that was taken is in the file when the log is closed. */
static void loses_nothing_in_time(void)
{
	char path[128], text[200000];
	snprintf(path, sizeof(path), "%s/log", directory);
	struct logwriter log;
	CHECK(logwriter_open(&log, &(struct log_options){ LOG_JSON, path, NULL, -1, 1, false }) == 0);
	CHECK(logwriter_detach(&log, 1 << 20) == 0);
	for (int i = 0; i < 1000; i++)
		CHECK(logwriter_feed(&log, STREAM_STDERR, "line\nrest", 9, false) == 5);
	CHECK(logwriter_feed(&log, STREAM_STDERR, "rest", 4, true) == 4);
	logwriter_close(&log);
	CHECK(!log.dropped);
	CHECK(read_text(path, text, sizeof(text)) > 0);
	int lines = 0;
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	CHECK(lines == 1001);
	CHECK(strstr(text, "{\"log\":\"rest\",\"stream\":\"stderr\"") != NULL);
}

int main(void)
{
	CHECK(mkdtemp(directory));
	never_waits();
	loses_nothing_in_time();
	char command[128];
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) != 0;
}
