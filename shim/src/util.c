#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void close_and_forget(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int directory_of(const char *path, char out[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;
	if (length >= PATH_MAX)
		return -ENAMETOOLONG;
	if (length == 0) {
		strcpy(out, slash ? "/" : ".");
		return 0;
	}
	memcpy(out, path, length);
	out[length] = '\0';
	return 0;
}

int close_all_but(int a, int b)
{
	unsigned int low = (unsigned int)(a < b ? a : b), high = (unsigned int)(a < b ? b : a);
	if (low > 3 && close_range(3, low - 1, 0) < 0)
		return -errno;
	if (high > low + 1 && close_range(low + 1, high - 1, 0) < 0)
		return -errno;
	return close_range(high + 1, ~0U, 0) < 0 ? -errno : 0;
}

int redirect_stdio(const char *log_path)
{
	CLEANUP_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -errno;
	CLEANUP_FD int log = log_path ? open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640) : -1;
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(log >= 0 ? log : null, STDERR_FILENO) < 0)
		return -errno;
	return 0;
}

int write_all(int fd, const void *data, size_t size)
{
	const char *p = data;
	while (size > 0) {
		ssize_t n = write(fd, p, size);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

int read_text(const char *path, char *buffer, size_t size)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	size_t length = 0;
	while (length < size - 1) {
		ssize_t n = read(fd, buffer + length, size - 1 - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
	}
	buffer[length] = '\0';
	return (int)length;
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t monotonic_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

int64_t monotonic_us(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000;
}

int64_t sooner(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

int64_t realtime_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

size_t format_rfc3339(int64_t ns, char out[RFC3339_SIZE])
{
	time_t seconds = (time_t)(ns / 1000000000);
	long fraction = (long)(ns % 1000000000);
	struct tm tm;
	gmtime_r(&seconds, &tm);
	size_t length = strftime(out, RFC3339_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	if (fraction > 0) {
		length += (size_t)snprintf(out + length, RFC3339_SIZE - length, ".%09ld", fraction);
		while (out[length - 1] == '0')
			length--;
	}
	out[length++] = 'Z';
	out[length] = '\0';
	return length;
}

void encode_base64(const void *data, size_t size, char *out)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = data;
	for (size_t i = 0; i < size; i += 3) {
		uint32_t word = (uint32_t)p[i] << 16;
		if (i + 1 < size)
			word |= (uint32_t)p[i + 1] << 8;
		if (i + 2 < size)
			word |= p[i + 2];
		*out++ = alphabet[word >> 18];
		*out++ = alphabet[word >> 12 & 63];
		*out++ = i + 1 < size ? alphabet[word >> 6 & 63] : '=';
		*out++ = i + 2 < size ? alphabet[word & 63] : '=';
	}
	*out = '\0';
}

void shim_log(const char *format, ...)
{
	char line[1024];
	char now[RFC3339_SIZE];
	format_rfc3339(realtime_ns(), now);
	int head = snprintf(line, sizeof(line), "%s ", now);
	va_list args;
	va_start(args, format);
	int body = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, format, args);
	va_end(args);
	size_t length = (size_t)head + (size_t)(body < 0 ? 0 : body);
	if (length > sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	/* There is nowhere left to say that this failed. */
	(void)!write(STDERR_FILENO, line, length);
}
