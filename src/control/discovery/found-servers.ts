import { isDeepStrictEqual } from 'node:util'
import { endpointOf } from '../../config/address.ts'
import { LocalEndpoints } from '../../config/local-endpoints.ts'
import { Server } from '../../config/server.ts'
import { validate } from '../../config/validate.ts'
import type { FoundServer, Mistake } from '../../discovery/provider.ts'
import { MAX_SERVERS } from '../../runtime/bounds.ts'
import type { ListeningPlace } from '../../runtime/snapshot.ts'

interface Known {
  readonly found: FoundServer
  readonly outcome: Server | Mistake
}

/** The servers of one source, made of what it says: one of which it says the same as before is the same object. */
export class FoundServers {
  readonly #source: string
  readonly #where: string
  readonly #defaults: Readonly<Record<string, unknown>>
  readonly #returns: boolean
  readonly #listeners: readonly ListeningPlace[]
  #known: ReadonlyMap<string, Known> = new Map()

  /**
   * @param source its kind: `docker`
   * @param where what comes before the name of a server in messages
   * @param defaults settings of servers that say none themselves, as the file would have them
   * @param returns whether a server that goes is expected back
   * @param listeners where the proxy itself listens
   */
  constructor(
    source: string,
    where: string,
    defaults: Readonly<Record<string, unknown>>,
    returns: boolean,
    listeners: readonly ListeningPlace[],
  ) {
    this.#source = source
    this.#where = where
    this.#defaults = defaults
    this.#returns = returns
    this.#listeners = listeners
  }

  read(found: readonly FoundServer[]): { readonly servers: readonly Server[]; readonly mistakes: readonly Mistake[] } {
    const known = new Map<string, Known>()
    const servers: Server[] = []
    const mistakes: Mistake[] = []
    let local: LocalEndpoints | undefined
    const make = (server: FoundServer) => {
      local ??= new LocalEndpoints()
      return this.#make(server, local)
    }
    for (const each of found.slice(0, MAX_SERVERS)) {
      const before = this.#known.get(each.id)
      const isSame = before !== undefined && (before.found === each || isDeepStrictEqual(before.found, each))
      const now = isSame ? before : { found: each, outcome: make(each) }
      known.set(each.id, now)
      if ('where' in now.outcome) mistakes.push(now.outcome)
      else servers.push(now.outcome)
    }
    if (found.length > MAX_SERVERS) {
      const message = `expected at most ${MAX_SERVERS} servers, found ${found.length}: the others are left out`
      mistakes.push({ where: this.#where, message })
    }
    this.#known = known
    return { servers, mistakes }
  }

  #make({ id, name, address, state, settings }: FoundServer, local: LocalEndpoints): Server | Mistake {
    const where = `${this.#where} ${name}`
    const outcome = validate(Server, { ...this.#defaults, ...settings, id, name, address })
    if ('issues' in outcome) {
      const [{ path, message, hint }] = outcome.issues as [(typeof outcome.issues)[number]]
      return { where: path.length === 0 ? where : `${where}: ${path.join('.')}`, message, hint }
    }
    const server = outcome.value
    if (this.#listeners.some((listener) => local.isReachedBy(server.endpoint, endpointOf(listener)))) {
      const message = `expected the address of a server, found ${server.address}, where the proxy itself listens`
      return { where, message, hint: 'requests to it would loop' }
    }
    return {
      ...server,
      source: this.#source,
      ...(state === 'drain' && { drain: true }),
      ...(state === 'down' && { down: true }),
      ...(state === 'away' && { away: true as const }),
      ...(this.#returns && { returns: true as const }),
      ...(this.#returns && state === 'drain' && { ending: true as const }),
    }
  }
}
