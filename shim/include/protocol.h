/*
 * What is spoken on the shim's unix stream socket. src/host/shim/protocol.ts is the other side of this file.
 *
 * Every connection begins with one line from the client that says what it is.
 *
 * "control 1\n": lines both ways. The shim greets with "state …", and, if they have happened already, "oom …",
 * "exit …" and "deleted"; a control client that comes late therefore knows what one that was there from the start knows.
 *   requests                  replies
 *     claim                     ok | err <text>           only with --ahead, before start: the log is opened; an error also when what
 *                                                         was created has ended meanwhile; see below
 *     feed                      ok | err <text>           only with --ahead and --gate, before start: see below
 *     start                     started … | failed …      (asked again: the same answer again)
 *     kill <signo>              ok | err <text>           kill(2) on the first process, never on a recycled pid
 *     resize <height> <width>   ok | err <text>
 *     recorded                  ok                        the exit is in the daemon's state: clients may see the end
 *     delete                    ok | err <text>           after "exit": let the runtime forget the container; else it does DELETE_WAIT_MS
 *                                                         later, or as soon as there is no control client
 *     close-stdin               ok | err <text>           end of file once what clients have sent has been delivered
 *     state                     state <created|starting|running|exited> <pid>   (pid 0 before the start)
 *     quit                      ok, and the shim is gone (after "feed": goes); err unless the state is created
 *   Replies other than events come in the order of the requests. Events, to every control client:
 *     started <pid> <startedAt>
 *     failed <exit code of the runtime> <base64 of its error message>     and the shim ends
 *     oom <count>                                                         memory has run out, for the <count>th time of this run
 *     exit <code> <signal> <count of ooms> <finishedAt>                   the exit record is on disk
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
 * "attach <stdin 0|1> <stdout 0|1> <stderr 0|1> held [seam]\n": output is kept until the client has said where it goes. Answered with
 * "attached <inode> <offset>\n": the log file, and how much of it was written before this client's output begins; 0 0 if that can't be
 * told, or nobody asked with seam. With seam, output that was read but is not in the log yet, the beginning of a line, is the first that this client gets. Then either
 *     relay                     from now on as without "held"
 *     handover <bytes> <keys>   with a connected socket as ancillary data, on which the client is spoken to from now on. It has
 *                               sent <bytes> bytes of stdin already, which follow here; <keys> is its detach sequence in hexadecimal digits,
 *                               or "-". Here comes "detached\n" if it was typed, and end of file when the client is served.
 * The end of file of a client that was handed over waits until a control client says "recorded", or there is none.
 *
 * A client that does not read fast enough makes the container wait CLIENT_GRACE_MS; then its output goes into a file without a name, and
 * when that has become too large, the client is dropped.
 *
 * While nobody has asked for "start", the shim waits START_WAIT_MS from the last control connection's end, then leaves.
 *
 * With --ahead the runtime is started at once, and waits: the bundle's config.json is a FIFO then. The client renames the specification
 * over it before it asks for "start". Until then nothing of the container exists. If the runtime ends before, the shim leaves without a
 * word; so it does when the last control connection ends, or none comes within AHEAD_WAIT_MS. The runtime never stays: should the shim be
 * killed, the kernel kills it as well.
 *
 * With --gate the runtime only creates the container, whose first process then opens that FIFO for writing and waits there; the shim opens
 * it for reading at the "start". So the specification can be passed on before, with "feed". A shim that leaves after that, at "quit" or
 * when it is alone, has the runtime delete the container first: its connection ends when nothing is left.
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
/* A shim that runs ahead has its daemon waiting for it to listen. */
#define AHEAD_WAIT_MS 2000
/* Output that other processes still may write after the first one's end; dockerd waits as long. */
#define DRAIN_GRACE_MS 2000
/* How soon it is looked again whether the gate is there. */
#define GATE_RETRY_MS 2
/* So often: for two seconds. */
#define GATE_LOOKS_MAX 1000
/* What a runtime that is at work may take to end when what it makes is not wanted any more. */
#define RUNTIME_PATIENCE_MS 10000
/* How soon it is looked again whether the first process has become a child of the shim. */
#define PARENTAGE_RETRY_MS 10
/* After the end, a client that reads nothing for this long is dropped, so that the shim can leave. */
#define CLIENT_STALL_MS 600000
/* A client that has got its end of file, and neither sends nor closes, is dropped after this. */
#define CLIENT_LINGER_MS 10000
/* How long the end of file waits for a daemon to record the exit. */
#define RECORD_WAIT_MS 10000

/* How long the runtime's delete waits for a daemon that is busy with the end. */
#define DELETE_WAIT_MS 100

/* What one attach client may leave unread before the container has to wait for it, */
#define CLIENT_BACKLOG_BYTES (512U << 10)
/* and for how long. */
#define CLIENT_GRACE_MS 100

#endif
