import type { Ulimit } from '../engine/containers/container-config.js';

/** Whether setting an option does something: `none` is accepted with a warning, `refused` stops the daemon. */
export type OptionEffect = 'full' | 'none' | 'refused';

/** How the values of one type are read and shown. Errors are plain, worded as Go's own, without the option's name. */
export interface OptionKind<T> {
  /** The type's name in the help; '' for booleans, which take no value. */
  readonly typeName: string;
  /** Of the values that the flag was given, in order; at least one. */
  fromFlag(values: string[]): T;
  /** Of the value in daemon.json. Throws `GoTypeError` for a wrong type. */
  fromJson(value: unknown): T;
  /** As Go prints it. */
  show(value: T): string;
  /** Whether `--flag` and the file may both be given, and how both are put together. */
  merge?(fromFlag: T, fromFile: T): T;
}

/** One line of the table of options. */
export interface Option<T> {
  readonly kind: OptionKind<T>;
  /** Long name; null: in the file only. */
  readonly flag: string | null;
  readonly short: string;
  readonly defaultValue: T;
  /** A SIGHUP takes the new value. */
  readonly reloadable: boolean;
  readonly effect: OptionEffect;
  readonly help: string;
  /** Inside which object of daemon.json; '' for the top. */
  readonly section: string;
  /** Whether daemon.json can't have it. */
  readonly flagOnly: boolean;
}

/** A JSON value of the wrong type: `json: cannot unmarshal string into Go struct field Config.debug of type bool`. */
export class GoTypeError extends Error {
  override readonly name = 'GoTypeError';

  constructor(
    readonly found: string,
    readonly expected: string,
  ) {
    super(`json: cannot unmarshal ${found} into Go value of type ${expected}`);
  }
}

export interface Runtime {
  path: string;
  runtimeArgs: string[];
  /** A shim's name, which we take as the runtime of that kind; '' for a plain path. */
  runtimeType: string;
}

export interface AddressPool {
  /** CIDR. */
  base: string;
  size: number;
}

export type { Ulimit };
