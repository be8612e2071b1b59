/*
 * A record of dockerd's local log driver: [length, big endian] [protobuf message] [length again]. The message has source (1, string),
 * time_nano (2, varint), line (3, bytes, without newline), and for pieces partial (4, bool) and partial_log_metadata (5: last (1, bool),
 * id (2, string), ordinal (3, varint)). Source: files that dockerd 28.5 has written.
 */
#ifndef WHARF_LOCALLOG_H
#define WHARF_LOCALLOG_H

struct log_piece;

/* Writes a record; out needs the piece's length + 128 bytes. Returns the end of what was written. */
char *locallog_put(char *out, const struct log_piece *piece);

#endif
