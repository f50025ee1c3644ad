/** A page in a file, as it travels to workers. */
export interface PageFile {
  /** The path of the file. */
  readonly name: string
  /** In memory that all workers share. */
  readonly bytes: Uint8Array
}
