import { ConfigError } from '../../config/error.ts'
import { apart } from '../../runtime/apart.ts'
import { assertWithin, MAX_SERVERS, MAX_UPSTREAMS } from '../../runtime/bounds.ts'
import type { Snapshot } from '../../runtime/snapshot.ts'
import { RouteSlots } from './route-slots.ts'

/** Upstreams by name and their servers by id, which are their identities. */
type Named = readonly { readonly name: string; readonly servers: readonly { readonly id: string }[] }[]

/** The slots of upstreams by name, and of their servers by id. */
export type Slots = ReadonlyMap<string, { readonly slot: number; readonly servers: ReadonlyMap<string, number> }>

/** A slot on the Scoreboard that belongs to a name. */
class Holding {
  readonly slot: number
  /** The generation of the first Snapshot without the name; undefined if the name is in the current one. */
  retiredIn: number | undefined

  constructor(slot: number) {
    this.slot = slot
  }
}

class ServerHolding extends Holding {
  readonly upstream: UpstreamHolding
  readonly id: string

  constructor(slot: number, upstream: UpstreamHolding, id: string) {
    super(slot)
    this.upstream = upstream
    this.id = id
  }
}

class UpstreamHolding extends Holding {
  readonly name: string
  readonly servers = new Map<string, ServerHolding>()

  constructor(slot: number, name: string) {
    super(slot)
    this.name = name
  }
}

export type { ServerHolding, UpstreamHolding }

/**
 * Which name has which slot on the Scoreboard. A name keeps its slot for as long as anything refers to it, even after
 * it was removed from the configuration: if it comes back by then, it finds its counters and its sessions. The slot
 * reclaimer (slot-reclaimer.ts) finds out when nothing refers to it any more, and returns the slot.
 */
export class SlotBook {
  readonly #upstreams = new Map<string, UpstreamHolding>()
  readonly #freeUpstreams = new FreeSlots(MAX_UPSTREAMS)
  readonly #freeServers = new FreeSlots(MAX_SERVERS)
  #acknowledged = 0
  /** The upstreams of the current Snapshot, by name. */
  #adopted: ReadonlyMap<string, Snapshot['upstreams'][number]> = new Map()
  readonly routes = new RouteSlots()

  /**
   * The slots of these names: those that they have, and free ones for new names. Changes nothing: a new name gets its
   * slot once a Snapshot with it is adopted.
   *
   * @throws ConfigError if too few slots are free, because names that are or were in use still hold theirs
   * @throws RangeError if there are more names than slots
   */
  plan(upstreams: Named): Slots {
    const servers = upstreams.reduce((sum, each) => sum + each.servers.length, 0)
    assertWithin(upstreams.length, MAX_UPSTREAMS, 'upstreams')
    assertWithin(servers, MAX_SERVERS, 'servers')
    this.#assertRoom(upstreams)
    const freeUpstreams = this.#freeUpstreams.inOrder()
    const freeServers = this.#freeServers.inOrder()
    return new Map(
      upstreams.map(({ name, servers }) => {
        const held = this.#upstreams.get(name)
        const slots = new Map<string, number>()
        for (const { id } of servers) slots.set(id, held?.servers.get(id)?.slot ?? freeServers.next().value!)
        return [name, { slot: held?.slot ?? freeUpstreams.next().value!, servers: slots }]
      }),
    )
  }

  /** Makes this Snapshot, with the slots that `plan` gave, the current one; names that are not in it are retired. */
  adopt({ generation, upstreams, routes }: Snapshot): void {
    this.routes.adopt(routes)
    const current = new Map(upstreams.map((upstream) => [upstream.name, upstream]))
    for (const holding of this.#upstreams.values()) {
      if (current.has(holding.name)) continue
      holding.retiredIn ??= generation
      for (const server of holding.servers.values()) server.retiredIn ??= generation
    }
    for (const { name, slot, servers } of upstreams) {
      const upstream = this.#upstreams.get(name) ?? this.#hold(name, slot)
      upstream.retiredIn = undefined
      const [former, next] = apart(this.#adopted.get(name)?.servers ?? [], servers)
      for (const { id } of former) upstream.servers.get(id)!.retiredIn ??= generation
      for (const server of next) {
        const holding = upstream.servers.get(server.id) ?? this.#holdServer(upstream, server.id, server.slot)
        holding.retiredIn = undefined
      }
    }
    this.#adopted = current
  }

  /** Every worker has applied the Snapshot of that generation. */
  acknowledge(generation: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, generation)
  }

