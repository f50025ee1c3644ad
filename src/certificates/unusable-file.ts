/** A file that cannot be used for TLS. Its message completes `FILE: …`. */
export class UnusableFile extends Error {
  override readonly name = 'UnusableFile'
  readonly path: string
  /** How to fix it. */
  readonly hint: string | undefined

  constructor(path: string, message: string, hint?: string) {
    super(message)
    this.path = path
    this.hint = hint
  }
}
