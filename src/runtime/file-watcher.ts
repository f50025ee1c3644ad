import { type FSWatcher, statSync, watch } from 'node:fs'

export interface Pace {
  /** How often files are looked at where the system does not say that they have changed, in ms. */
  readonly lookEvery: number
  /** How long several changes in a row are taken for one, in ms. */
  readonly settle: number
}

interface Watched {
  readonly watcher: FSWatcher
  /** Another directory may take its path. */
  readonly inode: number
}

/**
 * Says when to look at files again. It watches their directories, so that links and files that are replaced are noticed, and looks
 * from time to time, since not every file system reports changes. Does not keep the process alive.
 */
export class FileWatcher {
  readonly #look: () => void
  readonly #pace: Pace
  readonly #directories = new Map<string, Watched>()
  #interval: NodeJS.Timeout | undefined
  #settling: NodeJS.Timeout | undefined

  /** @param look called when a file may have changed */
  constructor(look: () => void, pace: Pace) {
    this.#look = look
    this.#pace = pace
  }

  /**
   * Watches these directories from now on, and no others. Those that are not there are only looked at from time to time.
   *
   * @returns whether one of them is watched from now on: what happened there before is not reported
   */
  watch(directories: Iterable<string>): boolean {
    const wanted = new Set(directories)
    for (const [directory, { inode }] of this.#directories)
      if (!wanted.has(directory) || inodeOf(directory) !== inode) this.#forget(directory)
    let isNew = false
    for (const directory of wanted) if (!this.#directories.has(directory)) isNew = this.#open(directory) || isNew
    if (wanted.size > 0) this.#interval ??= setInterval(() => this.#look(), this.#pace.lookEvery).unref()
    else this.#stopLooking()
    return isNew
  }

  close(): void {
    this.watch([])
    clearTimeout(this.#settling)
  }

  #open(directory: string): boolean {
    const inode = inodeOf(directory)
    if (inode === undefined) return false
    try {
      const watcher = watch(directory, { persistent: false }, () => {
        this.#settling ??= setTimeout(() => {
          this.#settling = undefined
          this.#look()
        }, this.#pace.settle).unref()
      })
      // The directory may be removed, or the system may have too many watchers: then there are only looks.
      watcher.on('error', () => this.#forget(directory))
      this.#directories.set(directory, { watcher, inode })
      return true
    } catch {
      return false
    }
  }

  #forget(directory: string): void {
    this.#directories.get(directory)?.watcher.close()
    this.#directories.delete(directory)
  }

  #stopLooking(): void {
    clearInterval(this.#interval)
    this.#interval = undefined
  }
}

function inodeOf(directory: string): number | undefined {
  return statSync(directory, { throwIfNoEntry: false })?.ino
}
