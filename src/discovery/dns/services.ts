import type { FoundServer, Mistake } from '../provider.ts'
import { type AddressLookup, addressesIn } from './address-lookup.ts'
import { DnsFailure } from './dns-failure.ts'
import type { Family, Found } from './known-here.ts'
import { type DnsRecord, isSameName } from './message.ts'
import type { Records, Resolver } from './resolver.ts'
import { candidatesFor, type ResolverAddress } from './resolver-settings.ts'

/** An SRV record (RFC 2782). */
interface Service {
  readonly target: string
  readonly port: number
  readonly priority: number
  readonly weight: number
}

export interface FoundServices {
  readonly servers: readonly FoundServer[]
  readonly mistakes: readonly Mistake[]
  /** In s. */
  readonly ttl: number
  readonly from: ResolverAddress
}

/** How many targets are looked up at a time. */
const AT_A_TIME = 16
/** How soon a target is looked up again that could not be found, in s. */
const RETRY_AFTER = 5

/** Finds the servers that the SRV records of a name describe. */
export class ServiceLookup {
  readonly #resolver: Resolver
  readonly #addresses: AddressLookup
  /** What was found of each target last: it stays while the DNS fails. */
  #known: ReadonlyMap<string, Found>

  /** @param known what the lookup before this one had found */
  constructor(resolver: Resolver, addresses: AddressLookup, known: ReadonlyMap<string, Found> = new Map()) {
    this.#resolver = resolver
    this.#addresses = addresses
    this.#known = known
  }

  get known(): ReadonlyMap<string, Found> {
    return this.#known
  }

  /**
   * @throws DnsFailure where there are no SRV records, or none of their targets can be found; and the signal's reason once that is
   *   aborted
   */
  async find(name: string, signal: AbortSignal, families: readonly Family[] | undefined): Promise<FoundServices> {
    const found = await this.#records(name, signal)
    const { records, ttl, from } = found
    // A target of "." says that there is no such service.
    const services = records.flatMap((record) => serviceIn(record) ?? [])
    const targets = [...new Set(services.map(({ target }) => target))]
    const { known, mistakes, failure } = await this.#targets(targets, found, signal, families)
    this.#known = known
    if (known.size === 0 && failure !== undefined) throw failure
    return {
      servers: serversOf(services, known),
      mistakes,
      ttl: Math.min(ttl, ...[...known.values()].map((each) => each.ttl), ...(mistakes.length > 0 ? [RETRY_AFTER] : [])),
      from,
    }
  }

  async #records(name: string, signal: AbortSignal): Promise<Records> {
    let last: unknown
    for (const candidate of candidatesFor(name, this.#resolver.settings)) {
      try {
        return await this.#resolver.records(candidate, 'SRV', signal)
      } catch (error) {
        if (!(error instanceof DnsFailure) || error.kind === 'silent') throw error
        last = error
      }
    }
    throw last
  }

  async #targets(
    targets: readonly string[],
    { additionals, ttl, from }: Records,
    signal: AbortSignal,
    families: readonly Family[] | undefined,
  ) {
    const known = new Map<string, Found>()
    const mistakes: Mistake[] = []
    let failure: DnsFailure | undefined
    const find = async (target: string) => {
      const added = addedTo(additionals, target, families)
      if (added !== undefined) return void known.set(target, { addresses: added, ttl, from })
      const before = this.#known.get(target)
      try {
        known.set(target, await this.#addresses.find(`${target}.`, signal, families, before))
      } catch (error) {
        if (!(error instanceof DnsFailure)) throw error
        failure ??= new DnsFailure(error.kind, `${target}: ${error.message}`)
        mistakes.push({ where: target, message: error.message })
        if (!error.isAbsence && before !== undefined) known.set(target, { ...before, ttl: RETRY_AFTER })
      }
    }
    for (let at = 0; at < targets.length; at += AT_A_TIME)
      await Promise.all(targets.slice(at, at + AT_A_TIME).map(find))
    return { known, mistakes, failure }
  }
}

function serviceIn(record: DnsRecord): Service | undefined {
  if (record.type !== 'SRV') return undefined
  const { target, port, priority = 0, weight = 0 } = record.data
  if (target === '.' || target === '' || port === 0) return undefined
  return { target: target.toLowerCase(), port, priority, weight }
}

/** The addresses of a target that came with its SRV record; undefined if none did. */
function addedTo(
  additionals: readonly DnsRecord[],
  target: string,
  families: readonly Family[] = ['ipv4', 'ipv6'],
): Found['addresses'] | undefined {
  const records = additionals.filter(({ type, name }) => (type === 'A' || type === 'AAAA') && isSameName(name, target))
  const all = addressesIn({ records })
  const addresses = Object.fromEntries(
    families.map((family) => [family, all.filter((each) => each.includes(':') === (family === 'ipv6'))]),
  )
  return Object.values(addresses).some((each) => each.length > 0) ? addresses : undefined
}

/** In a stable order: that of the priorities, then of names. */
function serversOf(services: readonly Service[], known: ReadonlyMap<string, Found>): FoundServer[] {
  const best = Math.min(...services.map(({ priority }) => priority))
  const byPriority = Map.groupBy(services, ({ priority }) => priority)
  const ports = Map.groupBy(services, ({ target }) => target)
  const servers = services.flatMap((service) => {
    const { target, port, priority } = service
    const isWeighed = new Set(byPriority.get(priority)!.map(({ weight }) => weight)).size > 1
    const settings = {
      // Equal weights say nothing, and would not fit those of other servers.
      ...(isWeighed && { weight: Math.max(1, service.weight) }),
      ...(priority > best && { backup: true }),
    }
    const addresses = Object.values(known.get(target)?.addresses ?? {}).flat()
    return addresses.map((address) => {
      const place = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
      // A target with one address is one server, wherever it is; with several, nothing tells them apart but their addresses.
      const own = ports.get(target)!.length === 1 ? target : `${target}:${port}`
      const name = addresses.length === 1 ? own : place
      return { priority, server: { id: name, name, address: place, settings } }
    })
  })
  const inOrder = servers.toSorted(
    (one, other) => one.priority - other.priority || compare(one.server.name, other.server.name),
  )
  // Two targets may be the same place.
  const byName = new Map(inOrder.toReversed().map(({ server }) => [server.name, server]))
  return inOrder.map(({ server }) => server).filter((server) => byName.get(server.name) === server)
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other)
}
