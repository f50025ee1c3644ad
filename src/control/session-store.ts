import { setImmediate } from 'node:timers/promises'
import { wallSeconds } from '../clock.ts'
import { PART, PARTS, type SavedSession, type SessionTable } from '../session-table.ts'
import type { Listener, Upstream } from '../snapshot.ts'
import type { StateDirectory } from './state-directory.ts'

/** What a file of sessions begins with. */
const MAGIC = 'limpet sessions 1\n'
/** A session in the file: five numbers of 32 bits. */
const RECORD = 20
/** How long to wait after a save, in ms, and as a multiple of what it took: so many sessions do not keep the disk busy. */
const PAUSE = 5000
const PAUSE_FACTOR = 50

/** What the file says before its records: the servers that these count by, as upstream and name. */
type Servers = readonly (readonly [upstream: string, server: string])[]

/**
 * Keeps the sessions of upstreams with an affinity across a restart: in a file of its own for each place to listen on,
 * which is written anew every few seconds if anything has changed, and at the end. Sessions are kept by the names of their
 * servers. What a crash loses is what has changed since the last save.
 */
export class SessionStore {
  readonly #sessions: SessionTable
  readonly #directory: StateDirectory
  readonly #servers: readonly { readonly slot: number; readonly upstream: string; readonly name: string }[]
  readonly #file: string
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  /** The save in hand, or the last one. */
  #saving = Promise.resolve()

  constructor(
    sessions: SessionTable,
    directory: StateDirectory,
    upstreams: readonly Upstream[],
    listeners: readonly Listener[],
  ) {
    this.#sessions = sessions
    this.#directory = directory
    this.#servers = upstreams
      .filter(({ affinity }) => affinity !== undefined)
      .flatMap(({ name: upstream, servers }) => servers.map(({ name, slot }) => ({ slot, upstream, name })))
    this.#file = `sessions-${listeners.map(nameOf).join(',')}`
    this.#saveIn(PAUSE)
  }

  /** Takes in the sessions that were saved; returns how many go on, on servers that are still there. */
  load(): number {
    const now = wallSeconds()
    const bytes = this.#directory.read(this.#file)
    if (bytes === undefined) return 0
    const endOfServers = bytes.indexOf(0x0a, MAGIC.length)
    const saved = serversIn(bytes, endOfServers)
    if (saved === undefined) {
      this.#directory.warn(`${this.#file} holds no sessions that can be read, and is begun anew`)
      return 0
    }
    const slots = saved.map(([upstream, name]) => this.#servers.find((s) => s.upstream === upstream && s.name === name))
    let restored = 0
    for (let at = endOfServers + 1; at + RECORD <= bytes.length; at += RECORD) {
      const server = slots[bytes.readUInt32LE(at + 8)]
      if (server === undefined) continue
      if (this.#sessions.restore({ ...numbersAt(bytes, at), server: server.slot }, now)) restored++
    }
    return restored
  }

  /** Saves for the last time. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#saving
    await this.#save()
  }

  #saveIn(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#saving = this.#saveAndGoOn()
    }, ms)
    this.#timer.unref()
  }

  async #saveAndGoOn(): Promise<void> {
    const begunAt = performance.now()
    await this.#save()
    if (!this.#isClosed) this.#saveIn(Math.max(PAUSE, (performance.now() - begunAt) * PAUSE_FACTOR))
  }

  async #save(): Promise<void> {
    if (!this.#sessions.takeChange()) return
    const isSaved = await this.#directory.writePieces(this.#file, this.#pieces())
    if (!isSaved) this.#sessions.giveBackChange()
  }

  /** The file, in pieces whose memory serves again for the next one; between them others have their turn. */
  async *#pieces(): AsyncGenerator<Uint8Array> {
    const servers: Servers = this.#servers.map(({ upstream, name }) => [upstream, name])
    yield Buffer.from(`${MAGIC}${JSON.stringify(servers)}\n`)
    const indices = new Map(this.#servers.map(({ slot }, index) => [slot, index]))
    const piece = Buffer.allocUnsafe(PART * RECORD)
    for (let part = 0; part < PARTS; part++) {
      let length = 0
      for (const session of this.#sessions.sessions(part, wallSeconds())) {
        const index = indices.get(session.server)
        if (index === undefined) continue
        writeRecord(piece, length, session, index)
        length += RECORD
      }
      if (length > 0) yield piece.subarray(0, length)
      await setImmediate()
    }
  }
}

/** A listener as part of a file's name. */
function nameOf(listener: Listener): string {
  if ('path' in listener) return encodeURIComponent(listener.path)
  return `${listener.address}-${listener.port}`.replaceAll(':', '.')
}

/** What a file says of its servers; undefined where it is none of ours, or broken. */
function serversIn(bytes: Buffer, end: number): Servers | undefined {
  if (end < 0 || bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) return undefined
  try {
    const servers = JSON.parse(bytes.toString('utf8', MAGIC.length, end))
    return Array.isArray(servers) && servers.every((server) => Array.isArray(server))
      ? (servers as unknown as Servers)
      : undefined
  } catch {
    return undefined
  }
}

function writeRecord(bytes: Buffer, at: number, { high, low, seenAt, begunAt }: SavedSession, server: number): void {
  bytes.writeInt32LE(high, at)
  bytes.writeInt32LE(low, at + 4)
  bytes.writeUInt32LE(server, at + 8)
  bytes.writeUInt32LE(seenAt, at + 12)
  bytes.writeUInt32LE(begunAt, at + 16)
}

function numbersAt(bytes: Buffer, at: number): Omit<SavedSession, 'server'> {
  return {
    high: bytes.readInt32LE(at),
    low: bytes.readInt32LE(at + 4),
    seenAt: bytes.readUInt32LE(at + 12),
    begunAt: bytes.readUInt32LE(at + 16),
  }
}