  /** All upstreams that have a slot, with their servers: also those that are in no current Snapshot. */
  get upstreams(): Iterable<UpstreamHolding> {
    return this.#upstreams.values()
  }

  /** Whether there are names that have a slot and are in no current Snapshot. */
  get hasRetired(): boolean {
    return this.#all().some(({ retiredIn }) => retiredIn !== undefined)
  }

  /** Servers that have a slot and are in no current Snapshot. */
  retiredServers(): ServerHolding[] {
    return this.#allServers().filter((server) => this.isRetired(server))
  }

  /** Whether a server still has its slot, and is in no current Snapshot. */
  isRetired(server: ServerHolding): boolean {
    return server.retiredIn !== undefined && server.upstream.servers.get(server.id) === server
  }

  /** Retired servers that are in no worker's Snapshot any more. Exchanges with them may still be in flight. */
  forgottenServers(): ServerHolding[] {
    return this.#allServers().filter((server) => this.isForgotten(server))
  }

  /** The same for upstreams, as soon as the slots of all their servers have been returned. */
  forgottenUpstreams(): UpstreamHolding[] {
    return [...this.#upstreams.values()].filter((each) => each.servers.size === 0 && this.isForgotten(each))
  }

  isForgotten({ retiredIn }: Holding): boolean {
    return retiredIn !== undefined && retiredIn <= this.#acknowledged
  }

  /** Nothing refers to the server's slot any more. */
  returnServer({ upstream, id, slot }: ServerHolding): void {
    upstream.servers.delete(id)
    this.#freeServers.add(slot)
  }

  /** Nothing refers to the upstream's slot any more. */
  returnUpstream({ name, slot }: UpstreamHolding): void {
    this.#upstreams.delete(name)
    this.#freeUpstreams.add(slot)
  }

  #hold(name: string, slot: number): UpstreamHolding {
    const holding = new UpstreamHolding(slot, name)
    this.#freeUpstreams.take(slot)
    this.#upstreams.set(name, holding)
    return holding
  }

  #holdServer(upstream: UpstreamHolding, id: string, slot: number): ServerHolding {
    const holding = new ServerHolding(slot, upstream, id)
    this.#freeServers.take(slot)
    upstream.servers.set(id, holding)
    return holding
  }

  #all(): Holding[] {
    return [...this.#upstreams.values(), ...this.#allServers()]
  }

  #allServers(): ServerHolding[] {
    return [...this.#upstreams.values()].flatMap(({ servers }) => [...servers.values()])
  }

  #assertRoom(upstreams: Named): void {
    const newUpstreams = upstreams.filter(({ name }) => !this.#upstreams.has(name))
    const newServers = upstreams.flatMap(({ name, servers }) => {
      const held = this.#upstreams.get(name)?.servers
      return servers.filter((server) => held?.has(server.id) !== true)
    })
    const problems = [
      shortageOf('upstreams', newUpstreams.length, this.#freeUpstreams.size),
      shortageOf('servers', newServers.length, this.#freeServers.size),
    ].flatMap((message) => (message === undefined ? [] : [{ where: '', path: 'upstreams', message, hint: FIX }]))
    if (problems.length > 0) throw new ConfigError(problems)
  }
}

const FIX = 'remove servers first and add new ones a little later, or restart Limpet'

function shortageOf(what: string, wanted: number, free: number): string | undefined {
  if (wanted <= free) return undefined
  const cause = 'removed ones keep their place until their last requests have ended'
  return `expected at most ${free} new ${what} at present, found ${wanted}: ${cause}`
}

/** Slots without a name: first those that were never used, then the others in the order in which they were returned. */
class FreeSlots {
  readonly #all: number
  readonly #returned = new Set<number>()
  #unused = 0

  constructor(all: number) {
    this.#all = all
  }

  get size(): number {
    return this.#all - this.#unused + this.#returned.size
  }

  *inOrder(): Generator<number, undefined> {
    for (let slot = this.#unused; slot < this.#all; slot++) yield slot
    yield* this.#returned
  }

  take(slot: number): void {
    while (this.#unused <= slot) this.#returned.add(this.#unused++)
    this.#returned.delete(slot)
  }

  add(slot: number): void {
    this.#returned.add(slot)
  }
}
