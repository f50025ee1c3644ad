import type { Upstream } from '../../runtime/snapshot.ts'
import type { SessionFileHead } from './session-file.ts'

interface KeptServer {
  readonly slot: number
  readonly upstream: string
  readonly id: string
  /** Whether the ids of its sessions are hashed under the table's key, so that they cannot be used under another. */
  readonly isKeyed: boolean
}

/**
 * The servers whose sessions are saved: their slots in the session table, and their indices in the list in a file's
 * head.
 */
export class KeptServers {
  readonly #servers: readonly KeptServer[]
  readonly #places: ReadonlyMap<number, number>

  private constructor(servers: readonly KeptServer[], places: ReadonlyMap<number, number>) {
    this.#servers = servers
    this.#places = places
  }

  static of(upstreams: readonly Upstream[]): KeptServers {
    const servers = upstreams.flatMap(({ name: upstream, affinity, servers }) => {
      if (affinity === undefined) return []
      const keyed = isKeyed(affinity)
      return servers.map(({ id, slot }) => ({ slot, upstream, id, isKeyed: keyed }))
    })
    return new KeptServers(servers, new Map(servers.map(({ slot }, place) => [slot, place])))
  }

  /** The list for a file's head. */
  get names(): SessionFileHead['servers'] {
    return this.#servers.map(({ upstream, id }) => [upstream, id] as const)
  }

  get slots(): Iterable<number> {
    return this.#places.keys()
  }

  /** The index in the list of the server in that slot; undefined if its sessions are not saved. */
  placeOf(slot: number): number | undefined {
    return this.#places.get(slot)
  }

  /**
   * The same list, but slots are kept only of servers that have the same slot in the other list, too: a slot may have
   * passed to another server.
   */
  among(other: KeptServers): KeptServers {
    if (other === this) return this
    const others = new Map(other.#servers.map((server) => [server.slot, server]))
    const isStillThere = ([slot, place]: readonly [slot: number, place: number]) => {
      const { upstream, id } = this.#servers[place]!
      return others.get(slot)?.upstream === upstream && others.get(slot)?.id === id
    }
    return new KeptServers(this.#servers, new Map([...this.#places].filter(isStillThere)))
  }

  /** Whether both lists have the same servers, with the same slots and places. */
  isSame(other: KeptServers): boolean {
    if (other === this) return true
    return (
      this.#servers.length === other.#servers.length &&
      this.#places.size === other.#places.size &&
      this.#servers.every(({ upstream, id, slot }, place) => {
        const counterpart = other.#servers[place]!
        return counterpart.upstream === upstream && counterpart.id === id && counterpart.slot === slot
      })
    )
  }

  /** Whether the upstreams have the same servers, with the same slots and places. */
  isOf(upstreams: readonly Upstream[]): boolean {
    let place = 0
    for (const { name, affinity, servers } of upstreams) {
      if (affinity === undefined) continue
      const keyed = isKeyed(affinity)
      for (const { id, slot } of servers) {
        const kept = this.#servers[place++]
        if (kept?.slot !== slot || kept.id !== id || kept.upstream !== name || kept.isKeyed !== keyed) return false
      }
    }
    return place === this.#servers.length && place === this.#places.size
  }

  /** For each server of a head, its slot in this run; undefined if its sessions cannot be used here. */
  slotsOf({ servers, ids }: SessionFileHead, ownIds: string): (number | undefined)[] {
    const slots = new Map<string, number>()
    for (const { upstream, id, slot, isKeyed } of this.#servers) {
      if (!isKeyed || ids === ownIds) slots.set(`${upstream} ${id}`, slot)
    }
    return servers.map(([upstream, id]) => slots.get(`${upstream} ${id}`))
  }
}

function isKeyed({ type }: NonNullable<Upstream['affinity']>): boolean {
  return type !== 'cookie' && type !== 'learn'
}
