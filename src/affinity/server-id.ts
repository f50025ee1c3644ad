import { keyHash, keyOf } from '../runtime/key-hash.ts'
import type { SavedSession } from '../runtime/session-table/session-entries.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import type { SipHash } from '../runtime/sip-hash.ts'
import type { Server, Affinity as Settings } from '../runtime/snapshot.ts'
import { type Affinity, MAX_SHOWN, type Session, type SessionRequest } from './affinity.ts'
import { hashOfKeys, KeyedSession } from './keyed.ts'

type ServerIdSettings = Extract<Settings, { type: 'server-id' }>

/**
 * Ties a client to a server by the server's id, which the application has put into its own session id, as Tomcat does with its
 * jvmRoute (`1A2B.web1`). Nothing is remembered to find the server. While it cannot serve, a hash of the session id chooses
 * another one, the same each time; what the table knows of that counts only where the id names a server that is gone, or that
 * gives up its sessions.
 */
export class ServerIdAffinity implements Affinity {
  readonly #sessions: SessionTable
  readonly #hash: SipHash
  #settings: ServerIdSettings
  /** Of the upstream's servers, by id. */
  #slots: ReadonlyMap<string, number> = new Map()
  #longestId = 0
  readonly #present = new Set<number>()

  constructor(settings: ServerIdSettings, upstream: string, servers: readonly Server[], sessions: SessionTable) {
    this.#settings = settings
    this.#sessions = sessions
    this.#hash = hashOfKeys(upstream, sessions.key)
    this.#setServers(servers)
  }

  apply(settings: Settings, servers: readonly Server[]): boolean {
    if (settings.type !== 'server-id') return false
    this.#settings = settings
    this.#setServers(servers)
    return true
  }

  #setServers(servers: readonly Server[]): void {
    this.#slots = new Map(servers.map(({ id, slot }) => [id, slot]))
    this.#longestId = servers.reduce((longest, { id }) => Math.max(longest, id.length), 0)
    this.#present.clear()
    for (const { slot } of servers) this.#present.add(slot)
  }

  /** The first session whose id names a server of the upstream; else the first one that names another server. */
  read(request: SessionRequest, now: number): Session | undefined {
    let unknown: string | undefined
    for (const place of this.#settings.from) {
      for (let after = 0; after < MAX_SHOWN; after++) {
        const value = request.value(place, after)
        if (value === undefined) break
        const server = this.#serverNamedIn(value)
        if (server !== undefined) return this.#sessionOf(value, server, now)
        if (unknown === undefined && this.#namesServer(value)) unknown = value
      }
    }
    return unknown === undefined ? undefined : this.#sessionOf(unknown, undefined, now)
  }

  /** The slot of the server with the longest id that the value names; undefined for none. */
  #serverNamedIn(value: string): number | undefined {
    return this.#settings.position === 'suffix' ? this.#serverAtEnd(value) : this.#serverAtStart(value)
  }

  #serverAtEnd(value: string): number | undefined {
    const { separator } = this.#settings
    const { length } = separator
    let at = value.indexOf(separator, Math.max(1, value.length - this.#longestId - length))
    for (; at > 0; at = value.indexOf(separator, at + 1)) {
      const server = this.#slots.get(value.slice(at + length))
      if (server !== undefined) return server
    }
    return undefined
  }

  #serverAtStart(value: string): number | undefined {
    const { separator } = this.#settings
    const last = Math.min(this.#longestId, value.length - separator.length - 1)
    for (
      let at = last < 1 ? 0 : value.lastIndexOf(separator, last);
      at > 0;
      at = value.lastIndexOf(separator, at - 1)
    ) {
      const server = this.#slots.get(value.slice(0, at))
      if (server !== undefined) return server
    }
    return undefined
  }

  /** Whether a separator is in the value, with something before and after it. */
  #namesServer(value: string): boolean {
    const { separator } = this.#settings
    const at = value.indexOf(separator, 1)
    return at > 0 && at < value.length - separator.length
  }

  /** @param server the slot of the server that the value names; undefined if the upstream has none of that id */
  #sessionOf(value: string, server: number | undefined, now: number): Session {
    const key = Buffer.from(value, 'latin1')
    this.#hash.hash(key)
    // The id 0 stands for none.
    const high = this.#hash.high || 1
    const low = keyHash('consistent-hash', key, this.#hash.low)
    if (this.#sessions.isEnded(high, low)) return new KeyedSession(high, low, key, 'expired')
    const home = server ?? this.#serverSince(high, low, now)
    return new KeyedSession(high, low, key, home === undefined ? 'removed' : 'known', home)
  }

  /** The slot of the server to which a session has moved since its own was removed. */
  #serverSince(high: number, low: number, now: number): number | undefined {
    const server = this.#sessions.find(high, low, now)
    return this.#present.has(server) ? server : undefined
  }

  recall({ high, low, server }: SavedSession): Session {
    const key = keyOf('consistent-hash', low)
    if (this.#present.has(server)) return new KeyedSession(high, low, key, 'known', server)
    return new KeyedSession(high, low, key, 'removed')
  }

  settle(session: Session): Session {
    return session
  }
}
