import { Agent } from 'node:http'
import { User, type Visit } from './user.ts'

/** What a crowd has met since the last count. */
export interface Tally {
  requests: number
  failed: number
  refused: number
  resent: number
  /** Why visits failed, and how many of them. */
  readonly failures: Map<string, number>
}

/** What has become of some users. */
export interface Fate {
  readonly users: number
  /** Served by their home and no other. */
  readonly kept: number
  /** Served by their home the last time. */
  readonly atHome: number
}

/** One user, and who has served them. */
interface Member {
  readonly user: User
  /** Names of servers, since the crowd came or since `settle`. */
  servers: Set<string>
  /** The server that they had when they settled; undefined for who had none, or several. */
  home: string | undefined
  /** The last one. */
  last: string | undefined
  isBusy: boolean
  /** Visits that began in the current round. */
  visits: number
}

/** How many users are in the middle of a request at any time. */
const LANES = 64

/**
 * Users who visit a site without a pause, each in turn, and never with two requests at once. Half of them keep their
 * connection, the others open one for each request.
 */
export class Crowd {
  readonly #members: Member[]
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 1 })
  readonly #lanes: Promise<void>[]
  readonly #despair = Promise.withResolvers<never>()
  #round = { times: 0, missing: 0, done: () => {} }
  #tally = emptyTally()
  #port: number
  #next = 0
  #newcomers: number
  #failedInARow = 0
  #isOver = false

  constructor(size: number, port: number) {
    this.#port = port
    this.#members = Array.from({ length: size }, (_, index) => ({
      user: new User(index, index % 2 === 0 && this.#agent),
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

  /** Resolves once every user has made so many requests that began after this call. @throws Error if nobody is served */
  async everyoneVisits(times: number): Promise<void> {
    for (const member of this.#members) member.visits = 0
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#round = { times, missing: this.#members.length, done: resolve }
    await Promise.race([promise, this.#despair.promise])
  }

  /** From now on the server that has served a user is their home. Who has been served by several has none. */
  settle(): void {
    for (const member of this.#members) {
      member.home = member.servers.size === 1 ? member.last : undefined
      member.servers = new Set()
    }
  }

  /** What has become of the users whose home that is since they settled; undefined: of those without one. */
  fate(home: string | undefined): Fate {
    const users = this.#members.filter((member) => member.home === home)
    return {
      users: users.length,
      kept: users.filter(({ servers }) => home !== undefined && servers.size === 1 && servers.has(home)).length,
      atHome: users.filter(({ last }) => home !== undefined && last === home).length,
    }
  }

  /** What has been met since the last call. */
  count(): Tally {
    const tally = this.#tally
    this.#tally = emptyTally()
    return tally
  }

  /** All go on at another port. */
  goTo(port: number): void {
    this.#port = port
  }

  /** All go on from other addresses. */
  changeAddresses(): void {
    for (const [index, { user }] of this.#members.entries()) user.moveTo(this.#members.length + index)
  }

  /** Somebody whom nobody has seen yet makes a request. */
  newcomer(): Promise<Visit> {
    return new User(this.#newcomers++, false).visit(this.#port)
  }

  /** Resolves once the last has left. */
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

  /** There is always a user who is not busy: there are no more lanes than users. */
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
      if (++this.#failedInARow > 4 * LANES) this.#despair.reject(new Error(`nobody is served any more: ${failure}`))
    }
  }
}

function emptyTally(): Tally {
  return { requests: 0, failed: 0, refused: 0, resent: 0, failures: new Map() }
}
