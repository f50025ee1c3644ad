import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import type { SavedSession } from '../../runtime/session-table/session-entries.ts'
import { hasEnded } from '../state/process-identity.ts'
import type { StateDirectory } from '../state/state-directory.ts'
import { parseHead, RECORD, readRecord, type SessionFileHead } from './session-file.ts'

/** How many records are read at once: about a millisecond's work. */
const RECORDS_AT_ONCE = 1024
/** The maximum size of the head, which grows with the names of the servers. */
const LONGEST_HEAD = 16 * 1024 * 1024

/**
 * The sessions of another run of the program, which may still be running: reads what it has saved, and what it still
 * saves.
 */
export class OtherRun {
  readonly name: string
  readonly #directory: StateDirectory
  /** Whether everything that it saved has been read, and it saves nothing more. */
  isOver = false
  /** Whether its file has the format of Limpet's session files. */
  isReadable = true
  readonly #path: string
  readonly #slotsOf: (head: SessionFileHead) => readonly (number | undefined)[]
  readonly #bytes = Buffer.allocUnsafe(RECORDS_AT_ONCE * RECORD)
  #file: number | undefined
  #inode = 0
  #position = 0
  #hasWarned = false
  #head: SessionFileHead | undefined
  #slots: readonly (number | undefined)[] = []

  /**
   * @param slotsOf gives the slot in this run for each server of a head; undefined if its sessions cannot be used here
   */
  constructor(
    directory: StateDirectory,
    name: string,
    slotsOf: (head: SessionFileHead) => readonly (number | undefined)[],
  ) {
    this.name = name
    this.#directory = directory
    this.#path = directory.pathOf(name)
    this.#slotsOf = slotsOf
  }

  /** Reads part of what has been saved since the last call; returns whether there may be more by now. */
  read(take: (session: SavedSession) => void): boolean {
    try {
      if (this.isOver || (this.#file === undefined && !this.#open())) return false
      // Checked before the last read, since after the end of the run nothing more is written.
      const isComplete = this.#head!.isComplete || (this.#head!.writer !== undefined && hasEnded(this.#head!.writer))
      if (this.#readRecords(take)) return true
      if (statSync(this.#path).ino !== this.#inode) return this.#open()
      if (isComplete) this.close()
      return false
    } catch (error) {
      this.#failed(error as NodeJS.ErrnoException)
      return false
    }
  }

  /** Looks up again which slots its servers have in this run. */
  remap(): void {
    if (this.#head !== undefined) this.#slots = this.#slotsOf(this.#head)
  }

  /** Reads nothing more. */
  close(): void {
    this.isOver = true
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  /** Opens the file that has the name now. */
  #open(): boolean {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
    const file = openSync(this.#path, 'r')
    this.#file = file
    this.#inode = fstatSync(file).ino
    const { head, length } = this.#readHead(file)
    this.#slots = this.#slotsOf(head)
    this.#head = head
    this.#position = length
    return true
  }

  /** After a system error, the file is tried again later. A file that is gone or malformed is given up. */
  #failed({ code, message }: NodeJS.ErrnoException): void {
    if (code !== undefined && code !== 'ENOENT') {
      if (!this.#hasWarned) this.#directory.warnOfUnreadable(this.#path, message)
      this.#hasWarned = true
      return
    }
    this.isReadable = code === 'ENOENT'
    this.close()
  }

  #readHead(file: number): { head: SessionFileHead; length: number } {
    for (let size = 64 * 1024; size <= LONGEST_HEAD; size *= 2) {
      const bytes = Buffer.allocUnsafe(size)
      const length = readSync(file, bytes, 0, size, 0)
      const parsed = parseHead(bytes.subarray(0, length))
      if (parsed !== undefined) return parsed
      if (length < size) break
    }
    throw new Error('the head has no end')
  }

  #readRecords(take: (session: SavedSession) => void): boolean {
    const length = readSync(this.#file!, this.#bytes, 0, this.#bytes.length, this.#position)
    const whole = length - (length % RECORD)
    for (let at = 0; at < whole; at += RECORD) {
      const session = readRecord(this.#bytes, at)
      const server = session && this.#slots[session.server]
      if (server !== undefined) take({ ...session!, server })
    }
    this.#position += whole
    return whole > 0
  }
}
