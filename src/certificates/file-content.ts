import { readFileSync, statSync } from 'node:fs'
import { getSystemErrorMessage } from 'node:util'
import { UnusableFile } from './unusable-file.ts'

/** A file and what it holds. */
export interface FileContent {
  readonly path: string
  readonly bytes: Uint8Array
  /** Whether every user of this machine can read it. */
  readonly isPublic: boolean
}

/** Far more than the chains of all authorities that browsers trust. */
const LARGEST = 8 * 1024 * 1024

const hints: Readonly<Record<string, string>> = {
  EACCES: 'let the user that runs Limpet read it, and enter its directories',
  EISDIR: 'name a file in it',
}

/** @throws UnusableFile if it cannot be read */
export function readFile(path: string): FileContent {
  try {
    const { mode, size } = statSync(path)
    if (size > LARGEST) throw new UnusableFile(path, `expected at most ${LARGEST} bytes, found ${size}`)
    return { path, bytes: new Uint8Array(readFileSync(path)), isPublic: (mode & 0o004) !== 0 }
  } catch (error) {
    if (error instanceof UnusableFile) throw error
    throw unusable(path, 'cannot be read', error)
  }
}

/**
 * Whether there is a file, or anything else, at that path.
 *
 * @throws UnusableFile if that cannot be found out
 */
export function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    throw unusable(path, 'cannot be looked for', error)
  }
}

function unusable(path: string, what: string, error: unknown): UnusableFile {
  const { code = '', errno, message } = error as NodeJS.ErrnoException
  const cause = errno === undefined ? message : getSystemErrorMessage(errno)
  return new UnusableFile(path, `${what}: ${cause}`, hints[code])
}
