import type { Slices } from '../runtime/slices.ts'
import { crc32 } from './crc32.ts'
import { Ring, type RingMember } from './ring.ts'
import { primariesOf, type ServerState } from './server-state.ts'

/** The servers of an upstream, without its backups, on a ring to which keys are tied. */
export class ServerRing {
  readonly points: Ring
  /** Those that the ring was built of. */
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

  /** By the index that owners have on the ring. */
  get servers(): readonly ServerState[] {
    return this.#servers
  }

  /** Takes in the upstream's servers, if they belong where they are on this ring; returns whether they do. */
  apply(all: readonly ServerState[]): boolean {
    const servers = primariesOf(all)
    const belongs = ({ settings: { name, weight } }: ServerState, index: number) =>
      this.#members[index]!.name === name && this.#members[index]!.weight === weight
    if (servers.length !== this.#members.length || !servers.every(belongs)) return false
    this.#servers = servers
    return true
  }

  /** The server of the first point from the key's on that is still in the upstream, which is what a ring without the others says. */
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

/** As they are now: while the ring is built, their weights may change. */
function membersOf(servers: readonly ServerState[]): RingMember[] {
  return servers.map(({ settings: { name, weight } }) => ({ name, weight }))
}
