import { readFile, stat } from 'node:fs/promises'
import { getSystemErrorMessage } from 'node:util'
import { type ListedServers, NoServerList, readServerList } from '../server-list.ts'

/** A list that large has far more servers than one upstream may. In bytes. */
const LARGEST = 8 * 1024 * 1024
/** A file is read once nobody has written to it for this time, in ms. */
const SETTLED = 50
/** How long a text that is no whole list, or a file that is missing, may still be the middle of a change, in ms. */
const IN_THE_MIDDLE = 500
/** A file that is written to all the time is read at least this often, in ms. */
const PATIENCE = 2000

/** One file with a list of servers, as it was at the last look. */
export class ListFile {
  readonly path: string
  /** What it had when it was last a list. */
  listed: ListedServers | undefined
  /** Why it is no list now. */
  failure: NoServerList | undefined
  /** Another one for another content. */
  signature = ''
  isMissing = false
  /** Since when it may be another file in a moment: what was known of it still holds. */
  #changingSince: number | undefined

  constructor(path: string) {
    this.path = path
  }

  get isChanging(): boolean {
    return this.#changingSince !== undefined
  }

  async look(): Promise<void> {
    try {
      await this.#look()
    } catch (error) {
      this.#cannotBeRead(error as NodeJS.ErrnoException)
    }
  }

  async #look(): Promise<void> {
    const stats = await stat(this.path, { bigint: true })
    const { dev, ino, size, mode, mtimeMs, mtimeNs, ctimeNs } = stats
    if (!stats.isFile())
      throw new Error(`expected a file, found a ${stats.isDirectory() ? 'folder' : 'device or socket'}`)
    this.isMissing = false
    const signature = [dev, ino, size, mode, mtimeNs, ctimeNs].join(' ')
    const writtenAt = Number(mtimeMs)
    if (signature === this.signature) this.#changingSince = undefined
    else if (!this.#mayChange(writtenAt, SETTLED)) await this.#read(signature, writtenAt, Number(size))
  }

  async #read(signature: string, writtenAt: number, size: number): Promise<void> {
    const { path } = this
    try {
      if (size > LARGEST)
        throw new NoServerList({ where: path, message: `expected at most ${LARGEST} bytes, found ${size}` })
      const text = textOf(path, await readFile(path))
      const listed = readServerList(path, text, this.listed)
      if (!endsWhole(text) && this.#mayChange(writtenAt, IN_THE_MIDDLE)) return
      this.listed = listed
      this.failure = undefined
    } catch (error) {
      if (!(error instanceof NoServerList)) throw error
      if (this.#mayChange(writtenAt, IN_THE_MIDDLE)) return
      this.failure = error
    }
    this.signature = signature
    this.#changingSince = undefined
  }

  #cannotBeRead({ code, errno, message }: NodeJS.ErrnoException): void {
    this.isMissing = code === 'ENOENT'
    const missingSince = this.#changingSince ?? Date.now()
    if (this.isMissing && this.listed !== undefined && this.#mayChange(missingSince, IN_THE_MIDDLE)) return
    this.#changingSince = undefined
    this.signature = code ?? message
    const reason = errno === undefined ? message : `cannot be read: ${getSystemErrorMessage(errno)}`
    this.failure = new NoServerList({ where: this.path, message: reason })
  }

  /** Whether what happened then may go on, as it does for that time, in ms. */
  #mayChange(changedAt: number, during: number): boolean {
    const now = Date.now()
    const age = now - changedAt
    const since = this.#changingSince ?? now
    // A file may be dated in the future, as by a file server whose clock is ahead.
    const may = age >= 0 && age < during && now - since < PATIENCE
    this.#changingSince = may ? since : undefined
    return may
  }
}

function textOf(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new NoServerList({ where: path, message: 'expected UTF-8 text, found other bytes' })
  }
}

/** Whether nothing is likely to be missing at the end: JSON says so itself, and a line of YAML may go on. */
function endsWhole(text: string): boolean {
  return /[\n\]}]\s*$/.test(text.slice(-80))
}
