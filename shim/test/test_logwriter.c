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
	unsigned long long inode;
	long long offset;
	logwriter_mark(&log, &inode, &offset);
	CHECK(inode == 0 && offset == 0);
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

/* What was fed before a mark is in the file up to there, and nothing else is. */
static void tells_how_far_it_is(void)
{
	char path[128], text[200000];
	unsigned long long inode;
	long long offset;
	struct stat st;
	snprintf(path, sizeof(path), "%s/marked", directory);
	struct logwriter log;
	CHECK(logwriter_open(&log, &(struct log_options){ LOG_JSON, path, NULL, -1, 1, false }) == 0);
	CHECK(logwriter_detach(&log, 1 << 20) == 0);
	for (int round = 1; round <= 3; round++) {
		for (int i = 0; i < 300; i++)
			CHECK(logwriter_feed(&log, STREAM_STDOUT, "before\n", 7, false) == 7);
		logwriter_mark(&log, &inode, &offset);
		CHECK(stat(path, &st) == 0 && st.st_ino == inode && st.st_size == offset);
	}
	CHECK(logwriter_feed(&log, STREAM_STDOUT, "after\n", 6, false) == 6);
	logwriter_close(&log);
	CHECK(read_text(path, text, sizeof(text)) > offset);
	CHECK(strstr(text, "after") >= text + offset);
	logwriter_mark(&log, &inode, &offset);
	CHECK(inode == 0 && offset == 0);
}

int main(void)
{
	CHECK(mkdtemp(directory));
	never_waits();
	loses_nothing_in_time();
	tells_how_far_it_is();
	char command[128];
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) != 0;
}
