/** A server with users who come, visit for a while and leave, until it is drained: how its drain goes, and what is predicted. */
import { Forecast, type PredictedEnd } from '../../src/control/drains/forecast.ts'
import { LastSeen } from '../../src/control/drains/last-seen.ts'

/** Times in s. */
export interface Users {
  /** How long visits are; each visit ends with its user's last request at the latest. */
  readonly visits: 'exponential' | 'uniform' | 'mixture'
  readonly meanVisit: number
  /** The mean number of users who are there at the same time. */
  readonly present: number
  /** The mean time between two requests of a user. */
  readonly gap: number
  /** The idle limit of sessions. */
  readonly idle: number
}

export const VISITS = ['exponential', 'uniform', 'mixture'] as const
/** When drains begin, in s since 1970. */
const START = 1_800_000_000
/** Looks at the sessions are so many s apart. */
const LOOK_EVERY = 10

/** A drain that began at 0, with the times of each session's requests. */
export class DrainedServer {
  readonly #idle: number
  readonly #sessions: number[][]

  constructor(users: Users) {
    this.#idle = users.idle
    this.#sessions = sessionsOf(users)
  }

  /** When the last session is over. */
  get end(): number {
    return Math.max(0, ...this.#sessions.map((requests) => requests.at(-1)! + this.#idle))
  }

  /** What was predicted at that time, in s since the drain began. */
  predictedAt(time: number): PredictedEnd | undefined {
    const forecast = new Forecast()
    const next = this.#sessions.map(() => 0)
    for (let now = 0; now <= time; now += LOOK_EVERY) {
      const seen = new LastSeen(START + now, this.#idle)
      this.#sessions.forEach((requests, index) => {
        while (requests[next[index]! + 1]! <= now) next[index]!++
        const last = requests[next[index]!]!
        if (now - last <= this.#idle) seen.add(START + last, false)
      })
      forecast.look(seen)
    }
    const end = forecast.end
    return end && { at: end.at - START, earliest: end.earliest - START, latest: end.latest - START }
  }
}

/** The sessions that are live at time 0, by the times of their requests; after it nobody new comes. */
function sessionsOf(users: Users): number[][] {
  const sessions: number[][] = []
  for (let begin = -15 * users.meanVisit; ; ) {
    begin += exponential(users.meanVisit / users.present)
    if (begin >= 0) return sessions
    const session = sessionOf(begin, begin + lengthOf(users), users)
    if (session !== undefined) sessions.push(session)
  }
}

/** The session of a visit that is live at time 0. A pause beyond the idle limit ends one, and then begins another. */
function sessionOf(begin: number, end: number, { gap, idle }: Users): number[] | undefined {
  let requests = [begin]
  for (let at = begin + exponential(gap); at <= end; at += exponential(gap)) {
    if (at - requests.at(-1)! > idle) {
      // By then, a new session is another server's.
      if (at > 0) break
      requests = []
    }
    requests.push(at)
  }
  return requests.at(-1)! + idle < 0 ? undefined : requests.map(Math.floor)
}

function lengthOf({ visits, meanVisit }: Users): number {
  if (visits === 'exponential') return exponential(meanVisit)
  if (visits === 'uniform') return Math.random() * 2 * meanVisit
  return exponential(meanVisit * (Math.random() < 0.8 ? 0.5 : 3))
}

function exponential(mean: number): number {
  return -mean * Math.log(1 - Math.random())
}

export interface Accuracy {
  /** The share of drains that end within 20 % of the time that was predicted half-way. */
  within20: number
  /** The share of drains that end between the earliest and the latest time that was predicted half-way. */
  inside: number
}

/** Half-way through each drain its end is predicted; how well? */
export function accuracyOf(drains: readonly DrainedServer[]): Accuracy {
  let within20 = 0
  let inside = 0
  for (const drain of drains) {
    const { end } = drain
    const predicted = drain.predictedAt(end / 2)
    if (predicted === undefined) continue
    if (Math.abs(predicted.at - end) <= 0.2 * end) within20++
    if (predicted.earliest <= end && end <= predicted.latest) inside++
  }
  return { within20: within20 / drains.length, inside: inside / drains.length }
}
