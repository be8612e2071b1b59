#include "locallog.h"

#include <stdio.h>
#include <string.h>

#include "logfile.h"
#include "protocol.h"

#define LENGTH_BYTES 4
#define ID_DIGITS 16

enum { SOURCE = 0x0a, TIME_NANO = 0x10, LINE = 0x1a, PARTIAL = 0x20, METADATA = 0x2a };
enum { LAST = 0x08, ID = 0x12, ORDINAL = 0x18 };

static unsigned char *put_varint(unsigned char *out, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*out++ = (unsigned char)(value | 0x80);
	*out++ = (unsigned char)value;
	return out;
}

static unsigned char *put_bytes(unsigned char *out, unsigned char tag, const void *data, size_t size)
{
	*out++ = tag;
	out = put_varint(out, size);
	memcpy(out, data, size);
	return out + size;
}

static void put_length(unsigned char *out, size_t length)
{
	for (int i = 0; i < LENGTH_BYTES; i++)
		out[i] = (unsigned char)(length >> 8 * (LENGTH_BYTES - 1 - i));
}

static unsigned char *put_metadata(unsigned char *out, const struct log_piece *piece)
{
	unsigned char body[64], *p = body;
	char id[ID_DIGITS + 1];
	/* no two lines begin at the same time */
	snprintf(id, sizeof(id), "%016llx", (unsigned long long)piece->ns);
	if (piece->newline) {
		*p++ = LAST;
		*p++ = 1;
	}
	p = put_bytes(p, ID, id, ID_DIGITS);
	*p++ = ORDINAL;
	p = put_varint(p, piece->ordinal);
	*out++ = PARTIAL;
	*out++ = 1;
	return put_bytes(out, METADATA, body, (size_t)(p - body));
}

char *locallog_put(char *out, const struct log_piece *piece)
{
	unsigned char *begin = (unsigned char *)out + LENGTH_BYTES;
	unsigned char *p = put_bytes(begin, SOURCE, piece->stream == STREAM_STDOUT ? "stdout" : "stderr", 6);
	*p++ = TIME_NANO;
	p = put_varint(p, (uint64_t)piece->ns);
	if (piece->length > 0)
		p = put_bytes(p, LINE, piece->text, piece->length);
	if (piece->ordinal > 0)
		p = put_metadata(p, piece);
	size_t length = (size_t)(p - begin);
	put_length((unsigned char *)out, length);
	put_length(p, length);
	return (char *)p + LENGTH_BYTES;
}
