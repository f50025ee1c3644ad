import type { SavedSession } from '../runtime/session-table/session-entries.ts'
import type { ProcessIdentity } from './process-identity.ts'

/**
 * A file of sessions: a line that says what it is, a line of JSON, the `SessionFileHead`, then records of 20 bytes. Records
 * are appended, and a later one of a session counts. A last record that is not whole is none.
 */

/** What a file begins with, of either version. In the first, the head is the list of servers alone. */
const MAGIC = ['limpet sessions 1\n', 'limpet sessions 2\n'] as const
const MAGIC_SIZE = MAGIC[0].length

/** A session in the file: five numbers of 32 bits. */
export const RECORD = 20

/** In a record's third number: the server's place in the head; a removed session; s between asked for and seen, above. */
const SERVER = 0x3fff
const REMOVED = 0x8000
const ASKED_SHIFT = 16
const LONGEST_ASKED = 0xffff

export interface SessionFileHead {
  /** The servers that records count by, as upstream and name. */
  readonly servers: readonly (readonly [upstream: string, server: string])[]
  /** Stands for the key that ids were made under; undefined in a file of before there was one. */
  readonly ids?: string
  /** Who writes the file; undefined in a file of before that was noted. */
  readonly writer?: ProcessIdentity
  /** Whether nothing more comes. */
  readonly isComplete: boolean
}

export function formatHead(head: SessionFileHead): Buffer {
  return Buffer.from(`${MAGIC[1]}${JSON.stringify(head)}\n`)
}

/**
 * Reads the head of a file, whose first bytes these are.
 *
 * @returns the head and where the records begin; undefined where more bytes are needed
 * @throws Error where this is no file of sessions
 */
export function parseHead(bytes: Buffer): { head: SessionFileHead; length: number } | undefined {
  const version = MAGIC.indexOf(bytes.toString('latin1', 0, MAGIC_SIZE) as (typeof MAGIC)[number]) + 1
  if (version === 0) throw new Error('no file of sessions')
  const end = bytes.indexOf(0x0a, MAGIC_SIZE)
  if (end < 0) return undefined
  const written = JSON.parse(bytes.toString('utf8', MAGIC_SIZE, end))
  const head: SessionFileHead = version === 1 ? { servers: written, isComplete: true } : written
  const { servers } = head
  if (!Array.isArray(servers) || !servers.every(Array.isArray)) throw new Error('no list of servers')
  return { head, length: end + 1 }
}

/** @param server the place of the session's server in the head */
export function writeRecord(bytes: Buffer, at: number, session: SavedSession, server: number): void {
  const { high, low, seenAt, begunAt, askedAt = seenAt, isRemoved } = session
  const asked = Math.max(0, Math.min(seenAt - askedAt, LONGEST_ASKED))
  bytes.writeInt32LE(high, at)
  bytes.writeInt32LE(low, at + 4)
  bytes.writeInt32LE(server | (isRemoved ? REMOVED : 0) | (asked << ASKED_SHIFT), at + 8)
  bytes.writeUInt32LE(seenAt, at + 12)
  bytes.writeUInt32LE(begunAt, at + 16)
}

/**
 * The session of a record, `server` being a place in the head; undefined where the record is none: a page that a power cut
 * kept from the disk is read as zeros.
 */
export function readRecord(bytes: Buffer, at: number): SavedSession | undefined {
  const low = bytes.readInt32LE(at + 4)
  const third = bytes.readInt32LE(at + 8)
  const seenAt = bytes.readUInt32LE(at + 12)
  const begunAt = bytes.readUInt32LE(at + 16)
  if (low === 0 || begunAt === 0) return undefined
  const asked = third >>> ASKED_SHIFT
  return {
    high: bytes.readInt32LE(at),
    low,
    server: third & SERVER,
    seenAt,
    begunAt,
    ...(asked > 0 && { askedAt: seenAt - asked }),
    ...((third & REMOVED) !== 0 && { isRemoved: true }),
  }
}
