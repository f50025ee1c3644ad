import type { FoundServer, Landscape } from '../../discovery/provider.ts'
import { MAX_SERVERS } from '../../runtime/bounds.ts'

/**
 * The servers of one list that have gone and are expected back: a container that is recreated, a pod that restarts. Each keeps its
 * place in the list, as `away`, until its time is over.
 */
export class Absences {
  readonly #patience: number
  readonly #now: () => number
  /** The last result. */
  #servers: readonly FoundServer[] = []
  /** Until when each that is away is waited for, by its id. */
  readonly #until = new Map<string, number>()

  /**
   * @param patience how long a server is expected back, in ms
   * @param now a clock, in ms
   */
  constructor(patience: number, now: () => number) {
    this.#patience = patience
    this.#now = now
  }

  /** The servers, with those among them that were there before and are expected back, as far as there is room for them. */
  fill(present: readonly FoundServer[]): readonly FoundServer[] {
    if (this.#patience === 0) return present
    const now = this.#now()
    const ids = new Set(present.map(({ id }) => id))
    /** Those that are away, by the server that they come after. */
    const after = new Map<string | undefined, FoundServer[]>()
    let previous: string | undefined
    let room = MAX_SERVERS - present.length
    for (const server of this.#servers) {
      if (ids.has(server.id)) {
        this.#until.delete(server.id)
        previous = server.id
      } else if (this.#expects(server.id, now, room)) {
        room--
        const away = server.state === 'away' ? server : { ...server, state: 'away' as const }
        const others = after.get(previous)
        if (others === undefined) after.set(previous, [away])
        else others.push(away)
      }
    }
    this.#servers = after.size === 0 ? present : woven(present, after)
    return this.#servers
  }

  /** When the first of those that are away is given up, by the clock; undefined if none is away. */
  get nextEnd(): number | undefined {
    let first: number | undefined
    for (const until of this.#until.values()) if (first === undefined || until < first) first = until
    return first
  }

  /** Whether a server that is not there is waited for. */
  #expects(id: string, now: number, room: number): boolean {
    const until = this.#until.get(id) ?? now + this.#patience
    const expects = until > now && room > 0
    if (expects) this.#until.set(id, until)
    else this.#until.delete(id)
    return expects
  }
}

function woven(
  present: readonly FoundServer[],
  after: ReadonlyMap<string | undefined, readonly FoundServer[]>,
): FoundServer[] {
  const servers = [...(after.get(undefined) ?? [])]
  for (const server of present) servers.push(server, ...(after.get(server.id) ?? []))
  return servers
}

/** The same for all that labels describe: an upstream whose last container has gone stays, with its routes, while one is expected back. */
export class LandscapeAbsences {
  readonly #patience: number
  readonly #now: () => number
  readonly #absences = new Map<string, Absences>()
  #last: Landscape = { upstreams: [], routes: [], mistakes: [] }

  constructor(patience: number, now: () => number) {
    this.#patience = patience
    this.#now = now
  }

  fill(present: Landscape): Landscape {
    if (this.#patience === 0) return present
    const names = new Set(present.upstreams.map(({ name }) => name))
    const filled = present.upstreams.map((upstream) => {
      return { ...upstream, servers: this.#of(upstream.name).fill(upstream.servers) }
    })
    const gone = this.#last.upstreams
      .filter(({ name }) => !names.has(name))
      .map((upstream) => ({ ...upstream, servers: this.#of(upstream.name).fill([]) }))
    for (const { name, servers } of gone) if (servers.length === 0) this.#absences.delete(name)
    const expected = gone.filter(({ servers }) => servers.length > 0)
    const left = new Set(expected.map(({ name }) => name))
    const routes = [...present.routes, ...this.#last.routes.filter(({ upstream }) => left.has(upstream))]
    this.#last = { ...present, upstreams: [...filled, ...expected], routes }
    return this.#last
  }

  get nextEnd(): number | undefined {
    const ends = [...this.#absences.values()].flatMap(({ nextEnd }) => nextEnd ?? [])
    return ends.length === 0 ? undefined : Math.min(...ends)
  }

  #of(name: string): Absences {
    let absences = this.#absences.get(name)
    if (absences === undefined) {
      absences = new Absences(this.#patience, this.#now)
      this.#absences.set(name, absences)
    }
    return absences
  }
}
