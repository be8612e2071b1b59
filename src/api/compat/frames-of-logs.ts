/** Clients that write what they read to their own streams, whatever frames it comes in. */
const STREAMING_AGENT = /^Docker-Client\//;

/** Whether lines of a log may share frames in the reply to a client; others are known to take each frame for a line. */
export function takesJoinedFrames(userAgent: string | undefined): boolean {
  return STREAMING_AGENT.test(userAgent ?? '');
}
