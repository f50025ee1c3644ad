import { type FileHandle, open } from 'node:fs/promises'
import type { StateDirectory } from '../state/state-directory.ts'

/** By how many bytes, besides its size after the last rewrite, a file may grow before it is rewritten. */
const LEAST_GROWTH = 1_048_576

/**
 * The file in which a process saves its sessions: it writes all of them, then appends each change, until there are so
 * many changes that the file is better rewritten. No other process writes to it.
 */
export class SessionJournal {
  readonly name: string
  readonly #directory: StateDirectory
  #file: FileHandle | undefined
  #length = 0
  #wholeLength = 0
  #isSynced = true

  constructor(directory: StateDirectory, name: string) {
    this.#directory = directory
    this.name = name
  }

  /** Whether there is a file to append to. */
  get isOpen(): boolean {
    return this.#file !== undefined
  }

  /** Whether the file must be rewritten with all sessions, rather than appended to. */
  get isDue(): boolean {
    return this.#file === undefined || this.#length > 2 * this.#wholeLength + LEAST_GROWTH
  }

  /** Replaces the file, entirely or not at all, and brings it to the disk; returns whether it did. */
  async rewrite(pieces: AsyncIterable<Uint8Array>): Promise<boolean> {
    if (!(await this.#directory.writePieces(this.name, pieces))) return false
    await this.close()
    try {
      this.#file = await open(this.#directory.pathOf(this.name), 'r+')
      this.#length = this.#wholeLength = (await this.#file.stat()).size
    } catch (error) {
      return this.#failed(error as Error)
    }
    return true
  }

  /**
   * Appends changes; returns whether that succeeded. If not, the file must be rewritten: it may hold any part of them,
   * or be gone.
   */
  async append(bytes: Uint8Array): Promise<boolean> {
    try {
      const file = this.#file!
      // A later run that has taken over all sessions may have removed the file.
      if ((await file.stat()).nlink === 0) return await this.#lost()
      const { bytesWritten } = await file.write(bytes, 0, bytes.length, this.#length)
      if (bytesWritten < bytes.length) throw new Error('no space is left')
      this.#length += bytes.length
      this.#isSynced = false
      return true
    } catch (error) {
      return this.#failed(error as Error)
    }
  }

  /** Resolves once everything is on the disk, so that it outlives a power cut. */
  async sync(): Promise<void> {
    if (this.#isSynced) return
    this.#isSynced = true
    try {
      await this.#file?.datasync()
    } catch (error) {
      await this.#failed(error as Error)
    }
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close().catch(ignore)
  }

  async #failed(error: Error): Promise<false> {
    this.#directory.warnOfLoss(this.name, error)
    return this.#lost()
  }

  async #lost(): Promise<false> {
    await this.close()
    return false
  }
}

function ignore(): void {}
