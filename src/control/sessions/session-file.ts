import type { SavedSession } from '../../runtime/session-table/session-entries.ts'
import type { ProcessIdentity } from '../state/process-identity.ts'

/**
 * A file of sessions: a line with its format, a line of JSON (the `SessionFileHead`), then records of 20 bytes. Records
 * are appended, and a session's last record counts. An incomplete record at the end is ignored.
 */

/** The first line in each version. In version 1, the head is only the list of servers. */
const MAGIC = ['limpet sessions 1\n', 'limpet sessions 2\n'] as const
const MAGIC_SIZE = MAGIC[0].length

/** The size of a record: five numbers of 32 bits. */
export const RECORD = 20

/**
 * In a record's third number: the server's index in the head; whether the session was removed; and, above them, how
 * many seconds lie between `askedAt` and `seenAt`.
 */
const SERVER = 0x3fff
const REMOVED = 0x8000
const ASKED_SHIFT = 16
const LONGEST_ASKED = 0xffff

export interface SessionFileHead {
  /** The servers that records refer to by index, as the upstream's name and the server's id. */
  readonly servers: readonly (readonly [upstream: string, server: string])[]
  /** Identifies the key under which ids were hashed; undefined in older files. */
  readonly ids?: string
  /** The process that writes the file; undefined in older files. */
  readonly writer?: ProcessIdentity
  /** Whether no more records will be appended. */
  readonly isComplete: boolean
}

export function formatHead(head: SessionFileHead): Buffer {
  return Buffer.from(`${MAGIC[1]}${JSON.stringify(head)}\n`)
}

/**
 * Reads the head of a file.
 *
 * @param bytes the first bytes of the file
 * @returns the head and where the records begin; undefined if more bytes are needed
 * @throws Error if this is not a file of sessions
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

/** @param server the index of the session's server in the head */
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
 * The session of a record, with `server` as an index into the head; undefined if the record is empty: a page that was
 * not written before a power cut is read as zeros.
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
