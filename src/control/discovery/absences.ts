import type { FoundServer, FoundUpstream, Landscape, Mistake } from '../../discovery/provider.ts'
import { MAX_SERVERS, MAX_UPSTREAMS } from '../../runtime/bounds.ts'
import { counted } from '../../runtime/counted.ts'

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
  #givenUp = 0

  /**
   * @param patience how long a server is expected back, in ms
   * @param now a clock, in ms
   */
  constructor(patience: number, now: () => number) {
    this.#patience = patience
    this.#now = now
  }

  /**
   * The servers, with those among them that were there before and are expected back.
   *
   * @param room how many of those there may be
   */
  fill(present: readonly FoundServer[], room = MAX_SERVERS - present.length): readonly FoundServer[] {
    if (this.#patience === 0) return present
    const now = this.#now()
    const ids = new Set(present.map(({ id }) => id))
    /** Those that are away, by the server that they come after. */
    const after = new Map<string | undefined, FoundServer[]>()
    let previous: string | undefined
    let waiting = 0
    this.#givenUp = 0
    for (const server of this.#servers) {
      const isBack = ids.has(server.id)
      const isExpected = !isBack && this.#isExpected(server.id, now)
      if (isBack) previous = server.id
      if (isExpected && waiting === room) this.#givenUp++
      if (!isExpected || waiting === room) this.#until.delete(server.id)
      else {
        waiting++
        const away = server.state === 'away' ? server : { ...server, state: 'away' as const }
        const others = after.get(previous)
        if (others === undefined) after.set(previous, [away])
        else others.push(away)
      }
    }
    this.#servers = after.size === 0 ? present : woven(present, after)
    return this.#servers
  }

  /** How many were expected back for which the last `fill` had no room. */
  get givenUp(): number {
    return this.#givenUp
  }

  get mistakes(): readonly Mistake[] {
    return mistakesOf({ servers: this.#givenUp, upstreams: 0 })
  }

  /** When the first of those that are away is given up, by the clock; undefined if none is away. */
  get nextEnd(): number | undefined {
    let first: number | undefined
    for (const until of this.#until.values()) if (first === undefined || until < first) first = until
    return first
  }

  /** Whether a server that is not there is waited for. */
  #isExpected(id: string, now: number): boolean {
    const until = this.#until.get(id) ?? now + this.#patience
    this.#until.set(id, until)
    return until > now
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

/** What has gone and is not waited for. */
function mistakesOf(givenUp: { readonly servers: number; readonly upstreams: number }): Mistake[] {
  const bounds = [
    [givenUp.servers, MAX_SERVERS, 'server'],
    [givenUp.upstreams, MAX_UPSTREAMS, 'upstream'],
  ] as const
  return bounds.flatMap(([count, most, one]) => {
    if (count === 0) return []
    const message = `expected at most ${most} ${one}s with those that are expected back; given up: ${counted(count, one)}`
    return [{ where: `${one}s that have gone`, message, hint: 'a shorter returnWithin has fewer of them at a time' }]
  })
}

/** The same for all that labels describe: an upstream whose last container has gone stays, with its routes, while one is expected back. */
export class LandscapeAbsences {
  readonly #patience: number
  readonly #now: () => number
  readonly #absences = new Map<string, Absences>()
  #last: Landscape = { upstreams: [], routes: [], mistakes: [] }
  #givenUp = { servers: 0, upstreams: 0 }

  constructor(patience: number, now: () => number) {
    this.#patience = patience
    this.#now = now
  }

  fill(present: Landscape): Landscape {
    if (this.#patience === 0) return present
    const names = new Set(present.upstreams.map(({ name }) => name))
    this.#givenUp = { servers: 0, upstreams: 0 }
    // All together: what is there comes first.
    let room = Math.max(0, MAX_SERVERS - present.upstreams.reduce((sum, { servers }) => sum + servers.length, 0))
    const fill = (upstream: FoundUpstream, servers: readonly FoundServer[]) => {
      const absences = this.#of(upstream.name)
      const filled = absences.fill(servers, room)
      room -= filled.length - servers.length
      this.#givenUp.servers += absences.givenUp
      return { ...upstream, servers: filled }
    }
    const filled = present.upstreams.map((upstream) => fill(upstream, upstream.servers))
    const gone = this.#last.upstreams.filter(({ name }) => !names.has(name)).map((upstream) => fill(upstream, []))
    const waiting = gone.filter(({ servers }) => servers.length > 0)
    const expected = waiting.slice(0, Math.max(0, MAX_UPSTREAMS - present.upstreams.length))
    this.#givenUp.upstreams = waiting.length - expected.length
    const kept = new Set([...names, ...expected.map(({ name }) => name)])
    for (const name of this.#absences.keys()) if (!kept.has(name)) this.#absences.delete(name)
    const isExpected = ({ upstream }: { readonly upstream: string }) => kept.has(upstream) && !names.has(upstream)
    const routes = [...present.routes, ...this.#last.routes.filter(isExpected)]
    this.#last = { ...present, upstreams: [...filled, ...expected], routes }
    return this.#last
  }

  get mistakes(): readonly Mistake[] {
    return mistakesOf(this.#givenUp)
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
