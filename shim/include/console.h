/* How a runtime hands over a terminal: it connects to a unix socket and sends the pty's master as ancillary data. */
#ifndef WHARF_CONSOLE_H
#define WHARF_CONSOLE_H

/* Listens on path (removed first); returns a non-blocking descriptor. -ENAMETOOLONG if path does not fit. */
int console_listen(const char *path);

/* Accepts one connection and receives the master, made non-blocking. -EAGAIN if nobody has connected. */
int console_receive(int listener);

/* Sets the window size. */
int console_resize(int master, unsigned short height, unsigned short width);

#endif
