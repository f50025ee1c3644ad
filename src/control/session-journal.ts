import { type FileHandle, open } from 'node:fs/promises'
import type { StateDirectory } from './state-directory.ts'

/** A file may grow by so much, in bytes, and by its size when it was written whole, before it is written whole again. */
const LEAST_GROWTH = 1_048_576

/**
 * The file that a process writes its sessions to: all of them at once, then each change at its end, until there are so many
 * changes that it is better written whole again. Nobody else writes to it.
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

  /** Whether all sessions are to be written, and not changes only. */
  get isDue(): boolean {
    return this.#file === undefined || this.#length > 2 * this.#wholeLength + LEAST_GROWTH
  }

  /** Replaces the file whole, or not at all, and has it on the disk; returns whether it did. */
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
   * Adds changes at the end; returns whether it could. If not, the file is to be written whole: nobody knows how much of
   * them is in it, or whether there still is a file.
   */
  async append(bytes: Uint8Array): Promise<boolean> {
    try {
      const file = this.#file!
      // A later run that has taken everything over may have removed it.
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
    this.#directory.tellOfLoss(this.name, error)
    return this.#lost()
  }

  async #lost(): Promise<false> {
    await this.close()
    return false
  }
}

function ignore(): void {}
