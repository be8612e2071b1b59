/** What an entry of an archive is. Regular files include the contiguous and sparse kinds. */
export type TarEntryType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'char' | 'block' | 'fifo';

/** One entry of a tar archive, all its extension headers applied. Names are binary strings (see binary-name.ts). */
export interface TarEntry {
  /** As in the archive: not cleaned, may be absolute or contain `..`. */
  name: string;
  type: TarEntryType;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  mode: number;
  uid: number;
  gid: number;
  /** Size of the file's content once written out (holes included); 0 for everything that is not a file. */
  sizeBytes: number;
  mtimeNs: bigint;
  /** Target of a symbolic or hard link, else ``. */
  linkName: string;
  deviceMajor: number;
  deviceMinor: number;
  /** Extended attributes by full name (`security.capability`); null when the archive carries none. */
  xattrs: Map<string, Buffer> | null;
}

/** A piece of a sparse file's content. */
export interface SparseRegion {
  offset: number;
  length: number;
}
