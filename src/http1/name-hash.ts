import { randomInt } from 'node:crypto'

/** Odd, and unknown outside this process, so that clients cannot choose names that have the same hash. */
const MULTIPLIER = 2 * randomInt(2 ** 24, 2 ** 31) + 1

/**
 * The hash of a name, byte by byte, ignoring case: begin with 0. Use its upper bits. It is for names that a client chooses
 * and that are looked up in a table of this process.
 */
export function hashByte(hash: number, byte: number): number {
  return (Math.imul(hash, MULTIPLIER) + (byte | 0x20)) | 0
}
