import { UnusableFile } from '../../certificates/unusable-file.ts'
import { FileValue } from './file-value.ts'

/** What files hold that were read for some purpose. */
export class FileBook {
  readonly #values = new Map<string, FileValue<unknown>>()
  /** Those that were asked for since the last call of `forget`. */
  readonly #asked = new Set<string>()

  /**
   * What the files hold; they are read where that is asked for the first time.
   *
   * @param purpose with the paths it tells apart what is read in different ways
   * @param read reads them
   * @throws UnusableFile
   */
  read<Value>(purpose: string, paths: readonly string[], read: () => Value): Value {
    const id = [purpose, ...paths].join('\0')
    const known = this.#values.get(id) ?? new FileValue(paths, read)
    this.#values.set(id, known)
    this.#asked.add(id)
    return known.value as Value
  }

  /** The paths of all files. */
  get paths(): string[] {
    return [...new Set([...this.#values.values()].flatMap(({ paths }) => paths))]
  }

  /** Whether a file has changed since it was read. */
  get isOutdated(): boolean {
    return [...this.#values.values()].some((value) => value.isOutdated)
  }

  /** Reads again what has changed, and returns whether anything has. What is unusable by now stays as it was, and is reported. */
  refresh(report: (trouble: UnusableFile) => void): boolean {
    let hasChanged = false
    for (const value of this.#values.values()) {
      try {
        hasChanged = value.refresh() || hasChanged
      } catch (error) {
        if (!(error instanceof UnusableFile)) throw error
        report(error)
      }
    }
    return hasChanged
  }

  /** Forgets what was not asked for since the last call. */
  forget(): void {
    for (const id of this.#values.keys()) if (!this.#asked.has(id)) this.#values.delete(id)
    this.#asked.clear()
  }
}
