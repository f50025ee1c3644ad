import type { Upstream } from '../runtime/snapshot.ts'
import type { SessionFileHead } from './session-file.ts'

interface KeptServer {
  readonly slot: number
  readonly upstream: string
  readonly name: string
  /** Whether ids of its sessions are made under the table's key, so that they mean nothing under another. */
  readonly isKeyed: boolean
}

/** The servers whose sessions are kept: their slots in the session table, and their places in the list of a file's head. */
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
      const isKeyed = affinity.type !== 'cookie' && affinity.type !== 'learn'
      return servers.map(({ name, slot }) => ({ slot, upstream, name, isKeyed }))
    })
    return new KeptServers(servers, new Map(servers.map(({ slot }, place) => [slot, place])))
  }

  /** As the head of a file lists them. */
  get names(): SessionFileHead['servers'] {
    return this.#servers.map(({ upstream, name }) => [upstream, name] as const)
  }

  get slots(): Iterable<number> {
    return this.#places.keys()
  }

  /** The place in the list of the server in that slot; undefined if its sessions are not kept. */
  placeOf(slot: number): number | undefined {
    return this.#places.get(slot)
  }

  /** The same list, but only those servers have their slots that have them in the other one too: a slot may be another server's. */
  among(other: KeptServers): KeptServers {
    const names = new Map(other.#servers.map((server) => [server.slot, server]))
    const isStillThere = ([slot, place]: readonly [slot: number, place: number]) => {
      const { upstream, name } = this.#servers[place]!
      return names.get(slot)?.upstream === upstream && names.get(slot)?.name === name
    }
    return new KeptServers(this.#servers, new Map([...this.#places].filter(isStillThere)))
  }

  /** Whether both lists have the same servers, with the same slots and places. */
  isSame(other: KeptServers): boolean {
    return (
      this.#servers.length === other.#servers.length &&
      this.#places.size === other.#places.size &&
      this.#servers.every(({ upstream, name, slot }, place) => {
        const counterpart = other.#servers[place]!
        return counterpart.upstream === upstream && counterpart.name === name && counterpart.slot === slot
      })
    )
  }

  /** For each server of a head the slot that it has here; undefined if its sessions mean nothing here. */
  slotsOf({ servers, ids }: SessionFileHead, ownIds: string): (number | undefined)[] {
    const slots = new Map<string, number>()
    for (const { upstream, name, slot, isKeyed } of this.#servers) {
      if (!isKeyed || ids === ownIds) slots.set(`${upstream} ${name}`, slot)
    }
    return servers.map(([upstream, name]) => slots.get(`${upstream} ${name}`))
  }
}
