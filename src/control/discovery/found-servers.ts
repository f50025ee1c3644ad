import { endpointOf } from '../../config/address.ts'
import { LocalEndpoints } from '../../config/local-endpoints.ts'
import { Server } from '../../config/server.ts'
import { validate } from '../../config/validate.ts'
import { isSameServer } from '../../discovery/list-changes.ts'
import type { FoundServer, Mistake } from '../../discovery/provider.ts'
import { MAX_SERVERS } from '../../runtime/bounds.ts'
import type { ListeningPlace } from '../../runtime/snapshot.ts'

interface Known {
  readonly found: FoundServer
  /** As it says of itself. */
  readonly made: Server | Mistake
  /** The same, unless it is the proxy itself. */
  readonly outcome: Server | Mistake
}

/** Where the proxy itself listens: another list where that changes. */
export type OwnPlaces = () => readonly ListeningPlace[]

/** The servers of one source, made of what it says: one of which it says the same as before is the same object. */
export class FoundServers {
  readonly #source: string
  readonly #where: string
  readonly #defaults: Readonly<Record<string, unknown>>
  readonly #returns: boolean
  readonly #listeners: OwnPlaces
  /** Those that were known at the last reading. */
  #knownListeners: readonly ListeningPlace[] = []
  #known: ReadonlyMap<string, Known> = new Map()

  /**
   * @param source its kind: `docker`
   * @param where what comes before the name of a server in messages
   * @param defaults settings of servers that say none themselves, as the file would have them
   * @param returns whether a server that goes is expected back
   */
  constructor(
    source: string,
    where: string,
    defaults: Readonly<Record<string, unknown>>,
    returns: boolean,
    listeners: OwnPlaces,
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
    const listeners = this.#listeners()
    const isMoved = listeners !== this.#knownListeners
    let local: LocalEndpoints | undefined
    for (const each of found.slice(0, MAX_SERVERS)) {
      const before = this.#known.get(each.id)
      const isSame = before !== undefined && (before.found === each || isSameServer(before.found, each))
      let now = isSame ? before : undefined
      if (now === undefined || isMoved) {
        const made = now?.made ?? this.#make(each)
        local ??= new LocalEndpoints()
        now = { found: each, made, outcome: this.#unlessOwn(made, each, listeners, local) }
      }
      known.set(each.id, now)
      if ('where' in now.outcome) mistakes.push(now.outcome)
      else servers.push(now.outcome)
    }
    if (found.length > MAX_SERVERS) {
      const message = `expected at most ${MAX_SERVERS} servers, found ${found.length}: the others are left out`
      mistakes.push({ where: this.#where, message })
    }
    this.#known = known
    this.#knownListeners = listeners
    return { servers, mistakes }
  }

  #make({ id, name, address, state, settings, incarnation }: FoundServer): Server | Mistake {
    const where = `${this.#where} ${name}`
    const outcome = validate(Server, { ...this.#defaults, ...settings, id, name, address })
    if ('issues' in outcome) {
      const [{ path, message, hint }] = outcome.issues as [(typeof outcome.issues)[number]]
      return { where: path.length === 0 ? where : `${where}: ${path.join('.')}`, message, hint }
    }
    return {
      ...outcome.value,
      source: this.#source,
      ...(incarnation !== undefined && { incarnation }),
      ...(state === 'drain' && { drain: true }),
      ...(state === 'down' && { down: true }),
      ...(state === 'away' && { away: true as const }),
      ...(this.#returns && { returns: true as const }),
      // One that is drained by its own settings is to get no new sessions, whatever else happens.
      ...(this.#returns && state === 'drain' && !outcome.value.drain && { ending: true as const }),
    }
  }

  #unlessOwn(
    made: Server | Mistake,
    { name }: FoundServer,
    listeners: readonly ListeningPlace[],
    local: LocalEndpoints,
  ): Server | Mistake {
    if ('where' in made || !listeners.some((each) => local.isReachedBy(made.endpoint, endpointOf(each)))) return made
    const message = `expected the address of a server, found ${made.address}, where the proxy itself listens`
    return { where: `${this.#where} ${name}`, message, hint: 'requests to it would loop' }
  }
}
