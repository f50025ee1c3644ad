import type { SavedSession, SessionTable } from '../session-table.ts'
import type { Listener, Upstream } from '../snapshot.ts'
import type { StateDirectory } from './state-directory.ts'

/** What a file of sessions begins with. */
const MAGIC = 'limpet sessions 1\n'
/** A session in the file: five numbers of 32 bits. */
const RECORD = 20
/** How long sessions may be known to memory only, in ms. */
const SAVE_EVERY = 30_000

/** What the file says before its records: the servers that these count by, as upstream and name. */
type Servers = readonly (readonly [upstream: string, server: string])[]

/**
 * Keeps the sessions of upstreams with an affinity across a restart: in a file of its own for each place to listen on,
 * which is written anew now and then, and at the end. Sessions are kept by the names of their servers.
 */
export class SessionStore {
  readonly #sessions: SessionTable
  readonly #directory: StateDirectory
  readonly #servers: readonly { readonly slot: number; readonly upstream: string; readonly name: string }[]
  readonly #file: string
  readonly #timer: NodeJS.Timeout

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
    this.#file = `sessions-${listeners.map(({ address, port }) => `${address}-${port}`.replaceAll(':', '.')).join(',')}`
    this.#timer = setInterval(() => this.save(), SAVE_EVERY)
    this.#timer.unref()
  }

  /** Takes in the sessions that were saved; returns how many there were of servers that are still there. */
  load(): number {
    const bytes = this.#directory.read(this.#file)
    if (bytes === undefined || bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) return 0
    const endOfServers = bytes.indexOf(0x0a, MAGIC.length)
    const saved = JSON.parse(bytes.toString('utf8', MAGIC.length, endOfServers)) as Servers
    const slots = saved.map(([upstream, name]) => this.#servers.find((s) => s.upstream === upstream && s.name === name))
    let restored = 0
    for (let at = endOfServers + 1; at + RECORD <= bytes.length; at += RECORD) {
      const server = slots[bytes.readUInt32LE(at + 8)]
      if (server === undefined) continue
      this.#sessions.restore({ ...numbersAt(bytes, at), server: server.slot })
      restored++
    }
    return restored
  }

  save(): void {
    const indices = new Map(this.#servers.map(({ slot }, index) => [slot, index]))
    const servers: Servers = this.#servers.map(({ upstream, name }) => [upstream, name])
    const records: Buffer[] = [Buffer.from(`${MAGIC}${JSON.stringify(servers)}\n`)]
    for (const session of this.#sessions.sessions(Math.floor(Date.now() / 1000))) {
      const index = indices.get(session.server)
      if (index !== undefined) records.push(recordOf(session, index))
    }
    this.#directory.write(this.#file, Buffer.concat(records))
  }

  /** Saves for the last time. */
  close(): void {
    clearInterval(this.#timer)
    this.save()
  }
}

function recordOf({ high, low, seenAt, begunAt }: SavedSession, server: number): Buffer {
  const record = Buffer.allocUnsafe(RECORD)
  record.writeInt32LE(high, 0)
  record.writeInt32LE(low, 4)
  record.writeUInt32LE(server, 8)
  record.writeUInt32LE(seenAt, 12)
  record.writeUInt32LE(begunAt, 16)
  return record
}

function numbersAt(bytes: Buffer, at: number): Omit<SavedSession, 'server'> {
  return {
    high: bytes.readInt32LE(at),
    low: bytes.readInt32LE(at + 4),
    seenAt: bytes.readUInt32LE(at + 12),
    begunAt: bytes.readUInt32LE(at + 16),
  }
}
