import { type FSWatcher, watch } from 'node:fs'
import { dirname } from 'node:path'

/** How often files are looked at where the system does not say that they have changed, in ms. */
const LOOK_EVERY = 5000
/** How long several changes in a row are taken for one, in ms: a certificate and its key are two files. */
const SETTLE = 100

/**
 * Says when to look at files again. It watches their directories, so that links and files that are replaced are noticed, and looks
 * from time to time, since not every file system reports changes. Does not keep the process alive.
 */
export class FileWatcher {
  readonly #look: () => void
  readonly #directories = new Map<string, FSWatcher>()
  #interval: NodeJS.Timeout | undefined
  #settling: NodeJS.Timeout | undefined

  /** @param look called when a file may have changed */
  constructor(look: () => void) {
    this.#look = look
  }

  /** Watches these files from now on, and no others. */
  watch(paths: readonly string[]): void {
    const directories = new Set(paths.map((path) => dirname(path)))
    for (const [directory, watcher] of this.#directories) {
      if (directories.has(directory)) continue
      watcher.close()
      this.#directories.delete(directory)
    }
    for (const directory of directories) if (!this.#directories.has(directory)) this.#open(directory)
    if (paths.length > 0) this.#interval ??= setInterval(() => this.#look(), LOOK_EVERY).unref()
    else this.#stopLooking()
  }

  close(): void {
    this.watch([])
    clearTimeout(this.#settling)
  }

  #open(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, () => {
        this.#settling ??= setTimeout(() => {
          this.#settling = undefined
          this.#look()
        }, SETTLE).unref()
      })
      // The directory may be removed, or the system may have too many watchers: then there are only looks.
      watcher.on('error', () => {
        watcher.close()
        this.#directories.delete(directory)
      })
      this.#directories.set(directory, watcher)
    } catch {}
  }

  #stopLooking(): void {
    clearInterval(this.#interval)
    this.#interval = undefined
  }
}
