import { readFileSync, statSync } from 'node:fs'
import { getSystemErrorMessage } from 'node:util'

/** Far more than all the authorities that browsers trust. */
const LARGEST = 8 * 1024 * 1024

/** @throws Error with the path and the reason, where it cannot be read */
export function sourceFile(path: string): string {
  try {
    const { size } = statSync(path)
    if (size > LARGEST) throw new Error(`expected at most ${LARGEST} bytes, found ${size}`)
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { errno, message } = error as NodeJS.ErrnoException
    throw new Error(`${path}: ${errno === undefined ? message : `cannot be read: ${getSystemErrorMessage(errno)}`}`)
  }
}

/**
 * The secret that a file holds, without the end of its line.
 *
 * @throws Error where it cannot be read, or cannot be part of a header. The message does not show what it holds.
 */
export function secretIn(path: string): string {
  const secret = sourceFile(path).trim()
  if (/^[\x21-\x7e]+$/.test(secret)) return secret
  throw new Error(`${path}: expected one line without spaces, found ${secret === '' ? 'nothing' : 'something else'}`)
}
