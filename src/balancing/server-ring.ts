import { crc32 } from '../runtime/crc32.ts'
import type { Slices } from '../runtime/slices.ts'
import { Ring, type RingMember } from './ring.ts'
import { primariesOf, type ServerState } from './server-state.ts'

/** The servers of an upstream, without its backups, on a ring that ties keys to them. */
export class ServerRing {
  readonly points: Ring
  /** The members that the ring was built from. */
  readonly #members: readonly RingMember[]
  #servers: readonly ServerState[]

  private constructor(points: Ring, members: readonly RingMember[], servers: readonly ServerState[]) {
    this.points = points
    this.#members = members
    this.#servers = servers
  }

  static *build(all: readonly ServerState[]): Slices<ServerRing> {
    const servers = primariesOf(all)
    const members = membersOf(servers)
    return new ServerRing(yield* Ring.build(members), members, servers)
  }

  /** By their owner index on the ring. */
  get servers(): readonly ServerState[] {
    return this.#servers
  }

  /** Takes over the upstream's servers, if this ring is right for them; returns whether it is. */
  apply(all: readonly ServerState[]): boolean {
    const servers = primariesOf(all)
    const belongs = ({ settings: { id, weight } }: ServerState, index: number) =>
      this.#members[index]!.name === id && this.#members[index]!.weight === weight
    if (servers.length !== this.#members.length || !servers.every(belongs)) return false
    this.#servers = servers
    return true
  }

  /**
   * The first server from the key's point on that is still in the upstream: the same that a ring without the removed
   * ones gives.
   */
  home(key: Uint8Array): ServerState | undefined {
    if (this.#servers.length < 2) return this.#servers.find((server) => !server.isRemoved)
    if (key.length === 0) return undefined
    const home = this.points.find(crc32(key))
    for (let point = 0; point < this.points.length; point++) {
      const server = this.#servers[this.points.owner(home + point)]!
      if (!server.isRemoved) return server
    }
    return undefined
  }
}

/** A copy, since weights may change while the ring is built. */
function membersOf(servers: readonly ServerState[]): RingMember[] {
  return servers.map(({ settings: { id, weight } }) => ({ name: id, weight }))
}
