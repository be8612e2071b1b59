#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"
#include "feed.h"
#include "util.h"

#define LARGE_BYTES 300000

static char directory[64], path[96], fresh[96];

static void write_fresh(size_t size)
{
	CLEANUP_FREE char *text = malloc(size);
	memset(text, 'x', size);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0 && write_all(fd, text, size) == 0);
	close(fd);
	CHECK(rename(fresh, path) == 0);
}

/* Somebody who reads the file to its end, and leaves with 0 if it has that many bytes. */
static pid_t reader(size_t size)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid > 0)
		return pid;
	char chunk[4096];
	size_t seen = 0;
	ssize_t n;
	int fd = open(path, O_RDONLY);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		seen += (size_t)n;
	_exit(n < 0 || seen != size);
}

static bool is_content(pid_t pid)
{
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void pause_a_bit(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* Until the reader sleeps, which it does only where it opens the FIFO. */
static void await_sleep(pid_t pid)
{
	char name[64], text[512];
	snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	while (read_text(name, text, sizeof(text)) < 0 || !strstr(text, ") S "))
		pause_a_bit();
}

static void feed_all(struct feed *feed)
{
	int err;
	while ((err = feed_step(feed, monotonic_ms())) == -EAGAIN)
		pause_a_bit();
	CHECK(err == 0);
}

static void feeds_who_waits(size_t size)
{
	struct feed feed;
	struct stat st;
	feed_init(&feed);
	CHECK(feed_open(&feed, path) == 0);
	CHECK(stat(path, &st) == 0 && S_ISFIFO(st.st_mode) && (st.st_mode & 0777) == 0600);
	CHECK(feed_begin(&feed, path) == -EINVAL);
	close_and_forget(&feed.file);
	pid_t pid = reader(size);
	await_sleep(pid);
	write_fresh(size);
	CHECK(feed_begin(&feed, path) == 0);
	feed_all(&feed);
	feed_end(&feed, -1);
	CHECK(is_content(pid));
	CHECK(unlink(path) == 0);
}

static void leaves_alone_who_comes_later(void)
{
	struct feed feed;
	feed_init(&feed);
	CHECK(feed_open(&feed, path) == 0);
	write_fresh(100);
	CHECK(feed_begin(&feed, path) == 0);
	CHECK(feed_step(&feed, 1000) == -EAGAIN && feed.retry_ms == 1001 && feed.fifo.fd < 0);
	CHECK(feed_step(&feed, 1001) == -EAGAIN && feed.retry_ms == 1003);
	for (int i = 0; i < 20; i++)
		CHECK(feed_step(&feed, 2000) == -EAGAIN);
	CHECK(feed.retry_ms == 2064);
	CHECK(is_content(reader(100)));
	feed_end(&feed, -1);
	CHECK(feed.retry_ms == 0 && unlink(path) == 0);
}

static void lets_go_who_waits_in_vain(void)
{
	struct feed feed;
	feed_init(&feed);
	CHECK(feed_open(&feed, path) == 0);
	pid_t pids[2] = { reader(0), reader(0) };
	for (int i = 0; i < 2; i++)
		await_sleep(pids[i]);
	feed_end(&feed, -1);
	for (int i = 0; i < 2; i++)
		CHECK(is_content(pids[i]));
	CHECK(unlink(path) == 0);
}

int main(void)
{
	strcpy(directory, "/tmp/test_feed.XXXXXX");
	CHECK(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/config.json", directory);
	snprintf(fresh, sizeof(fresh), "%s/config.json.new", directory);
	struct feed feed;
	feed_init(&feed);
	feed_end(&feed, -1);
	feeds_who_waits(5);
	feeds_who_waits(LARGE_BYTES);
	leaves_alone_who_comes_later();
	lets_go_who_waits_in_vain();
	CHECK(mkdir(path, 0700) == 0 && feed_open(&feed, path) == -EEXIST && rmdir(path) == 0);
	CHECK(rmdir(directory) == 0);
	return 0;
}
