/** The OCI runtime did not start the process. */
export class RuntimeStartError extends Error {
  override readonly name = 'RuntimeStartError';

  /**
   * @param runtimeExitCode the runtime's own exit code; -1 if it could not be run at all, 128 + signal if it was killed
   * @param message the last error of the runtime's log, in its words (`runc run failed: unable to start …`), or what it
   *   wrote to its stderr; may be empty
   */
  constructor(
    readonly runtimeExitCode: number,
    message: string,
  ) {
    super(message);
  }
}
