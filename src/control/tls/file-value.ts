import { statSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'

/** What files hold, read again when they change. What they held last that was usable stays. */
export class FileValue<Value> {
  readonly paths: readonly string[]
  readonly #read: () => Value
  #value: Value
  /** What the system said of the files when they were read last. */
  #seen: string

  /**
   * @param read reads these files
   * @throws UnusableFile
   */
  constructor(paths: readonly string[], read: () => Value) {
    this.paths = paths
    this.#read = read
    this.#seen = stampOf(paths)
    this.#value = read()
  }

  get value(): Value {
    return this.#value
  }

  /** Whether the files may hold something else than when they were read last. */
  get isOutdated(): boolean {
    return stampOf(this.paths) !== this.#seen
  }

  /**
   * Reads the files if they have changed, and returns whether they hold something else. They are read once for each change, usable or
   * not.
   *
   * @throws UnusableFile if they are unusable by now; then the value stays
   */
  refresh(): boolean {
    // Taken first: a change while they are read is seen by the next look.
    const stamp = stampOf(this.paths)
    if (stamp === this.#seen) return false
    this.#seen = stamp
    const value = this.#read()
    if (isDeepStrictEqual(value, this.#value)) return false
    this.#value = value
    return true
  }
}

/** Links are followed, so that one that leads elsewhere is another file. */
function stampOf(paths: readonly string[]): string {
  return paths
    .map((path) => {
      try {
        const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
        return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
      } catch (error) {
        // It may be gone, links may lead in a circle, or its directory may be closed to Limpet.
        return (error as NodeJS.ErrnoException).code
      }
    })
    .join()
}
