import { networkInterfaces } from 'node:os'
import type { HostsFile } from '../../runtime/hosts-file.ts'
import { parseIpAddress } from '../../runtime/ip-address.ts'
import { DnsFailure } from './dns-failure.ts'
import { type Family, type Found, knownHere } from './known-here.ts'
import type { Records, Resolver } from './resolver.ts'
import { candidatesFor } from './resolver-settings.ts'

/** Once one family has addresses, how long the other is waited for, in ms: some servers never answer for IPv6. */
const SECOND_FAMILY = 500

const recordTypes = { ipv4: 'A', ipv6: 'AAAA' } as const

/** Looks up addresses of host names, as programs of this machine would: `localhost`, then /etc/hosts, then the DNS. */
export class AddressLookup {
  readonly #resolver: Resolver
  readonly #hosts: HostsFile

  constructor(resolver: Resolver, hosts: HostsFile) {
    this.#resolver = resolver
    this.#hosts = hosts
  }

  /**
   * Has at least one address.
   *
   * @param families those that are wanted. Default: those that this machine can reach
   * @param known what was found last: where the DNS fails for one family only, its addresses stay
   * @throws DnsFailure, and the signal's reason once that is aborted
   */
  async find(host: string, signal: AbortSignal, families?: readonly Family[], known?: Found): Promise<Found> {
    const local = knownHere(host, this.#hosts, families)
    if (local !== undefined) return local
    const wanted = families ?? reachableFamilies()
    let first: DnsFailure | undefined
    for (const name of candidatesFor(host, this.#resolver.settings)) {
      try {
        return await this.#ofName(name, signal, wanted, known)
      } catch (error) {
        // Where nobody answers, the next name would have to wait as long, and may be a stranger's.
        if (!(error instanceof DnsFailure) || error.kind === 'silent') throw error
        first = moreTelling(first, error)
      }
    }
    throw first
  }

  async #ofName(
    name: string,
    signal: AbortSignal,
    families: readonly Family[],
    known: Found | undefined,
  ): Promise<Found> {
    const impatience = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const either = AbortSignal.any([signal, impatience.signal])
    const asked = families.map(async (family) => {
      const records = await this.#resolver.records(name, recordTypes[family], either)
      timer ??= setTimeout(() => impatience.abort(new DnsFailure('silent', 'no answer')), SECOND_FAMILY)
      return records
    })
    const outcomes = await Promise.allSettled(asked)
    clearTimeout(timer)
    signal.throwIfAborted()
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []))
    const stranger = failures.find((failure) => !(failure instanceof DnsFailure))
    if (stranger !== undefined) throw stranger
    const found = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    if (found.length === 0) throw (failures as DnsFailure[]).reduce(moreTelling)
    const addresses = families.map((family, index) => {
      const outcome = outcomes[index]!
      if (outcome.status === 'fulfilled') return [family, addressesIn(outcome.value)] as const
      return [family, (outcome.reason as DnsFailure).isAbsence ? [] : (known?.addresses[family] ?? [])] as const
    })
    return {
      addresses: Object.fromEntries(addresses),
      ttl: Math.min(...found.map(({ ttl }) => ttl)),
      from: found[0]!.from,
    }
  }
}

/** IPv6 only where this machine has such an address, besides that of itself. */
function reachableFamilies(): readonly Family[] {
  const hasIPv6 = Object.values(networkInterfaces()).some((addresses = []) =>
    addresses.some(({ family, internal }) => family === 'IPv6' && !internal),
  )
  return hasIPv6 ? ['ipv4', 'ipv6'] : ['ipv4']
}

/** Those in A and AAAA records, in canonical form. What is no address of a machine is left out. */
export function addressesIn({ records }: Pick<Records, 'records'>): readonly string[] {
  const addresses = records.flatMap((record) => {
    const text = record.type === 'A' || record.type === 'AAAA' ? parseIpAddress(record.data)?.text : undefined
    return text === undefined ? [] : [text]
  })
  return [...new Set(addresses)]
}

/** Of two failures, the one that says more: what servers refuse or do not answer may be there, and NODATA says more than NXDOMAIN. */
function moreTelling(one: DnsFailure | undefined, other: DnsFailure): DnsFailure {
  if (one === undefined) return other
  return order.indexOf(other.kind) < order.indexOf(one.kind) ? other : one
}

const order: readonly DnsFailure['kind'][] = ['silent', 'refused', 'NODATA', 'NXDOMAIN']
