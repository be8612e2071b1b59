/* The requests of control clients. */
#ifndef WHARF_CONTROL_H
#define WHARF_CONTROL_H

struct shim;
struct client;

/* Tells a new control client everything that has happened. */
void control_greet(struct shim *shim, struct client *client);

/* Answers one line (without its \n). */
void control_request(struct shim *shim, struct client *client, const char *line);

#endif
