import { Agent } from 'node:http'
import { User, type Visit } from './user.ts'

/** The counters of a crowd since the last tally. */
export interface Tally {
  requests: number
  failed: number
  refused: number
  resent: number
  /** From the reasons of failed visits to their number. */
  readonly failures: Map<string, number>
}

/** How many users of a group kept their server. */
export interface Fate {
  readonly users: number
  /** Users who were served only by their home server. */
  readonly kept: number
  /** Users whose last visit was served by their home server. */
  readonly atHome: number
}

/** One user, and the servers that served them. */
interface Member {
  readonly user: User
  /** The names of servers, since the start or the last `settle`. */
  servers: Set<string>
  /** Their server at the last `settle`; undefined if there was none, or several. */
  home: string | undefined
  /** The server of the last visit. */
  last: string | undefined
  isBusy: boolean
  /** The number of visits that started in the current round. */
  visits: number
}

/** The number of concurrent requests. */
const LANES = 64

/**
 * Users who visit a site continuously, in turn, and never with two requests at once. Half of them keep their connection, the
 * others open one for each request.
 */
export class Crowd {
  readonly #members: Member[]
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 1 })
  readonly #lanes: Promise<void>[]
  readonly #despair = Promise.withResolvers<never>()
  #round = { times: 0, missing: 0, done: () => {} }
  #tally = emptyTally()
  readonly #triesAgain: boolean
  readonly #patience: number
  #port: number
  #next = 0
  #newcomers: number
  #failedInARow = 0
  #isOver = false

  /** @param triesAgain see User, and for `patience` */
  constructor(size: number, port: number, triesAgain: boolean, patience: number) {
    this.#port = port
    this.#triesAgain = triesAgain
    this.#patience = patience
    this.#members = Array.from({ length: size }, (_, index) => ({
      user: new User(index, index % 2 === 0 && this.#agent, triesAgain, patience),
      servers: new Set<string>(),
      home: undefined,
      last: undefined,
      isBusy: false,
      visits: 0,
    }))
    this.#newcomers = 2 * size
    this.#despair.promise.catch(() => {})
    this.#lanes = Array.from({ length: Math.min(LANES, size) }, () => this.#lane())
  }

  /** Resolves when every user has made that number of requests since this call. @throws Error if all visits fail */
  async everyoneVisits(times: number): Promise<void> {
    for (const member of this.#members) member.visits = 0
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#round = { times, missing: this.#members.length, done: resolve }
    await Promise.race([promise, this.#despair.promise])
  }

  /** Makes the server that has served a user their home. A user who was served by several has none. */
  settle(): void {
    for (const member of this.#members) {
      member.home = member.servers.size === 1 ? member.last : undefined
      member.servers = new Set()
    }
  }

  /** The fate of the users with this home since the last `settle`; undefined: of users without a home. */
  fate(home: string | undefined): Fate {
    const users = this.#members.filter((member) => member.home === home)
    return {
      users: users.length,
      kept: users.filter(({ servers }) => home !== undefined && servers.size === 1 && servers.has(home)).length,
      atHome: users.filter(({ last }) => home !== undefined && last === home).length,
    }
  }

  /** The counters since the last call. */
  count(): Tally {
    const tally = this.#tally
    this.#tally = emptyTally()
    return tally
  }

  /** All users continue on another port. */
  goTo(port: number): void {
    this.#port = port
  }

  /** All users continue from other addresses. */
  changeAddresses(): void {
    for (const [index, { user }] of this.#members.entries()) user.moveTo(this.#members.length + index)
  }

  /** A new user makes one request. */
  newcomer(): Promise<Visit> {
    return new User(this.#newcomers++, false, this.#triesAgain, this.#patience).visit(this.#port)
  }

  /** Stops all users. Resolves when the last request has finished. */
  async leave(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#lanes)
    this.#agent.destroy()
  }

  async #lane(): Promise<void> {
    while (!this.#isOver) {
      const member = this.#take()
      const round = this.#round
      member.isBusy = true
      const visit = await member.user.visit(this.#port)
      member.isBusy = false
      this.#note(member, visit)
      if (round === this.#round && ++member.visits === round.times && --round.missing === 0) round.done()
    }
  }

  /** The next idle user. There is always one, because there are no more lanes than users. */
  #take(): Member {
    for (;;) {
      const member = this.#members[this.#next++ % this.#members.length]!
      if (!member.isBusy) return member
    }
  }

  #note(member: Member, { answer, failure, refused, resent }: Visit): void {
    const tally = this.#tally
    tally.requests++
    tally.refused += refused
    tally.resent += resent
    if (answer !== undefined) {
      this.#failedInARow = 0
      member.servers.add(answer.server)
      member.last = answer.server
    } else if (failure !== undefined) {
      tally.failed++
      tally.failures.set(failure, (tally.failures.get(failure) ?? 0) + 1)
      if (++this.#failedInARow > 4 * LANES) this.#despair.reject(new Error(`all visits fail: ${failure}`))
    }
  }
}

function emptyTally(): Tally {
  return { requests: 0, failed: 0, refused: 0, resent: 0, failures: new Map() }
}
