/*
 * What is spoken on the shim's unix stream socket. src/host/shim/protocol.ts is the other side of this file.
 *
 * Every connection begins with one line from the client that says what it is.
 *
 * "control 1\n": lines both ways. The shim greets with "state …", and, if they have happened already, "exit …" and
 * "deleted"; a control client that comes late therefore knows what one that was there from the start knows.
 *   requests                  replies
 *     start                     started … | failed …      (asked again: the same answer again)
 *     kill <signo>              ok | err <text>           kill(2) on the first process, never on a recycled pid
 *     resize <height> <width>   ok | err <text>
 *     close-stdin               ok | err <text>           end of file once what clients have sent has been delivered
 *     state                     state <created|starting|running|exited> <pid>   (pid 0 before the start)
 *     quit                      ok, and the shim is gone; err unless the state is created
 *   Replies other than events come in the order of the requests. Events, to every control client:
 *     started <pid> <startedAt>
 *     failed <exit code of the runtime> <base64 of its error message>     and the shim ends
 *     exit <code> <signal> <oomKilled 0|1> <finishedAt>                   the exit record is on disk
 *     deleted                                                             the runtime has forgotten the container
 *     delete-failed <base64 of the runtime's error message>
 *   Times are RFC 3339 with nanoseconds, UTC. A code of -1 means that the status was lost.
 *
 * "attach <stdin 0|1> <stdout 0|1> <stderr 0|1>\n": answered with "attached\n"; from then on output as Docker's frames
 * ([stream][0 0 0][length, big endian][payload]), or raw bytes with a terminal. What the client sends is stdin. Its half
 * close ends the container's stdin when that is meant for one client only (--stdin-once, no terminal); otherwise it ends
 * this attachment and leaves stdin open, which is what dockerd does. Output before the first client is lost to attach
 * (it is in the log), so attach before "start". End of file comes after "exit" was announced.
 *
 * While nobody has asked for "start", the shim waits START_WAIT_MS from the last control connection's end, then leaves.
 */
#ifndef WHARF_PROTOCOL_H
#define WHARF_PROTOCOL_H

#define PROTOCOL_VERSION "1"
#define PROTOCOL_LINE_MAX 256

#define STREAM_STDOUT 1
#define STREAM_STDERR 2
#define FRAME_HEADER_BYTES 8

/* A shim that nobody has started leaves after this. */
#define START_WAIT_MS 30000
/* Output that other processes still may write after the first one's end; dockerd waits as long. */
#define DRAIN_GRACE_MS 2000
/* How soon it is looked again whether the first process has become a child of the shim. */
#define PARENTAGE_RETRY_MS 10
/* After the end, a client that reads nothing for this long is dropped, so that the shim can leave. */
#define CLIENT_STALL_MS 10000

/* What one attach client may leave unread before the container has to wait for it. */
#define CLIENT_BACKLOG_BYTES (1U << 20)
/* The same after the container's end, so that a client that sleeps does not delay the exit status. */
#define CLIENT_BACKLOG_AFTER_EXIT_BYTES (8U << 20)

#endif
