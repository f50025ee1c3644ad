import { hash } from 'node:crypto'
import { replayTime } from '../../runtime/clock.ts'
import { parseIpAddress, UNIX_ADDRESS, UNKNOWN_ADDRESS } from '../../runtime/ip-address.ts'
import type { Simulation } from '../answers.ts'
import { LogClock } from './log-clock.ts'
import { type LoggedRequest, parseLine } from './logged-request.ts'
import { type NamedSnapshot, Replay } from './replay.ts'
import { userRequest } from './user-request.ts'

export interface SimulationOptions {
  /** Whether a client address is one user, or each User-Agent behind it. */
  readonly users: 'address' | 'agent'
  /** The host of requests whose lines have none; empty for none. */
  readonly host: string
  /** The listener of each configuration by which requests come. Default: one that serves. */
  readonly listener?: string | undefined
}

/** How long a request takes whose line does not say it, in ms. */
const USUAL_DURATION = 100
/** Requests of one moment that are spread over it; if there are more, the others follow at its end. */
const MOST_AT_ONCE = 10_000

/**
 * Sends the requests of a log through configurations, with the log's clock. Of a log of any length it keeps a bounded part.
 * This process then has the log's time: it should have nothing else to do.
 *
 * @param lines in the order of their times; one that is earlier than the one before counts as of the same time
 */
export async function simulate(
  lines: AsyncIterable<readonly string[]>,
  snapshots: readonly NamedSnapshot[],
  options: SimulationOptions,
): Promise<Simulation> {
  const clock = new LogClock()
  replayTime(() => clock.now)
  const simulator = new Simulator(snapshots, options, clock)
  try {
    for await (const batch of lines) for (const line of batch) simulator.read(line)
    return simulator.outcome()
  } finally {
    simulator.close()
    replayTime(Date.now)
  }
}

class Simulator {
  readonly #replays: readonly Replay[]
  readonly #options: SimulationOptions
  /** Requests of the same moment, as exact as the log is. */
  #moment: LoggedRequest[] = []
  #first: number | undefined
  #last = -Infinity
  #lines = {
    read: 0,
    replayed: 0,
    malformed: 0,
    firstMalformed: null as number | null,
    noRequests: 0,
    leftOut: undefined as string | undefined,
  }

  constructor(snapshots: readonly NamedSnapshot[], options: SimulationOptions, clock: LogClock) {
    this.#replays = snapshots.map((snapshot) => new Replay(snapshot, clock, options.listener))
    this.#options = options
  }

  read(line: string): void {
    this.#lines.read++
    const request = parseLine(line.endsWith('\r') ? line.slice(0, -1) : line)
    if (request === 'no-request') this.#lines.noRequests++
    else if (request === undefined) this.#malformed()
    else if ('leftOut' in request) {
      this.#malformed()
      this.#lines.leftOut ??= request.leftOut
    } else {
      const [first] = this.#moment
      if (first !== undefined && (request.time > first.time || this.#moment.length >= MOST_AT_ONCE))
        this.#replayMoment()
      this.#moment.push(request)
    }
  }

  #malformed(): void {
    this.#lines.malformed++
    this.#lines.firstMalformed ??= this.#lines.read
  }

  /** Spreads requests that the log has at the same time over the time that it does not tell apart. */
  #replayMoment(): void {
    const requests = this.#moment
    this.#moment = []
    for (const [index, request] of requests.entries()) {
      const offset = Math.floor((index * request.resolution) / requests.length)
      this.#last = Math.max(this.#last, request.time + offset)
      this.#first ??= this.#last
      this.#replay(request, this.#last)
    }
  }

  #replay(logged: LoggedRequest, time: number): void {
    const { client, userAgent, host, duration = USUAL_DURATION } = logged
    const address = client === 'unix:' ? UNIX_ADDRESS : (parseIpAddress(client) ?? UNKNOWN_ADDRESS)
    const user = hash('sha1', this.#options.users === 'address' ? client : `${client} ${userAgent}`)
    const request = userRequest({ ...logged, time }, address, host || this.#options.host, user)
    let isRequest = true
    for (const replay of this.#replays) isRequest = replay.add(request, duration, user) && isRequest
    if (isRequest) this.#lines.replayed++
    else this.#lines.noRequests++
  }

  outcome(): Simulation {
    this.#replayMoment()
    const timeOf = (time: number) => new Date(time).toISOString()
    return {
      lines: this.#lines,
      from: this.#first === undefined ? null : timeOf(this.#first),
      to: this.#first === undefined ? null : timeOf(this.#last),
      configurations: this.#replays.map((replay) => replay.outcome()),
    }
  }

  close(): void {
    for (const replay of this.#replays) replay.close()
  }
}
