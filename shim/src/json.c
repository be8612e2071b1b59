#include "json.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned char bytes16 __attribute__((vector_size(16)));

/* Whether one of 16 bytes is not copied as it is. */
static inline bool is_special16(bytes16 v)
{
	/* < and > differ in one bit only */
	bytes16 hit = (bytes16)(v < 0x20) | (bytes16)(v >= 0x80) | (bytes16)(v == '"') | (bytes16)(v == '\\') |
		      (bytes16)(v == '&') | (bytes16)((v | 2) == '>');
	uint64_t half[2];
	memcpy(half, &hit, sizeof(half));
	return (half[0] | half[1]) != 0;
}

static inline bool is_special(unsigned char c)
{
	return c < 0x20 || c >= 0x80 || c == '"' || c == '\\' || c == '&' || c == '<' || c == '>';
}

/* The length of the UTF-8 sequence at p, 0 if there is none: overlong forms, surrogates and values above U+10FFFF are none. */
static size_t utf8_length(const unsigned char *p, size_t size)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t length;
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		length = 2;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		length = 3;
		if (p[0] == 0xe0)
			low = 0xa0;
		if (p[0] == 0xed)
			high = 0x9f;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		length = 4;
		if (p[0] == 0xf0)
			low = 0x90;
		if (p[0] == 0xf4)
			high = 0x8f;
	} else {
		return 0;
	}
	if (size < length || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++) {
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	}
	return length;
}

static char *put(char *out, const char *text)
{
	size_t length = strlen(text);
	memcpy(out, text, length);
	return out + length;
}

static char *escape_multibyte(char *out, const unsigned char **text, size_t size)
{
	const unsigned char *p = *text;
	size_t length = utf8_length(p, size);
	if (length == 0) {
		*text = p + 1;
		return put(out, "\\ufffd");
	}
	*text = p + length;
	if (length == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
		return put(out, p[2] == 0xa8 ? "\\u2028" : "\\u2029");
	memcpy(out, p, length);
	return out + length;
}

static char *escape_ascii(char *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	*out++ = '\\';
	switch (c) {
	case '"':
	case '\\':
		*out++ = (char)c;
		return out;
	case '\n':
		*out++ = 'n';
		return out;
	case '\r':
		*out++ = 'r';
		return out;
	default:
		out = put(out, "u00");
		*out++ = hex[c >> 4];
		*out++ = hex[c & 15];
		return out;
	}
}

char *json_escape(char *out, const char *text, size_t size)
{
	const unsigned char *p = (const unsigned char *)text;
	const unsigned char *end = p + size;
	while (p < end) {
		while (end - p >= 16) {
			bytes16 v;
			memcpy(&v, p, sizeof(v));
			if (is_special16(v))
				break;
			memcpy(out, &v, sizeof(v));
			p += 16;
			out += 16;
		}
		while (p < end && !is_special(*p))
			*out++ = (char)*p++;
		while (p < end && is_special(*p)) {
			if (*p >= 0x80)
				out = escape_multibyte(out, &p, (size_t)(end - p));
			else
				out = escape_ascii(out, *p++);
		}
	}
	return out;
}

static size_t put_codepoint(unsigned long code, char *out)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 63));
		return 2;
	}
	out[0] = (char)(0xe0 | code >> 12);
	out[1] = (char)(0x80 | (code >> 6 & 63));
	out[2] = (char)(0x80 | (code & 63));
	return 3;
}

/* Decodes the JSON string whose inside begins at p. */
static size_t unescape(const char *p, const char *end, char *out, size_t out_size)
{
	size_t length = 0;
	while (p < end && *p != '"' && length + 4 < out_size) {
		if (*p != '\\' || p + 1 >= end) {
			out[length++] = *p++;
			continue;
		}
		static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
		const char *known = strchr(from, p[1]);
		if (p[1] == 'u' && end - p >= 6) {
			char digits[5] = { p[2], p[3], p[4], p[5], '\0' };
			length += put_codepoint(strtoul(digits, NULL, 16), out + length);
			p += 6;
			continue;
		}
		out[length++] = known && *known ? to[known - from] : p[1];
		p += 2;
	}
	out[length] = '\0';
	return length;
}

static const char *find(const char *p, const char *end, const char *needle)
{
	return memmem(p, (size_t)(end - p), needle, strlen(needle));
}

/* The value of a string member of one line, or NULL. Go writes no space after the colon, crun does. */
static const char *find_member(const char *p, const char *end, const char *name)
{
	const char *at = find(p, end, name);
	if (!at)
		return NULL;
	at += strlen(name);
	while (at < end && (*at == ' ' || *at == ':'))
		at++;
	return at < end && *at == '"' ? at + 1 : NULL;
}

size_t json_last_error(const char *log, size_t size, char *out, size_t out_size)
{
	const char *end = log + size;
	const char *best = NULL, *best_end = NULL;
	bool best_is_error = false;
	for (const char *line = log; line < end;) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		if (!stop)
			stop = end;
		const char *message = find_member(line, stop, "\"msg\"");
		const char *level = find_member(line, stop, "\"level\"");
		bool is_error = level && (strncmp(level, "error", 5) == 0 || strncmp(level, "fatal", 5) == 0);
		if (message && (is_error || !best_is_error)) {
			best = message;
			best_end = stop;
			best_is_error = is_error;
		}
		line = stop + 1;
	}
	out[0] = '\0';
	return best ? unescape(best, best_end, out, out_size) : 0;
}
