import { resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { FileSource } from '../config/sources/file.ts'
import { FileWatcher } from '../runtime/file-watcher.ts'
import { eachDifferent } from './each-different.ts'
import { ListFiles, type Look } from './file/list-files.ts'
import { isSameList } from './list-changes.ts'
import type { Provider, ServerList } from './provider.ts'

/** In ms. */
const pace = { lookEvery: 1000, settle: 10 }
/** How long to wait before a file that is changing is looked at again, in ms. */
const AGAIN = 50

/** The list in a file, or in the files of a folder. */
export function fileProvider({ path }: FileSource): Provider {
  return new FileProvider(resolve(path))
}

class FileProvider implements Provider {
  readonly name: string
  readonly #files: ListFiles
  /** What was there at the last look that was taken for whole. */
  #seen = ''

  constructor(path: string) {
    this.name = `file ${path}`
    this.#files = new ListFiles(path)
  }

  watch(signal: AbortSignal): AsyncGenerator<ServerList, void> {
    return eachDifferent(this.#lists(signal), isSameList, signal)
  }

  async changed(signal: AbortSignal): Promise<void> {
    for await (const { signature } of this.#looks(signal)) if (signature !== this.#seen) return
  }

  async *#lists(signal: AbortSignal): AsyncGenerator<ServerList, void> {
    for await (const { signature, found } of this.#looks(signal)) {
      this.#seen = signature
      yield found()
    }
  }

  /** What is there now, and again when it may be something else. While it is changing, it is waited for. */
  async *#looks(signal: AbortSignal): AsyncGenerator<Look, void> {
    let news = Promise.withResolvers<void>()
    const wake = () => news.resolve()
    const watcher = new FileWatcher(wake, pace)
    signal.addEventListener('abort', wake)
    try {
      while (!signal.aborted) {
        news = Promise.withResolvers()
        const look = await this.#files.look()
        if (watcher.watch(look.directories)) continue
        if (look.isChanging) {
          await pause(AGAIN)
          continue
        }
        yield look
        if (!signal.aborted) await news.promise
      }
    } finally {
      signal.removeEventListener('abort', wake)
      watcher.close()
    }
  }
}
