import { setTimeout as pause } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { HostNames as Settings } from '../../config/host-names.ts'
import type { Config } from '../../config/schema.ts'
import { type Found, knownHere } from '../../discovery/dns/known-here.ts'
import { Gate } from '../../health/gate.ts'
import type { Log } from '../../observability/log.ts'
import { HostsFile } from '../../runtime/hosts-file.ts'
import { type HostAddresses, NO_ADDRESSES, namesIn } from './host-addresses.ts'
import { HostName, type NameOwner } from './host-name.ts'

/** How long the start waits for names to be found, in ms. */
export const START_WITHIN = 2000
/** How long a change of the configuration waits for names that are new in it, in ms: other changes wait behind it. */
const CHANGE_WITHIN = 200
/** How many names are looked up at a time. */
const AT_A_TIME = 32
/** For how long changes are gathered, in ms: names often change together. */
const GATHER = 10

/**
 * Looks up the host names of servers in the background, so that no request waits for the DNS. What was found last stays in effect
 * while the DNS fails.
 */
export class HostNames implements NameOwner {
  /** Puts the addresses into effect. */
  onChange: (() => Promise<unknown>) | undefined
  readonly #log: Log
  readonly #inherited: Readonly<Record<string, readonly string[]>>
  readonly #hosts = new HostsFile()
  readonly #gate = new Gate(AT_A_TIME)
  readonly #names = new Map<string, HostName>()
  #addresses = NO_ADDRESSES
  #settings: Settings
  #gathering: NodeJS.Timeout | undefined
  #isClosed = false

  /** @param inherited what the process knew that this one replaces */
  constructor(config: Config, log: Log, inherited: Readonly<Record<string, readonly string[]>> = {}) {
    this.#settings = settingsOf(config)
    this.#log = log
    this.#inherited = inherited
  }

  /** Those in effect. */
  get addresses(): HostAddresses {
    return this.#addresses
  }

  get ttl() {
    return this.#settings.ttl
  }

  /**
   * The addresses of all host names of a configuration; the same object as before if they are the same. Names that are new are
   * waited for at most `within` ms.
   */
  async addressesFor(config: Config, within = CHANGE_WITHIN): Promise<HostAddresses> {
    const wanted = new Set(config.upstreams.flatMap((upstream) => [...namesIn(upstream)]))
    if (wanted.size === 0) return this.#addresses.size === 0 ? this.#addresses : NO_ADDRESSES
    const news = [...wanted].filter((host) => !this.#names.has(host)).map((host) => this.#add(host))
    const unknown = news.filter(({ addresses }) => addresses.length === 0)
    if (unknown.length > 0) {
      const timeout = new AbortController()
      await Promise.race([
        Promise.all(unknown.map(({ first }) => first)),
        pause(within, undefined, { signal: timeout.signal }).catch(() => undefined),
      ])
      timeout.abort()
    }
    const addresses = new Map([...wanted].map((host) => [host, this.#names.get(host)!.addresses]))
    return isSame(addresses, this.#addresses) ? this.#addresses : addresses
  }

  /** They are in effect now, with that configuration; names that are not in it are forgotten. */
  adopt(addresses: HostAddresses, config: Config): void {
    this.#addresses = addresses
    const settings = settingsOf(config)
    const isAskedAlike = isDeepStrictEqual(settings, this.#settings)
    this.#settings = settings
    for (const [host, name] of this.#names) {
      if (addresses.has(host)) {
        if (!isAskedAlike) name.lookAgain()
        // It may have been looked up meanwhile.
        this.looked(name)
      } else {
        name.close()
        this.#names.delete(host)
      }
    }
  }

  /** A server of that host does not answer: it may have another address by now. */
  doubt(host: string): void {
    this.#names.get(host)?.doubt()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#gathering)
    for (const name of this.#names.values()) name.close()
    this.#names.clear()
  }

  #add(host: string): HostName {
    const name = new HostName(host, this.#inherited[host] ?? [], this)
    this.#names.set(host, name)
    return name
  }

  // ── for each name ──────────────────────────────────────────────────────────────────────────────────────────────

  knownHere(host: string): Found | undefined {
    return knownHere(host, this.#hosts)
  }

  async find(host: string, signal: AbortSignal, known: Found | undefined): Promise<Found> {
    const here = this.knownHere(host)
    if (here !== undefined) return here
    await this.#gate.enter()
    try {
      return await this.#findByDns(host, signal, known)
    } finally {
      this.#gate.leave()
    }
  }

  /** As programs of this machine would, unless the configuration names other resolvers. */
  async #findByDns(host: string, signal: AbortSignal, known: Found | undefined): Promise<Found> {
    const [{ AddressLookup }, { Resolver }, { resolverSettings }, { findBySystem }] = await Promise.all([
      import('../../discovery/dns/address-lookup.ts'),
      import('../../discovery/dns/resolver.ts'),
      import('../../discovery/dns/resolver-settings.ts'),
      import('../../discovery/dns/system-lookup.ts'),
    ])
    const { resolver } = this.#settings
    const lookup = new AddressLookup(new Resolver(await resolverSettings(resolver)), this.#hosts)
    try {
      return await lookup.find(host, signal, undefined, known)
    } catch (error) {
      if (signal.aborted || resolver !== undefined) throw error
      const found = await findBySystem(host)
      if (found === undefined) throw error
      return found
    }
  }

  looked({ host, addresses }: HostName): void {
    if (this.#isClosed || !this.#addresses.has(host) || this.#addresses.get(host) === addresses) return
    this.#gathering ??= setTimeout(() => void this.#apply(), GATHER).unref()
  }

  failing({ host, addresses }: HostName, cause: string): void {
    const until =
      addresses.length === 0
        ? 'its servers are away until it is found'
        : `it stays at ${addresses.join(', ')} until then`
    this.#log.warn(`host ${host}: ${cause}; ${until}`, { event: 'host-not-found', host, cause })
  }

  recovered({ host, addresses }: HostName): void {
    this.#log.info(`host ${host} is found again: ${addresses.join(', ')}`, { event: 'host-found', host })
  }

  async #apply(): Promise<void> {
    this.#gathering = undefined
    try {
      await this.onChange?.()
    } catch (error) {
      if (this.#isClosed) return
      const { message: cause } = error as Error
      this.#log.error(`other addresses of host names are not in effect: ${cause}`, {
        event: 'hosts-not-applied',
        cause,
      })
    }
  }
}

function settingsOf({ hostNames = Settings.parse({}) }: Config): Settings {
  return hostNames
}

function isSame(one: HostAddresses, other: HostAddresses): boolean {
  return one.size === other.size && [...one].every(([host, addresses]) => other.get(host) === addresses)
}
