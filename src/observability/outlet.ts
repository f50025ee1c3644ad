import { closeSync, constants, fstatSync, openSync, readSync, statSync, write, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { isatty } from 'node:tty'

/** Writes the bytes of a log to a file, a terminal or a pipe. It takes one piece at a time. */
export interface Outlet {
  /** The pipe has no reader any more, and the path must be opened again. */
  readonly isGone: boolean
  /** Calls `done` when all bytes are written, or when an error stops it after `written` bytes. May never call it. */
  write(bytes: Uint8Array, done: Done): void
  /** Discards bytes that are not written yet. */
  close(): void
}

type Done = (error: NodeJS.ErrnoException | undefined, written: number) => void

/** A path, or a standard stream by its number. */
export type Destination = string | typeof STANDARD_OUTPUT | typeof STANDARD_ERROR

export const STANDARD_OUTPUT = 1
export const STANDARD_ERROR = 2

const LINE_FEED = 0x0a

/** How long to wait before the next write to a terminal that accepts nothing now, in ms. */
const RETRY_AFTER = 10

/**
 * Opens an outlet without blocking, for any kind of file. Unless standard error is a pipe, `write` to it is synchronous, so that
 * the last messages of a process are not lost.
 *
 * @returns undefined if the path is a named pipe without a reader
 * @throws the system's error if the path cannot be opened
 */
export function openOutlet(destination: Destination): Outlet | undefined {
  if (destination === STANDARD_OUTPUT) return standardOutlet(destination, () => process.stdout, false)
  if (destination === STANDARD_ERROR) return standardOutlet(destination, () => process.stderr, true)
  const fd = openWithoutWaiting(destination)
  if (fd === undefined) return undefined
  if (fstatSync(fd).isFIFO()) return new PipeOutlet(new Socket({ fd, readable: false, writable: true }), true)
  return new FileOutlet(fd, { isOurs: true, isSync: false, isTorn: endsWithinLine(destination) })
}

/** Node's own streams do not block on a pipe, but do block on a terminal (stopped by Ctrl-S). */
function standardOutlet(fd: number, stream: () => Writable, isSync: boolean): Outlet {
  const status = fstatSync(fd)
  if (status.isFIFO() || status.isSocket()) return new PipeOutlet(stream(), false)
  const again = isatty(fd) ? reopened(fd) : undefined
  return new FileOutlet(again ?? fd, { isOurs: again !== undefined, isSync, isTorn: false })
}

/** Opens the file of a descriptor a second time, so that O_NONBLOCK does not affect other programs that share the first one. */
function reopened(fd: number): number | undefined {
  try {
    return openSync(`/dev/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch {
    return undefined
  }
}

function openWithoutWaiting(path: string): number | undefined {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY } = constants
  try {
    return openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o666)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENXIO' && statSync(path).isFIFO()) return undefined
    throw error
  }
}

/** Whether the file ends in the middle of a line, because an earlier run was killed or the disk was full. */
function endsWithinLine(path: string): boolean {
  let fd: number | undefined
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const { size } = fstatSync(fd)
    const last = Buffer.alloc(1)
    return size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== LINE_FEED
  } catch {
    return false
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** A pipe or a socket. Its stream waits for the other end without blocking a thread. */
class PipeOutlet implements Outlet {
  isGone = false
  readonly #stream: Writable
  readonly #isOurs: boolean

  /** @param isOurs whether it was opened by its path, so that it may be closed and opened again */
  constructor(stream: Writable, isOurs: boolean) {
    this.#stream = stream
    this.#isOurs = isOurs
    stream.on('error', () => {})
  }

  write(bytes: Uint8Array, done: Done): void {
    this.#stream.write(bytes, (error) => {
      this.isGone = this.#isOurs && error != null
      done(error ?? undefined, error == null ? bytes.length : 0)
    })
  }

  close(): void {
    if (this.#isOurs) this.#stream.destroy()
  }
}

/** A file, a device or a terminal, written by its file descriptor. */
class FileOutlet implements Outlet {
  readonly isGone = false
  readonly #fd: number
  readonly #isOurs: boolean
  readonly #isSync: boolean
  /** The last write ended in the middle of a line, so the next one starts with a line feed. */
  #isTorn: boolean
  #isWriting = false
  #again: NodeJS.Timeout | undefined

  constructor(fd: number, { isOurs, isSync, isTorn }: { isOurs: boolean; isSync: boolean; isTorn: boolean }) {
    this.#fd = fd
    this.#isOurs = isOurs
    this.#isSync = isSync
    this.#isTorn = isTorn
  }

  write(bytes: Uint8Array, done: Done): void {
    this.#isWriting = true
    const finish: Done = (error, written) => {
      this.#isWriting = false
      done(error, written)
    }
    if (!this.#isTorn) return this.#writeFrom(0, bytes, finish)
    this.#writeFrom(0, Uint8Array.of(LINE_FEED), (error) => {
      if (error === undefined) this.#writeFrom(0, bytes, finish)
      else finish(error, 0)
    })
  }

  close(): void {
    clearTimeout(this.#again)
    // Do not close the descriptor during a write: its number could be reused for another file.
    if (this.#isOurs && (!this.#isWriting || this.#again !== undefined)) closeSync(this.#fd)
  }

  #writeFrom(from: number, bytes: Uint8Array, done: Done): void {
    this.#again = undefined
    this.#writeOnce(bytes, from, (error, written) => {
      if (error?.code === 'EAGAIN') {
        this.#again = setTimeout(() => this.#writeFrom(from, bytes, done), RETRY_AFTER)
        return
      }
      const to = from + written
      if (to > 0) this.#isTorn = bytes[to - 1] !== LINE_FEED
      if (error === undefined && to < bytes.length) this.#writeFrom(to, bytes, done)
      else done(error, to)
    })
  }

  #writeOnce(bytes: Uint8Array, from: number, done: Done): void {
    if (this.#isSync) writeAtOnce(this.#fd, bytes, from, done)
    else write(this.#fd, bytes, from, null, null, (error, written) => done(error ?? undefined, written ?? 0))
  }
}

function writeAtOnce(fd: number, bytes: Uint8Array, from: number, done: Done): void {
  let written: number
  try {
    written = writeSync(fd, bytes, from)
  } catch (error) {
    return done(error as NodeJS.ErrnoException, 0)
  }
  done(undefined, written)
}
