/* What attach clients say: how they want to be served, and stdin. */
#ifndef WHARF_ATTACH_H
#define WHARF_ATTACH_H

#include <stddef.h>

struct shim;
struct client;

/* The first line of an attach client. */
void attach_begin(struct shim *shim, struct client *client, const char *line);

/* A line of one that is held. */
void attach_request(struct shim *shim, struct client *client, const char *line);

/* Bytes that are no lines: stdin. */
void attach_input(struct shim *shim, struct client *client, const char *data, size_t size);

/* The client's half close, after everything before it has been delivered. */
void attach_input_ended(struct shim *shim, struct client *client);

/* Goes on with stdin that the container had not taken. */
void attach_resume(struct shim *shim, struct client *client);

#endif
