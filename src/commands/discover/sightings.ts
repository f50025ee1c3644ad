import { asList, asMapping } from '../../config/as-written.ts'
import type { Config } from '../../config/schema.ts'
import { type Source, serverDefaults } from '../../config/source.ts'
import { follow } from '../../discovery/follow.ts'
import type { FoundRoute, FoundServer, Landscape, Mistake, Provider, ServerList } from '../../discovery/provider.ts'
import { landscapesOf, providerFor } from '../../discovery/providers.ts'

/** How long a source may take to answer for the first time, in ms. */
export const FIRST_ANSWER = 10_000

/** A server that a source sees, as the upstream would have it. */
export interface SightedServer extends FoundServer {
  readonly upstream: string
  /** Its own settings, and those that its source has for all. */
  readonly settings: Readonly<Record<string, unknown>>
}

/** What one source sees now. */
export interface Sighting {
  /** The upstream that it is a source of; null where labels name the upstreams. */
  readonly upstream: string | null
  /** Its kind: `docker`. */
  readonly source: string
  readonly name: string
  readonly state: 'waiting' | 'ok' | 'failing'
  readonly error: string | null
  /** Whether it has answered since the start: while it fails, that still holds. */
  readonly hasAnswered: boolean
  readonly servers: readonly SightedServer[]
  readonly routes: readonly FoundRoute[]
  readonly mistakes: readonly Mistake[]
}

/** All sources of a configuration, and what they see. */
export class Sightings {
  readonly #seen: Sighting[] = []
  readonly #changed: () => void
  readonly #signal: AbortSignal
  #isWatching = false

  /**
   * @param changed called whenever a source sees something else
   * @param signal ends it
   */
  constructor(changed: () => void, signal: AbortSignal) {
    this.#changed = changed
    this.#signal = signal
  }

  /** @throws Error where a source needs a package that is not installed */
  async watch(config: Config): Promise<void> {
    for (const { name, sources } of config.upstreams)
      for (const source of sources)
        this.#add(await providerFor(source, name), name, source.from, withDefaults(name, source))
    for (const provider of await landscapesOf(config.discovery ?? {}))
      this.#add(provider, null, provider.name.split(' ')[0]!, ofLandscape)
    this.#isWatching = true
    this.#changed()
  }

  get all(): readonly Sighting[] {
    return this.#seen
  }

  /** Whether each source has answered, or has failed. */
  get isComplete(): boolean {
    return this.#isWatching && this.#seen.every(({ state }) => state !== 'waiting')
  }

  /** Sources that have not answered by now count as failing. */
  endWaiting(): void {
    const error = `has not answered within ${FIRST_ANSWER / 1000} s`
    for (const [index, sighting] of this.#seen.entries())
      if (sighting.state === 'waiting') this.#seen[index] = { ...sighting, state: 'failing', error }
    this.#changed()
  }

  #add<Found>(
    provider: Provider<Found>,
    upstream: string | null,
    source: string,
    read: (found: Found) => Pick<Sighting, 'servers' | 'routes' | 'mistakes'>,
  ): void {
    const { name } = provider
    const index = this.#seen.length
    const nothing = { servers: [], routes: [], mistakes: [] }
    this.#seen.push({ upstream, source, name, state: 'waiting', error: null, hasAnswered: false, ...nothing })
    const see = (what: Partial<Sighting>) => {
      this.#seen[index] = { ...this.#seen[index]!, ...what }
      this.#changed()
    }
    const follower = {
      found: (found: Found) => see({ state: 'ok', error: null, hasAnswered: true, ...read(found) }),
      // What it saw before still holds.
      failed: (error: string) => see({ state: 'failing', error }),
    }
    void follow(provider, follower, this.#signal)
  }
}

function withDefaults(upstream: string, source: Source) {
  const defaults = serverDefaults(source)
  return ({ servers, mistakes }: ServerList) => ({
    servers: servers.map((server) => ({ ...server, upstream, settings: { ...defaults, ...server.settings } })),
    routes: [],
    mistakes,
  })
}

function ofLandscape({ upstreams, routes, mistakes }: Landscape) {
  const servers = upstreams.flatMap(({ name, servers }) =>
    servers.map((server) => ({ ...server, upstream: name, settings: server.settings ?? {} })),
  )
  return { servers, routes: routes.map(withoutHashes), mistakes }
}

/** A route without the hashes of its users' passwords, which are nobody's to see in a terminal or a build log. */
function withoutHashes({ settings, ...route }: FoundRoute): FoundRoute {
  if (settings.filters === undefined) return { settings, ...route }
  const filters = asList(settings.filters).map((filter) => {
    const { basicAuth } = asMapping(filter)
    const { users } = asMapping(basicAuth)
    if (users === undefined) return filter
    const names = [users].flat().map((line) => `${String(line).split(':', 1)[0]}:…`)
    return { basicAuth: { ...asMapping(basicAuth), users: names } }
  })
  return { settings: { ...settings, filters }, ...route }
}
