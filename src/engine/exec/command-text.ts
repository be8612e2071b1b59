/** A command in the events of execs: dockerd joins the program and its arguments with a space, even when there are none. */
export function commandText([program = '', ...args]: readonly string[]): string {
  return `${program} ${args.join(' ')}`;
}
