/**
 * Unpacked layers by chain ID, as the overlay driver keeps them. What the images need of it; `host/overlay` has more.
 */
export interface LayerDirectories {
  has(chainId: string): boolean | Promise<boolean>;
  /** An empty directory to unpack into, which becomes the layer by `commit` and is gone after `abort`. */
  prepare(chainId: string): Promise<PreparedLayer>;
  /** Does nothing when there is no such layer. */
  remove(chainId: string): Promise<void>;
  /** Bytes of the files in the layer. */
  sizeBytes(chainId: string): Promise<number>;
  /** Where the layer's files are. */
  path(chainId: string): string;
  /** Every layer there is. */
  list(): Promise<string[]>;
}

export interface PreparedLayer {
  readonly dir: string;
  commit(): Promise<void>;
  abort(): Promise<void>;
}
