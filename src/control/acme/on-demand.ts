import { parseHost } from '../../config/host.ts'
import type { Warn } from '../../observability/log.ts'
import { OccasionalNotices } from '../../observability/occasional-notice.ts'
import type { WallClock } from './wall-clock.ts'

/** How long an answer is not asked for again, in ms. */
const KEPT_FOR = 600_000
/** How long the answer may take, in ms. */
const PATIENCE = 5000
/** How many answers are kept, and how many questions are asked at once and in a minute. Beyond that, nothing is asked. */
const MOST_KEPT = 10_000
const MOST_AT_ONCE = 10
const MOST_IN_A_MINUTE = 100
/** How many hosts that are not in the configuration may have certificates. */
export const MOST_ON_DEMAND = 10_000

/** Asks the operator's program for which hosts there may be certificates that are not in the configuration. */
export class OnDemand {
  readonly #url: string
  readonly #clock: WallClock
  readonly #warn: Warn
  readonly #answers = new Map<string, { readonly isAllowed: boolean; readonly until: number }>()
  readonly #asking = new Map<string, Promise<boolean>>()
  readonly #notices = new OccasionalNotices()
  /** What was asked in this minute. */
  #minute = 0
  #asked = 0

  /** @param url is asked with `?domain=HOST`; a status of 200 to 299 allows it */
  constructor(url: string, clock: WallClock, warn: Warn) {
    this.#url = url
    this.#clock = clock
    this.#warn = warn
  }

  /** Whether a host may have a certificate; false if that cannot be found out at present. */
  async isAllowed(host: string): Promise<boolean> {
    const known = this.#answers.get(host)
    if (known !== undefined && known.until > this.#clock.now()) return known.isAllowed
    if (!isName(host)) return false
    const asking = this.#asking.get(host)
    if (asking !== undefined) return asking
    if (!this.#hasTurn()) return false
    const answer = this.#ask(host)
    this.#asking.set(host, answer)
    try {
      return await answer
    } finally {
      this.#asking.delete(host)
    }
  }

  /**
   * Whether one more host may have a certificate beside so many.
   *
   * @param host the one more
   */
  hasRoom(hosts: number, host: string): boolean {
    if (hosts < MOST_ON_DEMAND) return true
    this.#tell(
      'full',
      `no certificate for ${host}: there are ${MOST_ON_DEMAND} on demand, and no more are kept; name hosts in routes, or have ` +
        `${this.#url} refuse those that are not served any more, whose certificates are then dropped when they would be renewed`,
    )
    return false
  }

  #hasTurn(): boolean {
    if (this.#asking.size >= MOST_AT_ONCE) {
      this.#tell(
        'busy',
        `${this.#url} has ${MOST_AT_ONCE} questions to answer; until it does, further hosts get no certificate`,
      )
      return false
    }
    const minute = Math.floor(this.#clock.now() / 60_000)
    if (minute !== this.#minute) {
      this.#minute = minute
      this.#asked = 0
    }
    if (this.#asked++ < MOST_IN_A_MINUTE) return true
    this.#tell(
      'often',
      `clients name more than ${MOST_IN_A_MINUTE} hosts without a certificate in a minute; others get none before the next`,
    )
    return false
  }

  /** One line a minute for each kind of trouble: clients may name any number of hosts. */
  #tell(kind: string, cause: string): void {
    if (this.#notices.due(kind, this.#clock.now()) === 0) return
    this.#warn(`acme: ${cause}`, { event: 'certificate-not-allowed', cause })
  }

  async #ask(host: string): Promise<boolean> {
    const url = new URL(this.#url)
    url.searchParams.set('domain', host)
    let isAllowed: boolean
    try {
      const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(PATIENCE) })
      await answer.body?.cancel()
      isAllowed = answer.ok
    } catch (error) {
      const { cause, message } = error as Error
      this.#tell(
        'silent',
        `${this.#url} could not be asked about ${host}: ${cause instanceof Error ? cause.message : message}`,
      )
      return false
    }
    // The oldest answer makes room.
    if (this.#answers.size >= MOST_KEPT) this.#answers.delete(this.#answers.keys().next().value!)
    this.#answers.delete(host)
    this.#answers.set(host, { isAllowed, until: this.#clock.now() + KEPT_FOR })
    return isAllowed
  }
}

/** Whether an authority could issue a certificate for it: a name of several labels, and no address. */
function isName(host: string): boolean {
  try {
    return parseHost(host) === host && host.includes('.') && !/^[\d.]+$/.test(host) && !host.includes('_')
  } catch {
    return false
  }
}
